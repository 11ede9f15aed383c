//! What a node is for, where the file does not say it.

use crate::document::Role;
use crate::link::KindName;
use crate::topology::{Interface, Link, Node};
use petgraph::graph::{NodeIndex, UnGraph};
use std::collections::HashSet;

/// The role of each node: one link makes a host, more make a router. Those of a bond are one.
pub(super) fn infer(graph: &UnGraph<Node, Link>) -> Vec<Role> {
    graph
        .node_indices()
        .map(|index| match (&graph[index].role, graph.edges(index).count()) {
            (Some(role), _) => role.value,
            (None, 0 | 1) => Role::Host,
            (None, links) if links == bundled(graph, index) => Role::Host,
            (None, _) => Role::Router,
        })
        .collect()
}

/// How many links end in the one bond of a node.
fn bundled(graph: &UnGraph<Node, Link>, index: NodeIndex) -> usize {
    let is_bond =
        |it: &&Interface| it.written.kind.is_some_and(|kind| kind.value == KindName::Bond);
    let Some(bond) = graph[index].interfaces.iter().find(is_bond) else { return 0 };
    let ports: HashSet<&str> = bond.written.ports().iter().map(|port| port.as_str()).collect();
    let ends = graph.edges(index).flat_map(|edge| &edge.weight().ends);
    let here = ends.filter(|end| end.node == index).filter_map(|end| end.interface.as_ref());
    here.filter(|interface| ports.contains(interface.value.as_str())).count()
}

impl Role {
    /// Whether a node of this role forwards IP where the file says nothing else.
    pub(super) fn forwards(self) -> bool {
        match self {
            Role::Router | Role::Ce | Role::Pe | Role::P => true,
            Role::Host | Role::Switch => false,
        }
    }

    /// Whether a node of this role speaks MPLS with others of its kind.
    pub(super) fn in_core(self) -> bool {
        match self {
            Role::Pe | Role::P => true,
            Role::Host | Role::Router | Role::Ce | Role::Switch => false,
        }
    }
}
