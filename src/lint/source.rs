//! A VRF must have a route back to every source that it takes in.
//!
//! Without one, a port with `rp_filter` drops such packets as martians, and one without it sends
//! them on and loses the answers. A source is a subnet of a node whose packets come in through the
//! VRF, by that node's own routes and those of the routers on the way: what a customer has elsewhere
//! and never sends from here needs no route.

use super::search::samples;
use super::{Nodes, domains};
use crate::compile::{Interface, Lab, MAIN, Node, Route, Vrf};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, MAX_NAMED, Span, Spanned, listed};
use crate::document::Quantity;
use crate::forward::{End, Network, Outcome};
use crate::iproute::RouteKind;
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

/// A namespace, and the VRF in it.
type Place<'a> = (&'a str, Option<&'a str>);

/// Searches with this many lookups at the most, and says where that was not enough.
pub(super) fn check<'a>(
    lab: &'a Lab,
    nodes: &Nodes<'a>,
    network: &Network<'a>,
    max_lookups: usize,
    diagnostics: &mut Diagnostics,
) {
    // What the compiler fills in leads back to every source.
    let mut routes = lab.nodes.iter().flat_map(|node| &node.routes);
    let is_filled_in =
        |it: &Spanned<Route>| it.span.is_none() && it.value.kind == RouteKind::Unicast;
    if routes.any(is_filled_in) || lab.nodes.iter().all(|it| it.vrfs.is_empty()) {
        return;
    }
    let domains = domains::of(lab, network);
    // Only a main table is a customer's own; another VRF joined to this one routes itself.
    let mut customers: HashMap<usize, Vec<&Node>> = HashMap::new();
    for node in &lab.nodes {
        let domain = domains.get(&(node.namespace.as_str(), None));
        customers.entry(*domain.unwrap_or(&usize::MAX)).or_default().push(node);
    }
    let destinations = destinations(lab, network);
    let (mut lookups, mut passed_over) = (0, 0);
    // What a daemon will add is not known here.
    for node in lab.nodes.iter().filter(|node| node.run.is_empty()) {
        for vrf in &node.vrfs {
            let here: Place<'_> = (&node.namespace, Some(vrf.name.as_str()));
            let behind = domains.get(&here).and_then(|domain| customers.get(domain));
            let (Some(behind), Some(destinations)) = (behind, destinations.get(&here)) else {
                continue;
            };
            if lookups + destinations.len() * behind.len() > max_lookups {
                passed_over += 1;
                continue;
            }
            lookups += destinations.len() * behind.len();
            let mut missing: BTreeMap<Entry<'_>, BTreeSet<IpNet>> = BTreeMap::new();
            for (subnet, (source, entry)) in sources(nodes, network, here, behind, destinations) {
                if !leads_back(network, here, source) {
                    missing.entry(entry).or_default().insert(subnet);
                }
            }
            for (entry, subnets) in missing {
                diagnostics.push(warning(nodes, node, vrf, entry, &subnets));
            }
        }
    }
    if passed_over > 0 {
        let title = "not all VRFs were searched for sources without a route back";
        diagnostics.push(
            Diagnostic::warning(Code::SourceRoute, title)
                .note(format!("VRFs left after {lookups} lookups: {passed_over}"))
                .help(format!("`--limit {}=NUMBER` allows more", Quantity::Lookups.word())),
        );
    }
}

/// An address for each route of a main table that leads into a VRF.
fn destinations<'a>(lab: &'a Lab, network: &Network<'a>) -> HashMap<Place<'a>, BTreeSet<IpAddr>> {
    let mut destinations: HashMap<Place<'_>, BTreeSet<IpAddr>> = HashMap::new();
    for node in &lab.nodes {
        for route in node.routes.iter().filter(|route| route.value.table == MAIN) {
            let [address, _] = samples(route.value.destination);
            for nexthop in route.value.nexthops.iter().filter(|it| it.encap.is_none()) {
                for (next, _) in network.by_nexthop(&node.namespace, nexthop, address).onward {
                    let place = network.whereabouts(&next);
                    if place.1.is_some() {
                        destinations.entry(place).or_default().insert(address);
                    }
                }
            }
        }
    }
    destinations
}

/// The interface of a VRF that packets come in through, and the one that they come from: the namespace and the
/// name of each.
type Entry<'a> = [(&'a str, &'a str); 2];

/// The subnets that packets into a VRF are from, each with an address in it and one of the ways in. Each destination
/// is looked up in each of the tables behind the VRF.
fn sources<'a>(
    nodes: &Nodes<'a>,
    network: &Network<'a>,
    here: Place<'a>,
    behind: &[&'a Node],
    destinations: &BTreeSet<IpAddr>,
) -> BTreeMap<IpNet, (IpAddr, Entry<'a>)> {
    let mut sources = BTreeMap::new();
    for address in destinations.iter().copied() {
        let mut into: HashMap<Place<'_>, Vec<(&Node, Entry<'_>)>> = HashMap::new();
        for from in behind {
            for (next, hop) in network.sent(&from.namespace, address).onward {
                let place = network.whereabouts(&next);
                let Some(out) = hop.out.last() else { continue };
                let entry = [(place.0, network.interface(&next)), (hop.namespace, *out)];
                into.entry(place).or_default().push((from, entry));
            }
        }
        let mut seen = HashSet::from([here]);
        let mut open: Vec<(Place<'_>, Option<Entry<'_>>)> = vec![(here, None)];
        while let Some((to, first)) = open.pop() {
            for (from, entry) in into.get(&to).into_iter().flatten() {
                let first = first.unwrap_or(*entry);
                let out = interface(nodes, entry[1]);
                for own in out.into_iter().flat_map(|out| &out.addresses) {
                    if own.value.addr().is_ipv4() == address.is_ipv4() {
                        sources.entry(own.value.trunc()).or_insert((own.value.addr(), first));
                    }
                }
                // What others send it goes on only where it forwards.
                let place: Place<'_> = (&from.namespace, None);
                if from.forwarding && seen.insert(place) {
                    open.push((place, Some(first)));
                }
            }
        }
    }
    sources
}

fn interface<'a>(nodes: &Nodes<'a>, (namespace, name): (&str, &str)) -> Option<&'a Interface> {
    let node = nodes.get(namespace)?;
    node.interface(name).map(|id| &node.interfaces[id.0])
}

/// Whether a VRF sends packets to an address on, or takes them in.
fn leads_back(network: &Network<'_>, (namespace, vrf): Place<'_>, address: IpAddr) -> bool {
    let Some(inside) = network.inside(namespace, vrf) else { return true };
    let step = network.step(&inside, address);
    let is_known = |outcome: &Outcome<'_>| match outcome.end {
        End::Delivered { .. } | End::Unknown { .. } => true,
        End::Rejected { .. } | End::Refused { .. } | End::Dropped { .. } | End::Loop { .. } => {
            false
        }
    };
    !step.onward.is_empty() || step.ends.iter().any(is_known)
}

fn warning(
    nodes: &Nodes<'_>,
    node: &Node,
    vrf: &Vrf,
    [near, far]: Entry<'_>,
    subnets: &BTreeSet<IpNet>,
) -> Diagnostic {
    let all = listed(subnets.iter().map(IpNet::to_string));
    let title = format!("VRF `{}` of `{}` has no route back to {all}", vrf.name, node.name);
    let port = interface(nodes, near).map_or(Span::NONE, |port| port.span);
    let warning = Diagnostic::warning(Code::SourceRoute, title)
        .at(
            port.or(vrf.span).or(Span::NONE),
            format!("packets from there come in through `{}`", near.1),
        )
        .note(
            "where rp_filter is on, they are dropped as martians; where it is off, their answers are \
             lost",
        );
    let addresses = interface(nodes, far).map_or(&[][..], |far| &far.addresses);
    subnets.iter().take(MAX_NAMED).fold(warning, |warning, subnet| {
        let mut gateways = addresses.iter().map(|address| address.value.addr());
        match gateways.find(|gateway| gateway.is_ipv4() == subnet.addr().is_ipv4()) {
            Some(gateway) => warning.help(format!(
                "add to the routes of `{}`: `{subnet} via {gateway} vrf {}`",
                node.name, vrf.name
            )),
            None => warning,
        }
    })
}
