//! A VRF must have a route back to every source that it takes in.
//!
//! Without one, a port with `rp_filter` drops such packets as martians, and one without it sends
//! them on and loses the answers. A source is a subnet of a node whose packets come in through the
//! VRF, by that node's own routes and those of the routers on the way: what a customer has elsewhere
//! and never sends from here needs no route.

use super::lookup::{Hop, Tables};
use super::{MAX_NAMED, listed};
use crate::compile::lab::{Lab, MAIN, NodeId, Route, Vrf};
use crate::compile::layout::{Context, Layout, Port};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use crate::iproute::RouteKind;
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

pub(super) fn check(
    lab: &Lab,
    layout: &Layout,
    tables: &Tables<'_>,
    diagnostics: &mut Diagnostics,
) {
    if lab.nodes.iter().all(|node| node.vrfs.is_empty()) {
        return;
    }
    let mut customers: HashMap<usize, Vec<Context>> = HashMap::new();
    for context in &layout.contexts {
        // Only a main table is a customer's own; another VRF joined to this one routes itself.
        if let Some(domain) = layout.domain(*context).filter(|_| context.table == MAIN) {
            customers.entry(domain).or_default().push(*context);
        }
    }
    for id in (0..lab.nodes.len()).map(NodeId) {
        // What a daemon will add is not known here.
        if !lab[id].run.is_empty() {
            continue;
        }
        for vrf in &lab[id].vrfs {
            let here = Context { node: id, table: vrf.table };
            let behind = layout.domain(here).and_then(|domain| customers.get(&domain));
            let Some(behind) = behind else { continue };
            let mut missing: BTreeMap<Entry, BTreeSet<IpNet>> = BTreeMap::new();
            for (subnet, entry) in sources(lab, tables, here, behind) {
                if !connected(lab, here, subnet) && !routed(lab, id, vrf, subnet) {
                    missing.entry(entry).or_default().insert(subnet);
                }
            }
            for (entry, subnets) in missing {
                diagnostics.push(warning(lab, id, vrf, entry, &subnets));
            }
        }
    }
}

/// The port of a VRF that packets come in through, and that of the router which they come from.
type Entry = (Port, Port);

/// The subnets that packets into a VRF are from, each with one of the ways in.
fn sources(
    lab: &Lab,
    tables: &Tables<'_>,
    here: Context,
    behind: &[Context],
) -> BTreeMap<IpNet, Entry> {
    let mut sources = BTreeMap::new();
    for address in destinations(lab, tables, here, behind) {
        let mut into: HashMap<Context, Vec<(Context, Hop)>> = HashMap::new();
        for from in behind {
            let Some(route) = tables.lookup(*from, address) else { continue };
            for hop in tables.hops(from.node, &route.value) {
                into.entry(hop.to).or_default().push((*from, hop));
            }
        }
        let mut seen = HashSet::from([here]);
        let mut open: Vec<(Context, Option<Entry>)> = vec![(here, None)];
        while let Some((to, entry)) = open.pop() {
            for (from, hop) in into.get(&to).into_iter().flatten() {
                let entry = entry.unwrap_or((hop.far, (from.node, hop.out)));
                let addresses = &lab[from.node].interfaces[hop.out.0].addresses;
                let subnets = addresses.iter().map(|address| address.value.trunc());
                for subnet in subnets.filter(|net| net.addr().is_ipv4() == address.is_ipv4()) {
                    sources.entry(subnet).or_insert(entry);
                }
                // What others send it goes on only where it forwards.
                if lab[from.node].forwarding && seen.insert(*from) {
                    open.push((*from, Some(entry)));
                }
            }
        }
    }
    sources
}

/// An address for each route that leads into a VRF.
fn destinations(
    lab: &Lab,
    tables: &Tables<'_>,
    here: Context,
    behind: &[Context],
) -> BTreeSet<IpAddr> {
    let mut destinations = BTreeSet::new();
    for from in behind {
        let routes = lab[from.node].routes.iter().filter(|route| route.value.table == from.table);
        for route in routes {
            if tables.hops(from.node, &route.value).iter().any(|hop| hop.to == here) {
                destinations.insert(route.value.destination.network());
            }
        }
    }
    destinations
}

fn connected(lab: &Lab, here: Context, subnet: IpNet) -> bool {
    let node = &lab[here.node];
    let inside = node.interfaces.iter().filter(|interface| node.table_of(interface) == here.table);
    inside.flat_map(|interface| &interface.addresses).any(|address| address.value.contains(&subnet))
}

fn routed(lab: &Lab, node: NodeId, vrf: &Vrf, subnet: IpNet) -> bool {
    let covers = |route: &Route| match route.kind {
        RouteKind::Unicast => route.table == vrf.table && route.destination.contains(&subnet),
        RouteKind::Local
        | RouteKind::Broadcast
        | RouteKind::Multicast
        | RouteKind::Anycast
        | RouteKind::Unreachable
        | RouteKind::Blackhole
        | RouteKind::Prohibit
        | RouteKind::Throw => false,
    };
    lab[node].routes.iter().any(|route| covers(&route.value))
}

fn warning(
    lab: &Lab,
    id: NodeId,
    vrf: &Vrf,
    (near, far): Entry,
    subnets: &BTreeSet<IpNet>,
) -> Diagnostic {
    let node = &lab[id];
    let port = &node.interfaces[near.1.0];
    let all = listed(subnets.iter().map(IpNet::to_string));
    let warning = Diagnostic::warning(
        Code::SourceRoute,
        format!("VRF `{}` of `{}` has no route back to {all}", vrf.name, node.name),
    )
    .at(
        port.span.or(vrf.span).or(Span::NONE),
        format!("packets from there come in through `{}`", port.name),
    )
    .note(
        "where rp_filter is on, they are dropped as martians; where it is off, their answers are \
         lost",
    );
    subnets.iter().take(MAX_NAMED).fold(warning, |warning, subnet| {
        let addresses = &lab[far.0].interfaces[far.1.0].addresses;
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
