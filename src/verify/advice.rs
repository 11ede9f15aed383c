//! What to write into a file whose check is refuted for want of a route.

use super::judge::Judge;
use super::standing::end_of;
use super::verdict::Refutation;
use crate::compile::{Check, InterfaceId, Lab, MAIN, NodeId, UNREACHABLE_METRIC};
use crate::forward::{Absent, DropReason, End, Evidence};
use crate::iproute::RouteKind;
use crate::plan::Resource;
use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;

impl<'a> Judge<'_, 'a> {
    /// The route that is missing where a packet ends for want of one.
    pub(super) fn advice(&self, check: &Check, refutation: &Refutation<'a>) -> Option<String> {
        let outcome = refutation.outcome();
        let lacks = outcome.evidence.iter().any(|evidence| match evidence {
            Evidence::Absent(absent) => *absent == Absent::Route,
            Evidence::Resource { resource: Resource::Route { route, .. }, .. } => {
                route.kind == RouteKind::Unreachable && route.metric == Some(UNREACHABLE_METRIC)
            }
            Evidence::Resource { .. } | Evidence::Kernel(_) => false,
        });
        let is_source =
            matches!(outcome.end, End::Dropped { reason: DropReason::SourceInvalid, .. });
        if !lacks && !is_source {
            return None;
        }
        let packet = &outcome.packet;
        let address = if is_source { packet.source } else { packet.destination };
        let id = self.node(end_of(outcome)?)?;
        let node = &self.lab[id];
        let vrf = match outcome.hops.last().and_then(|hop| hop.device) {
            Some(device) => node
                .interface(device)
                .and_then(|port| node.vrf_of(&node.interfaces[port.0]))
                .map(|vrf| vrf.name.as_str()),
            None => check.from.vrf.as_ref().map(|vrf| vrf.as_str()),
        };
        let route = suggestion(self.lab, id, vrf, address)?;
        Some(format!("Add the route `{route}` at {}.", node.name))
    }
}

/// The route that leads to an address, as a topology writes it: found by going from who has the
/// address towards the node, inside one routing table of each router on the way. A way through
/// labels is nobody's guess.
fn suggestion(lab: &Lab, to: NodeId, vrf: Option<&str>, address: IpAddr) -> Option<String> {
    let table = vrf.and_then(|vrf| lab[to].vrf(vrf)).map_or(MAIN, |vrf| vrf.table);
    let owners = lab.holders(address).into_iter().filter(|(owner, ..)| *owner != to);
    let mut routes = owners.filter_map(|(owner, from, subnet)| {
        let gateway = gateway(lab, (owner, from), (to, table), address.is_ipv6())?;
        (gateway != address).then_some((subnet, gateway))
    });
    let (subnet, gateway) = routes.next()?;
    let vrf = vrf.map(|vrf| format!(" vrf {vrf}")).unwrap_or_default();
    Some(format!("{subnet} via {gateway}{vrf}"))
}

/// The neighbour by which a table of a node reaches a table of another.
fn gateway(lab: &Lab, from: (NodeId, u32), to: (NodeId, u32), ipv6: bool) -> Option<IpAddr> {
    let mut seen = BTreeSet::from([from]);
    let mut open = VecDeque::from([from]);
    while let Some((node, table)) = open.pop_front() {
        let interfaces = &lab[node].interfaces;
        for id in (0..interfaces.len()).map(InterfaceId) {
            if lab[node].table_of(&interfaces[id.0]) != table {
                continue;
            }
            for (next, port) in lab.neighbours(node, id) {
                let port = &lab[next].interfaces[port.0];
                let there = (next, lab[next].table_of(port));
                if there == to {
                    let on_link = interfaces[id.0].addresses.iter().map(|held| held.value.addr());
                    let gateway = on_link
                        .filter(|address| address.is_ipv6() == ipv6)
                        .find(|address| port.addresses.iter().any(|n| n.value.contains(address)));
                    if gateway.is_some() {
                        return gateway;
                    }
                } else if lab[next].forwarding && next != to.0 && seen.insert(there) {
                    open.push_back(there);
                }
            }
        }
    }
    None
}
