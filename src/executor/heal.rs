//! Leading a lab back to what it was made as, by the steps that it differs in.

use super::change::{look, machine, rolled_back};
use super::{Change, ChangeError, IsInterrupted, apply};
use crate::diagnostic::Span;
use crate::kernel::{Home, Worker, lacking_routes, on_worker};
use crate::plan::{Action, Resource, State, Step, between};
use crate::state::{self, Lock};
use std::collections::BTreeSet;
use std::io;

/// How often the kernel is looked at: what comes up gets from it what it makes by itself, and what goes
/// down takes more along than was asked for.
const TURNS: usize = 3;

/// Leads a standing lab to what the change's second plan says, and nothing else stays of what a kernel
/// can be asked for; the first one has what is to be beside that and the kernel has by itself, such as its own
/// rules. Returns how many steps it took.
///
/// What it cannot be asked for, rulesets and files, is written again. What no plan has, such as devices
/// of other kinds or processes, stays.
///
/// # Errors
/// The kernel refused something, or it was asked to end, and all is as it was, or cannot be brought there;
/// or the lab differs even so.
pub fn heal(
    lock: &Lock,
    change: &Change<'_>,
    is_interrupted: IsInterrupted<'_>,
) -> Result<usize, ChangeError> {
    let home = Home::of(state::directory(lock.lab()));
    on_worker(|worker| {
        let observed = look_at_all(change, worker)?;
        let mut count = 0;
        let mut execute = |steps: &[Step], worker: &mut Worker| {
            count += steps.len();
            let mut machine = machine(change, &home, worker);
            match apply(steps, change.mark, &mut machine, is_interrupted) {
                Ok(()) => Ok(()),
                Err(stopped) => {
                    let done = &steps[..stopped.done()];
                    Err(rolled_back(change, stopped, done, &observed, &home, worker)?)
                }
            }
        };
        // Made anew, an address has the routes that the kernel makes for it.
        let lacking = lacking_routes(change.after, &observed, worker)?.into_iter();
        let lacking: BTreeSet<Resource> = lacking.map(|it| it.address).collect();
        let again: Vec<Step> = lacking.into_iter().flat_map(again).collect();
        let there = match again.is_empty() {
            true => observed.clone(),
            false => {
                execute(&again, worker)?;
                look_at_all(change, worker)?
            }
        };
        let there = there.resources.into_iter().map(unknown).collect();
        let mut there = State { resources: there };
        for turn in 0.. {
            let plan = between(&there, &wanted(change, &there), &[change.after])?;
            let steps: Vec<Step> = plan.steps().cloned().collect();
            match steps.first() {
                None => break,
                Some(step) if turn == TURNS => {
                    return Err(ChangeError::Differs { action: Box::new(step.action.clone()) });
                }
                Some(_) => execute(&steps, worker)?,
            }
            there = look_at_all(change, worker)?;
        }
        Ok(count)
    })
}

/// What there is; of what a kernel cannot be asked for, what the second plan has in the namespaces that are there.
fn look_at_all(change: &Change<'_>, worker: &mut Worker) -> io::Result<State> {
    let mut there = look(change, worker)?;
    let namespaces: BTreeSet<&str> = there.resources.iter().map(Resource::namespace).collect();
    let unasked = State::of(change.after).resources.into_iter();
    let unasked = unasked.filter(|it| !it.is_observed() && namespaces.contains(it.namespace()));
    let unasked: Vec<Resource> = unasked.collect();
    there.resources.extend(unasked);
    Ok(there)
}

/// What is to be there. A namespace that is made has what the kernel gives it.
fn wanted(change: &Change<'_>, there: &State) -> State {
    let is_namespace = |it: &&Resource| matches!(it, Resource::Namespace { .. });
    let there: BTreeSet<&str> =
        there.resources.iter().filter(is_namespace).map(Resource::namespace).collect();
    let mut wanted = State::of(change.after);
    let beside = change.before.resources().filter(|it| there.contains(it.namespace()));
    wanted.resources.extend(beside.cloned());
    wanted
}

/// What makes an address once more.
fn again(address: Resource) -> [Step; 2] {
    [Action::Delete(address.clone()), Action::Add(address)]
        .map(|action| Step { action, span: Span::NONE })
}

/// The resource, in no form that a plan has where the kernel does not tell in which it is.
fn unknown(mut resource: Resource) -> Resource {
    match &mut resource {
        Resource::Ruleset { ruleset: text, .. } | Resource::EtcFile { text, .. } => text.clear(),
        Resource::Namespace { .. }
        | Resource::Sysctl { .. }
        | Resource::Veth { .. }
        | Resource::Device { .. }
        | Resource::Wireguard { .. }
        | Resource::Master { .. }
        | Resource::BridgeVlan { .. }
        | Resource::BridgePort { .. }
        | Resource::Mtu { .. }
        | Resource::Qdisc { .. }
        | Resource::NoOffload { .. }
        | Resource::Up { .. }
        | Resource::Address { .. }
        | Resource::Fdb { .. }
        | Resource::Neighbour { .. }
        | Resource::Rule { .. }
        | Resource::NexthopObject { .. }
        | Resource::Command { .. }
        | Resource::Route { .. }
        | Resource::MplsRoute { .. } => {}
    }
    resource
}
