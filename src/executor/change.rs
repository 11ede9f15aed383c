//! Changing a lab that stands.

use super::{Kernel, RefusedStep, execute, together};
use crate::kernel::{Home, Machine, Reason, Worker, observe_all, on_worker};
use crate::plan::{Action, Plan, PlanError, Resource, State, Step, between};
use crate::state::{self, Lock};
use std::collections::BTreeSet;
use std::io;

/// Why a lab was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The kernel refused a step; what was done before it was taken back.
    #[error("the kernel refused a change: {reason}")]
    Refused {
        /// The step.
        step: Box<Step>,
        /// What was said.
        #[source]
        reason: Reason,
        /// The step that was refused when the change was taken back, where it was not taken back whole.
        stuck: Option<Box<(Step, Reason)>>,
    },
    /// It was asked to end; what was done before was taken back.
    #[error("interrupted")]
    Interrupted {
        /// As in [`ChangeError::Refused`].
        stuck: Option<Box<(Step, Reason)>>,
    },
    /// All was done, and the lab differs yet.
    #[error("the lab still differs from its file: `{action}`")]
    Differs {
        /// What would mend it, first of all.
        action: Box<Action>,
    },
    /// The lab lacks what a step needs; nothing was done.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The lab cannot be looked at.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Whether a change is asked to end.
pub type IsInterrupted<'a> = &'a (dyn Fn() -> bool + Sync);

/// Why the steps of a change were not carried out to their end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopped {
    /// The kernel refused one.
    Refused(RefusedStep),
    /// It was asked to end.
    Interrupted {
        /// How many were carried out before.
        done: usize,
    },
}

impl Stopped {
    pub(super) fn done(&self) -> usize {
        match self {
            Stopped::Refused(RefusedStep { done, .. }) | Stopped::Interrupted { done } => *done,
        }
    }
}

/// A change of a lab that stands.
#[derive(Debug)]
pub struct Change<'a> {
    /// What the lab's namespaces bear.
    pub mark: &'a str,
    /// All of its namespaces.
    pub namespaces: &'a [String],
    /// What some of its nodes were made from.
    pub before: &'a Plan,
    /// What these nodes are to be.
    pub after: &'a Plan,
    /// The namespaces in which what the kernel has lost of it comes back too. Elsewhere only what the
    /// plans differ in is touched, so that whatever a user changed by hand stays.
    pub healed: &'a BTreeSet<String>,
}

/// Leads a standing lab from what one plan made to what another says. Returns how many routes came and
/// went.
///
/// # Errors
/// The kernel refused something, or it was asked to end, and all is as it was, or cannot be brought there.
pub fn change(
    lock: &Lock,
    change: &Change<'_>,
    is_interrupted: IsInterrupted<'_>,
) -> Result<usize, ChangeError> {
    change_through(lock, change, |steps, mark, machine| apply(steps, mark, machine, is_interrupted))
}

/// [`change`], with the way in which its steps are carried out given by the caller: a test puts faults
/// there.
///
/// # Errors
/// As [`change`].
pub fn change_through(
    lock: &Lock,
    change: &Change<'_>,
    mut execute: impl FnMut(&[Step], &str, &mut Machine<'_>) -> Result<(), Stopped> + Send,
) -> Result<usize, ChangeError> {
    let home = Home::of(state::directory(lock.lab()));
    on_worker(|worker| {
        let observed = look(change, worker)?;
        let wanted = wanted(change, &observed);
        let plans = [change.after, change.before];
        let mut routes = 0;
        let mut there = observed.clone();
        // What comes up gets from the kernel what it makes by itself, and may lose what it had, so it is
        // looked at again.
        for turn in 0..=usize::from(!change.healed.is_empty()) {
            if turn > 0 {
                there = look(change, worker)?;
            }
            let plan = between(&there, &wanted, &plans)?;
            let steps: Vec<Step> = plan.steps().cloned().collect();
            let mut machine = machine(change, &home, worker);
            if let Err(stopped) = execute(&steps, change.mark, &mut machine) {
                let done = &steps[..stopped.done()];
                return Err(rolled_back(change, stopped, done, &observed, &home, worker)?);
            }
            routes += steps.iter().filter(|step| is_route(&step.action)).count();
        }
        Ok(routes)
    })
}

pub(super) fn machine<'w>(change: &Change<'_>, home: &Home, worker: &'w mut Worker) -> Machine<'w> {
    Machine::standing(worker, home.clone(), change.namespaces.to_vec())
}

/// What there is: what the kernel shows, and what it cannot be asked for.
pub(super) fn look(change: &Change<'_>, worker: &mut Worker) -> io::Result<State> {
    let observed = observe_all(&[change.before, change.after], worker)?;
    let mut there = observed.without_choices(&State::of(change.after));
    // Of a namespace at the far end of a link, the plans know nothing else.
    let inside: BTreeSet<&str> = [change.before, change.after]
        .into_iter()
        .flat_map(Plan::resources)
        .filter(|resource| !is_of_far_ends(resource))
        .map(Resource::namespace)
        .collect();
    there
        .resources
        .retain(|resource| is_of_far_ends(resource) || inside.contains(resource.namespace()));
    let before = State::of(change.before).resources.into_iter();
    there.resources.extend(before.filter(|resource| !resource.is_observed()));
    Ok(there)
}

/// Whether plans of a part of a lab say it of nodes beyond that part.
fn is_of_far_ends(resource: &Resource) -> bool {
    matches!(resource, Resource::Namespace { .. } | Resource::Veth { .. })
}

/// What there is to be.
pub(super) fn wanted(change: &Change<'_>, observed: &State) -> State {
    let (before, after) = (State::of(change.before), State::of(change.after));
    let (known, planned, there) = (before.by_key(), after.by_key(), observed.by_key());
    let mut wanted = BTreeSet::new();
    for (key, resource) in &planned {
        let there = there.get(key).copied();
        let is_changed = known.get(key) != Some(resource);
        let mut namespaces = resource.namespaces();
        let is_healed = namespaces.any(|namespace| change.healed.contains(namespace));
        let is = match there {
            _ if is_changed => Some(*resource),
            // What could not be mended in place stays as somebody made it.
            Some(there) if is_healed && !there.is_replaced_by(resource) => Some(there),
            Some(_) | None if is_healed => Some(*resource),
            there => there,
        };
        wanted.extend(is.cloned());
    }
    let others = there.iter().filter(|(key, _)| !planned.contains_key(*key));
    let kept = others.filter(|(key, _)| !known.contains_key(*key));
    wanted.extend(kept.map(|(_, resource)| (*resource).clone()));
    // What a user has put there goes with what it needs.
    State { resources: wanted }.without_unmet(|resource| planned.contains_key(&resource.key()))
}

/// Carries out steps in order, each namespace marked before its name appears.
///
/// # Errors
/// The first step that the kernel refused, or how many were carried out when it was asked to end.
pub fn apply(
    steps: &[Step],
    mark: &str,
    kernel: &mut impl Kernel,
    is_interrupted: IsInterrupted<'_>,
) -> Result<(), Stopped> {
    let steps: Vec<&Step> = steps.iter().collect();
    let mut done = 0;
    while done < steps.len() {
        if is_interrupted() {
            return Err(Stopped::Interrupted { done });
        }
        let next = &steps[done..done + together(&steps[done..])];
        execute(next, mark, kernel)
            .map_err(|refused| Stopped::Refused(RefusedStep::of(refused, done, next)))?;
        done += next.len();
    }
    Ok(())
}

/// Takes back the steps that were carried out before others were stopped; returns why they were.
///
/// # Errors
/// The lab cannot be looked at.
pub(super) fn rolled_back(
    change: &Change<'_>,
    stopped: Stopped,
    done: &[Step],
    observed: &State,
    home: &Home,
    worker: &mut Worker,
) -> Result<ChangeError, ChangeError> {
    let stuck = roll_back(change, done, observed, home, worker)?.map(Box::new);
    Ok(match stopped {
        Stopped::Refused(RefusedStep { done: _, step, reason }) => {
            ChangeError::Refused { step, reason, stuck }
        }
        Stopped::Interrupted { done: _ } => ChangeError::Interrupted { stuck },
    })
}

/// Takes back steps, and brings back what the kernel dropped in their wake. Returns the step that it
/// refuses in its turn.
pub(super) fn roll_back(
    change: &Change<'_>,
    done: &[Step],
    observed: &State,
    home: &Home,
    worker: &mut Worker,
) -> Result<Option<(Step, Reason)>, ChangeError> {
    let back = |step: &Step| Step { action: step.action.inverse(), span: step.span };
    let steps: Vec<Step> = done.iter().rev().map(back).collect();
    let mut left = &steps[..];
    // What cannot be taken back because the kernel has done so itself is none of the faults.
    while let Err(stopped) = apply(left, change.mark, &mut machine(change, home, worker), &|| false)
    {
        left = &left[stopped.done() + 1..];
    }
    let there = look(change, worker)?;
    let rest = between(&there, observed, &[change.before, change.after])?;
    let rest: Vec<Step> = rest.steps().cloned().collect();
    let restored = apply(&rest, change.mark, &mut machine(change, home, worker), &|| false);
    Ok(match restored {
        Err(Stopped::Refused(RefusedStep { step, reason, .. })) => Some((*step, reason)),
        Err(Stopped::Interrupted { .. }) | Ok(()) => None,
    })
}

fn is_route(action: &Action) -> bool {
    matches!(action.resource(), Resource::Route { .. } | Resource::MplsRoute { .. })
}
