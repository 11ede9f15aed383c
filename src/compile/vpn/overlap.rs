//! VPNs that import from each other must not overlap: one table holds the routes of both.

use crate::compile::destinations::Destinations;
use crate::compile::lab::{Lab, NodeId};
use crate::compile::layout::{Context, Layout};
use crate::compile::network::Network;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};

/// Reports prefixes of a VRF that those which it imports have too.
pub(in crate::compile) fn hold(
    lab: &Lab,
    layout: &Layout,
    network: &Network,
    destinations: &BTreeMap<usize, Destinations>,
    errors: &mut Diagnostics,
) {
    let mut held = BTreeSet::new();
    for id in (0..lab.nodes.len()).map(NodeId) {
        for vrf in &lab[id].vrfs {
            let own = layout.domain(Context { node: id, table: vrf.table });
            for vpn in &vrf.imports.vpns {
                let members = network.vpns.get(&vpn.value).into_iter().flatten();
                let edges = members.filter_map(|place| network.stations[*place].domain);
                let here = lab[id].vrf(vpn.value.as_str());
                let here = here.and_then(|it| layout.domain(Context { node: id, table: it.table }));
                let (Some(own), Some(other)) = (own, edges.chain(here).next()) else { continue };
                if own == other || !held.insert((own, other)) {
                    continue;
                }
                let sets = [own, other].map(|domain| destinations.get(&domain));
                let [Some(own), Some(other)] = sets else { continue };
                if let Some((ours, theirs)) = overlap(own, other) {
                    errors.push(
                        Diagnostic::error(
                            Code::DuplicateAddress,
                            format!("VPN `{}` has {theirs}, and `{}` has {ours}", vpn.value, vrf.name),
                        )
                        .at(vpn.span, "imported here")
                        .note("one table would hold both, and one of them would take the other's packets")
                        .help("give one of the VPNs other addresses"),
                    );
                }
            }
        }
    }
}

/// Two prefixes of which one holds the other.
fn overlap(own: &Destinations, other: &Destinations) -> Option<(IpNet, IpNet)> {
    let nets = |set: &Destinations, ours: bool| -> Vec<(IpNet, bool)> {
        let leaves = set.trees.iter().flat_map(|tree| tree.leaves());
        leaves.filter(|(net, _)| net.prefix_len() > 0).map(|(net, _)| (net, ours)).collect()
    };
    let mut all = nets(own, true);
    all.extend(nets(other, false));
    // A prefix stands right before those inside it.
    all.sort_by_key(|(net, _)| (net.addr(), net.prefix_len()));
    let mut around: Vec<(IpNet, bool)> = Vec::new();
    for (net, ours) in all {
        around.retain(|(outer, _)| outer.contains(&net));
        if let Some((outer, _)) = around.iter().find(|(_, whose)| *whose != ours) {
            return Some(if ours { (net, *outer) } else { (*outer, net) });
        }
        around.push((net, ours));
    }
    None
}
