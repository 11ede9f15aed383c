//! Shortest paths between the tables of one routing domain.

use super::lab::{Lab, NodeId};
use super::layout::{Context, Layout, Port, context};
use petgraph::algo::dijkstra;
use petgraph::graph::{DiGraph, NodeIndex};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The contexts of a lab as a graph whose edges point from where packets arrive to where they came
/// from, so that one search from a destination finds everybody's way to it.
pub(super) struct Paths<'a> {
    lab: &'a Lab,
    layout: &'a Layout,
    graph: DiGraph<Context, u32>,
    place: BTreeMap<Context, NodeIndex>,
}

/// A way on from a context: the port that packets leave through, and the one they come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Way {
    pub out: Port,
    pub to: Port,
}

impl<'a> Paths<'a> {
    pub fn new(lab: &'a Lab, layout: &'a Layout) -> Self {
        let mut graph = DiGraph::new();
        let mut place = BTreeMap::new();
        for node in (0..lab.nodes.len()).map(NodeId) {
            let tables = lab[node].vrfs.iter().map(|vrf| vrf.table);
            for table in std::iter::once(super::lab::MAIN).chain(tables) {
                let context = Context { node, table };
                place.insert(context, graph.add_node(context));
            }
        }
        let mut paths = Self { lab, layout, graph, place };
        for segment in &layout.segments {
            for from in &segment.ports {
                for to in segment.ports.iter().filter(|to| to.0 != from.0) {
                    let from_place = paths.place[&context(lab, *from)];
                    let to_place = paths.place[&context(lab, *to)];
                    paths.graph.add_edge(to_place, from_place, cost(lab, *from));
                }
            }
        }
        paths
    }

    /// How far each context is from the nearest of `targets`, in the links' cost. Nodes that do not
    /// forward are no way through.
    pub fn distances(&self, targets: &BTreeSet<Context>) -> HashMap<Context, u32> {
        let mut best: HashMap<Context, u32> = HashMap::new();
        for target in targets {
            // An edge out of a context that does not forward is taken by the target alone.
            let open = petgraph::visit::EdgeFiltered::from_fn(&self.graph, |edge| {
                let from = self.graph[petgraph::visit::EdgeRef::source(&edge)];
                from == *target || self.lab[from.node].forwarding
            });
            for (place, distance) in
                dijkstra(&open, self.place[target], None, |edge| *edge.weight())
            {
                let best = best.entry(self.graph[place]).or_insert(distance);
                *best = distance.min(*best);
            }
        }
        best
    }

    /// The first steps of the shortest ways from a context, given everybody's distance.
    pub fn ways(&self, from: Context, distances: &HashMap<Context, u32>) -> Vec<Way> {
        let Some(&distance) = distances.get(&from) else { return Vec::new() };
        let node = &self.lab[from.node];
        let mut ways = Vec::new();
        for place in 0..node.interfaces.len() {
            let out = (from.node, super::lab::InterfaceId(place));
            if context(self.lab, out) != from {
                continue;
            }
            let Some(segment) = self.layout.segment(out) else { continue };
            for to in self.layout.segments[segment].ports.iter().filter(|to| to.0 != from.node) {
                let next = context(self.lab, *to);
                // At distance 0 stands the destination itself, which need not forward.
                let through = distances
                    .get(&next)
                    .filter(|rest| **rest == 0 || self.lab[next.node].forwarding);
                if through.is_some_and(|rest| rest + cost(self.lab, out) == distance) {
                    ways.push(Way { out, to: *to });
                }
            }
        }
        ways.sort_unstable();
        ways
    }
}

fn cost(lab: &Lab, (node, interface): Port) -> u32 {
    match lab[node].interfaces[interface.0].kind {
        super::lab::InterfaceKind::Veth { link, .. } => lab.links[link].cost,
        super::lab::InterfaceKind::Bridge | super::lab::InterfaceKind::Dummy => 0,
    }
}
