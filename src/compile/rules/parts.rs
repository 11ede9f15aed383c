//! Networks in several parts, and checks that would have to go from one part to another.

use super::MAX_NAMED;
use crate::compile::lab::{Lab, NodeId};
use crate::compile::{Expect, Target};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use petgraph::unionfind::UnionFind;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

pub(super) fn check(lab: &Lab, diagnostics: &mut Diagnostics) {
    // What was wrong may have kept nodes and links out of the lab.
    if diagnostics.has_errors() {
        return;
    }
    if lab.nodes.is_empty() {
        diagnostics.push(Diagnostic::warning(Code::Empty, "the network has no nodes"));
    }
    let mut parts = UnionFind::new(lab.nodes.len());
    for link in &lab.links {
        let [one, other] = link.ends.map(|(node, _)| node.0);
        parts.union(one, other);
    }
    let part = |node: NodeId| parts.find(node.0);
    if !lab.links.is_empty() {
        apart(lab, part, diagnostics);
    }
    let mut owners: HashMap<IpAddr, Vec<NodeId>> = HashMap::new();
    for id in (0..lab.nodes.len()).map(NodeId) {
        let node = &lab[id];
        let addresses = node.interfaces.iter().flat_map(|interface| &interface.addresses);
        let addresses = addresses.chain(&node.loopback);
        for address in addresses.chain(node.vrfs.iter().flat_map(|vrf| &vrf.addresses)) {
            owners.entry(address.value.addr()).or_default().push(id);
        }
    }
    for check in lab.checks.iter().filter(|check| !check.span.is_none()) {
        let reaches = match check.expect {
            Expect::Arrives(_) | Expect::Spreads(_) => true,
            Expect::Lost | Expect::Rejected(_) => false,
        };
        let targets: &[NodeId] = match &check.to {
            Target::Node { node, .. } => &[*node],
            // Whoever answers is on a link of the sender.
            Target::OnLink { .. } => &[],
            Target::Address(address) => owners.get(address).map_or(&[], Vec::as_slice),
        };
        let joined = targets.iter().any(|target| part(*target) == part(check.from.node));
        if reaches && !targets.is_empty() && !joined {
            let [from, to] = [check.from.node, targets[0]].map(|node| &lab[node].name);
            diagnostics.push(
                Diagnostic::warning(
                    Code::Disconnected,
                    format!("no link leads from `{from}` to `{to}`, directly or over other nodes"),
                )
                .at(check.span, "so this check fails"),
            );
        }
    }
}

/// Warns of parts of the network beside the largest.
fn apart(lab: &Lab, part: impl Fn(NodeId) -> usize, diagnostics: &mut Diagnostics) {
    let mut parts: BTreeMap<usize, Vec<NodeId>> = BTreeMap::new();
    for id in (0..lab.nodes.len()).map(NodeId) {
        parts.entry(part(id)).or_default().push(id);
    }
    let mut parts: Vec<Vec<NodeId>> = parts.into_values().collect();
    parts.sort_by_key(|nodes| (std::cmp::Reverse(nodes.len()), nodes[0]));
    if parts.len() < 2 {
        return;
    }
    let title = format!("the network is in {} parts that no link joins", parts.len());
    let mut warning = Diagnostic::warning(Code::Disconnected, title);
    for nodes in parts.iter().skip(1).take(MAX_NAMED) {
        let first = &lab[nodes[0]];
        let text = match nodes.len() {
            1 => format!("`{}` has no link", first.name),
            2 => format!("`{}` and one other node are not connected to the rest", first.name),
            more => format!(
                "`{}` and {} other nodes are not connected to the rest",
                first.name,
                more - 1
            ),
        };
        warning = match warning.labels.is_empty() {
            true => warning.at(first.span, text),
            false => warning.beside(first.span, text),
        };
    }
    diagnostics.push(warning);
}
