//! What lies on one wire with what, and which tables are joined by it.

use super::lab::{InterfaceId, InterfaceKind, Lab, NodeId};
use crate::document::Role;
use petgraph::unionfind::UnionFind;
use std::collections::{BTreeMap, HashMap};

/// A table in which packets are routed: a node's main one, or that of one of its VRFs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Context {
    pub node: NodeId,
    pub table: u32,
}

/// An interface that can have addresses.
pub(super) type Port = (NodeId, InterfaceId);

/// The ports that reach each other without a router between them, in the links' order.
#[derive(Debug)]
pub(super) struct Segment {
    pub ports: Vec<Port>,
    /// Whether it is one link without a switch.
    pub point_to_point: bool,
}

/// The segments of a lab and the routing domains that they join.
#[derive(Debug)]
pub(super) struct Layout {
    pub segments: Vec<Segment>,
    segment_of: HashMap<Port, usize>,
    /// The domain of each context; a domain is known by a number of its own.
    domains: HashMap<Context, usize>,
}

impl Layout {
    /// The layout of a lab whose interfaces and VRFs are known.
    pub fn of(lab: &Lab) -> Self {
        let segments = segments(lab);
        let segment_of: HashMap<Port, usize> = segments
            .iter()
            .enumerate()
            .flat_map(|(place, segment)| segment.ports.iter().map(move |port| (*port, place)))
            .collect();
        let domains = domains(lab, &segments);
        Self { segments, segment_of, domains }
    }

    /// The segment that an interface is on.
    pub fn segment(&self, port: Port) -> Option<usize> {
        self.segment_of.get(&port).copied()
    }

    /// The routing domain of a context.
    pub fn domain(&self, context: Context) -> Option<usize> {
        self.domains.get(&context).copied()
    }
}

/// The context in which an interface's packets are routed.
pub(super) fn context(lab: &Lab, (node, interface): Port) -> Context {
    Context { node, table: lab[node].table_of(&lab[node].interfaces[interface.0]) }
}

fn segments(lab: &Lab) -> Vec<Segment> {
    // One element for each end of each link; a link joins its ends, a switch all of its own.
    let mut joined = UnionFind::new(lab.links.len() * 2);
    let mut at_switch: BTreeMap<NodeId, usize> = BTreeMap::new();
    for (place, link) in lab.links.iter().enumerate() {
        joined.union(2 * place, 2 * place + 1);
        for (end, (node, _)) in link.ends.iter().enumerate() {
            if lab[*node].role == Role::Switch {
                let first = *at_switch.entry(*node).or_insert(2 * place + end);
                joined.union(first, 2 * place + end);
            }
        }
    }
    let mut segments: Vec<Segment> = Vec::new();
    let mut place_of: HashMap<usize, usize> = HashMap::new();
    for (place, link) in lab.links.iter().enumerate() {
        for (end, port) in link.ends.iter().enumerate() {
            if lab[port.0].role == Role::Switch {
                continue;
            }
            let root = joined.find(2 * place + end);
            let segment = *place_of.entry(root).or_insert_with(|| {
                let point_to_point =
                    link.ends.iter().all(|(node, _)| lab[*node].role != Role::Switch);
                segments.push(Segment { ports: Vec::new(), point_to_point });
                segments.len() - 1
            });
            segments[segment].ports.push(*port);
        }
    }
    for (place, node) in lab.nodes.iter().enumerate() {
        for (interface, made) in node.interfaces.iter().enumerate() {
            if made.kind == InterfaceKind::Dummy {
                let port = (NodeId(place), InterfaceId(interface));
                segments.push(Segment { ports: vec![port], point_to_point: false });
            }
        }
    }
    segments
}

fn domains(lab: &Lab, segments: &[Segment]) -> HashMap<Context, usize> {
    let mut place_of: HashMap<Context, usize> = HashMap::new();
    let mut contexts = Vec::new();
    let mut number = |context: Context| {
        *place_of.entry(context).or_insert_with(|| {
            contexts.push(context);
            contexts.len() - 1
        })
    };
    for node in (0..lab.nodes.len()).map(NodeId) {
        number(Context { node, table: super::lab::MAIN });
        for vrf in &lab[node].vrfs {
            number(Context { node, table: vrf.table });
        }
    }
    let mut joined = UnionFind::new(contexts.len());
    for segment in segments {
        let mut ports = segment.ports.iter().map(|port| place_of[&context(lab, *port)]);
        if let Some(first) = ports.next() {
            ports.for_each(|other| {
                joined.union(first, other);
            });
        }
    }
    contexts.iter().enumerate().map(|(place, it)| (*it, joined.find(place))).collect()
}
