//! Gateways in a connected subnet that no node has.

use super::{MAX_NAMED, Owners, listed};
use crate::compile::lab::{Lab, NodeId};
use crate::compile::layout::{Layout, Port};
use crate::compile::prefixes::Prefixes;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use crate::document::DeviceName;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

pub(super) fn check(layout: &Layout, owners: &Owners, lab: &Lab, diagnostics: &mut Diagnostics) {
    let mut segment_of: HashMap<Port, usize> = HashMap::new();
    // What a command does to its node's addresses is not known here.
    let mut with_commands: BTreeSet<usize> = BTreeSet::new();
    for (number, segment) in layout.segments.iter().enumerate() {
        segment_of.extend(segment.ports.iter().map(|port| (*port, number)));
        if segment.ports.iter().any(|(node, _)| !lab[*node].run.is_empty()) {
            with_commands.insert(number);
        }
    }
    let mut connected: HashMap<Port, Prefixes<()>> = HashMap::new();
    let mut nobodys: BTreeMap<(usize, IpAddr), Vec<(Port, Span)>> = BTreeMap::new();
    for id in (0..lab.nodes.len()).map(NodeId) {
        for (via, dev, span) in gateways(lab, id) {
            let Some(interface) = lab[id].interface(dev.as_str()) else { continue };
            let port = (id, interface);
            let Some(segment) = segment_of.get(&port) else { continue };
            let domain = layout.domain(layout.context(port));
            let owned = domain.is_some_and(|domain| owners.contains_key(&(domain, via)));
            let subnets = connected.entry(port).or_insert_with(|| {
                let addresses = &lab[id].interfaces[interface.0].addresses;
                addresses.iter().map(|address| (address.value.connected(), ())).collect()
            });
            // Behind a dummy device there is nobody to have an address.
            let alone = layout.segments[*segment].ports.len() < 2;
            if subnets.contain(via) && !owned && !alone && !with_commands.contains(segment) {
                nobodys.entry((*segment, via)).or_default().push((port, span));
            }
        }
    }
    for ((segment, via), users) in nobodys {
        let ports = &layout.segments[segment].ports;
        diagnostics.push(warning(lab, ports, via, &users));
    }
}

/// The gateways that a node's file names, each with its interface.
fn gateways(lab: &Lab, id: NodeId) -> impl Iterator<Item = (IpAddr, &DeviceName, Span)> {
    let node = &lab[id];
    let routes = node.routes.iter().flat_map(|route| {
        let nexthops = route.value.nexthops.iter();
        nexthops.filter_map(|it| Some((it.via?, &it.dev, route.span)))
    });
    let labels = node.label_routes.iter().flat_map(|route| {
        let nexthops = route.value.nexthops.iter();
        nexthops.filter_map(|it| Some((it.via?, &it.dev, route.span)))
    });
    routes.chain(labels).filter(|(_, _, span)| !span.is_none())
}

fn warning(lab: &Lab, ports: &[Port], via: IpAddr, users: &[(Port, Span)]) -> Diagnostic {
    let ((node, interface), span) = users[0];
    let name = |node: NodeId| &lab[node].name;
    let warning =
        Diagnostic::warning(Code::UnownedGateway, format!("no node has the gateway {via}"))
            .at(span, format!("`{}` sends packets to it", name(node)));
    let more = users.iter().skip(1).take(MAX_NAMED - 1);
    let warning = more.fold(warning, |warning, ((node, _), span)| {
        warning.beside(*span, format!("`{}` does too", name(*node)))
    });
    let others = ports.iter().filter(|port| **port != (node, interface)).flat_map(|port| {
        let addresses = &lab[port.0].interfaces[port.1.0].addresses;
        let of_family = addresses.iter().filter(|it| it.value.addr().is_ipv4() == via.is_ipv4());
        of_family.map(|it| format!("{} (`{}`)", it.value.addr(), name(port.0)))
    });
    let others = listed(others);
    let port = format!("{}:{}", name(node), lab[node].interfaces[interface.0].name);
    match others.is_empty() {
        true => warning.note(format!("on the link of `{port}` nobody else has an address")),
        false => warning.note(format!("on the link of `{port}` there are {others}")),
    }
}
