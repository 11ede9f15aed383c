//! What an interface sends to its peers where the file does not say so.

use crate::compile::interface::Interface;
use crate::compile::lab::Node;
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
}

impl<'a> Routed<'a> {
    pub fn of(node: &'a Node) -> Self {
        let mut routed: HashMap<&DeviceName, Routes> = HashMap::new();
        let routes = node.routes.iter().map(|route| &route.value);
        for route in routes.filter(|route| route.kind == RouteKind::Unicast) {
            for nexthop in route.nexthops.iter() {
                let Routes { all, via } = routed.entry(&nexthop.dev).or_default();
                all.insert(route.destination);
                if let Some(gateway) = nexthop.via {
                    via.entry(gateway).or_default().push(route.destination);
                }
            }
        }
        Self(routed)
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
