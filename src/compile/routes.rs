//! The file's IP routes with their names resolved.

use super::interface::Interface;
use super::lab::{Lab, MAIN, Nexthop, Node, NodeId, Route};
use super::{Draft, IpNet, iproute, objects};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span, Spanned, Text, nearest};
use crate::document::DeviceName;
use crate::topology::{self, Topology};
use std::collections::HashMap;
use std::net::IpAddr;

/// The file's routes, each with its table's number and its interface.
pub(super) fn resolve(topology: &Topology, draft: Draft, errors: &mut Diagnostics) -> Lab {
    let mut lab = draft.lab;
    for index in topology.graph.node_indices() {
        let written = &topology.graph[index];
        let id = NodeId(index.index());
        lab[id].nexthops = objects::resolve(&lab[id], &written.nexthops, errors);
        let node = &lab[id];
        let on_link = on_link(&written.routes);
        let routes: Vec<_> = written
            .routes
            .iter()
            .filter_map(|route| {
                let resolved = resolve_one(node, written, &route.value, &on_link);
                Some(Spanned::new(errors.keep(resolved)?, route.span))
            })
            .collect();
        duplicates(&routes, errors);
        connected(node, &routes, errors);
        lab[id].routes = routes;
    }
    lab
}

fn resolve_one(
    node: &Node,
    written: &topology::Node,
    route: &iproute::Route,
    on_link: &[(IpNet, Text)],
) -> Result<Route, Diagnostic> {
    let table = match &route.table {
        None => Route::default_table(route.kind),
        Some(iproute::Table::Number(number)) => number.value,
        Some(iproute::Table::Name(name)) => named_table(node, &written.tables, name)?,
        Some(iproute::Table::Vrf(name)) => {
            let vrf = node.vrf(name.as_str()).ok_or_else(|| {
                let known = node.vrfs.iter().map(|vrf| vrf.name.as_str());
                unknown(Code::UnknownVrf, node, "VRF", name, known)
            })?;
            vrf.table
        }
    };
    let destination = route.destination.value;
    if let Some(object) = route.object {
        objects::of_route(node, object, destination, &written.nexthops)?;
    }
    let ways: Result<Vec<Nexthop>, Diagnostic> = route
        .nexthops
        .iter()
        .map(|nexthop| {
            let dev = match (&nexthop.dev, nexthop.via) {
                (Some(dev), via) => {
                    let dev = device(node, dev)?;
                    if let Some(via) = via
                        && !nexthop.onlink
                    {
                        gateway_device(node, table, via, on_link)?;
                    }
                    dev
                }
                (None, Some(via)) => gateway_device(node, table, via, on_link)?,
                (None, None) => unreachable!("a way on has a gateway or a device"),
            };
            Ok(Nexthop {
                via: nexthop.via.map(|via| via.value),
                dev,
                weight: nexthop.weight.unwrap_or(1),
                onlink: nexthop.onlink,
                encap: nexthop.encap.clone(),
            })
        })
        .collect();
    let nexthops = match route.object {
        Some(object) => node.ways(object.value),
        None => ways?,
    };
    let said = |metric: &u32| *metric != 0 && *metric != Route::default_metric(destination);
    let mut route = Route {
        kind: route.kind,
        destination,
        table,
        metric: route.metric.filter(said),
        source: route.source.map(|source| source.value),
        attributes: route.attributes.clone(),
        object: route.object.map(|object| object.value),
        nexthops: nexthops.into(),
    };
    let default = route.default_scope();
    route.attributes.scope = route.attributes.scope.filter(|scope| *scope != default);
    Ok(route)
}

pub(super) fn named_table(
    node: &Node,
    tables: &[(Text, Spanned<u32>)],
    name: &Text,
) -> Result<u32, Diagnostic> {
    match name.as_str() {
        "main" => return Ok(MAIN),
        "default" => return Ok(253),
        "local" => return Ok(255),
        _ => {}
    }
    match tables.iter().find(|(known, _)| known.value == name.value) {
        Some((_, table)) => Ok(table.value),
        None => {
            let known = tables.iter().map(|(known, _)| known.as_str());
            Err(unknown(Code::UnknownTable, node, "table", name, known))
        }
    }
}

/// A device of the node, by name: an interface, a VRF or `lo`.
pub(super) fn device(node: &Node, name: &Text) -> Result<DeviceName, Diagnostic> {
    let interfaces = node.interfaces.iter().map(|interface| &interface.name);
    let vrfs = node.vrfs.iter().map(|vrf| &vrf.name);
    if name.as_str() != "lo" && !interfaces.chain(vrfs).any(|known| known.as_str() == name.as_str())
    {
        let known = node.interfaces.iter().map(|interface| interface.name.as_str());
        return Err(unknown(Code::UnknownInterface, node, "interface", name, known));
    }
    DeviceName::new(name.as_str())
        .ok_or_else(|| Diagnostic::error(Code::BadName, format!("`{name}` is no device's name")))
}

pub(super) fn unknown<'a>(
    code: Code,
    node: &Node,
    what: &str,
    name: &Text,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Diagnostic {
    let error = Diagnostic::error(code, format!("`{}` has no {what} `{name}`", node.name))
        .at(name.span, "not known here");
    if let Some(near) = nearest(name.as_str(), known.clone()) {
        return error.help(format!("did you mean `{near}`?"));
    }
    match known.collect::<Vec<_>>() {
        known if known.is_empty() => error,
        known => error.help(format!("it has {}", known.join(", "))),
    }
}

/// What routes without a gateway put on a link: those destinations are gateways too.
fn on_link(routes: &[Spanned<iproute::Route>]) -> Vec<(IpNet, Text)> {
    let nexthops = |route: &iproute::Route| {
        let destination = route.destination.value;
        let devices = route.nexthops.iter().filter(|nexthop| nexthop.via.is_none());
        devices
            .filter_map(|nexthop| nexthop.dev.clone())
            .map(|dev| (destination, dev))
            .collect::<Vec<_>>()
    };
    routes
        .iter()
        .filter(|route| route.value.destination.value.prefix_len() > 0)
        .flat_map(|route| nexthops(&route.value))
        .collect()
}

/// The device through which a gateway is reached: on a subnet of the route's own table, else of the
/// main one, where the kernel looks next.
pub(super) fn gateway_device(
    node: &Node,
    table: u32,
    via: Spanned<IpAddr>,
    on_link: &[(IpNet, Text)],
) -> Result<DeviceName, Diagnostic> {
    let holds = |interface: &&Interface, table: u32| {
        let subnets = interface.addresses.iter().map(|address| address.value);
        node.table_of(interface) == table && subnets.clone().any(|net| net.contains(&via.value))
    };
    let found = [table, MAIN]
        .iter()
        .find_map(|table| node.interfaces.iter().find(|interface| holds(interface, *table)));
    if let Some(interface) = found {
        return Ok(interface.name.clone());
    }
    if let Some((_, dev)) = on_link.iter().find(|(net, _)| net.contains(&via.value)) {
        return device(node, dev);
    }
    let is_link_local = match via.value {
        IpAddr::V4(_) => false,
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    let error = Diagnostic::error(
        Code::Unreachable,
        format!("`{}` has no subnet that holds the gateway {via}", node.name),
    );
    if is_link_local {
        return Err(error
            .at(via.span, "a link-local address says nothing of its link")
            .help("name the interface: `via ADDRESS dev INTERFACE`"));
    }
    let subnets: Vec<String> = node
        .interfaces
        .iter()
        .flat_map(|interface| &interface.addresses)
        .map(|address| address.value.trunc().to_string())
        .collect();
    Err(error
        .at(via.span, "on no subnet of this node")
        .note("the kernel answers ENETUNREACH: \"Nexthop has invalid gateway\"")
        .help(match subnets.is_empty() {
            true => "the node has no subnets".to_owned(),
            false => format!("its subnets are {}", subnets.join(", ")),
        }))
}

/// Reports routes to a subnet that the route's own table has on an interface: the interface's comes
/// first, and of IPv4 the kernel refuses a second one.
fn connected(node: &Node, routes: &[Spanned<Route>], errors: &mut Diagnostics) {
    for route in routes {
        let Route { table, destination, metric, attributes, nexthops, .. } = &route.value;
        let mut inside =
            node.interfaces.iter().filter(|interface| node.table_of(interface) == *table);
        let on_it = |interface: &&Interface| {
            interface.addresses.iter().any(|address| address.value.trunc() == *destination)
        };
        let Some(interface) = inside.find(on_it) else { continue };
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
        .at(route.span, "the table of this route has it by itself")
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
