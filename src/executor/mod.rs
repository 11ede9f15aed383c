//! Runs a plan, and takes away what a plan made.
//!
//! [`build`] is the whole of making a lab: the record before the kernel, the steps, and on a refusal
//! or an interrupt everything away again. [`down`] is the whole of taking one away.
//!
//! Steps that go out together are sent in one call: all devices in batches through one socket, and
//! each namespace's configuration through a socket of its own. Building is bound by the kernel, which
//! makes one device at a time, so there is one thread and no more.

mod build;
mod change;
mod kernel;
mod rehearsal;
mod ruleset;
mod spanning_tree;
mod teardown;

pub use build::{Failed, build, build_through, rebuild};
pub use change::{Unchanged, change};
pub use kernel::Kernel;
pub use rehearsal::rehearse;
pub use teardown::{
    Fault, Left, clear, down, down_by_marks, elsewhere, faults, foreign, teardown, within,
};

use crate::diagnostic::{Code, Diagnostic, Source, Span};
use crate::kernel::{Reason, Refused};
use crate::plan::{Op, Plan, Step, Way};
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

/// Why a run ended before its end. What it had made is still there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopped {
    /// The kernel refused a step.
    Refused {
        /// The step.
        op: Box<Op>,
        /// The place in the file that asked for it.
        span: Span,
        /// What was said.
        refusal: Reason,
    },
    /// The observer broke.
    Interrupted,
}

/// [`refused`], with the file at hand: what nft says is shown at its own lines.
pub fn refused_in(op: &Op, span: Span, refusal: &Reason, source: &Source) -> Diagnostic {
    if let (Op::Filter { ruleset, .. }, Reason::Program(said)) = (op, refusal) {
        return ruleset::refused(ruleset, said, span, source);
    }
    refused(op, span, refusal)
}

/// What is said of a step that was refused.
pub fn refused(op: &Op, span: Span, refusal: &Reason) -> Diagnostic {
    let error = match refusal {
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
    let error = error.at(span, "asked for here");
    match op {
        // The text may be that of a file which is not the user's to read.
        Op::Etc { namespace, path, .. } => {
            error.note(format!("the step writes /etc/{path} of {namespace}"))
        }
        Op::Filter { namespace, .. } => error.note(format!("the step loads rules in {namespace}")),
        op => error.note(format!("the step is the same as `{op}`")),
    }
}

/// Carries out a plan's steps in order, each namespace marked before its name appears. Commands are
/// started, and the run ends, when packets can go everywhere: bridges that run the spanning tree
/// protocol have found it by then.
///
/// # Errors
/// The first step that the kernel refused, or the observer's wish.
pub fn run(
    plan: &Plan,
    mark: &str,
    kernel: &mut impl Kernel,
    observer: &mut impl Observer,
) -> Result<(), Stopped> {
    let steps: Vec<&Step> = plan.steps().collect();
    let mut done = 0;
    let mut waited = false;
    while done < steps.len() {
        if !waited && steps[done].op.way() == Way::Process {
            spanning_tree::wait(&steps, kernel, observer)?;
            waited = true;
        }
        let together = together(&steps[done..]);
        let next = &steps[done..done + together];
        if observer.before(done, next).is_break() {
            return Err(Stopped::Interrupted);
        }
        carry_out(next, mark, kernel).map_err(|refused| {
            let step = next[refused.index];
            Stopped::Refused {
                op: Box::new(step.op.clone()),
                span: step.span,
                refusal: refused.refusal,
            }
        })?;
        done += together;
    }
    match waited {
        true => Ok(()),
        false => spanning_tree::wait(&steps, kernel, observer),
    }
}

/// How many of the next steps go out in one call.
fn together(steps: &[&Step]) -> usize {
    let first = &steps[0].op;
    let joins = |step: &&&Step| match first.way() {
        Way::Alone => false,
        Way::Devices => step.op.way() == Way::Devices,
        way @ (Way::Process | Way::Configuration) => {
            step.op.way() == way && step.op.namespace() == first.namespace()
        }
    };
    1 + steps[1..].iter().take_while(joins).take(LONGEST - 1).count()
}

/// How many steps go out in one call at the most, so that progress is seen and an interrupt is
/// answered soon.
const LONGEST: usize = 256;

fn carry_out(steps: &[&Step], mark: &str, kernel: &mut impl Kernel) -> Result<(), Refused> {
    let first = &steps[0].op;
    match (first, first.way()) {
        (Op::Namespace { namespace }, _) => kernel.namespace(namespace, mark),
        (_, Way::Alone) => kernel.alone(first),
        (_, Way::Process | Way::Devices | Way::Configuration) => {
            kernel.send(&steps.iter().map(|step| &step.op).collect::<Vec<_>>())
        }
    }
}
