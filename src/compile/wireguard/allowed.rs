//! What an interface sends to its peers where the file does not say so.

use crate::compile::interface::Interface;
use crate::compile::lab::Node;
use crate::diagnostic::{Span, Spanned};
use crate::document::DeviceName;
use crate::iproute::RouteKind;
use ipnet::IpNet;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

/// Where the routes of a node lead over its interfaces.
pub(super) struct Routed<'a>(HashMap<&'a DeviceName, Routes>);

/// Those over one interface.
#[derive(Default)]
struct Routes {
    all: HashSet<IpNet>,
    /// By gateway.
    via: HashMap<IpAddr, Vec<IpNet>>,
    /// Those with several gateways, each with its place in the file.
    several: HashMap<IpNet, Span>,
}

impl<'a> Routed<'a> {
    pub fn of(node: &'a Node) -> Self {
        let mut routed: HashMap<&DeviceName, Routes> = HashMap::new();
        let routes = &node.routes;
        for Spanned { value: route, span } in routes {
            let is_one = route.kind == RouteKind::Unicast;
            for nexthop in route.nexthops.iter().filter(|_| is_one) {
                let Routes { all, via, several } = routed.entry(&nexthop.dev).or_default();
                all.insert(route.destination);
                if let Some(gateway) = nexthop.via {
                    via.entry(gateway).or_default().push(route.destination);
                }
                if route.nexthops.len() > 1 {
                    several.insert(route.destination, *span);
                }
            }
        }
        Self(routed)
    }

    /// The place of a route to this prefix by several nexthops, of which one at least is over the interface.
    pub fn equal_cost(&self, interface: &Interface, net: &IpNet) -> Option<Span> {
        self.0.get(&interface.name)?.several.get(net).copied()
    }

    /// What an interface sends to the peer with these addresses: packets to them, and what its node's routes
    /// send over the interface to them; to an only peer, all that is sent over it.
    pub fn allowed(
        &self,
        interface: &Interface,
        of_peer: &BTreeSet<IpAddr>,
        alone: bool,
    ) -> BTreeSet<IpNet> {
        let mut all: BTreeSet<IpNet> = of_peer.iter().copied().map(IpNet::from).collect();
        let routes = self.0.get(&interface.name);
        match alone {
            true => {
                all.extend(interface.addresses.iter().map(|own| own.value.trunc()));
                all.extend(routes.into_iter().flat_map(|routes| &routes.all));
            }
            false => {
                let via = of_peer.iter().filter_map(|address| routes?.via.get(address));
                all.extend(via.flatten());
            }
        }
        // A prefix stands in front of its parts.
        let mut whole: Option<IpNet> = None;
        all.retain(|net| {
            let is_part = whole.is_some_and(|whole| whole.contains(net));
            if !is_part {
                whole = Some(*net);
            }
            !is_part
        });
        all
    }
}
