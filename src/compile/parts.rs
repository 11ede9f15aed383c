//! Which nodes packets travel between: whatever forwards joins the segments at its ports into a part.
//!
//! A host ends a part and never joins two. Two tables reach each other where they have a part in
//! common; what the compiler routes follows the same borders. Nodes that it does not route are in none.

use super::family::IpFamily;
use super::lab::{Lab, MAIN, NodeId};
use super::layout::{Layout, Port};
use super::network::{Network, Place};
use super::segment::{self, Segment};
use super::vpn::Core;
use petgraph::unionfind::UnionFind;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// A part of one family, by a number of its own.
pub(super) type Part = (IpFamily, usize);

/// The parts of a lab in each family.
pub(super) struct Parts {
    /// The segments as frames cross them.
    pub segments: Vec<Segment>,
    /// The nodes that the compiler routes, by their places.
    routed: Vec<bool>,
    of_port: BTreeMap<(IpFamily, Port), Part>,
    /// The parts of those tables that packets pass through.
    of_table: BTreeMap<(IpFamily, Place), Part>,
    /// Where a part enters VRFs, by the number of what labels join: that is where routes are imported.
    gates: BTreeMap<Part, BTreeSet<usize>>,
}

impl Parts {
    /// The parts of a lab, of which the compiler routes some nodes.
    pub fn of(
        lab: &Lab,
        layout: &Layout,
        network: &Network,
        core: &Core,
        is_routed: impl Fn(NodeId) -> bool,
    ) -> Self {
        let mut parts = Self {
            segments: segment::live(lab),
            routed: (0..lab.nodes.len()).map(|node| is_routed(NodeId(node))).collect(),
            of_port: BTreeMap::new(),
            of_table: BTreeMap::new(),
            gates: BTreeMap::new(),
        };
        let core = joined_by_core(lab, network, core);
        for family in IpFamily::BOTH {
            parts.join(family, lab, layout, network, &core);
        }
        parts
    }

    fn join(
        &mut self,
        family: IpFamily,
        lab: &Lab,
        layout: &Layout,
        network: &Network,
        core: &UnionFind<usize>,
    ) {
        let place_of = |port: Port| network.place(layout.context(port));
        let node = |place: Place| network.stations[place].context.node;
        let passes = |place: Place| {
            let station = &network.stations[place];
            (station.through || station.border) && self.is_routed(station.context.node)
        };
        let leads = |port: &Port| {
            let interface = &lab[port.0].interfaces[port.1.0];
            let mut addresses = family.addresses(interface);
            addresses.next().is_some() && lab.carries(port.0, port.1) && self.is_routed(port.0)
        };
        let torn = self.torn(layout, |port| passes(place_of(port)) && leads(&port));

        let mut joined = UnionFind::new(self.segments.len() + network.stations.len());
        let table = |place: Place| self.segments.len() + place;
        let mut ports: Vec<(Port, usize)> = Vec::new();
        for (number, segment) in self.segments.iter().enumerate() {
            let whole = segment.ports.iter().filter(|port| !torn.contains(port));
            for port in whole.copied().filter(leads) {
                ports.push((port, number));
                if passes(place_of(port)) {
                    joined.union(number, table(place_of(port)));
                }
            }
        }
        for edges in network.vpns.values() {
            let mut first: BTreeMap<usize, Place> = BTreeMap::new();
            for edge in edges.iter().copied().filter(|edge| passes(*edge)) {
                let known = *first.entry(core.find(node(edge).0)).or_insert(edge);
                joined.union(table(known), table(edge));
            }
        }
        let part = |element: usize| (family, joined.find(element));
        let tables = (0..network.stations.len()).filter(|place| passes(*place));
        let tables: Vec<(Place, Part)> = tables.map(|place| (place, part(table(place)))).collect();
        let ports: Vec<(Port, Part)> =
            ports.into_iter().map(|(port, number)| (port, part(number))).collect();

        let ends = ports.iter().map(|(port, part)| (place_of(*port), *part));
        for (place, part) in ends.chain(tables.iter().copied()) {
            if network.stations[place].context.table != MAIN {
                self.gates.entry(part).or_default().insert(core.find(node(place).0));
            }
        }
        self.of_port.extend(ports.into_iter().map(|(port, part)| ((family, port), part)));
        self.of_table.extend(tables.into_iter().map(|(place, part)| ((family, place), part)));
    }

    /// The ports of LANs that fall into several pieces with a router at each. Their subnet is at either
    /// piece, and what is sent to one may come to the other.
    fn torn(&self, layout: &Layout, is_router: impl Fn(Port) -> bool) -> BTreeSet<Port> {
        let mut piece_of: BTreeMap<Port, usize> = BTreeMap::new();
        for (number, segment) in self.segments.iter().enumerate() {
            let routers = segment.ports.iter().filter(|port| is_router(**port));
            piece_of.extend(routers.map(|port| (*port, number)));
        }
        let is_torn = |segment: &&Segment| {
            let mut pieces = segment.ports.iter().filter_map(|port| piece_of.get(port));
            pieces.next().is_some_and(|first| pieces.any(|other| other != first))
        };
        layout.segments.iter().filter(is_torn).flat_map(|it| it.ports.iter().copied()).collect()
    }

    /// Whether the compiler routes a node.
    pub fn is_routed(&self, node: NodeId) -> bool {
        self.routed[node.0]
    }

    /// The part in which an address of a port is reached; none where its link is down.
    pub fn of_port(&self, port: Port, address: IpAddr) -> Option<Part> {
        self.of_port.get(&(IpFamily::of(address), port)).copied()
    }

    /// The parts that packets of either family pass through a table in; none where it ends them.
    pub fn of_table(&self, place: Place) -> impl Iterator<Item = Part> {
        IpFamily::BOTH.into_iter().filter_map(move |it| self.of_table.get(&(it, place)).copied())
    }

    /// Whether VRFs in two parts of one family can hand packets to each other.
    pub fn share_a_gate(&self, one: Part, other: Part) -> bool {
        let gates = |part: Part| self.gates.get(&part);
        one.0 == other.0
            && gates(one).zip(gates(other)).is_some_and(|(one, other)| !one.is_disjoint(other))
    }
}

/// The provider's edges that label paths join, both ways; other nodes stand alone.
fn joined_by_core(lab: &Lab, network: &Network, core: &Core) -> UnionFind<usize> {
    let mut joined = UnionFind::new(lab.nodes.len());
    let edges: BTreeSet<NodeId> =
        network.vpns.values().flatten().map(|it| network.stations[*it].context.node).collect();
    for one in &edges {
        for other in edges.range(..one) {
            if !joined.equiv(one.0, other.0) && core.leads(*one, *other) && core.leads(*other, *one)
            {
                joined.union(one.0, other.0);
            }
        }
    }
    joined
}
