//! Runs a plan, and takes away what a plan made.
//!
//! `build` is the whole of making a lab: the record before the kernel, the steps, and on a refusal
//! or an interrupt everything away again. `down` is the whole of taking one away.
//!
//! Steps that go out together are sent in one call: all devices in batches through one socket, and
//! each namespace's configuration through a socket of its own. Building is bound by the kernel, which
//! makes one device at a time, so there is one thread and no more.

mod build;
mod change;
mod edit;
mod heal;
mod kernel;
mod rehearsal;
mod ruleset;
mod spanning_tree;
mod teardown;

pub use build::{BuildError, build, build_through, rebuild};
pub use change::{Change, ChangeError, IsInterrupted, Stopped, apply, change, change_through};
pub use edit::{edit, edits};
pub use heal::heal;
pub use kernel::Kernel;
pub use rehearsal::rehearse;
pub use teardown::{
    Fault, TeardownError, clear, down, down_by_marks, elsewhere, faults, foreign, teardown, within,
};

use crate::diagnostic::{Code, Diagnostic, Source, Span};
use crate::kernel::{Reason, Refused};
use crate::plan::{Action, Difference, Key, Plan, Resource, Step, Transport, differences};
use crate::state::Verify;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// Who is told how a run goes on, and may end it.
pub trait Observer {
    /// Called before steps are carried out: how many are done, and those that come now. To break
    /// ends the run before them.
    fn before(&mut self, done: usize, next: &[&Step]) -> ControlFlow<()>;

    /// Called again and again while bridges find their spanning tree. To break ends the run.
    fn waiting(&mut self) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// A step that the kernel refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedStep {
    /// How many were carried out before it; some behind it may have been too.
    pub done: usize,
    /// The step.
    pub step: Box<Step>,
    /// What was said.
    pub reason: Reason,
}

impl RefusedStep {
    /// `next` were carried out together, after `done` others.
    fn of(refused: Refused, done: usize, next: &[&Step]) -> Self {
        let step = Box::new(next[refused.index].clone());
        Self { done: done + refused.index, step, reason: refused.refusal }
    }
}

impl From<RefusedStep> for ApplyError {
    fn from(RefusedStep { done, step, reason }: RefusedStep) -> Self {
        Self::Refused { done, step, reason }
    }
}

/// Why steps were not carried out to their end. What they had made is still there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// The kernel refused a step.
    #[error("`{}` was refused: {reason}", .step.action)]
    Refused {
        /// How many were carried out before it; some behind it may have been too.
        done: usize,
        /// The step.
        step: Box<Step>,
        /// What was said.
        #[source]
        reason: Reason,
    },
    /// The observer broke.
    #[error("interrupted")]
    Interrupted,
    /// All steps were carried out, and the kernel holds something else than what they make.
    #[error("the kernel holds something else than what was made")]
    Differs {
        /// In what, each with the place of the step that made a thing of its key.
        differences: Vec<(Difference, Span)>,
    },
    /// All steps were carried out, and what the kernel holds cannot be read.
    #[error("what the kernel holds cannot be read: {error}")]
    Unseen {
        /// Why.
        error: String,
    },
}

/// [`refused`], with the file at hand: what nft says is shown at its own lines.
pub fn refused_in(step: &Step, reason: &Reason, source: &Source) -> Diagnostic {
    if let (Some(Resource::Ruleset { ruleset, .. }), Reason::Program(said)) =
        (step.action.made(), reason)
    {
        return ruleset::refused(ruleset, said, step.span, source);
    }
    refused(step, reason)
}

/// What is said of a step that was refused.
pub fn refused(step: &Step, reason: &Reason) -> Diagnostic {
    let error = match reason {
        Reason::Kernel(refusal) => {
            Diagnostic::error(Code::Refused, format!("the kernel refused a step: {refusal}"))
        }
        Reason::Program(said) => {
            Diagnostic::error(Code::Refused, "a program refused a step").note(said)
        }
        Reason::SpanningTree(port) => {
            Diagnostic::error(Code::Refused, "bridges have found no spanning tree in time")
                .note(format!("{port}, and neither forwards nor blocks"))
        }
    };
    let error = error.at(step.span, "asked for here");
    let note = match step.action.resource() {
        // The text may be that of a file which is not the user's to read.
        Resource::EtcFile { namespace, path, .. } => {
            format!("the step writes /etc/{path} of {namespace}")
        }
        Resource::Ruleset { namespace, .. } => format!("the step loads rules in {namespace}"),
        Resource::Namespace { .. }
        | Resource::Sysctl { .. }
        | Resource::Veth { .. }
        | Resource::Device { .. }
        | Resource::Wireguard { .. }
        | Resource::Master { .. }
        | Resource::BridgeVlan { .. }
        | Resource::BridgePort { .. }
        | Resource::Mtu { .. }
        | Resource::Fdb { .. }
        | Resource::Neighbour { .. }
        | Resource::Qdisc { .. }
        | Resource::NoOffload { .. }
        | Resource::Up { .. }
        | Resource::Address { .. }
        | Resource::Rule { .. }
        | Resource::NexthopObject { .. }
        | Resource::Command { .. }
        | Resource::Route { .. }
        | Resource::MplsRoute { .. } => format!("the step is the same as `{}`", step.action),
    };
    error.note(note)
}

/// What is said of what [`ApplyError::Differs`] has.
pub fn differing(differences: &[(Difference, Span)]) -> Vec<Diagnostic> {
    let said = |(difference, span): &(Difference, Span)| {
        let (title, resource) = match difference {
            Difference::Missing(it) => {
                ("the kernel took a step, and does not hold what it makes", it)
            }
            Difference::Extra(it) => ("the kernel holds what no step makes", it),
        };
        let error = Diagnostic::error(Code::Refused, title).at(*span, "asked for here");
        error.note(format!("the step is the same as `{}`", Action::Add(resource.clone())))
    };
    differences.iter().map(said).collect()
}

/// Carries out a plan's steps in order, each namespace marked before its name appears. Commands are
/// started, and the run ends, when packets can go everywhere: bridges that run the spanning tree
/// protocol have found it by then; and when the kernel was seen to hold all that was made.
///
/// # Errors
/// The first step that the kernel refused, or the observer's wish, or in what the kernel differs.
pub fn run(
    plan: &Plan,
    mark: &str,
    verify: Verify,
    kernel: &mut impl Kernel,
    observer: &mut impl Observer,
) -> Result<(), ApplyError> {
    let steps: Vec<&Step> = plan.steps().collect();
    let mut done = 0;
    let mut waited = false;
    while done < steps.len() {
        if !waited && steps[done].action.transport() == Transport::Process {
            settled(plan, &steps, verify, kernel, observer)?;
            waited = true;
        }
        let together = together(&steps[done..]);
        let next = &steps[done..done + together];
        if observer.before(done, next).is_break() {
            return Err(ApplyError::Interrupted);
        }
        execute(next, mark, kernel).map_err(|refused| RefusedStep::of(refused, done, next))?;
        done += together;
    }
    match waited {
        true => Ok(()),
        false => settled(plan, &steps, verify, kernel, observer),
    }
}

/// Waits until packets can go everywhere, and sees that all is as it should be.
fn settled(
    plan: &Plan,
    steps: &[&Step],
    verify: Verify,
    kernel: &mut impl Kernel,
    observer: &mut impl Observer,
) -> Result<(), ApplyError> {
    spanning_tree::wait(steps, kernel, observer)?;
    match verify {
        Verify::Never => Ok(()),
        Verify::Before => {
            let observed = kernel.observe(plan);
            let observed = observed.map_err(|it| ApplyError::Unseen { error: it.to_string() })?;
            let differences = differences(plan, &observed);
            if differences.is_empty() {
                return Ok(());
            }
            let made = steps.iter().filter_map(|step| Some((step.action.made()?.key(), step.span)));
            let spans: BTreeMap<Key<'_>, Span> = made.collect();
            let place = |it: Difference| {
                let (Difference::Missing(resource) | Difference::Extra(resource)) = &it;
                let span = spans.get(&resource.key()).copied().unwrap_or(Span::NONE);
                (it, span)
            };
            let differences = differences.into_iter().map(place).collect();
            Err(ApplyError::Differs { differences })
        }
    }
}

/// How many of the next steps go out in one call.
fn together(steps: &[&Step]) -> usize {
    let first = &steps[0].action;
    let joins = |step: &&&Step| match first.transport() {
        Transport::Single => false,
        Transport::Devices => step.action.transport() == Transport::Devices,
        transport @ (Transport::Process | Transport::Configuration) => {
            step.action.transport() == transport && step.action.namespace() == first.namespace()
        }
    };
    1 + steps[1..].iter().take_while(joins).take(LONGEST - 1).count()
}

/// How many steps go out in one call at the most, so that progress is seen and an interrupt is
/// answered soon.
const LONGEST: usize = 256;

/// Carries out steps that go out together.
fn execute(steps: &[&Step], mark: &str, kernel: &mut impl Kernel) -> Result<(), Refused> {
    let first = &steps[0].action;
    match (first, first.transport()) {
        (Action::Add(Resource::Namespace { namespace }), _) => kernel.namespace(namespace, mark),
        (_, Transport::Single) => kernel.execute_single(first),
        (_, Transport::Process | Transport::Devices | Transport::Configuration) => {
            kernel.send(&steps.iter().map(|step| &step.action).collect::<Vec<_>>())
        }
    }
}
