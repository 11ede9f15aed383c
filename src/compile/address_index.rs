//! Who has which addresses, counted through once for all checks.

use super::lab::{InterfaceId, Lab, MAIN, NodeId};
use super::layout::{Context, Layout};
use crate::iproute::is_link_local;
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

/// An address that means the same on every link.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    /// The table that its packets are routed by.
    pub table: u32,
    /// The address.
    pub address: IpAddr,
    /// Whether it is on `lo`.
    pub is_loopback: bool,
}

/// The addresses of a lab, by node and by table.
#[derive(Debug)]
pub(super) struct AddressIndex {
    of_node: Vec<Vec<Held>>,
    of_context: HashMap<Context, Vec<Held>>,
    anycast: HashMap<IpAddr, BTreeSet<NodeId>>,
}

impl AddressIndex {
    /// The addresses of all nodes.
    pub fn of(lab: &Lab, layout: &Layout) -> Self {
        let of_node: Vec<Vec<Held>> =
            (0..lab.nodes.len()).map(|place| held(lab, layout, NodeId(place))).collect();
        let mut of_context: HashMap<Context, Vec<Held>> = HashMap::new();
        let mut anycast: HashMap<IpAddr, BTreeSet<NodeId>> = HashMap::new();
        for (node, all) in of_node.iter().enumerate().map(|(place, all)| (NodeId(place), all)) {
            for held in all {
                let context = Context { node, table: held.table };
                of_context.entry(context).or_default().push(*held);
            }
            for address in lab[node].addresses().filter(|address| address.anycast) {
                anycast.entry(address.addr()).or_default().insert(node);
            }
        }
        Self { of_node, of_context, anycast }
    }

    /// A node's addresses, those of interfaces before those of VRF devices and of `lo`.
    pub fn of_node(&self, node: NodeId) -> &[Held] {
        &self.of_node[node.0]
    }

    /// Those of them that are in one table.
    pub fn of_context(&self, context: Context) -> &[Held] {
        self.of_context.get(&context).map_or(&[], Vec::as_slice)
    }

    /// The nodes that packets to an address of this one may come to: itself, or, where the address is
    /// anycast, any that has it as such.
    pub fn takers(&self, node: NodeId, address: IpAddr) -> Vec<NodeId> {
        match self.anycast.get(&address).filter(|nodes| nodes.contains(&node)) {
            Some(nodes) => nodes.iter().copied().collect(),
            None => vec![node],
        }
    }

    /// Whether no other node answers for an address of this one.
    pub fn is_own(&self, node: NodeId, address: IpAddr) -> bool {
        let nodes = self.anycast.get(&address).filter(|nodes| nodes.contains(&node));
        nodes.is_none_or(|nodes| nodes.len() == 1)
    }
}

fn held(lab: &Lab, layout: &Layout, id: NodeId) -> Vec<Held> {
    let node = &lab[id];
    let interfaces = node.interfaces.iter().enumerate().flat_map(|(place, interface)| {
        let table = layout.context((id, InterfaceId(place))).table;
        interface.addresses.iter().map(move |held| (table, held.value.addr(), false))
    });
    let vrfs = node.vrfs.iter().flat_map(|vrf| {
        vrf.addresses.iter().map(move |held| (vrf.table, held.value.addr(), false))
    });
    let loopbacks = node.loopback.iter().map(|held| (MAIN, held.value.addr(), true));
    let all = interfaces.chain(vrfs).chain(loopbacks);
    let global = all.filter(|(_, address, _)| !is_link_local(*address));
    global.map(|(table, address, is_loopback)| Held { table, address, is_loopback }).collect()
}
