//! Leading a lab that stands to what its edited file says.

use super::change::{look, machine, roll_back, rolled_back, wanted};
use super::{
    ApplyError, Change, ChangeError, IsInterrupted, Observer, RefusedStep, Stopped, apply,
    spanning_tree,
};
use crate::diagnostic::Span;
use crate::kernel::{Home, Machine, Worker, on_worker};
use crate::plan::{Action, Key, PlanError, Resource, State, Step, between};
use crate::state::{self, Lock};
use std::collections::BTreeSet;
use std::io;
use std::ops::ControlFlow;

/// How often the kernel is looked at: what comes up gets from it what it makes by itself, and what goes
/// down takes more along than was asked for.
const TURNS: usize = 3;

/// The steps that [`edit`] begins with; none where the plans differ in nothing.
///
/// # Errors
/// The lab cannot be looked at, or lacks what a step needs.
pub fn edits(change: &Change<'_>) -> Result<Vec<Step>, ChangeError> {
    on_worker(|worker| {
        let there = look(change, worker)?;
        Ok(steps(change, &there, &wanted(change, &there))?)
    })
}

/// Leads a standing lab from what the change's first plan made to what the second one says. What they do
/// not differ in is not touched. Returns the steps that it took.
///
/// # Errors
/// The kernel refused something, it was asked to end, or what it holds differs even so; all is as it was
/// then, or cannot be brought there.
pub fn edit(
    lock: &Lock,
    change: &Change<'_>,
    is_interrupted: IsInterrupted<'_>,
) -> Result<Vec<Step>, ChangeError> {
    let home = Home::of(state::directory(lock.lab()));
    on_worker(|worker| {
        let observed = look(change, worker)?;
        let mut wanted = wanted(change, &observed);
        let mut next = steps(change, &observed, &wanted)?;
        let mut done: Vec<Step> = Vec::new();
        for _ in 0..TURNS {
            if next.is_empty() {
                break;
            }
            let applied =
                apply(&next, change.mark, &mut machine(change, &home, worker), is_interrupted);
            if let Err(stopped) = applied {
                done.extend_from_slice(&next[..stopped.done()]);
                return Err(rolled_back(change, stopped, &done, &observed, &home, worker)?);
            }
            done.append(&mut next);
            next = match rest(change, &mut wanted, worker) {
                Ok(next) => next,
                Err(error) => {
                    roll_back(change, &done, &observed, &home, worker)?;
                    return Err(error);
                }
            };
        }
        if let Some(step) = next.first() {
            let action = Box::new(step.action.clone());
            return Err(match roll_back(change, &done, &observed, &home, worker)? {
                None => ChangeError::Differs { action },
                Some(stuck) => {
                    let (step, reason) = stuck.clone();
                    let stuck = Some(Box::new(stuck));
                    ChangeError::Refused { step: Box::new(step), reason, stuck }
                }
            });
        }
        if !done.is_empty() {
            let mut machine = machine(change, &home, worker);
            if let Err(stopped) = settled(change, &mut machine, is_interrupted) {
                return Err(rolled_back(change, stopped, &done, &observed, &home, worker)?);
            }
        }
        Ok(done)
    })
}

/// Waits until bridges that run the spanning tree protocol have found it.
fn settled(
    change: &Change<'_>,
    machine: &mut Machine<'_>,
    is_interrupted: IsInterrupted<'_>,
) -> Result<(), Stopped> {
    let steps: Vec<&Step> = change.after.steps().collect();
    let done = steps.len();
    spanning_tree::wait(&steps, machine, &mut Waiting(is_interrupted)).map_err(
        |error| match error {
            ApplyError::Refused { done, step, reason } => {
                Stopped::Refused(RefusedStep { done, step, reason })
            }
            ApplyError::Interrupted | ApplyError::Differs { .. } | ApplyError::Unseen { .. } => {
                Stopped::Interrupted { done }
            }
        },
    )
}

/// Whoever may end the wait.
struct Waiting<'a>(IsInterrupted<'a>);

impl Observer for Waiting<'_> {
    fn before(&mut self, _: usize, _: &[&Step]) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn waiting(&mut self) -> ControlFlow<()> {
        if (self.0)() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// What leads from what there is to what is wanted, with the commands that have to be started again.
fn steps(change: &Change<'_>, there: &State, wanted: &State) -> Result<Vec<Step>, PlanError> {
    let plan = between(there, wanted, &[change.after, change.before])?;
    let known: BTreeSet<&Resource> = change.before.resources().collect();
    let again = change.after.steps().filter(|step| {
        let command = step.action.resource();
        let of_it = |other: &Step| other.action.resource() == command;
        known.contains(command)
            && !plan.steps().any(of_it)
            && plan.steps().any(|step| restarts(step, command))
    });
    // What goes is in the text of before alone.
    let after: BTreeSet<Key<'_>> = change.after.resources().map(Resource::key).collect();
    let placed = plan.steps().map(|step| {
        let is_after = after.contains(&step.action.resource().key());
        Step { action: step.action.clone(), span: if is_after { step.span } else { Span::NONE } }
    });
    let stopped = again.clone().map(|step| {
        let action = Action::Delete(step.action.resource().clone());
        Step { action, span: step.span }
    });
    Ok(stopped.chain(placed).chain(again.cloned()).collect())
}

/// Whether a command has to be started again for a step: it reads the files of its node when it starts, and
/// is bound to a VRF device by its number.
fn restarts(step: &Step, command: &Resource) -> bool {
    let Resource::Command { namespace, vrf, .. } = command else { return false };
    if let Resource::EtcFile { namespace: here, .. } = step.action.resource() {
        return here == namespace;
    }
    if let Action::Delete(Resource::Device { namespace: here, device }) = &step.action {
        return here == namespace && vrf.as_ref() == Some(&device.name);
    }
    false
}

/// What is still to be done when steps were taken.
fn rest(
    change: &Change<'_>,
    wanted: &mut State,
    worker: &mut Worker,
) -> Result<Vec<Step>, ChangeError> {
    let there = look_again(change, worker)?;
    keep_others(change, &there, wanted);
    Ok(between(&there, wanted, &[change.after])?.steps().cloned().collect())
}

/// What there is when the steps were taken: what the kernel shows, and what it cannot be asked for.
fn look_again(change: &Change<'_>, worker: &mut Worker) -> io::Result<State> {
    let mut there = look(change, worker)?;
    there.resources.retain(Resource::is_observed);
    let after = State::of(change.after);
    let keys = after.by_key();
    // A setting that the file has no longer is the kernel's own by now, and still one.
    there
        .resources
        .retain(|it| !matches!(it, Resource::Sysctl { .. }) || keys.contains_key(&it.key()));
    there.resources.extend(after.resources.iter().filter(|it| !it.is_observed()).cloned());
    Ok(there)
}

/// Adds to what is wanted what neither plan knows, such as what a new namespace has of the kernel.
fn keep_others(change: &Change<'_>, there: &State, wanted: &mut State) {
    let (before, after) = (State::of(change.before), State::of(change.after));
    let (before, after) = (before.by_key(), after.by_key());
    let is_other = |it: &&Resource| {
        let key = it.key();
        !before.contains_key(&key) && !after.contains_key(&key)
    };
    wanted.resources.extend(there.resources.iter().filter(is_other).cloned());
}
