//! The lab: complete and explicit, with nothing left for the kernel or the reader to guess.

use crate::diagnostic::Span;
use crate::document::{DeviceName, LabName};
use crate::iproute::{
    self, Attributes, IncomingLabel, Label, Leads, Protocol, Realms, RouteKind, Scope,
};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use super::allocations::Allocations;
use super::check::Check;
use super::interface::{Interface, InterfaceKind};

pub use super::node::{Adjustable, Command, Imports, Node, Vrf};

/// The kernel's number of the main table.
pub const MAIN: u32 = 254;

/// The kernel's number of the table of a node's own addresses.
pub const LOCAL: u32 = 255;

/// The metric of a VRF's unreachable default: FRR's distance 255 and metric 8192, behind any route
/// that somebody means.
pub const UNREACHABLE_METRIC: u32 = 4_278_198_272;

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

/// The place of a node in [`Lab::nodes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeId(pub usize);

/// The place of an interface in [`Node::interfaces`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InterfaceId(pub usize);

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

/// A policy rule: its devices are there, its tables are numbers, and it has a priority.
pub type Rule = iproute::Rule<DeviceName, u32>;

/// What a packet is put into or taken out of: its devices are there and its tables are numbers.
pub type Encap = iproute::Encap<DeviceName, u32>;

/// An IP route.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Route {
    /// What is done with a packet.
    pub kind: RouteKind,
    /// For which addresses.
    pub destination: IpNet,
    /// In which table, [`MAIN`] or another.
    pub table: u32,
    /// The lowest wins; `None` is the kernel's default of the family.
    pub metric: Option<u32>,
    /// The source address of this node's own packets.
    pub source: Option<IpAddr>,
    /// What else it says of itself.
    pub attributes: Attributes,
    /// The nexthop object by which the kernel is told where packets go.
    pub object: Option<u32>,
    /// Where packets go, be it said here or by the nexthop object; routes that lead the same way share
    /// it.
    pub nexthops: Arc<[Nexthop]>,
}

/// A way on, several or none that routes name by its number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NexthopObject {
    /// Its number.
    pub id: u32,
    /// Who put it there.
    pub protocol: Option<Protocol>,
    /// Where it leads.
    pub leads: Leads<Nexthop, u32>,
}

/// One way on for an IP packet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Nexthop {
    /// The next router.
    pub via: Option<IpAddr>,
    /// The interface; always there, so that the kernel has nothing to look up.
    pub dev: DeviceName,
    /// 1 to 256.
    pub weight: u16,
    /// Whether the gateway counts as reachable though no connected subnet holds it.
    pub onlink: bool,
    /// What the packet is put into.
    pub encap: Option<Encap>,
    /// The realms of packets that go this way.
    pub realms: Option<Realms>,
}

/// What is done with packets that come in with a label.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LabelRoute {
    /// The label.
    pub label: IncomingLabel,
    /// Whether what is popped last gets the label's TTL; `None` leaves it to the namespace.
    pub ttl_propagate: Option<bool>,
    /// Who put it there.
    pub protocol: Option<Protocol>,
    /// Where packets go.
    pub nexthops: Vec<LabelNexthop>,
}

/// One way on for a labelled packet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LabelNexthop {
    /// The labels it leaves with instead; none pops.
    pub swap: Vec<Label>,
    /// The next router; none where the device needs none, which VRF devices and `lo` do not.
    pub via: Option<IpAddr>,
    /// The device.
    pub dev: DeviceName,
}

/// A setting of a namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Sysctl {
    /// The path below `/proc/sys`, with slashes: `net/ipv4/ip_forward`.
    pub key: String,
    /// What is written.
    pub value: String,
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

/// What flows are divided by beside what is in their packets, one for the whole node.
pub(super) const HASH_SEED: &str = "net/ipv4/fib_multipath_hash_seed";

impl Sysctl {
    /// Whether a kernel that does not know it is good enough. Linux 6.11 is the first in which
    /// namespaces have seeds of their own; before, all divide flows alike.
    pub fn is_optional(&self) -> bool {
        self.key == HASH_SEED
    }
}

impl Route {
    /// The route of the main table that sends what is for a destination these ways.
    pub fn unicast(destination: IpNet, nexthops: impl Into<Arc<[Nexthop]>>) -> Self {
        Self {
            kind: RouteKind::Unicast,
            destination,
            table: MAIN,
            metric: None,
            source: None,
            attributes: Attributes::default(),
            object: None,
            nexthops: nexthops.into(),
        }
    }

    /// Whether it leads to a link itself, and so needs no other route.
    pub fn is_on_link(&self) -> bool {
        self.object.is_none() && self.nexthops.iter().all(|nexthop| nexthop.via.is_none())
    }

    /// The table of a route that says none, as iproute2 has it.
    pub fn default_table(kind: RouteKind) -> u32 {
        match kind {
            RouteKind::Local | RouteKind::Broadcast | RouteKind::Anycast => LOCAL,
            RouteKind::Unicast
            | RouteKind::Multicast
            | RouteKind::Unreachable
            | RouteKind::Blackhole
            | RouteKind::Prohibit
            | RouteKind::Throw => MAIN,
        }
    }

    /// The metric that the kernel gives a route that says none.
    pub fn default_metric(destination: IpNet) -> u32 {
        match destination {
            IpNet::V4(_) => 0,
            IpNet::V6(_) => 1024,
        }
    }

    /// The scope of an IPv4 route that says none: what is on the link itself has that of the link, as
    /// iproute2 says it.
    pub fn default_scope(&self) -> Scope {
        match (self.kind, self.object, &self.nexthops[..]) {
            (RouteKind::Local, _, _) => Scope::Host,
            (RouteKind::Broadcast | RouteKind::Multicast | RouteKind::Anycast, _, _) => Scope::Link,
            (RouteKind::Unicast, None, [Nexthop { via: None, .. }]) => Scope::Link,
            _ => Scope::Global,
        }
    }
}

impl Nexthop {
    /// The way to a device itself.
    pub fn to(dev: DeviceName) -> Self {
        Self { via: None, dev, weight: 1, onlink: false, encap: None, realms: None }
    }

    /// The labels that are pushed, the outermost first.
    pub fn labels(&self) -> &[Label] {
        self.encap.as_ref().map_or(&[], Encap::labels)
    }
}

impl NexthopObject {
    /// The nexthops that each of some objects stands for; none where it drops packets.
    pub fn nexthops<'a>(
        objects: impl Iterator<Item = &'a Self> + Clone,
    ) -> HashMap<u32, Arc<[Nexthop]>> {
        let mut of: HashMap<u32, Arc<[Nexthop]>> = HashMap::new();
        for Self { id, leads, .. } in objects.clone() {
            match leads {
                Leads::Way { way, .. } => of.insert(*id, Arc::new([way.clone()])),
                Leads::Blackhole { .. } => of.insert(*id, Arc::default()),
                Leads::Group { .. } => None,
            };
        }
        // No group is in another one.
        for Self { id, leads, .. } in objects {
            if let Leads::Group { members, .. } = leads {
                let nexthops = members.iter().flat_map(|(id, weight)| {
                    let of_member = of.get(id).into_iter().flat_map(|nexthops| nexthops.iter());
                    of_member.map(|nexthop| Nexthop { weight: *weight, ..nexthop.clone() })
                });
                let nexthops = nexthops.collect();
                of.insert(*id, nexthops);
            }
        }
        of
    }
}
