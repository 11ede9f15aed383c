//! Labelled packets that come to an interface with MPLS input disabled: the kernel drops them without
//! a word.

use super::{MAX_NAMED, Owners};
use crate::compile::lab::{InterfaceId, Lab, Node, NodeId};
use crate::compile::layout::{Layout, Port};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use crate::document::DeviceName;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::IpAddr;

const HELP: &str = "`mpls: true` at the link or the interface (in DOT `mpls=true`) enables it, and so \
                    does the role `pe` or `p` at both ends of the link";

pub(super) fn check(layout: &Layout, owners: &Owners, lab: &Lab, diagnostics: &mut Diagnostics) {
    let set = set(lab);
    let mut closed: BTreeMap<Port, Vec<Span>> = BTreeMap::new();
    for id in (0..lab.nodes.len()).map(NodeId) {
        for (via, dev, span) in labelled(&lab[id]) {
            let Some(interface) = lab[id].interface(dev.as_str()) else { continue };
            let Some(domain) = layout.domain(layout.context((id, interface))) else { continue };
            let Some(port) = owners.get(&(domain, via)) else { continue };
            if !enabled(lab, &set, *port) {
                closed.entry(*port).or_default().push(span);
            }
        }
    }
    let told: BTreeSet<NodeId> = closed.keys().map(|(node, _)| *node).collect();
    for ((id, interface), spans) in closed {
        let (node, interface) = (&lab[id], &lab[id].interfaces[interface.0]);
        let warning = Diagnostic::warning(
            Code::MplsInput,
            format!(
                "labelled packets come to `{}:{}`, where MPLS input is disabled",
                node.name, interface.name
            ),
        )
        .at(spans[0], "this route sends them there");
        let more = spans.iter().skip(1).take(MAX_NAMED - 1);
        diagnostics.push(
            more.fold(warning, |warning, span| warning.beside(*span, "and this one"))
                .note("the kernel drops them without a word")
                .help(HELP),
        );
    }
    for id in (0..lab.nodes.len()).map(NodeId).filter(|id| !told.contains(id)) {
        let node = &lab[id];
        let Some(route) = node.label_routes.iter().find(|route| !route.span.is_none()) else {
            continue;
        };
        let mut ports = (0..node.interfaces.len()).map(|place| (id, InterfaceId(place)));
        if !ports.any(|port| enabled(lab, &set, port)) {
            diagnostics.push(
                Diagnostic::warning(
                    Code::MplsInput,
                    format!(
                        "`{}` has MPLS routes, and MPLS input is disabled at all of its interfaces",
                        node.name
                    ),
                )
                .at(route.span, "no packet comes to this route")
                .help(HELP),
            );
        }
    }
}

/// The gateways to which the file's routes of a node send labelled packets.
fn labelled(node: &Node) -> impl Iterator<Item = (IpAddr, &DeviceName, Span)> {
    let pushes = node.routes.iter().flat_map(|route| {
        let nexthops = route.value.nexthops.iter().filter(|nexthop| !nexthop.labels().is_empty());
        nexthops.filter_map(|nexthop| Some((nexthop.via?, &nexthop.dev, route.span)))
    });
    let swaps = node.label_routes.iter().flat_map(|route| {
        let nexthops = route.value.nexthops.iter().filter(|nexthop| !nexthop.swap.is_empty());
        nexthops.filter_map(|nexthop| Some((nexthop.via?, &nexthop.dev, route.span)))
    });
    pushes.chain(swaps).filter(|(_, _, span)| !span.is_none())
}

/// The settings of interfaces that the file sets to something other than 0, by node.
fn set(lab: &Lab) -> HashSet<(NodeId, &str)> {
    let nodes = lab.nodes.iter().enumerate();
    let settings = nodes.flat_map(|(place, node)| {
        let set = node.late_sysctls.iter().filter(|setting| setting.value.value != "0");
        set.map(move |setting| (NodeId(place), setting.value.key.as_str()))
    });
    settings.collect()
}

/// Whether an interface takes in labelled packets, by its node's commands perhaps.
fn enabled(lab: &Lab, set: &HashSet<(NodeId, &str)>, (id, interface): Port) -> bool {
    let node = &lab[id];
    let interface = &node.interfaces[interface.0];
    let key = format!("net/mpls/conf/{}/input", interface.name);
    interface.mpls || !node.run.is_empty() || set.contains(&(id, key.as_str()))
}
