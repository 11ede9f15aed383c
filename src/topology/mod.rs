//! What was meant: the document as a graph of nodes and links, its names resolved.

mod named;
mod resolve;
mod subnet;
mod tables;

pub use named::{ByName, Named};
pub use resolve::resolve;
pub use tables::TableNames;

use crate::diagnostic::{Span, Spanned, Text};
use crate::document::{
    Address, Addressing, Command, Content, DeviceName, Family, Interface as WrittenInterface,
    LabName, NodeName, Role, Routing, Vpn, Vrf as WrittenVrf,
};
use crate::iproute::{LabelRoute, Neighbour, NexthopObject, Route, Rule, Table};
use ipnet::IpNet;
use petgraph::graph::{NodeIndex, UnGraph};

/// A file whose parts know each other.
#[derive(Debug)]
pub struct Topology {
    /// The lab's name.
    pub name: LabName,
    /// The pattern of the namespaces' names.
    pub netns: Text,
    /// Which addresses the compiler allocates.
    pub family: Family,
    /// The pools it allocates them from.
    pub addressing: Addressing,
    /// Which routes it fills in.
    pub routing: Routing,
    /// How it makes VPNs.
    pub vpn: Vpn,
    /// The nodes and links, both in the file's order.
    pub graph: UnGraph<Node, Link>,
    /// The checks' lines; `None` where the file has no such key.
    pub checks: Option<Vec<Text>>,
}

impl Topology {
    /// Which routes the compiler fills in at a node.
    pub fn routing_at(&self, node: NodeIndex) -> Routing {
        self.graph[node].routing.unwrap_or(self.routing)
    }

    /// Which routes it fills in at some node at least.
    pub fn routing_anywhere(&self) -> Routing {
        let mut nodes = self.graph.node_weights();
        match nodes.any(|node| node.routing == Some(Routing::Auto)) {
            true => Routing::Auto,
            false => self.routing,
        }
    }
}

/// A node as it was meant.
#[derive(Debug)]
pub struct Node {
    /// Its name.
    pub name: Spanned<NodeName>,
    /// Its role, where the file gives one.
    pub role: Option<Spanned<Role>>,
    /// Whether it forwards, where the file says so.
    pub forwarding: Option<Spanned<bool>>,
    /// Whether its bridges run the spanning tree protocol, unless one says otherwise itself.
    pub stp: Option<Spanned<bool>>,
    /// Which routes the compiler fills in here, where the file says so of this node.
    pub routing: Option<Routing>,
    /// The subnets of a switch's LAN, at most one of each family.
    pub subnets: Vec<Spanned<IpNet>>,
    /// Addresses on `lo`; `None` lets the compiler choose.
    pub loopback: Option<Vec<Spanned<Address>>>,
    /// Its VRFs, each name once.
    pub vrfs: ByName<Vrf>,
    /// What the file says of interfaces by name, each name once.
    pub interfaces: ByName<Interface>,
    /// Names for tables.
    pub tables: TableNames,
    /// Nexthop objects.
    pub nexthops: Vec<Spanned<NexthopObject>>,
    /// IP routes.
    pub routes: Vec<Spanned<Route>>,
    /// Policy rules.
    pub rules: Vec<Spanned<Rule<Text, Table>>>,
    /// Label routes.
    pub label_routes: Vec<Spanned<LabelRoute>>,
    /// Entries of neighbour tables.
    pub neighbours: Vec<Spanned<Neighbour<Text>>>,
    /// The priority of the local table's lookup.
    pub local_rule: Option<Spanned<u32>>,
    /// Settings: the key with slashes, and the value.
    pub sysctls: Vec<(Spanned<String>, Text)>,
    /// A ruleset for nft.
    pub nft: Option<Content>,
    /// Files below `/etc`.
    pub etc: Vec<(Text, Content)>,
    /// Commands.
    pub run: Vec<Command>,
}

/// A VRF of a node.
#[derive(Debug)]
pub struct Vrf {
    /// Its name.
    pub name: Spanned<DeviceName>,
    /// What the file says of it.
    pub written: WrittenVrf,
}

impl Named for Vrf {
    fn name(&self) -> &DeviceName {
        &self.name.value
    }
}

impl Named for Interface {
    fn name(&self) -> &DeviceName {
        &self.name.value
    }
}

/// What the file says of an interface under its node.
#[derive(Debug)]
pub struct Interface {
    /// Its name.
    pub name: Spanned<DeviceName>,
    /// What the file says of it.
    pub written: WrittenInterface,
}

/// A link between two nodes.
#[derive(Debug)]
pub struct Link {
    /// Where it stands.
    pub span: Span,
    /// What it costs on a shortest path.
    pub cost: u32,
    /// The subnets that the file gives it, or the LAN that it leads into, at most one of each family.
    pub subnets: Vec<Spanned<IpNet>>,
    /// Its ends; that of a graph's edge's first node comes first.
    pub ends: [End; 2],
}

/// One end of a link.
#[derive(Debug)]
pub struct End {
    /// The node.
    pub node: NodeIndex,
    /// Where the file names the node here.
    pub span: Span,
    /// The interface's name, where the file gives one.
    pub interface: Option<Spanned<DeviceName>>,
    /// Its addresses; `None` lets the compiler choose, an empty list is none.
    pub addresses: Option<Vec<Spanned<Address>>>,
    /// What else the file says of the interface at this end.
    pub written: crate::document::End,
}
