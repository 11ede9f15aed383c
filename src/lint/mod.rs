//! What is legal in a file and surely a mistake, as far as the forwarding model tells: questions about the whole
//! network, which no line answers alone.
//!
//! Nothing here walks tables by itself. Packets are followed with [`Network::step`], each place once for an address,
//! so that a question costs no more than there are places.

mod domains;
mod forwarding_loop;
mod label_loop;
mod label_path;
mod leak;
mod refuted;
mod search;
mod source;

use crate::compile::{Lab, Node};
use crate::diagnostic::Diagnostics;
use crate::document::{Limits, Quantity};
use crate::forward::Network;
use crate::plan::Plan;
use label_path::LabelPaths;
use std::collections::HashMap;

/// Asks all questions about a lab. `plan` is what builds it.
pub fn lint(
    lab: &Lab,
    plan: &Plan,
    limits: &Limits,
    promises: Promises,
    diagnostics: &mut Diagnostics,
) {
    // What the compiler fills in leads to its goal, and back to every source.
    let is_written = |node: &Node| {
        node.routes.iter().any(|route| !route.span.is_none())
            || node.label_routes.iter().any(|route| !route.span.is_none())
    };
    let has_written = lab.nodes.iter().any(is_written);
    let has_promises = match promises {
        Promises::Held => lab.checks.iter().any(refuted::is_promise),
        Promises::Left => false,
    };
    if !has_written && !has_promises {
        return;
    }
    let network = Network::of_plan(plan);
    if has_written {
        let nodes = lab.nodes.iter().map(|node| (node.namespace.as_str(), node)).collect();
        let mut paths = LabelPaths::of(lab, &network);
        let most = limits.most(Quantity::Lookups);
        label_loop::check(lab, &nodes, &network, diagnostics);
        forwarding_loop::check(lab, &nodes, &network, most, &mut paths, diagnostics);
        leak::check(lab, &network, &mut paths, diagnostics);
        source::check(lab, &nodes, &network, most, diagnostics);
    }
    if has_promises {
        refuted::check(lab, &network, diagnostics);
    }
}

/// What is done with checks by which something must not arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Promises {
    /// One that the file's own ways break is an error of the file.
    #[default]
    Held,
    /// Nothing: whoever asks judges them, or wants the lab as it is.
    Left,
}

/// The nodes by their namespaces.
type Nodes<'n> = HashMap<&'n str, &'n Node>;
