//! What the compiler left out of the checks that it made.

use super::output::out;
use crate::compile::{Lab, NodeId};

/// How many hosts are named.
const NAMED: usize = 8;

/// Says what was left out, where something was.
pub(super) fn print(lab: &Lab) {
    let (name, Some(sample)) = (&lab.name, &lab.sample) else { return };
    if sample.chosen < sample.of {
        out!("{name}: a sample of {} pairs out of {}", sample.chosen, sample.of);
    }
    if !sample.unchecked.is_empty() {
        let names = listed(lab, &sample.unchecked);
        out!("{name}: not checked, as no route that was filled in leads there: {names}");
    }
    if !sample.between.is_empty() {
        let names = listed(lab, &sample.between);
        out!(
            "{name}: no check leads through a host, so the networks on either side of it are not \
             checked against each other: {names}; a node that forwards has the role `router`"
        );
    }
}

/// The names of nodes; of many, the first and how many more there are.
fn listed(lab: &Lab, nodes: &[NodeId]) -> String {
    let names = nodes.iter().take(NAMED).map(|id| lab[*id].name.as_str());
    let names = names.collect::<Vec<_>>().join(", ");
    match nodes.len().checked_sub(NAMED) {
        None | Some(0) => names,
        Some(more) => format!("{names} and {more} more"),
    }
}
