//! The provider's core: its labels and the paths that they take.

use crate::compile::allocations::Allocations;
use crate::compile::family::IpFamily;
use crate::compile::lab::{Encap, Lab, LabelNexthop, LabelRoute, MAIN, Nexthop, NodeId};
use crate::compile::layout::{Layout, Port};
use crate::compile::network::{Network, Place, cost};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Spanned};
use crate::document::DeviceName;
use crate::iproute::{IncomingLabel, Label};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};
use std::net::IpAddr;

/// The first label of a path through the core.
const FIRST_TRANSPORT: u32 = 100;
/// The first label of a VRF, where the paths leave it free.
const FIRST_SERVICE: u32 = 1000;

/// The core's graph and labels.
pub(in crate::compile) struct Core {
    /// Who may push: each provider node's steps to others.
    steps: BTreeMap<NodeId, Vec<Step>>,
    /// For each egress the distance of everybody to it.
    distances: BTreeMap<NodeId, HashMap<NodeId, u64>>,
    transport: BTreeMap<NodeId, Label>,
    service: HashMap<Place, Label>,
}

#[derive(Debug, Clone, Copy)]
struct Step {
    to: NodeId,
    cost: u32,
    out: Port,
    far: Port,
}

/// The labels that nobody may get, since the file uses them, and those that are next.
struct Supply {
    used: BTreeSet<u32>,
    next: u32,
}

impl Core {
    /// The core of a lab, with a label for each egress and each VRF there.
    pub fn of(
        kept: &Allocations,
        lab: &mut Lab,
        layout: &Layout,
        network: &Network,
        errors: &mut Diagnostics,
    ) -> Self {
        let mut core = Self {
            steps: steps(lab, layout),
            distances: BTreeMap::new(),
            transport: BTreeMap::new(),
            service: HashMap::new(),
        };
        let edges: BTreeSet<NodeId> =
            network.vpns.values().flatten().map(|it| network.stations[*it].context.node).collect();
        // With one edge alone nothing is carried anywhere.
        if edges.len() < 2 {
            return core;
        }
        let mut places: Vec<Place> = network.vpns.values().flatten().copied().collect();
        places.sort_unstable();
        let mut supply = Supply { used: used(lab), next: FIRST_TRANSPORT };
        // What was chosen before comes first, so that nothing else gets it.
        for edge in &edges {
            core.distances.insert(*edge, core.search(*edge));
            let before = kept.of(&lab[*edge].name).and_then(|kept| kept.transport);
            core.transport.extend(before.and_then(|it| supply.keep(it)).map(|it| (*edge, it)));
        }
        for place in &places {
            let Some((node, vpn)) = vrf(network, *place) else { continue };
            let before = || kept.of(&lab[node].name)?.service.get(vpn).copied();
            let before = || before().and_then(|label| supply.keep(label));
            let label = written(lab, node, vpn).or_else(before);
            core.service.extend(label.map(|label| (*place, label)));
        }
        for edge in &edges {
            if !core.transport.contains_key(edge) {
                core.transport.extend(supply.take(errors).map(|label| (*edge, label)));
            }
        }
        supply.next = supply.next.max(FIRST_SERVICE);
        for place in &places {
            if !core.service.contains_key(place) {
                core.service.extend(supply.take(errors).map(|label| (*place, label)));
            }
        }
        for (edge, label) in &core.transport {
            lab.chosen(*edge).transport = Some(*label);
        }
        for (place, label) in &core.service {
            let Some((node, vpn)) = vrf(network, *place) else { continue };
            if written(lab, node, vpn).is_none() {
                lab.chosen(node).service.insert(vpn.clone(), *label);
            }
        }
        core
    }

    /// Adds the label routes of the core and its edges, where the file has none for the label, at
    /// those nodes that are `routed` by the compiler.
    pub fn label(
        &self,
        lab: &mut Lab,
        network: &Network,
        php: bool,
        routed: impl Fn(NodeId) -> bool,
    ) {
        for (egress, label) in &self.transport {
            let path = self.path(lab, *egress, *label, php).into_iter();
            path.filter(|(node, _)| routed(*node)).for_each(|(node, route)| add(lab, node, route));
        }
        let mut service: Vec<(Place, Label)> =
            self.service.iter().map(|(place, label)| (*place, *label)).collect();
        service.sort_unstable();
        for (place, label) in service {
            let station = &network.stations[place];
            if !routed(station.context.node) {
                continue;
            }
            let Some(vpn) = &station.vpn else { continue };
            let nexthops = vec![LabelNexthop { swap: Vec::new(), via: None, dev: vpn.clone() }];
            add(lab, station.context.node, (label, nexthops));
        }
    }

    /// What each node does with the label of a path to an edge: those that get such packets.
    fn path(
        &self,
        lab: &Lab,
        egress: NodeId,
        label: Label,
        php: bool,
    ) -> Vec<(NodeId, (Label, Vec<LabelNexthop>))> {
        let distances = &self.distances[&egress];
        let mut receivers: BTreeSet<NodeId> = BTreeSet::new();
        for node in distances.keys() {
            receivers.extend(self.toward(*node, egress).map(|step| step.to));
        }
        let pops_itself = !php && receivers.iter().any(|node| *node != egress);
        let mut routes = Vec::new();
        for node in receivers {
            if node == egress {
                if pops_itself {
                    let dev = DeviceName::new("lo").expect("a device's name");
                    let nexthop = LabelNexthop { swap: Vec::new(), via: None, dev };
                    routes.push((node, (label, vec![nexthop])));
                }
                continue;
            }
            let nexthops: Vec<LabelNexthop> = self
                .toward(node, egress)
                .filter_map(|step| {
                    let swap = if php && step.to == egress { Vec::new() } else { vec![label] };
                    let dev = lab[step.out.0].interfaces[step.out.1.0].name.clone();
                    Some(LabelNexthop { swap, via: Some(gateway(lab, step)?), dev })
                })
                .collect();
            if !nexthops.is_empty() {
                routes.push((node, (label, nexthops)));
            }
        }
        routes
    }

    /// The ways from one node's table into that of another edge, with the labels to push.
    pub fn nexthops(
        &self,
        lab: &Lab,
        network: &Network,
        from: NodeId,
        to: Place,
        family: IpFamily,
    ) -> Vec<Nexthop> {
        let egress = network.stations[to].context.node;
        let (Some(service), Some(transport)) = (self.service.get(&to), self.transport.get(&egress))
        else {
            return Vec::new();
        };
        self.toward(from, egress)
            .filter_map(|step| {
                let gateway = gateway(lab, step)?;
                // IPv6 takes a gateway of the other family in this form only. Nor does it look for
                // gateways outside the route's own table, where the core is not.
                let via = match (gateway, family) {
                    (IpAddr::V4(gateway), IpFamily::V6) => IpAddr::V6(gateway.to_ipv6_mapped()),
                    (gateway, IpFamily::V4 | IpFamily::V6) => gateway,
                };
                let near = &lab[step.out.0].interfaces[step.out.1.0];
                let onlink = family == IpFamily::V6 || !near.holds(&gateway);
                let labels = match step.to == egress {
                    true => vec![*service],
                    false => vec![*transport, *service],
                };
                let encap = Some(Encap::Mpls { labels, ttl: None });
                let dev = near.name.clone();
                Some(Nexthop { via: Some(via), dev, weight: 1, onlink, encap, realms: None })
            })
            .collect()
    }

    /// How far labels lead from one node to another edge, if they do.
    pub fn distance(&self, from: NodeId, to: NodeId) -> Option<u64> {
        self.toward(from, to).next()?;
        self.distances.get(&to)?.get(&from).copied()
    }

    /// Whether labels lead from one node to another edge.
    pub fn leads(&self, from: NodeId, to: NodeId) -> bool {
        self.distance(from, to).is_some()
    }

    fn toward(&self, from: NodeId, egress: NodeId) -> impl Iterator<Item = &Step> {
        let distances = self.distances.get(&egress);
        let far = move |node: NodeId| distances.and_then(|distances| distances.get(&node)).copied();
        let own = far(from).filter(|own| *own > 0);
        let steps = self.steps.get(&from).into_iter().flatten();
        steps.filter(move |step| {
            let through = far(step.to).map(|rest| rest + u64::from(step.cost));
            own.is_some() && through == own
        })
    }

    fn search(&self, egress: NodeId) -> HashMap<NodeId, u64> {
        let mut into: HashMap<NodeId, Vec<(NodeId, u32)>> = HashMap::new();
        for (node, steps) in &self.steps {
            for step in steps {
                into.entry(step.to).or_default().push((*node, step.cost));
            }
        }
        let mut distances = HashMap::from([(egress, 0)]);
        let mut open = BinaryHeap::from([Reverse((0u64, egress))]);
        while let Some(Reverse((distance, node))) = open.pop() {
            if distances.get(&node).is_some_and(|known| *known < distance) {
                continue;
            }
            for (from, cost) in into.get(&node).into_iter().flatten() {
                let through = distance + u64::from(*cost);
                if distances.get(from).is_none_or(|known| through < *known) {
                    distances.insert(*from, through);
                    open.push(Reverse((through, *from)));
                }
            }
        }
        distances
    }
}

/// The steps between provider nodes over ports that take labels on both sides.
fn steps(lab: &Lab, layout: &Layout) -> BTreeMap<NodeId, Vec<Step>> {
    let mut steps: BTreeMap<NodeId, Vec<Step>> = BTreeMap::new();
    for segment in &layout.segments {
        let ports: Vec<Port> = segment
            .ports
            .iter()
            .copied()
            .filter(|port| {
                let node = &lab[port.0];
                let takes = node.interfaces[port.1.0].mpls;
                let carries = lab.carries(port.0, port.1);
                carries && node.role.in_core() && takes && layout.context(*port).table == MAIN
            })
            .collect();
        for out in &ports {
            for far in ports.iter().filter(|far| far.0 != out.0) {
                let step = Step { to: far.0, cost: cost(lab, *out), out: *out, far: *far };
                // Without an address there is nobody to send labelled packets to.
                if gateway(lab, &step).is_some() {
                    steps.entry(out.0).or_default().push(step);
                }
            }
        }
    }
    steps
}

/// The address that labelled packets are sent to: the IPv4 one, where there is one.
fn gateway(lab: &Lab, step: &Step) -> Option<IpAddr> {
    let far = &lab[step.far.0].interfaces[step.far.1.0];
    let addresses = far.addresses.iter().map(|address| address.value.addr());
    addresses.clone().find(IpAddr::is_ipv4).or_else(|| addresses.clone().next())
}

/// Every label that the file itself uses.
fn used(lab: &Lab) -> BTreeSet<u32> {
    let mut used = BTreeSet::new();
    for node in &lab.nodes {
        for route in &node.label_routes {
            used.insert(route.value.label.number());
            let swaps = route.value.nexthops.iter().flat_map(|nexthop| &nexthop.swap);
            used.extend(swaps.map(|label| label.number()));
        }
        let routes = node.routes.iter().flat_map(|route| route.value.nexthops.iter());
        used.extend(routes.flat_map(Nexthop::labels).map(|label| label.number()));
    }
    used
}

/// The VRF that a place is.
fn vrf(network: &Network, place: Place) -> Option<(NodeId, &DeviceName)> {
    let station = &network.stations[place];
    Some((station.context.node, station.vpn.as_ref()?))
}

/// The label that the file itself ends in a VRF.
fn written(lab: &Lab, node: NodeId, vpn: &DeviceName) -> Option<Label> {
    let ends = |nexthop: &LabelNexthop| nexthop.swap.is_empty() && nexthop.dev == *vpn;
    let mut routes = lab[node].label_routes.iter().map(|route| &route.value);
    let route = routes.find(|route| route.nexthops.iter().all(ends))?;
    Label::new(route.label.number())
}

fn add(lab: &mut Lab, node: NodeId, (label, nexthops): (Label, Vec<LabelNexthop>)) {
    let Some(label) = IncomingLabel::new(label.number()) else { return };
    let routes = &mut lab[node].label_routes;
    if routes.iter().all(|route| route.value.label != label || route.span.is_none()) {
        routes.push(Spanned::filled(LabelRoute {
            label,
            ttl_propagate: None,
            protocol: None,
            nexthops,
        }));
    }
}

impl Supply {
    /// A label that was given before, if the file does not use it.
    fn keep(&mut self, label: Label) -> Option<Label> {
        self.used.insert(label.number()).then_some(label)
    }

    /// The next label that the file does not use.
    fn take(&mut self, errors: &mut Diagnostics) -> Option<Label> {
        while self.used.contains(&self.next) {
            self.next += 1;
        }
        let number = self.next;
        self.next += 1;
        let label = IncomingLabel::new(number).and_then(|label| Label::new(label.number()));
        if label.is_none() {
            errors.push(
                Diagnostic::error(
                    Code::BadLabel,
                    "the VPNs of this lab need more labels than there are",
                )
                .note("a label has 20 bits"),
            );
        }
        label
    }
}
