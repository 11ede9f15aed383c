//! Who is on a link with whom, and who has an address.

use super::{InterfaceId, Lab, MAIN, NodeId};
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// An interface of a node.
type Place = (NodeId, InterfaceId);

impl Lab {
    /// The interfaces with which an interface shares a link or a LAN, switches and bridges looked through.
    pub fn neighbours(&self, node: NodeId, interface: InterfaceId) -> Vec<(NodeId, InterfaceId)> {
        let mut seen = BTreeSet::from([(node, interface)]);
        let mut open = vec![(node, interface)];
        let mut found = Vec::new();
        while let Some(place) = open.pop() {
            for next in self.joined(place) {
                if seen.insert(next) {
                    open.push(next);
                    found.push(next);
                }
            }
        }
        found
    }

    /// What a frame comes to directly: the far end of a link, the bridge of a port, a bridge's ports.
    fn joined(&self, (node, interface): Place) -> Vec<Place> {
        let interfaces = &self[node].interfaces;
        let this = &interfaces[interface.0];
        let bridge = this.master.as_ref().and_then(|master| {
            let bridge = self[node].interface(master.value.as_str())?;
            interfaces[bridge.0].kind.is_bridge().then_some((node, bridge))
        });
        let ports = (0..interfaces.len()).map(InterfaceId).filter(|port| {
            let master = interfaces[port.0].master.as_ref();
            this.kind.is_bridge() && master.is_some_and(|master| master.value == this.name)
        });
        let ports = ports.map(|port| (node, port));
        ports.chain(bridge).chain(self.peer(node, interface)).collect()
    }

    /// Who has an address: the node, the table that it is in there, its subnet.
    pub fn holders(&self, address: IpAddr) -> Vec<(NodeId, u32, IpNet)> {
        let mut holders = Vec::new();
        for (place, node) in self.nodes.iter().enumerate() {
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
}
