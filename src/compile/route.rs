//! Routes with all that the kernel is told of them: IP routes, nexthop objects, label routes.

use crate::document::DeviceName;
use crate::iproute::{
    self, Attributes, IncomingLabel, Label, Leads, Protocol, Realms, RouteKind, Scope,
};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

/// The kernel's number of the main table.
pub const MAIN: u32 = 254;

/// The kernel's number of the table of a node's own addresses.
pub const LOCAL: u32 = 255;

/// The metric of a VRF's unreachable default: FRR's distance 255 and metric 8192, behind any route
/// that somebody means.
pub const UNREACHABLE_METRIC: u32 = 4_278_198_272;

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
