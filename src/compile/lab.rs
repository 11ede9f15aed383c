//! The lab: complete and explicit, with nothing left for the kernel or the reader to guess.

use super::allocations::{Allocations, OfNode};
use super::check::Check;
use super::interface::{Interface, InterfaceKind};
use crate::diagnostic::Span;
use crate::document::LabName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::IpAddr;

pub use super::id::{InterfaceId, NodeId};
pub use super::node::{Adjustable, Command, Imports, Node, Rule, Sysctl, Vrf};
pub use super::route::{
    Encap, LOCAL, LabelNexthop, LabelRoute, MAIN, Nexthop, NexthopObject, Route, UNREACHABLE_METRIC,
};

/// A whole lab.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Lab {
    /// Its name.
    pub name: LabName,
    /// The pattern of the namespaces' names, with `{lab}` and `{node}`.
    pub netns: String,
    /// The nodes, in the file's order.
    pub nodes: Vec<Node>,
    /// The links, in the file's order.
    pub links: Vec<Link>,
    /// What must hold.
    pub checks: Vec<Check>,
    /// What the compiler left out of the checks that it made, where it left out some.
    pub sample: Option<Sample>,
    /// What the compiler chose for it.
    pub allocations: Allocations,
}

/// A part of the checks that a lab could have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// How many pairs of senders and targets were chosen.
    pub chosen: usize,
    /// Out of how many.
    pub of: usize,
    /// Hosts that nothing reaches, so that no check is about them.
    pub unchecked: Vec<NodeId>,
    /// Hosts between parts of the network, none of which is checked against another: a host forwards
    /// nothing.
    pub between: Vec<NodeId>,
}

/// A link: a pair of joined interfaces.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Link {
    /// Where it stands in the file.
    pub span: Span,
    /// Its ends.
    pub ends: [(NodeId, InterfaceId); 2],
    /// What it costs on a shortest path.
    pub cost: u32,
}

impl Lab {
    /// The node of this name.
    pub fn node(&self, name: &str) -> Option<NodeId> {
        self.nodes.iter().position(|node| node.name.as_str() == name).map(NodeId)
    }

    /// The texts that the lab has from files of their own, by the names that it has for them.
    pub fn files(&self) -> BTreeMap<String, String> {
        self.nodes
            .iter()
            .flat_map(|node| node.nft.iter().chain(node.etc.iter().map(|(_, content)| content)))
            .filter_map(|it| Some((it.file.as_ref()?.value.clone(), it.text.value.clone())))
            .collect()
    }

    /// Where is kept what is chosen for a node.
    pub(super) fn chosen(&mut self, node: NodeId) -> &mut OfNode {
        self.allocations.of_mut(&self.nodes[node.0].name)
    }

    /// Whether packets leave and come in through an interface: it is up, and so is the far end of its
    /// link.
    pub fn carries(&self, node: NodeId, interface: InterfaceId) -> bool {
        let here = &self[node];
        let is_up = |(node, interface): (NodeId, InterfaceId)| self[node].comes_up(interface);
        let beneath = here.interfaces[interface.0].kind.lower();
        is_up((node, interface))
            && self.peer(node, interface).is_none_or(is_up)
            && beneath.is_none_or(|parent| self.carries(node, parent))
    }

    /// The far end of the link that an interface belongs to, if it belongs to one.
    pub fn peer(&self, node: NodeId, interface: InterfaceId) -> Option<(NodeId, InterfaceId)> {
        match self[node].interfaces[interface.0].kind {
            InterfaceKind::Veth { link, end } => Some(self.links[link].ends[1 - end]),
            InterfaceKind::Device { .. } => None,
        }
    }
}

impl Interface {
    /// Whether an address is on one of its subnets.
    pub fn holds(&self, address: &IpAddr) -> bool {
        self.addresses.iter().any(|own| own.value.connected().contains(address))
    }
}

impl std::ops::Index<NodeId> for Lab {
    type Output = Node;

    fn index(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }
}

impl std::ops::IndexMut<NodeId> for Lab {
    fn index_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[id.0]
    }
}
