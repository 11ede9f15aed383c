//! A VRF must have a route back to every source that it takes in.
//!
//! Without one, a port with `rp_filter` drops such packets as martians, and one without it sends
//! them on and loses the answers.

use crate::compile::lab::{Lab, MAIN, NodeId, Route, Vrf};
use crate::compile::layout::{Context, Layout, context};
use crate::compile::paths::{Paths, Way};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::iproute::RouteKind;
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn hold(layout: &Layout, lab: &Lab, errors: &mut Diagnostics) {
    let paths = Paths::new(lab, layout);
    for id in (0..lab.nodes.len()).map(NodeId) {
        for vrf in &lab[id].vrfs {
            let here = Context { node: id, table: vrf.table };
            for (subnet, way) in sources(lab, layout, &paths, here) {
                if !routed(lab, id, vrf, subnet) {
                    errors.push(missing(lab, id, vrf, subnet, way));
                }
            }
        }
    }
}

/// The subnets behind a VRF's ports, with the way to each.
fn sources(lab: &Lab, layout: &Layout, paths: &Paths<'_>, here: Context) -> BTreeMap<IpNet, Way> {
    let Some(domain) = layout.domain(here) else { return BTreeMap::new() };
    let mut behind: BTreeMap<IpNet, BTreeSet<Context>> = BTreeMap::new();
    for segment in &layout.segments {
        for (node, interface) in &segment.ports {
            let there = context(lab, (*node, *interface));
            // Only a main table is a customer's own; another VRF joined to this one routes itself.
            if layout.domain(there) == Some(domain) && there.table == MAIN {
                for address in &lab[*node].interfaces[interface.0].addresses {
                    behind.entry(address.value.trunc()).or_default().insert(there);
                }
            }
        }
    }
    behind
        .into_iter()
        .filter(|(subnet, _)| !connected(lab, here, *subnet))
        .filter_map(|(subnet, targets)| {
            let way = *paths.ways(here, &paths.distances(&targets)).first()?;
            Some((subnet, way))
        })
        .collect()
}

fn connected(lab: &Lab, here: Context, subnet: IpNet) -> bool {
    let node = &lab[here.node];
    let inside = node.interfaces.iter().filter(|interface| node.table_of(interface) == here.table);
    inside.flat_map(|interface| &interface.addresses).any(|address| address.value.contains(&subnet))
}

fn routed(lab: &Lab, node: NodeId, vrf: &Vrf, subnet: IpNet) -> bool {
    let covers = |route: &Route| match route.kind {
        RouteKind::Unicast => route.table == vrf.table && route.destination.contains(&subnet),
        RouteKind::Unreachable | RouteKind::Blackhole | RouteKind::Prohibit | RouteKind::Throw => {
            false
        }
    };
    lab[node].routes.iter().any(|route| covers(&route.value))
}

fn missing(lab: &Lab, id: NodeId, vrf: &Vrf, subnet: IpNet, way: Way) -> Diagnostic {
    let node = &lab[id];
    let port = &node.interfaces[way.out.1.0];
    let far = &lab[way.to.0].interfaces[way.to.1.0];
    let gateway = far
        .addresses
        .iter()
        .map(|address| address.value.addr())
        .find(|address| address.is_ipv4() == subnet.addr().is_ipv4());
    let warning = Diagnostic::warning(
        Code::SourceRoute,
        format!("VRF `{}` of `{}` has no route back to {subnet}", vrf.name, node.name),
    )
    .at(port.span.or(vrf.span), format!("packets from {subnet} come in through `{}`", port.name))
    .note(
        "where rp_filter is on, they are dropped as martians; where it is off, their answers are \
         lost",
    );
    match gateway {
        Some(gateway) => warning.help(format!(
            "add to the routes of `{}`: `{subnet} via {gateway} vrf {}`",
            node.name, vrf.name
        )),
        None => warning,
    }
}
