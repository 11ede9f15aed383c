//! Who is on a link with whom, switches and bridges looked through.

use super::ask::Post;
use crate::check::holder::holders;
use crate::compile::{Interface, InterfaceId, Lab, NodeId};
use crate::link::Medium;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// An interface of a node.
pub(in crate::check) type Place = (NodeId, InterfaceId);

/// The interfaces with which an interface shares a link or a LAN.
pub(in crate::check) fn neighbours(lab: &Lab, node: NodeId, interface: InterfaceId) -> Vec<Place> {
    let mut seen = BTreeSet::from([(node, interface)]);
    let mut open = vec![(node, interface)];
    let mut found = Vec::new();
    while let Some(place) = open.pop() {
        for next in joined(lab, place) {
            if seen.insert(next) {
                open.push(next);
                found.push(next);
            }
        }
    }
    found
}

/// What a frame comes to directly: the far end of a link, the bridge of a port, a bridge's ports.
fn joined(lab: &Lab, (node, interface): Place) -> Vec<Place> {
    let interfaces = &lab[node].interfaces;
    let this = &interfaces[interface.0];
    let bridge = this.master.as_ref().and_then(|master| {
        let bridge = lab[node].interface(master.value.as_str())?;
        interfaces[bridge.0].kind.is_bridge().then_some((node, bridge))
    });
    let ports = (0..interfaces.len()).map(InterfaceId).filter(|port| {
        let master = interfaces[port.0].master.as_ref();
        this.kind.is_bridge() && master.is_some_and(|master| master.value == this.name)
    });
    let ports = ports.map(|port| (node, port));
    ports.chain(bridge).chain(lab.peer(node, interface)).collect()
}

/// The address that a tunnel leads to.
pub(super) fn remote(interface: &Interface) -> Option<IpAddr> {
    match interface.kind.of_device()?.medium() {
        Medium::Tunnel { remote, .. } => remote,
        Medium::Alone
        | Medium::Peers
        | Medium::Bridge { .. }
        | Medium::Bond
        | Medium::Tagged(_)
        | Medium::Untagged
        | Medium::Whole => None,
    }
}

/// The tunnel that leads back to the node of another one.
pub(super) fn tunnel_end(lab: &Lab, node: NodeId, interface: InterfaceId) -> Option<Place> {
    let tunnel = &lab[node].interfaces[interface.0];
    let kind = tunnel.kind.of_device()?.name();
    let leads_back = |far: &Interface| {
        far.kind.of_device().is_some_and(|found| found.name() == kind)
            && remote(far).is_some_and(|to| holders(lab, to).iter().any(|held| held.0 == node))
    };
    holders(lab, remote(tunnel)?).into_iter().find_map(|(owner, ..)| {
        let found = lab[owner].interfaces.iter().position(leads_back)?;
        Some((owner, InterfaceId(found)))
    })
}

/// An address that the kernel surely takes as a source on a port: that of a neighbour in one of the
/// port's own subnets.
pub(super) fn address_on_link(post: &Post<'_>, port: &str, ipv6: bool) -> Option<IpAddr> {
    let id = post.node.interface(port)?;
    let subnets = &post.node.interfaces[id.0].addresses;
    neighbours(post.lab, post.id, id)
        .into_iter()
        .flat_map(|(node, interface)| &post.lab[node].interfaces[interface.0].addresses)
        .map(|address| address.value.addr())
        .find(|address| {
            address.is_ipv6() == ipv6 && subnets.iter().any(|subnet| subnet.value.contains(address))
        })
}
