//! What will be done: the lab as steps, each of which one command of `ip` or `sysctl` could do.
//!
//! A [`Plan`] never depends on the machine, on an interface's number or on the order of a hash map:
//! the same file gives the same plan, byte for byte, and so do a DOT file and a YAML file that say
//! the same.

mod device;
mod edit;
mod lower;
mod needs;
mod observed;
mod op;
mod print;

pub use device::{Device, VethEnd};
pub use edit::{Edit, Edits, edits};
pub use lower::lower;
pub use needs::{Feature, Needs};
pub use observed::{Difference, Observed, differences};
pub use op::{Family, Op, Qdisc, RuleChange, Way};

use crate::diagnostic::Span;
use op::Thing;
use std::collections::{BTreeSet, HashMap};
use std::sync::OnceLock;

/// One thing to do, and where in the file it was asked for.
#[derive(Debug, Clone)]
pub struct Step {
    /// What is done.
    pub op: Op,
    /// The place that asked for it; never printed, since two files can ask for the same plan.
    pub span: Span,
}

/// Steps, and which of them need which others before them.
///
/// Who needs what is found out when it is asked for: a route has an edge for each of its ways, and a
/// large plan would be edges for the most part.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    steps: Vec<Step>,
    makers: OnceLock<HashMap<Thing, Vec<usize>>>,
}

impl Plan {
    /// The plan of these steps, which stand in an order that can be carried out.
    pub fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self { steps: steps.into_iter().collect(), makers: OnceLock::new() }
    }

    /// The steps in the order in which they are carried out.
    pub fn steps(&self) -> impl ExactSizeIterator<Item = &Step> {
        self.steps.iter()
    }

    /// The places, in [`Plan::steps`], of the steps that one step needs before it.
    pub fn needs_of(&self, step: usize) -> Vec<usize> {
        let makers = self.makers.get_or_init(|| {
            let mut makers: HashMap<Thing, Vec<usize>> = HashMap::new();
            for (place, step) in self.steps.iter().enumerate() {
                for thing in step.op.provides() {
                    makers.entry(thing).or_default().push(place);
                }
            }
            makers
        });
        // Of several that make one thing, the last one before the step.
        let maker = |thing: Thing| {
            let places = makers.get(&thing)?;
            places[..places.partition_point(|place| *place < step)].last().copied()
        };
        let needed = self.steps[step].op.requires().into_iter().filter_map(maker);
        needed.collect::<BTreeSet<usize>>().into_iter().collect()
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
