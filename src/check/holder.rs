//! Who has an address.

use crate::compile::{Lab, MAIN, NodeId};
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
