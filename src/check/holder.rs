//! Who has an address.

use super::diagnosis::neighbours;
use crate::compile::{InterfaceId, Lab, MAIN, NodeId};
use crate::document::DeviceName;
use ipnet::IpNet;
use std::net::IpAddr;

/// Who has an address: the node, the table that it is in there, its subnet.
pub(super) fn holders(lab: &Lab, address: IpAddr) -> Vec<(NodeId, u32, IpNet)> {
    let mut holders = Vec::new();
    for (place, node) in lab.nodes.iter().enumerate() {
        let loopback = node.loopback.iter().map(|held| (MAIN, held));
        let vrfs =
            node.vrfs.iter().flat_map(|vrf| vrf.addresses.iter().map(|held| (vrf.table, held)));
        let interfaces = node.interfaces.iter().flat_map(|interface| {
            let table = node.table_of(interface);
            interface.addresses.iter().map(move |held| (table, held))
        });
        for (table, held) in interfaces.chain(vrfs).chain(loopback) {
            if held.value.addr() == address {
                holders.push((NodeId(place), table, held.value.trunc()));
            }
        }
    }
    holders
}

/// The interfaces on the link of a node's interface, that one included, that have an address.
pub(super) fn on_link(
    lab: &Lab,
    node: NodeId,
    interface: &DeviceName,
    address: IpAddr,
) -> impl Iterator<Item = (NodeId, InterfaceId)> {
    let own = lab[node].interface(interface.as_str());
    let others = own.map(|id| neighbours(lab, node, id)).unwrap_or_default();
    own.map(|id| (node, id)).into_iter().chain(others).filter(move |(node, port)| {
        let addresses = &lab[*node].interfaces[port.0].addresses;
        addresses.iter().any(|held| held.value.addr() == address)
    })
}
