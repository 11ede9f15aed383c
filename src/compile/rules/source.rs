//! A VRF must have a route back to every source that it takes in.
//!
//! Without one, a port with `rp_filter` drops such packets as martians, and one without it sends
//! them on and loses the answers. A source is a subnet of a node whose packets come in through the
//! VRF, by that node's own routes and those of the routers on the way: what a customer has elsewhere
//! and never sends from here needs no route.

use super::lookup::{Hop, Tables};
use super::{MAX_NAMED, listed};
use crate::compile::lab::{Lab, MAIN, Node, NodeId, Route, Vrf};
use crate::compile::layout::{Context, Layout, Port};
use crate::compile::prefixes::Prefixes;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use crate::document::Quantity;
use crate::iproute::RouteKind;
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

/// Searches with this many lookups at the most, and says where that was not enough.
pub(super) fn check(
    lab: &Lab,
    layout: &Layout,
    tables: &Tables<'_>,
    max_lookups: usize,
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
    let destinations = destinations(lab, layout, tables);
    let (mut lookups, mut passed_over) = (0, 0);
    for id in (0..lab.nodes.len()).map(NodeId) {
        // What a daemon will add is not known here.
        if !lab[id].run.is_empty() {
            continue;
        }
        let known = known(&lab[id]);
        for vrf in &lab[id].vrfs {
            let here = Context { node: id, table: vrf.table };
            let behind = layout.domain(here).and_then(|domain| customers.get(&domain));
            let Some(behind) = behind else { continue };
            let Some(destinations) = destinations.get(&here) else { continue };
            if lookups + destinations.len() * behind.len() > max_lookups {
                passed_over += 1;
                continue;
            }
            lookups += destinations.len() * behind.len();
            let mut missing: BTreeMap<Entry, BTreeSet<IpNet>> = BTreeMap::new();
            for (subnet, entry) in sources(lab, tables, here, behind, destinations) {
                let known = known.get(&vrf.table);
                if known.is_none_or(|known| known.covering(subnet).next().is_none()) {
                    missing.entry(entry).or_default().insert(subnet);
                }
            }
            for (entry, subnets) in missing {
                diagnostics.push(warning(lab, id, vrf, entry, &subnets));
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

/// The port of a VRF that packets come in through, and that of the router which they come from.
type Entry = (Port, Port);

/// The subnets that packets into a VRF are from, each with one of the ways in. Each destination is looked up in
/// each of the tables behind the VRF.
fn sources(
    lab: &Lab,
    tables: &Tables<'_>,
    here: Context,
    behind: &[Context],
    destinations: &BTreeSet<IpAddr>,
) -> BTreeMap<IpNet, Entry> {
    let mut sources = BTreeMap::new();
    for address in destinations.iter().copied() {
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

/// An address for each route of a main table that leads into a VRF of the same routing domain.
fn destinations(
    lab: &Lab,
    layout: &Layout,
    tables: &Tables<'_>,
) -> HashMap<Context, BTreeSet<IpAddr>> {
    let mut destinations: HashMap<Context, BTreeSet<IpAddr>> = HashMap::new();
    for from in layout.contexts.iter().filter(|context| context.table == MAIN) {
        let domain = layout.domain(*from);
        let routes = lab[from.node].routes.iter().filter(|route| route.value.table == MAIN);
        for route in routes {
            let hops = tables.hops(from.node, &route.value);
            let into = hops.into_iter().map(|hop| hop.to).filter(|to| to.table != MAIN);
            for to in into.filter(|to| layout.domain(*to) == domain) {
                destinations.entry(to).or_default().insert(route.value.destination.network());
            }
        }
    }
    destinations
}

/// The prefixes that each table of a node has on a link or a route to.
fn known(node: &Node) -> HashMap<u32, Prefixes<()>> {
    let connected = node.interfaces.iter().flat_map(|interface| {
        let table = node.table_of(interface);
        interface.addresses.iter().map(move |address| (table, address.value.net))
    });
    let leads_on = |route: &&Route| match route.kind {
        RouteKind::Unicast => true,
        RouteKind::Local
        | RouteKind::Broadcast
        | RouteKind::Multicast
        | RouteKind::Anycast
        | RouteKind::Unreachable
        | RouteKind::Blackhole
        | RouteKind::Prohibit
        | RouteKind::Throw => false,
    };
    let routes = node.routes.iter().map(|route| &route.value).filter(leads_on);
    let mut known: HashMap<u32, Prefixes<()>> = HashMap::new();
    for (table, net) in connected.chain(routes.map(|route| (route.table, route.destination))) {
        known.entry(table).or_default().extend([(net, ())]);
    }
    known
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
