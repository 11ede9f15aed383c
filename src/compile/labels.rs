//! MPLS: where labels arrive, and the file's label routes with their names resolved.

use super::Draft;
use super::gateways::{From, Gateways};
use super::lab::{Lab, LabelNexthop, LabelRoute, MAIN, Node, NodeId};
use super::layout::Layout;
use super::lookup::device;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span, Spanned, Text};
use crate::document::{DeviceName, Routing};
use crate::iproute;
use crate::topology::Topology;
use std::collections::HashMap;

/// The MTU of a link inside the core, so that customers keep 1500 bytes with any stack in use.
const CORE_MTU: u32 = 1600;

/// Gives the links between provider nodes labelled input and a larger MTU, where the file says
/// nothing else of them.
pub(super) fn mark_core(draft: &mut Draft, routing: Routing) {
    let layout = Layout::of(&draft.lab, routing);
    for segment in &layout.segments {
        let core = segment.ports.len() > 1
            && segment.ports.iter().all(|(node, interface)| {
                let node = &draft.lab[*node];
                let interface = &node.interfaces[interface.0];
                node.role.in_core() && node.vrf_of(interface).is_none()
            });
        if !core {
            continue;
        }
        for (node, interface) in &segment.ports {
            let refused = draft.without_labels.contains(&(*node, *interface));
            draft.lab[*node].interfaces[interface.0].mpls = !refused;
        }
        // A switch's ports carry the same frames.
        let links: Vec<usize> = segment
            .ports
            .iter()
            .filter_map(|(node, interface)| draft.lab[*node].interfaces[interface.0].kind.link())
            .collect();
        for link in links {
            for (node, interface) in draft.lab.links[link].ends {
                let interface = &mut draft.lab[node].interfaces[interface.0];
                interface.mtu.get_or_insert(Spanned::filled(CORE_MTU));
            }
        }
    }
}

/// The file's label routes, each with its interface.
pub(super) fn resolve(topology: &Topology, lab: &mut Lab, errors: &mut Diagnostics) {
    for index in topology.graph.node_indices() {
        let id = NodeId(index.index());
        let node = &lab[id];
        let gateways = Gateways::of(node, node.routes.iter().map(|route| &route.value));
        let mut seen: HashMap<u32, Span> = HashMap::new();
        let mut routes = Vec::new();
        for route in &topology.graph[index].label_routes {
            let label = route.value.label;
            if let Some(other) = seen.insert(label.value.number(), label.span) {
                errors.push(
                    Diagnostic::error(
                        Code::DuplicateRoute,
                        format!("two routes for label {label} at `{}`", node.name),
                    )
                    .at(label.span, "this one")
                    .beside(other, "and this one"),
                );
            }
            if let Some(resolved) = errors.keep(resolve_one(node, &gateways, &route.value)) {
                routes.push(Spanned::new(resolved, route.span));
            }
        }
        lab[id].label_routes = routes;
    }
}

fn resolve_one(
    node: &Node,
    gateways: &Gateways<'_>,
    route: &iproute::LabelRoute,
) -> Result<LabelRoute, Diagnostic> {
    let nexthops = route
        .nexthops
        .iter()
        .map(|nexthop| {
            let dev = match (&nexthop.dev, nexthop.via) {
                (Some(dev), None) => without_gateway(node, route, dev)?,
                (Some(dev), Some(_)) => device(node, dev)?,
                // The kernel looks for a label route's gateway in the main table only.
                (None, Some(via)) => gateways.device(via, From::Table(MAIN))?,
                (None, None) => unreachable!("a label route has a gateway or a device"),
            };
            let via = nexthop.via.map(|via| via.value);
            Ok(LabelNexthop { swap: nexthop.swap.clone(), via, dev })
        })
        .collect::<Result<_, Diagnostic>>()?;
    Ok(LabelRoute {
        label: route.label.value,
        ttl_propagate: route.ttl_propagate,
        protocol: route.protocol,
        nexthops,
    })
}

/// The device of a route without a gateway, which only a VRF device or `lo` can be.
fn without_gateway(
    node: &Node,
    route: &iproute::LabelRoute,
    dev: &Text,
) -> Result<DeviceName, Diagnostic> {
    let name = device(node, dev)?;
    if node.interface(name.as_str()).is_none() {
        return Ok(name);
    }
    let label = route.label;
    Err(Diagnostic::error(Code::LabelVia, format!("label {label} leaves through `{dev}` without a gateway"))
        .at(dev.span, "an Ethernet interface needs a gateway")
        .note("the kernel would send the packet to the interface's own MAC address, and the far end would drop it")
        .help(format!("name the next hop: `{label} … via inet ADDRESS dev {dev}`")))
}
