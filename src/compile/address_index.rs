//! Who has which addresses, counted through once for all checks.

use super::family::IpFamily;
use super::lab::{InterfaceId, Lab, MAIN, NodeId};
use super::layout::{Context, Layout};
use crate::iproute::is_link_local;
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

/// An address that means the same on every link.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    /// The address.
    pub address: IpAddr,
    /// Whether it is on `lo`.
    pub is_loopback: bool,
    /// Whether no other node answers for it.
    pub is_own: bool,
}

/// Addresses of one node.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    all: Vec<Held>,
    /// The first one in each routing domain, by its family and whether it is the node's own.
    first: HashMap<(Option<usize>, IpFamily, bool), IpAddr>,
    /// The families that there are, of the node's own ones and of the others.
    families: BTreeSet<(IpFamily, bool)>,
}

impl Addresses {
    fn push(&mut self, held: Held, domain: Option<usize>) {
        let family = IpFamily::of(held.address);
        self.first.entry((domain, family, held.is_own)).or_insert(held.address);
        self.families.insert((family, held.is_own));
        self.all.push(held);
    }

    /// All of them, those of interfaces before those of VRF devices and of `lo`.
    pub fn iter(&self) -> impl Iterator<Item = &Held> {
        self.all.iter()
    }

    /// Whether any is of a family.
    pub fn have(&self, family: IpFamily) -> bool {
        self.have_own(family) || self.families.contains(&(family, false))
    }

    /// Whether any of a family is the node's own.
    pub fn have_own(&self, family: IpFamily) -> bool {
        self.families.contains(&(family, true))
    }

    /// The first one of a family in a routing domain, of the node's own ones or of the others.
    pub fn first(&self, domain: Option<usize>, family: IpFamily, is_own: bool) -> Option<IpAddr> {
        self.first.get(&(domain, family, is_own)).copied()
    }
}

/// The addresses of a lab, by node and by table.
#[derive(Debug)]
pub(super) struct AddressIndex {
    of_node: Vec<Addresses>,
    of_context: HashMap<Context, Addresses>,
    anycast: HashMap<IpAddr, BTreeSet<NodeId>>,
    none: Addresses,
}

impl AddressIndex {
    /// The addresses of all nodes.
    pub fn of(lab: &Lab, layout: &Layout) -> Self {
        let nodes = || (0..lab.nodes.len()).map(NodeId);
        let mut anycast: HashMap<IpAddr, BTreeSet<NodeId>> = HashMap::new();
        for node in nodes() {
            for address in lab[node].addresses().filter(|address| address.anycast) {
                anycast.entry(address.addr()).or_default().insert(node);
            }
        }
        let is_own = |node: NodeId, address: &IpAddr| {
            let nodes = anycast.get(address).filter(|nodes| nodes.contains(&node));
            nodes.is_none_or(|nodes| nodes.len() == 1)
        };
        let mut of_context: HashMap<Context, Addresses> = HashMap::new();
        let of_node = nodes().map(|node| {
            let mut of_node = Addresses::default();
            for (table, address, is_loopback) in held(lab, layout, node) {
                let held = Held { address, is_loopback, is_own: is_own(node, &address) };
                let context = Context { node, table };
                let domain = layout.domain(context);
                of_node.push(held, domain);
                of_context.entry(context).or_default().push(held, domain);
            }
            of_node
        });
        let of_node = of_node.collect();
        Self { of_node, of_context, anycast, none: Addresses::default() }
    }

    /// A node's addresses.
    pub fn of_node(&self, node: NodeId) -> &Addresses {
        &self.of_node[node.0]
    }

    /// Those of them that are in one table.
    pub fn of_context(&self, context: Context) -> &Addresses {
        self.of_context.get(&context).unwrap_or(&self.none)
    }

    /// The nodes that packets to an address of this one may come to: itself, or, where the address is
    /// anycast, any that has it as such.
    pub fn takers(&self, node: NodeId, address: IpAddr) -> Vec<NodeId> {
        match self.anycast.get(&address).filter(|nodes| nodes.contains(&node)) {
            Some(nodes) => nodes.iter().copied().collect(),
            None => vec![node],
        }
    }
}

/// A node's addresses, each with the table that its packets are routed by, and whether it is on `lo`.
fn held(lab: &Lab, layout: &Layout, id: NodeId) -> impl Iterator<Item = (u32, IpAddr, bool)> {
    let node = &lab[id];
    let interfaces = node.interfaces.iter().enumerate().flat_map(move |(place, interface)| {
        let table = layout.context((id, InterfaceId(place))).table;
        interface.addresses.iter().map(move |held| (table, held.value.addr(), false))
    });
    let vrfs = node.vrfs.iter().flat_map(|vrf| {
        vrf.addresses.iter().map(move |held| (vrf.table, held.value.addr(), false))
    });
    let loopbacks = node.loopback.iter().map(|held| (MAIN, held.value.addr(), true));
    let all = interfaces.chain(vrfs).chain(loopbacks);
    all.filter(|(_, address, _)| !is_link_local(*address))
}
