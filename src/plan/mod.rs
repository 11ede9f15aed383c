//! What will be done: the lab as steps, each of which one command of `ip` or `sysctl` could do.
//!
//! A [`Plan`] never depends on the machine, on an interface's number or on the order of a hash map:
//! the same file gives the same plan, byte for byte, and so do a DOT file and a YAML file that say
//! the same.

mod edit;
mod lower;
mod needs;
mod observed;
mod op;
mod print;

pub use edit::{Edit, Edits, edits};
pub use lower::lower;
pub use needs::{Feature, Needs};
pub use observed::{Difference, Observed, differences};
pub use op::{Device, DeviceKind, Family, Op, Qdisc, RuleChange, VethEnd, Way};

use crate::diagnostic::Span;
use petgraph::graph::{DiGraph, NodeIndex};

/// One thing to do, and where in the file it was asked for.
#[derive(Debug, Clone)]
pub struct Step {
    /// What is done.
    pub op: Op,
    /// The place that asked for it; never printed, since two files can ask for the same plan.
    pub span: Span,
}

/// Steps, and which of them need which others before them.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    graph: DiGraph<Step, ()>,
}

impl Plan {
    /// The plan of these steps, which stand in an order that can be carried out.
    pub fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        let mut graph = DiGraph::new();
        let mut made = std::collections::HashMap::new();
        for step in steps {
            let requires = step.op.requires();
            let provides = step.op.provides();
            let node = graph.add_node(step);
            // Only edges to this step can be there twice, so nobody looks through its makers' others.
            let mut makers: Vec<NodeIndex> =
                requires.iter().filter_map(|thing| made.get(thing).copied()).collect();
            makers.sort_unstable();
            makers.dedup();
            for maker in makers {
                graph.add_edge(maker, node, ());
            }
            for thing in provides {
                made.insert(thing, node);
            }
        }
        Self { graph }
    }

    /// The steps in the order in which they are carried out.
    pub fn steps(&self) -> impl ExactSizeIterator<Item = &Step> {
        self.graph.node_weights().collect::<Vec<_>>().into_iter()
    }

    /// The places, in [`Plan::steps`], of the steps that one step needs before it.
    pub fn needs_of(&self, step: usize) -> Vec<usize> {
        let mut before: Vec<usize> = self
            .graph
            .neighbors_directed(NodeIndex::new(step), petgraph::Direction::Incoming)
            .map(NodeIndex::index)
            .collect();
        before.sort_unstable();
        before
    }

    /// What the plan asks of a kernel.
    pub fn needs(&self) -> Needs {
        Needs::of(self.steps().map(|step| &step.op))
    }

    /// The names of all its namespaces.
    pub fn namespaces(&self) -> Vec<&str> {
        self.steps()
            .filter(|step| matches!(step.op, Op::Namespace { .. }))
            .map(|step| step.op.namespace())
            .collect()
    }
}
