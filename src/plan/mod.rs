//! What will be done: the lab as steps, each of which one command of `ip` or `sysctl` could do.
//!
//! A [`Plan`] never depends on the machine, on an interface's number or on the order of a hash map:
//! the same file gives the same plan, byte for byte, and so do a DOT file and a YAML file that say
//! the same.
//!
//! What namespaces hold is a [`State`], a set of [`Resource`]s. An [`Action`] makes a resource, puts it
//! in the place of another form of it, or deletes it. [`lower`] plans a lab where nothing is, [`between`]
//! what leads from any state to any other; a [`Model`] is a kernel in memory, which knows what the real
//! one does by itself where an action touches more than its own resource.

mod action;
mod between;
mod device;
mod graph;
mod key;
mod lower;
mod milestone;
mod model;
mod needs;
mod print;
mod resource;
mod stage;
mod state;

pub use action::{Action, Transport};
pub use between::{between, fresh};
pub use device::{Device, VethEnd};
pub use graph::{Edge, Graph};
pub use key::Key;
pub use lower::{lower, lower_part};
pub use milestone::{Milestone, Strength};
pub use model::{Model, ModelRefusal};
pub use needs::{Feature, Needs};
pub use resource::{Family, Qdisc, QueuePlace, Resource};
pub use state::{Difference, State, differences};

use crate::diagnostic::Span;
use std::sync::LazyLock;

/// One thing to do, and where in the file it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What is done.
    pub action: Action,
    /// The place that asked for it; never printed, since two files can ask for the same plan.
    pub span: Span,
}

impl Step {
    /// The step that makes a resource.
    pub fn add(resource: Resource, span: Span) -> Self {
        Self { action: Action::Add(resource), span }
    }
}

/// Steps, in an order in which they can be carried out.
///
/// Who comes before whom is found out when it is asked for: a route has an edge for each of its
/// nexthops, and a large plan would be edges for the most part.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    steps: Vec<Step>,
}

/// A step that cannot be where a plan has it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the step `{}` {} {milestone}", .step.action, match .strength {
    Strength::Hard => "needs what nothing before it makes:",
    Strength::Soft => "stands before what makes",
})]
pub struct PlanError {
    /// The step.
    pub step: Box<Step>,
    /// Whether it needs what is missing, or comes too early.
    pub strength: Strength,
    /// What it waits for, in words.
    pub milestone: String,
}

/// What is there before the first step of a lab.
static NOTHING: LazyLock<State> = LazyLock::new(State::default);

impl Plan {
    /// The plan of these steps where nothing is.
    ///
    /// # Errors
    /// A step needs what no step before it makes, or stands before what it should follow.
    pub fn new(steps: impl IntoIterator<Item = Step>) -> Result<Self, PlanError> {
        Self::upon(&NOTHING, steps)
    }

    /// The plan of these steps where a state is.
    ///
    /// # Errors
    /// A step needs what is not there and no step before it makes.
    pub fn upon(state: &State, steps: impl IntoIterator<Item = Step>) -> Result<Self, PlanError> {
        let steps: Vec<Step> = steps.into_iter().collect();
        Graph::of(state, &steps).verify()?;
        Ok(Self { steps })
    }

    /// The steps in the order in which they are carried out.
    pub fn steps(&self) -> impl ExactSizeIterator<Item = &Step> + Clone {
        self.steps.iter()
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Which steps come before which, of a plan where nothing is.
    pub fn graph(&self) -> Graph<'_> {
        Graph::of(&NOTHING, &self.steps)
    }

    /// What is made, in the order of the steps.
    pub fn resources(&self) -> impl Iterator<Item = &Resource> {
        self.steps.iter().filter_map(|step| step.action.made())
    }

    /// What the plan asks of a kernel.
    pub fn needs(&self) -> Needs {
        Needs::of(self.resources())
    }

    /// The names of all its namespaces.
    pub fn namespaces(&self) -> Vec<&str> {
        self.resources()
            .filter(|resource| matches!(resource, Resource::Namespace { .. }))
            .map(Resource::namespace)
            .collect()
    }
}
