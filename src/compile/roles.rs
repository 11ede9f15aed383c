//! What a node is for, where the file does not say it.

use crate::document::Role;
use crate::topology::{Link, Node};
use petgraph::graph::UnGraph;

/// The role of each node: one link makes a host, more make a router.
pub(super) fn infer(graph: &UnGraph<Node, Link>) -> Vec<Role> {
    graph
        .node_indices()
        .map(|index| match (&graph[index].role, graph.edges(index).count()) {
            (Some(role), _) => role.value,
            (None, 0 | 1) => Role::Host,
            (None, _) => Role::Router,
        })
        .collect()
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
