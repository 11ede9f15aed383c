//! Whatever happens at whichever step, nothing of a lab is left.

use crate::standing::{Alone, Built, l3vpn};
use nix::sys::signal::{Signal, raise};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};
use std::time::Duration;
use vrflab::executor::{self, ApplyError, BuildError, Kernel, run};
use vrflab::kernel::{Machine, Refusal, Refused, on_worker};
use vrflab::plan::Action;
use vrflab::state::Lock;

/// The real kernel up to one step, and a fault there.
struct Faulty<'m, 'w> {
    kernel: &'m mut Machine<'w>,
    /// How many steps are carried out before the fault.
    before: usize,
    fault: Fault,
}

#[derive(Clone, Copy)]
enum Fault {
    /// The kernel refuses the step.
    Refused,
    /// The process is killed before it.
    Killed,
}

impl Faulty<'_, '_> {
    fn fall(&self, index: usize) -> Refused {
        match self.fault {
            Fault::Refused => {
                let sentence = Some("refused by the test".to_owned());
                Refused { index, refusal: Refusal { errno: nix::Error::EINVAL, sentence }.into() }
            }
            Fault::Killed => {
                raise(Signal::SIGKILL).unwrap();
                unreachable!("nobody survives SIGKILL")
            }
        }
    }

    fn one(
        &mut self,
        step: impl FnOnce(&mut Machine<'_>) -> Result<(), Refused>,
    ) -> Result<(), Refused> {
        if self.before == 0 {
            return Err(self.fall(0));
        }
        self.before -= 1;
        step(self.kernel)
    }
}

impl Kernel for Faulty<'_, '_> {
    fn namespace(&mut self, name: &str, mark: &str) -> Result<(), Refused> {
        self.one(|kernel| kernel.namespace(name, mark))
    }

    fn execute_single(&mut self, action: &Action) -> Result<(), Refused> {
        self.one(|kernel| kernel.execute_single(action))
    }

    fn send(&mut self, actions: &[&Action]) -> Result<(), Refused> {
        let carried_out = self.before.min(actions.len());
        self.kernel.send(&actions[..carried_out])?;
        self.before -= carried_out;
        if carried_out < actions.len() { Err(self.fall(carried_out)) } else { Ok(()) }
    }

    fn wait_for_ports(
        &mut self,
        namespace: &str,
        moment: Duration,
    ) -> Result<Option<String>, Refused> {
        self.kernel.wait_for_ports(namespace, moment)
    }
}

fn build(built: &Built, before: usize, fault: Fault) -> Result<Lock, BuildError> {
    executor::build_through(&built.plan, built.record(), built.lock(), |plan, mark, home| {
        on_worker(|worker| {
            let mut kernel = Faulty { kernel: &mut Machine::new(worker, home), before, fault };
            run(plan, mark, &mut kernel, &mut Alone)
        })
    })
}

#[test]
fn a_refusal_at_any_step_of_the_l3vpn_leaves_nothing() {
    let built = l3vpn("refused");
    let steps: Vec<Action> = built.plan.steps().map(|step| step.action.clone()).collect();
    for (before, expected) in steps.iter().enumerate() {
        match build(&built, before, Fault::Refused) {
            Err(BuildError::Stopped { error: ApplyError::Refused { step, reason, .. }, left }) => {
                assert_eq!(step.action, *expected, "the refused step is the one that is named");
                assert_eq!(reason.to_string(), "refused by the test (EINVAL)");
                assert!(left.is_empty(), "step {before}, {expected}: {left:?}");
            }
            other => panic!("step {before}, {expected}: {other:?}"),
        }
        assert_eq!(built.residue(), Vec::<String>::new(), "step {before}, {expected}");
    }
}

#[test]
fn a_kill_at_any_step_of_the_l3vpn_and_then_down_leaves_nothing() {
    let built = l3vpn("killed");
    for before in 0..=built.plan.steps().len() {
        // A process that is killed is another one than the one that looks at what it left. SAFETY:
        // the child uses nothing that another thread of this one could hold, and never returns.
        match unsafe { fork() }.unwrap() {
            ForkResult::Child => {
                let done = build(&built, before, Fault::Killed);
                // Only the last turn comes here, with everything built.
                std::process::exit(if done.is_ok() { 0 } else { 1 });
            }
            ForkResult::Parent { child } => {
                let ended = waitpid(child, None).unwrap();
                let expected = match before == built.plan.steps().len() {
                    true => WaitStatus::Exited(child, 0),
                    false => WaitStatus::Signaled(child, Signal::SIGKILL, false),
                };
                assert_eq!(ended, expected, "step {before}");
            }
        }
        assert!(!built.residue().is_empty(), "step {before}: the record at least is there");
        let left = executor::down(built.lock()).unwrap();
        assert!(left.is_empty(), "step {before}: {left:?}");
        assert_eq!(built.residue(), Vec::<String>::new(), "step {before}");
    }
}
