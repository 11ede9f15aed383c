//! What is legal in a file and surely a mistake, as far as the forwarding model tells: questions about the whole
//! network, which no line answers alone.
//!
//! Nothing here walks tables by itself. Packets are followed with [`Network::step`], each place once for an address,
//! so that a question costs no more than there are places.

mod forwarding_loop;
mod label_loop;
mod leak;
mod search;

use crate::compile::{Lab, Node};
use crate::diagnostic::Diagnostics;
use crate::document::{Limits, Quantity};
use crate::forward::Network;
use crate::plan::Plan;
use std::collections::HashMap;

/// Asks all questions about a lab. `plan` is what builds it.
pub fn lint(lab: &Lab, plan: &Plan, limits: &Limits, diagnostics: &mut Diagnostics) {
    // What the compiler fills in leads to its goal, and back to every source.
    let is_written = |node: &Node| {
        node.routes.iter().any(|route| !route.span.is_none())
            || node.label_routes.iter().any(|route| !route.span.is_none())
    };
    if !lab.nodes.iter().any(is_written) {
        return;
    }
    let network = Network::of_plan(plan);
    let nodes = lab.nodes.iter().map(|node| (node.namespace.as_str(), node)).collect();
    let mut rounds = label_loop::search(lab, &network);
    let most = limits.most(Quantity::Lookups);
    forwarding_loop::check(lab, &nodes, &network, most, &mut rounds, diagnostics);
    diagnostics.extend(rounds.into_diagnostics(&nodes));
    leak::check(lab, &network, diagnostics);
}

/// The nodes by their namespaces.
type Nodes<'n> = HashMap<&'n str, &'n Node>;
