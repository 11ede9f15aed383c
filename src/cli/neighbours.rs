//! The host's tables of neighbours, which all its namespaces share and no lab may resize.

use super::output::err;
use crate::compile::{InterfaceId, Lab, NodeId};
use crate::document::Role;
use std::fs;

/// Says so where a lab may have more neighbours than the host's kernel keeps: some packets of it are
/// lost then, and the kernel's log alone tells why.
pub(super) fn warn(lab: &Lab) {
    let name = &lab.name;
    for (family, v4) in [("ipv4", true), ("ipv6", false)] {
        let key = format!("net/{family}/neigh/default/gc_thresh3");
        let kept = fs::read_to_string(format!("/proc/sys/{key}"));
        // A kernel that does not say has none to run out of.
        let Some(kept) = kept.ok().and_then(|it| it.trim().parse::<usize>().ok()) else { continue };
        let needed = neighbours(lab, v4);
        if needed > kept {
            err!(
                "{name}: has up to {needed} neighbours in {family}, and this host keeps {kept} for all its \
                 namespaces; `sysctl -w {}={}` makes room",
                key.replace('/', "."),
                needed.next_power_of_two()
            );
        }
    }
}

/// How many entries a lab fills at the most: one for each far end of a link, and on a LAN one at each
/// port for each other port.
fn neighbours(lab: &Lab, v4: bool) -> usize {
    let addressed = |(node, interface): (NodeId, InterfaceId)| {
        let addresses = &lab[node].interfaces[interface.0].addresses;
        addresses.iter().any(|address| address.value.addr().is_ipv4() == v4)
    };
    let ends = lab.links.iter().filter(|link| link.ends.into_iter().all(addressed)).count() * 2;
    let on_lans = |id: NodeId| match lab[id].role {
        Role::Switch => {
            let ports = (0..lab[id].interfaces.len()).map(InterfaceId);
            let ports = ports.filter_map(|port| lab.peer(id, port)).filter(|far| addressed(*far));
            let ports = ports.count();
            ports * ports.saturating_sub(1)
        }
        Role::Host | Role::Router | Role::Ce | Role::Pe | Role::P => 0,
    };
    ends + (0..lab.nodes.len()).map(NodeId).map(on_lans).sum::<usize>()
}
