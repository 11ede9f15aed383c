//! VPNs of which the core joins only some edges.

use crate::compile::lab::{Lab, Node, NodeId, Route};
use crate::compile::layout::Context;
use crate::compile::network::{Network, Place};
use crate::compile::vpn::Core;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use std::collections::HashSet;

/// How many PEs a warning names.
const MAX_NAMED: usize = 8;

/// Warns of VPNs some of whose PEs no label path joins. Those whose routes the file has itself,
/// because they are not `routed` by the compiler or push labels, are left out.
pub(in crate::compile) fn check(
    lab: &Lab,
    network: &Network,
    core: &Core,
    routed: impl Fn(NodeId) -> bool,
    diagnostics: &mut Diagnostics,
) {
    // What was wrong may have kept links out of the lab.
    if diagnostics.has_errors() {
        return;
    }
    let node = |place: Place| network.stations[place].context.node;
    let labelling = labelling(lab);
    let compiled = |place: &Place| {
        routed(node(*place)) && !labelling.contains(&network.stations[*place].context)
    };
    let joined = |one: Place, other: Place| {
        let core = core.leads(node(one), node(other)) && core.leads(node(other), node(one));
        core || network.stations[one].steps.iter().any(|step| step.to == other)
    };
    for (vpn, places) in &network.vpns {
        let mut parts: Vec<Vec<Place>> = Vec::new();
        for place in places.iter().copied().filter(compiled) {
            let is_near = |part: &Vec<Place>| part.iter().any(|other| joined(*other, place));
            let (near, apart): (Vec<_>, Vec<_>) = parts.into_iter().partition(is_near);
            let mut part = near.concat();
            part.push(place);
            parts = apart;
            parts.push(part);
        }
        let [first, others @ ..] = &parts[..] else { continue };
        if others.is_empty() {
            continue;
        }
        let title = format!("no label path joins all PEs of VPN `{vpn}`");
        let mut warning = Diagnostic::warning(Code::SplitVpn, title);
        let name = |place: Place| &lab[node(place)].name;
        for part in others.iter().take(MAX_NAMED) {
            let beside = match part.len() {
                1 => String::new(),
                more => format!(" and {} more", more - 1),
            };
            let text =
                format!("`{}`{beside} cannot be reached from `{}`", name(part[0]), name(first[0]));
            let span = lab[node(part[0])].span;
            warning = match warning.labels.is_empty() {
                true => warning.at(span, text),
                false => warning.beside(span, text),
            };
        }
        diagnostics.push(
            warning
                .beside(lab[node(first[0])].span, "from here")
                .note("labels go over links between PEs and Ps alone, in the main table, and where MPLS input is enabled")
                .help("join the PEs by links of nodes with the role `pe` or `p`, or give each part of the VPN a name of its own"),
        );
    }
}

/// The tables in which the file itself has routes that push labels.
fn labelling(lab: &Lab) -> HashSet<Context> {
    let pushes = |route: &Route| route.nexthops.iter().any(|nexthop| nexthop.encap.is_some());
    let of_node = |(node, it): (usize, &Node)| {
        let routes = it.routes.iter().map(|route| &route.value).filter(|route| pushes(route));
        let contexts = routes.map(|route| Context { node: NodeId(node), table: route.table });
        contexts.collect::<Vec<_>>()
    };
    lab.nodes.iter().enumerate().flat_map(of_node).collect()
}
