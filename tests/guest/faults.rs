//! Whatever happens at whichever step, nothing of a lab is left.

use crate::standing::{Alone, Built, l3vpn, read};
use nix::sys::signal::{Signal, raise};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};
use std::collections::{BTreeSet, HashSet};
use std::mem::discriminant;
use std::time::Duration;
use vrflab::diagnostic::{Diagnostic, Severity};
use vrflab::document::Format;
use vrflab::executor::{self, ApplyError, BuildError, Change, ChangeError, Kernel, run};
use vrflab::kernel::{Machine, Refusal, Refused, observe, on_worker};
use vrflab::plan::{Action, Difference, Plan, State, differences};
use vrflab::state::{Footprint, Lock, Verify};

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
    /// The kernel says that it has carried out the step, and has not.
    Lost,
}

impl Faulty<'_, '_> {
    fn fall(&mut self, index: usize) -> Result<(), Refused> {
        match self.fault {
            Fault::Refused => {
                let sentence = Some("refused by the test".to_owned());
                let refusal = Refusal { errno: nix::Error::EINVAL, sentence }.into();
                Err(Refused { index, refusal })
            }
            Fault::Killed => {
                raise(Signal::SIGKILL).unwrap();
                unreachable!("nobody survives SIGKILL")
            }
            Fault::Lost => {
                self.before = usize::MAX;
                Ok(())
            }
        }
    }

    fn one(
        &mut self,
        step: impl FnOnce(&mut Machine<'_>) -> Result<(), Refused>,
    ) -> Result<(), Refused> {
        if self.before == 0 {
            return self.fall(0);
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
        let Some((_, behind)) = actions[carried_out..].split_first() else { return Ok(()) };
        self.fall(carried_out)?;
        self.kernel.send(behind)
    }

    fn observe(&mut self, plan: &Plan) -> std::io::Result<State> {
        self.kernel.observe(plan)
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
            run(plan, mark, Verify::Before, &mut kernel, &mut Alone)
        })
    })
}

/// A lab of few nodes that has one of everything that a plan can make, so that a sweep over all its
/// steps is over all kinds of them in time that a test may take.
pub fn everything(name: &str) -> Built {
    let built = read(EVERYTHING, Format::Yaml, name).0;
    let kinds: HashSet<_> = built.plan.resources().map(discriminant).collect();
    assert_eq!(kinds.len(), 22, "a kind of resource has no step here");
    built
}

/// The steps of a plan with which a different kind of work begins.
fn turns(plan: &Plan) -> Vec<usize> {
    let steps: Vec<&Action> = plan.steps().map(|step| &step.action).collect();
    let kind = |at: usize| (discriminant(steps[at].resource()), steps[at].transport());
    let is_turn = |at: &usize| *at == 0 || kind(*at) != kind(at - 1);
    (0..steps.len()).filter(is_turn).collect()
}

fn refuse(built: &Built, before: usize) {
    let expected = &built.plan.steps().nth(before).unwrap().action;
    match build(built, before, Fault::Refused) {
        Err(BuildError::Stopped { error: ApplyError::Refused { step, reason, .. }, left }) => {
            assert_eq!(step.action, *expected, "the refused step is the one that is named");
            assert_eq!(reason.to_string(), "refused by the test (EINVAL)");
            assert!(left.is_empty(), "step {before}, {expected}: {left:?}");
        }
        other => panic!("step {before}, {expected}: {other:?}"),
    }
    assert_eq!(built.residue(), Vec::<String>::new(), "step {before}, {expected}");
}

fn kill(built: &Built, before: usize) {
    #[allow(unsafe_code)]
    // A process that is killed is another one than the one that looks at what it left. SAFETY:
    // the child uses nothing that another thread of this one could hold, and never returns.
    match unsafe { fork() }.unwrap() {
        ForkResult::Child => {
            let done = build(built, before, Fault::Killed);
            // A panic would unwind into a harness whose main thread the child has not got.
            eprintln!("nobody was killed: {done:?}");
            std::process::exit(1);
        }
        ForkResult::Parent { child } => {
            let ended = waitpid(child, None).unwrap();
            assert_eq!(ended, WaitStatus::Signaled(child, Signal::SIGKILL, false), "step {before}");
        }
    }
    assert!(!built.residue().is_empty(), "step {before}: the record at least is there");
    let left = executor::down(built.lock()).unwrap();
    assert!(left.is_empty(), "step {before}: {left:?}");
    assert_eq!(built.residue(), Vec::<String>::new(), "step {before}");
}

#[test]
fn a_refusal_at_any_step_leaves_nothing() {
    let built = everything("refused");
    (0..built.plan.steps().len()).for_each(|before| refuse(&built, before));
}

#[test]
fn a_refusal_at_each_turn_of_the_l3vpn_leaves_nothing() {
    let built = l3vpn("vpnrefused");
    turns(&built.plan).into_iter().for_each(|before| refuse(&built, before));
}

#[test]
fn what_the_kernel_says_it_did_and_did_not_is_named_and_nothing_is_left() {
    let built = everything("lost");
    let (mut seen, mut named) = (HashSet::new(), 0);
    for (before, step) in built.plan.steps().enumerate() {
        let resource = step.action.resource();
        if !resource.is_observed() || !seen.insert(discriminant(resource)) {
            continue;
        }
        let (action, span) = (&step.action, step.span);
        match build(&built, before, Fault::Lost) {
            Err(BuildError::Stopped { error: ApplyError::Differs { differences }, left }) => {
                assert!(left.is_empty(), "{action}: {left:?}");
                let of_it = differences.iter().filter(|(_, place)| *place == span);
                assert_ne!(of_it.count(), 0, "{action}: {differences:?}");
                named += 1;
            }
            // What needs it is refused before anybody looks.
            Err(BuildError::Stopped { error: ApplyError::Refused { .. }, left }) => {
                assert!(left.is_empty(), "{action}: {left:?}");
            }
            other => panic!("{action}: {other:?}"),
        }
        assert_eq!(built.residue(), Vec::<String>::new(), "{action}");
    }
    assert!(named > 10, "{named} of {} kinds of resources that a kernel shows", seen.len());
}

#[test]
fn a_kill_at_any_step_and_then_down_leaves_nothing() {
    let built = everything("killed");
    (0..built.plan.steps().len()).for_each(|before| kill(&built, before));
}

#[test]
fn a_kill_at_each_turn_of_the_l3vpn_and_then_down_leaves_nothing() {
    let built = l3vpn("vpnkilled");
    turns(&built.plan).into_iter().for_each(|before| kill(&built, before));
}

pub const EVERYTHING: &str = include_str!("labs/everything.yaml");

/// A lab, and the same edited: devices, masters, VLANs, queues, addresses, rules, nexthop objects, routes,
/// files, settings and a node come, go and change.
pub const BEFORE: &str = include_str!("labs/before.yaml");
pub const AFTER: &str = include_str!("labs/after.yaml");

/// In what the kernel differs from a plan.
fn wrong(plan: &Plan) -> Vec<Difference> {
    let observed = on_worker(|worker| observe(plan, worker)).unwrap();
    differences(plan, &observed)
}

#[test]
fn a_change_that_is_refused_at_any_step_is_taken_back() {
    let (before, said) = read(BEFORE, Format::Yaml, "edited");
    let (after, also) = read(AFTER, Format::Yaml, "edited");
    let errors = |said: &[Diagnostic]| said.iter().any(|it| it.severity == Severity::Error);
    assert!(!errors(&said) && !errors(&also), "{said:?} {also:?}");
    let mut record = before.record();
    record.verify = Verify::Never;
    executor::build(&before.plan, record.clone(), before.lock(), &mut Alone).unwrap();
    let none = BTreeSet::new();
    let change = |from: &Plan, to: &Plan, at: usize| {
        let Footprint { mark, namespaces, .. } = &record.footprint;
        let change = Change { mark, namespaces, before: from, after: to, healed: &none };
        executor::change_through(&before.lock(), &change, |steps, mark, machine| {
            let mut kernel = Faulty { kernel: machine, before: at, fault: Fault::Refused };
            executor::apply(steps, mark, &mut kernel, &|| false)
        })
    };
    let mut refused = 0;
    loop {
        match change(&before.plan, &after.plan, refused) {
            Ok(_) => break,
            Err(ChangeError::Refused { step, reason, stuck }) => {
                assert_eq!(reason.to_string(), "refused by the test (EINVAL)", "{}", step.action);
                assert_eq!(stuck, None, "{}", step.action);
                assert_eq!(wrong(&before.plan), [], "step {refused}, {}", step.action);
            }
            Err(error) => panic!("step {refused}: {error}"),
        }
        refused += 1;
    }
    assert!(refused > 30, "{refused} steps");
    assert_eq!(wrong(&after.plan), []);
    change(&after.plan, &before.plan, usize::MAX).unwrap();
    assert_eq!(wrong(&before.plan), []);
    // A node that came and went is no longer in the record's names, and has gone.
    let left = executor::down(before.lock()).unwrap();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(before.residue(), Vec::<String>::new());
}
