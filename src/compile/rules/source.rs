//! A VRF must have a route back to every source that it takes in.
//!
//! Without one, a port with `rp_filter` drops such packets as martians, and one without it sends
//! them on and loses the answers.

use crate::compile::family::IpFamily;
use crate::compile::lab::{Lab, MAIN, NodeId, Route, Vrf};
use crate::compile::layout::{Context, Layout};
use crate::compile::network::{FAR, Network, Step};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::document::Routing;
use crate::iproute::RouteKind;
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};

/// The subnets of customers by domain, each with the contexts that are on it.
type Sources = BTreeMap<usize, BTreeMap<IpNet, BTreeSet<Context>>>;

pub(super) fn hold(layout: &Layout, lab: &Lab, errors: &mut Diagnostics) {
    if lab.nodes.iter().all(|node| node.vrfs.is_empty()) {
        return;
    }
    let sources = sources(lab, layout);
    let network = Network::of(lab, layout, Routing::None, |_| true);
    for id in (0..lab.nodes.len()).map(NodeId) {
        // What a daemon will add is not known here.
        if !lab[id].run.is_empty() {
            continue;
        }
        for vrf in &lab[id].vrfs {
            let here = Context { node: id, table: vrf.table };
            let Some(behind) = layout.domain(here).and_then(|domain| sources.get(&domain)) else {
                continue;
            };
            for (subnet, contexts) in behind {
                if connected(lab, here, *subnet) || routed(lab, id, vrf, *subnet) {
                    continue;
                }
                let family = IpFamily::of(subnet.addr());
                if let Some(step) = first_step(&network, here, contexts, family) {
                    errors.push(missing(lab, id, vrf, *subnet, step));
                }
            }
        }
    }
}

fn sources(lab: &Lab, layout: &Layout) -> Sources {
    let mut sources = Sources::new();
    for segment in &layout.segments {
        for port in &segment.ports {
            let there = layout.context(*port);
            // Only a main table is a customer's own; another VRF joined to this one routes itself.
            let Some(domain) = layout.domain(there).filter(|_| there.table == MAIN) else {
                continue;
            };
            for address in &lab[port.0].interfaces[port.1.0].addresses {
                let subnets = sources.entry(domain).or_default();
                subnets.entry(address.value.trunc()).or_default().insert(there);
            }
        }
    }
    sources
}

/// The first step of the shortest way to whoever is nearest.
fn first_step(
    network: &Network,
    here: Context,
    goals: &BTreeSet<Context>,
    family: IpFamily,
) -> Option<Step> {
    let from = network.place(here);
    let mut distances = vec![FAR; network.stations.len()];
    let goals = goals.iter().map(|goal| network.place(*goal));
    network.distances(goals, &[], family, &mut distances);
    let mut steps = Vec::new();
    let far = |place: usize| distances[network.stations[place].number as usize];
    network.nearest(from, family, far, &mut steps);
    Some(network.stations[from].steps[*steps.first()? as usize])
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
        | RouteKind::Unreachable
        | RouteKind::Blackhole
        | RouteKind::Prohibit
        | RouteKind::Throw => false,
    };
    lab[node].routes.iter().any(|route| covers(&route.value))
}

fn missing(lab: &Lab, id: NodeId, vrf: &Vrf, subnet: IpNet, step: Step) -> Diagnostic {
    let node = &lab[id];
    let port = &node.interfaces[step.out.1.0];
    let far = &lab[step.far.0].interfaces[step.far.1.0];
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
