//! Which nodes packets travel between: whatever forwards joins the segments at its ports into a part.
//!
//! A host ends a part and never joins two. Two tables reach each other where they have a part in
//! common; what the compiler routes follows the same borders.

use super::lab::{Lab, MAIN, NodeId};
use super::layout::{Layout, Port};
use super::network::Network;
use super::segment::{self, Segment};
use super::vpn::Core;
use petgraph::unionfind::UnionFind;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

/// The number of a part; those of the two families differ.
pub(super) type Part = usize;

/// The parts of a lab in each family.
pub(super) struct Parts {
    /// The segments as frames cross them.
    pub segments: Vec<Segment>,
    /// The part of each port with an address of a family, IPv4 first.
    of_port: [HashMap<Port, Part>; 2],
    /// The part of each table, by its place in the network, where packets pass through it.
    of_table: [Vec<Option<Part>>; 2],
    /// Where a part enters VRFs, by the number of what labels join: that is where routes are imported.
    gates: BTreeMap<Part, BTreeSet<usize>>,
}

/// The place of a family in a pair, IPv4 first.
fn family(address: IpAddr) -> usize {
    usize::from(address.is_ipv6())
}

impl Parts {
    /// The parts of a lab that the compiler routes.
    pub fn of(lab: &Lab, layout: &Layout, network: &Network, core: &Core) -> Self {
        let segments = segment::live(lab);
        let core = joined_by_core(lab, network, core);
        let count = segments.len() + network.stations.len();
        let mut parts = Self {
            segments,
            of_port: Default::default(),
            of_table: Default::default(),
            gates: BTreeMap::new(),
        };
        for family in 0..2 {
            parts.join(family, count, lab, layout, network, &core);
        }
        parts
    }

    fn join(
        &mut self,
        family: usize,
        count: usize,
        lab: &Lab,
        layout: &Layout,
        network: &Network,
        core: &UnionFind<usize>,
    ) {
        let table = |place: usize| self.segments.len() + place;
        let passes =
            |place: usize| network.stations[place].through || network.stations[place].border;
        let mut joined = UnionFind::new(count);
        let mut ports: Vec<(Port, usize, usize)> = Vec::new();
        for (number, segment) in self.segments.iter().enumerate() {
            for port in segment.ports.iter().filter(|port| routes(lab, **port, family)) {
                let place = network.place(layout.context(*port));
                ports.push((*port, number, place));
                if passes(place) {
                    joined.union(number, table(place));
                }
            }
        }
        for edges in network.vpns.values() {
            let node = |place: usize| network.stations[place].context.node.0;
            let mut first: BTreeMap<usize, usize> = BTreeMap::new();
            for edge in edges {
                let known = *first.entry(core.find(node(*edge))).or_insert(*edge);
                joined.union(table(known), table(*edge));
            }
        }
        let part = |element: usize| joined.find(element) + family * count;
        self.of_table[family] = (0..network.stations.len())
            .map(|place| passes(place).then(|| part(table(place))))
            .collect();
        let ends = ports.iter().map(|(_, number, place)| (*place, part(*number)));
        let tables = self.of_table[family].iter().enumerate();
        let tables = tables.filter_map(|(place, part)| Some((place, (*part)?)));
        for (place, part) in ends.chain(tables) {
            let context = network.stations[place].context;
            if context.table != MAIN {
                self.gates.entry(part).or_default().insert(core.find(context.node.0));
            }
        }
        self.of_port[family].extend(ports.iter().map(|(port, number, _)| (*port, part(*number))));
    }

    /// The part in which an address of a port is reached; none where its link is down.
    pub fn of_port(&self, port: Port, address: IpAddr) -> Option<Part> {
        self.of_port[family(address)].get(&port).copied()
    }

    /// The parts that packets of either family pass through a table in; none where it ends them.
    pub fn of_table(&self, place: usize) -> impl Iterator<Item = Part> {
        self.of_table.iter().filter_map(move |tables| tables[place])
    }

    /// Whether a part is of an address's family.
    pub fn is_of_family(&self, part: Part, address: IpAddr) -> bool {
        self.family_of(part) == family(address)
    }

    fn family_of(&self, part: Part) -> usize {
        part / (self.segments.len() + self.of_table[0].len())
    }

    /// Whether VRFs in two parts of one family can hand packets to each other.
    pub fn share_a_gate(&self, one: Part, other: Part) -> bool {
        let gates = |part: Part| self.gates.get(&part);
        self.family_of(one) == self.family_of(other)
            && gates(one).zip(gates(other)).is_some_and(|(one, other)| !one.is_disjoint(other))
    }
}

/// Whether packets of a family are routed at a port.
fn routes(lab: &Lab, (node, interface): Port, family: usize) -> bool {
    let addresses = lab[node].interfaces[interface.0].addresses.iter();
    let mut addresses = addresses.map(|address| address.value.addr());
    lab.carries(node, interface) && addresses.any(|address| self::family(address) == family)
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
