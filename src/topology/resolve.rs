//! Names to what they name.

use super::subnet;
use super::tables::TableNames;
use super::{End, Interface, Link, Node, Topology, Vrf};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Spanned, Text};
use crate::document::{self, DeviceName, Document, LabName, NodeName};
use crate::iproute::{LabelRoute, Neighbour, NexthopObject, Route, Rule};
use petgraph::graph::{NodeIndex, UnGraph};
use std::collections::HashMap;

/// The pattern of the namespaces' names where the file has none.
const NETNS: &str = "{lab}-{node}";

/// The graph of a document. `name` is the lab's where it is given, and `fallback` where the
/// document has none either.
///
/// What is wrong goes to `errors`; what it hits is left out of the graph, so that the rest can
/// still be looked at.
pub fn resolve(
    document: Document,
    name: Option<LabName>,
    fallback: &LabName,
    errors: &mut Diagnostics,
) -> Topology {
    let mut graph = UnGraph::default();
    let mut by_name = HashMap::new();
    for node in document.nodes {
        // A name that cannot be was reported where it was read.
        let Some(parsed) = NodeName::new(node.name.as_str()) else { continue };
        let name = node.name.value.clone();
        by_name.insert(name, graph.add_node(resolve_node(node, parsed, errors)));
    }
    let mut users: HashMap<(NodeIndex, String), Text> = HashMap::new();
    for link in document.links {
        let span = link.span;
        let cost = link.cost.map_or(1, |cost| cost.value);
        let [Some(near), Some(far)] = link.ends.map(|end| resolve_end(end, &by_name)) else {
            continue;
        };
        for end in [&near, &far] {
            let Some(interface) = &end.written.interface else { continue };
            let name: &NodeName = &graph[end.node].name.value;
            if let Some(other) =
                users.insert((end.node, interface.value.clone()), interface.clone())
            {
                errors.push(
                    Diagnostic::error(
                        Code::DuplicateInterface,
                        format!("interface `{interface}` of `{name}` is used by two links"),
                    )
                    .at(interface.span, "used again here")
                    .beside(other.span, "first used here")
                    .help_in(|notation| {
                        let switch = notation.value("role", "switch");
                        format!(
                            "an interface is one end of one link; a LAN needs a node with {switch}"
                        )
                    }),
                );
            }
        }
        let subnets = link.subnets;
        graph.add_edge(near.node, far.node, Link { span, cost, subnets, ends: [near, far] });
    }
    subnet::complete(&mut graph, errors);
    let written = document.name.and_then(|name| LabName::new(name.as_str()));
    Topology {
        name: name.or(written).unwrap_or_else(|| fallback.clone()),
        netns: document.netns.unwrap_or_else(|| Text::filled(NETNS)),
        family: document.family.map(|family| family.value).unwrap_or_default(),
        addressing: document.addressing,
        routing: document.routing.map(|routing| routing.value).unwrap_or_default(),
        vpn: document.vpn,
        graph,
        checks: document.checks,
    }
}

fn resolve_end(end: document::End, by_name: &HashMap<String, NodeIndex>) -> Option<End> {
    let node = *by_name.get(end.node.as_str())?;
    let interface = end.interface.as_ref().and_then(device);
    Some(End { node, span: end.node.span, interface, addresses: None, written: end })
}

fn resolve_node(node: document::Node, name: NodeName, errors: &mut Diagnostics) -> Node {
    let mut seen: HashMap<String, Text> = HashMap::new();
    let mut unique = |name: &Text, errors: &mut Diagnostics| {
        let parsed = device(name)?;
        match seen.insert(name.value.clone(), name.clone()) {
            None => Some(parsed),
            Some(other) => {
                errors.push(
                    Diagnostic::error(
                        Code::BadName,
                        format!("`{name}` is both an interface and a VRF of `{}`", node.name),
                    )
                    .at(name.span, "taken already")
                    .beside(other.span, "by this")
                    .note("a VRF is a device too, and a namespace has one device of a name")
                    .help("what is said of the VRF device stands under `vrfs`: `vrfs: {NAME: {netem: …}}`"),
                );
                None
            }
        }
    };
    let vrfs = node
        .vrfs
        .into_iter()
        .filter_map(|vrf| Some(Vrf { name: unique(&vrf.name, errors)?, written: vrf }))
        .collect();
    let interfaces = node
        .interfaces
        .into_iter()
        .filter_map(|interface| {
            Some(Interface { name: unique(&interface.name, errors)?, written: interface })
        })
        .collect();
    let nexthops = parsed(&node.nexthops, NexthopObject::parse, errors);
    let routes = parsed(&node.routes, Route::parse, errors);
    let rules = parsed(&node.rules, Rule::parse, errors);
    let label_routes = parsed(&node.mpls, LabelRoute::parse, errors);
    let neighbours = parsed(&node.neighbours, Neighbour::parse, errors);
    let sysctls = node.sysctls.into_iter().map(|(key, value)| (slashed(&key), value)).collect();
    Node {
        name: Spanned::new(name, node.name.span),
        role: node.role,
        forwarding: node.forwarding,
        stp: node.stp,
        routing: node.routing.map(|routing| routing.value),
        subnets: node.subnets,
        loopback: node.loopback,
        vrfs,
        interfaces,
        tables: TableNames::new(node.tables),
        nexthops,
        routes,
        rules,
        label_routes,
        neighbours,
        local_rule: node.local_rule,
        sysctls,
        nft: node.nft,
        etc: node.etc,
        run: node.run,
    }
}

fn device(name: &Text) -> Option<Spanned<DeviceName>> {
    Some(Spanned::new(DeviceName::new(name.as_str())?, name.span))
}

fn parsed<T>(
    lines: &[Text],
    parse: impl Fn(&Text) -> Result<T, Diagnostic>,
    errors: &mut Diagnostics,
) -> Vec<Spanned<T>> {
    lines
        .iter()
        .filter_map(|line| Some(Spanned::new(errors.keep(parse(line))?, line.span)))
        .collect()
}

/// A setting's name as a path. `sysctl` takes both spellings: dots, or slashes where a part has a
/// dot of its own.
fn slashed(key: &Text) -> Spanned<String> {
    let path = match key.as_str().contains('/') {
        true => key.as_str().trim_start_matches("/proc/sys/").to_owned(),
        false => key.as_str().replace('.', "/"),
    };
    Spanned::new(path, key.span)
}
