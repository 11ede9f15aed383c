//! The file's IP routes with their names resolved.

use super::encaps::Encaps;
use super::gateways::Gateways;
use super::interface::Interface;
use super::lab::{Lab, Nexthop, Node, NodeId, Route};
use super::lookup::{named_table, no_vrf};
use super::objects::Objects;
use super::way::way;
use super::{Draft, iproute};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span, Spanned};
use crate::iproute::RouteKind;
use crate::topology::{self, Topology};
use ipnet::IpNet;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// The file's routes, each with its table's number and its interface.
pub(super) fn resolve(topology: &Topology, draft: Draft, errors: &mut Diagnostics) -> Lab {
    let mut lab = draft.lab;
    for index in topology.graph.node_indices() {
        let written = &topology.graph[index];
        let id = NodeId(index.index());
        let node = &lab[id];
        let (on_link, others): (Vec<_>, Vec<_>) =
            written.routes.iter().enumerate().partition(|(_, route)| route.value.is_on_link());
        // What leads to a link itself may hold the gateways of the others.
        let subnets = Gateways::of(node, []);
        let encaps = Encaps::of(node, written);
        let mut objects = Objects::of(node, &written.nexthops);
        let mut routes: Vec<(usize, Spanned<Route>)> = Vec::new();
        for (place, route) in on_link {
            let resolved = resolve_one(node, written, &route.value, &subnets, &encaps, &objects);
            let resolved = errors.keep(resolved);
            routes.extend(resolved.map(|it| (place, Spanned::new(it, route.span))));
        }
        let gateways = Gateways::of(node, routes.iter().map(|(_, route)| &route.value));
        objects.resolve(&gateways, &encaps, written, errors);
        for (place, route) in others {
            let resolved = resolve_one(node, written, &route.value, &gateways, &encaps, &objects);
            let resolved = errors.keep(resolved);
            routes.extend(resolved.map(|it| (place, Spanned::new(it, route.span))));
        }
        routes.sort_by_key(|(place, _)| *place);
        let routes: Vec<_> = routes.into_iter().map(|(_, route)| route).collect();
        duplicates(&routes, errors);
        connected(node, &routes, errors);
        lab[id].nexthops = objects.resolved;
        lab[id].routes = routes;
    }
    lab
}

fn resolve_one(
    node: &Node,
    written: &topology::Node,
    route: &iproute::Route,
    gateways: &Gateways<'_>,
    encaps: &Encaps<'_>,
    objects: &Objects<'_>,
) -> Result<Route, Diagnostic> {
    let table = match &route.table {
        None => Route::default_table(route.kind),
        Some(iproute::Table::Number(number)) => number.value,
        Some(iproute::Table::Name(name)) => named_table(node, &written.tables, name)?,
        Some(iproute::Table::Vrf(name)) => {
            node.vrf(name.as_str()).ok_or_else(|| no_vrf(node, name))?.table
        }
    };
    let destination = route.destination.value;
    let nexthops: Arc<[Nexthop]> = match route.object {
        Some(object) => objects.of_route(object, destination)?,
        None => {
            let ways =
                route.nexthops.iter().map(|nexthop| way(node, encaps, table, nexthop, gateways));
            ways.collect::<Result<_, Diagnostic>>()?
        }
    };
    let in_one = route.object.is_none() && destination.addr().is_ipv6();
    let mut seen = BTreeSet::new();
    let mut is_new = |way: &Nexthop| seen.insert(Nexthop { weight: 1, ..way.clone() });
    if in_one && !nexthops.iter().all(&mut is_new) {
        return Err(Diagnostic::error(Code::DuplicateRoute, "the same way on twice in one route")
            .at(route.destination.span, "this route")
            .note("of IPv6, the kernel answers EEXIST to the second")
            .help("one that gets more has a larger `weight`"));
    }
    let mut ways = route.nexthops.iter().filter(|_| in_one && nexthops.len() > 1);
    if let Some(device) = ways.find_map(|way| way.dev.as_ref().filter(|_| way.via.is_none())) {
        let title = "every nexthop of an IPv6 route with several needs a gateway";
        return Err(Diagnostic::error(Code::BadValue, title)
            .at(device.span, "a device alone")
            .note("the kernel answers EINVAL: \"Device only routes can not be added for IPv6 using the multipath API\"")
            .help("a group of nexthop objects may have such members"));
    }
    if let Some(source) = route.source {
        let is_own = route.kind == RouteKind::Local && destination.contains(&source.value);
        // Of IPv4, the kernel does not look at the source of what goes nowhere.
        let is_looked_at = route.kind.leads_on() || source.value.is_ipv6();
        if !is_own && is_looked_at {
            gateways.source(source, table, nexthops.first().map(|nexthop| &nexthop.dev))?;
        }
    }
    let said = |metric: &u32| *metric != 0 && *metric != Route::default_metric(destination);
    let mut route = Route {
        kind: route.kind,
        destination,
        table,
        metric: route.metric.filter(said),
        source: route.source.map(|source| source.value),
        attributes: route.attributes.clone(),
        object: route.object.map(|object| object.value),
        nexthops,
    };
    let default = route.default_scope();
    route.attributes.scope = route.attributes.scope.filter(|scope| *scope != default);
    Ok(route)
}

/// Reports routes to a subnet that the route's own table has on an interface: the interface's comes
/// first, and of IPv4 the kernel refuses a second one.
fn connected(node: &Node, routes: &[Spanned<Route>], errors: &mut Diagnostics) {
    let mut subnets: HashMap<(u32, IpNet), &Interface> = HashMap::new();
    for interface in &node.interfaces {
        let table = node.table_of(interface);
        for address in &interface.addresses {
            subnets.entry((table, address.value.trunc())).or_insert(interface);
        }
    }
    for route in routes {
        let Route { table, destination, metric, attributes, nexthops, .. } = &route.value;
        let Some(interface) = subnets.get(&(*table, *destination)) else { continue };
        let leak = nexthops.iter().find_map(|nexthop| node.vrf(nexthop.dev.as_str()));
        let refused = destination.addr().is_ipv4() && metric.is_none() && attributes.tos.is_none();
        if !interface.up || !(refused || leak.is_some()) {
            continue;
        }
        let name = &interface.name;
        let error = Diagnostic::error(
            Code::DuplicateRoute,
            format!("{destination} is a subnet of `{name}` already"),
        )
        .at(route.span, "the kernel adds this route to its table automatically")
        .beside(interface.span, "on this interface");
        errors.push(match leak {
            Some(vrf) => error
                .note(format!(
                    "an address in both is in one table only once: nothing that VRF `{}` has there \
                     can be reached by this route",
                    vrf.name
                ))
                .help("VRFs whose routes lead into each other have subnets that do not overlap"),
            None => error.note("the kernel answers EEXIST to the second"),
        });
    }
}

/// Reports routes that the kernel would take for one.
fn duplicates(routes: &[Spanned<Route>], errors: &mut Diagnostics) {
    let mut seen: HashMap<_, Span> = HashMap::new();
    for route in routes {
        let Route { table, destination, metric, attributes, .. } = &route.value;
        let key = (table, destination, metric, attributes.tos);
        if let Some(other) = seen.insert(key, route.span) {
            errors.push(
                Diagnostic::error(
                    Code::DuplicateRoute,
                    format!("two routes to {} in one table", route.value.destination),
                )
                .at(route.span, "this one")
                .beside(other, "and this one")
                .note("the kernel answers EEXIST to the second")
                .help("several ways on are one route with `nexthop`s; a spare one has another `metric`"),
            );
        }
    }
}
