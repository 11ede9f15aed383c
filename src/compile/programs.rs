//! What users have started in nodes.

use super::lab::{Command, Lab, Node, NodeId};
use super::lookup::no_vrf;
use crate::diagnostic::{Diagnostic, Diagnostics, Spanned, Text};
use crate::document::DeviceName;
use crate::topology::Topology;

/// Gives each node its commands, their VRFs found among the node's.
pub(super) fn resolve(topology: &Topology, lab: &mut Lab, errors: &mut Diagnostics) {
    for index in topology.graph.node_indices() {
        let node = &mut lab[NodeId(index.index())];
        for written in &topology.graph[index].run {
            let vrf = written.vrf.as_ref().map(|name| vrf(node, name)).transpose();
            if let Some(vrf) = errors.keep(vrf) {
                node.run.push(Command { line: written.line.clone(), vrf });
            }
        }
    }
}

fn vrf(node: &Node, name: &Text) -> Result<Spanned<DeviceName>, Diagnostic> {
    match node.vrf(name.as_str()) {
        Some(vrf) => Ok(Spanned::new(vrf.name.clone(), name.span)),
        None => Err(no_vrf(node, name)),
    }
}
