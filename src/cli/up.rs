//! `vrflab up`: builds a lab and runs its checks.

use super::change::not_changed;
use super::check;
use super::count;
use super::exit::{Exit, cannot, unopened, wrong};
use super::input::{self, LabFile};
use super::interrupt::{self, Interrupt};
use super::output::{err, out};
use super::place::{self, Kernel, Place};
use super::progress::{Waiting, Watch};
use super::report::{self, Amount};
use super::request::{Request, Wishes};
use super::{down, labs};
use crate::diagnostic::Source;
use crate::document::LabName;
use crate::executor::{self, ApplyError, BuildError, Fault};
use crate::lifecycle::{
    ChangeError, CheckError, CheckOptions, CompiledLab, KernelChangeError, Options, Patience,
    Promises, RunningLab, UpError, UpOptions, Verify,
};
use crate::plan::{Action, Step};
use crate::vm;
use clap::Args;
use std::io::Read;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  vrflab up labs/l3vpn.dot
  vrflab up --name second --no-check labs/two-hosts.yaml
  vrflab up --no-run labs/frr.yaml
  vrflab up --dry-run labs/l3vpn.dot
  vrflab up - < lab.dot";

/// The arguments of `vrflab up`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    file: LabFile,
    /// Do not run the checks
    #[arg(long)]
    no_check: bool,
    /// Do not read back from the kernel what was made
    #[arg(long)]
    no_verify: bool,
    /// Do not run the commands of the lab's file
    #[arg(long)]
    no_run: bool,
    /// Retry failing checks for up to this many seconds [default: 60 if the lab runs commands, which
    /// may need time, else 0]
    #[arg(long, value_name = "SECONDS")]
    wait: Option<u64>,
    /// Print the steps that would be taken as commands, `+` before what is made, `~` before what is
    /// changed in place and `-` before what is deleted, and take none
    #[arg(long)]
    dry_run: bool,
    /// Exit with status 10 if there are such steps
    #[arg(long, requires = "dry_run")]
    exit_code: bool,
    /// The lab's name, instead of the file's own
    #[arg(long, value_parser = lab_name)]
    name: Option<LabName>,
    #[command(flatten)]
    amount: Amount,
}

/// A lab's name on the command line.
pub(super) fn lab_name(name: &str) -> Result<LabName, String> {
    LabName::new(name).ok_or_else(|| format!("a lab's name is {}", LabName::RULE))
}

/// What became of a run where it was decided which kernel the lab goes to.
enum Decided {
    /// It was built here, or not.
    Here(Exit),
    /// It goes into the VM.
    Vm(Box<CompiledLab>),
}

pub(super) fn run(arguments: &Arguments, kernel: Kernel) -> Exit {
    match interrupt::listening(|interrupt| decide(arguments, kernel, interrupt)) {
        Ok(Ok(Decided::Here(exit))) | Ok(Err(exit)) => exit,
        // There signals are the guest's.
        Ok(Ok(Decided::Vm(lab))) => match interrupt::stop_listening() {
            Ok(()) => in_vm(arguments, &lab),
            Err(error) => cannot(error),
        },
        Err(error) => cannot(error),
    }
}

fn decide(arguments: &Arguments, kernel: Kernel, interrupt: &Interrupt) -> Result<Decided, Exit> {
    let Arguments { file, name, no_run, amount, .. } = arguments;
    let promises = if arguments.no_check { Promises::Left } else { Promises::Held };
    let options =
        Options { name: name.clone(), without_commands: *no_run, promises, ..Options::default() };
    let compiled = input::compile(file, options);
    let lab = input::said(compiled, *amount, "; nothing was made")?;
    let commands = lab.commands();
    if commands.number > 0 && !commands.left_out {
        err!("{}: {commands}", lab.name());
    }
    // A lab that stands stays where it is, whichever kernel a new one would go to; but whoever wants
    // the host's kernel has nothing to do with the micro-VM.
    let known = if kernel == Kernel::Host { Kernel::Host } else { Kernel::Auto };
    let place = match labs::named(lab.name().as_str(), known)? {
        Some((_, place)) => place,
        // Where it would be built makes no difference to its steps.
        None if arguments.dry_run => Place::Here,
        None => place::for_lab(&lab, kernel)?,
    };
    Ok(match place {
        Place::Vm => Decided::Vm(Box::new(lab)),
        Place::Here => Decided::Here(here(arguments.wishes(), &lab, interrupt)),
    })
}

impl Arguments {
    fn wishes(&self) -> Wishes {
        let Self { no_check, no_verify, dry_run, exit_code, wait, .. } = *self;
        Wishes { checks: !no_check, verify: !no_verify, dry_run, exit_code, wait }
    }
}

/// Has the guest's own `vrflab` build the very lab that was compiled here: what the guest would find
/// under the file's name may be another one by then, or nothing where it is a pipe.
fn in_vm(arguments: &Arguments, lab: &CompiledLab) -> Exit {
    let request = Request::Up(arguments.wishes());
    request.in_vm(vm::Input::Bytes(lab.to_bytes())).unwrap_or_else(cannot)
}

/// Builds the lab that [`in_vm`] sent.
pub(super) fn received(wishes: &Wishes) -> Exit {
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().read_to_end(&mut bytes);
    let lab = match read.and_then(|_| CompiledLab::from_bytes(&bytes)) {
        Ok(lab) => lab,
        Err(error) => return cannot(error),
    };
    interrupt::listening(|interrupt| here(*wishes, &lab, interrupt)).unwrap_or_else(cannot)
}

fn here(wishes: Wishes, lab: &CompiledLab, interrupt: &Interrupt) -> Exit {
    let mut watch = Watch::of_up(interrupt);
    if wishes.dry_run {
        return match lab.steps(&mut watch) {
            Ok(steps) => shown(&steps, wishes.exit_code, lab.name()),
            Err(error) => not_built(error, lab),
        };
    }
    let verify = if wishes.verify { Verify::Before } else { Verify::Never };
    let options = UpOptions { checks: wishes.checks, verify, keep_lock: true };
    let running = match lab.up(&options, &mut watch) {
        Ok(running) if running.is_new() || running.applied().is_some() => running,
        Ok(running) => return already(&running),
        Err(error) => {
            watch.clear();
            return not_built(error, lab);
        }
    };
    match running.applied() {
        None => watch.built(lab.lab()),
        Some(0) => out!("{}: matches its file now", lab.name()),
        Some(applied) => out!("{}: changed, {} applied", lab.name(), count(applied, "step")),
    }
    if !wishes.checks {
        return Exit::Done;
    }
    let options = CheckOptions { only: Vec::new(), patience: patience(wishes, lab) };
    match running.check(&options, &mut watch) {
        Ok(checked) => check::concluded(&running, &checked, false),
        Err(CheckError::Run(crate::check::Error::Interrupted)) => {
            let name = lab.name();
            err!("{name}: interrupted");
            if running.applied().is_some() {
                return Exit::Interrupted;
            }
            match running.down(&mut Waiting) {
                Ok(()) => {
                    err!("{name}: everything was rolled back");
                    Exit::Interrupted
                }
                Err(error) => down::say(error.left, Exit::Interrupted),
            }
        }
        Err(error) => check::failed(error),
    }
}

/// Shows the steps that would be taken.
fn shown(steps: &[Step], exit_code: bool, name: &LabName) -> Exit {
    for Step { action, span: _ } in steps {
        let sign = match action {
            Action::Add(_) | Action::Replace { before: None, .. } => '+',
            Action::Replace { before: Some(_), .. } => '~',
            Action::Delete(_) => '-',
        };
        out!("{sign} {action}");
    }
    match (steps.is_empty(), exit_code) {
        (true, _) => {
            out!("{name}: nothing would change");
            Exit::Done
        }
        (false, true) => Exit::WouldChange,
        (false, false) => Exit::Done,
    }
}

/// How long checks may take until they hold.
fn patience(wishes: Wishes, lab: &CompiledLab) -> Patience {
    let wait = |otherwise| Duration::from_secs(wishes.wait.unwrap_or(otherwise));
    match lab.lab().nodes.iter().any(|node| !node.run.is_empty()) {
        true => Patience::WhileCommandsRun(wait(60)),
        false => Patience::For(wait(0)),
    }
}

/// Says that a lab stood before.
fn already(running: &RunningLab) -> Exit {
    let name = running.name();
    out!("{name} is up already");
    for change in running.changes() {
        out!("{name}: {change}");
    }
    Exit::Done
}

/// Says why a lab was not built.
fn not_built(error: UpError, lab: &CompiledLab) -> Exit {
    match error {
        UpError::Wrong(error) => {
            let (file, diagnostics) = (&error.file, &error.diagnostics);
            report::report(diagnostics, file, Amount::default(), "; nothing was made");
            Exit::Wrong
        }
        UpError::WithinNode { .. } | UpError::Other { .. } | UpError::OtherCommands { .. } => {
            wrong(error)
        }
        UpError::OpenFiles(_) | UpError::Lacks(_) | UpError::Io(_) => cannot(error),
        UpError::NotWhole { ref lab, ref faults } => {
            for (namespace, fault) in faults {
                match fault {
                    Fault::Missing => err!("vrflab: the namespace `{namespace}` is gone"),
                    Fault::Foreign => err!("vrflab: the namespace `{namespace}` is not this lab's"),
                }
            }
            err!("{lab}: is up, and not whole; `vrflab reset {lab}` builds it anew");
            Exit::Partly
        }
        UpError::Change(ChangeError::Refused {
            error: KernelChangeError::Differs { action },
            ..
        }) => {
            let name = lab.name();
            err!("{name}: the kernel holds something else than what was made: `{action}` mends it");
            err!("{name}: the change was rolled back");
            Exit::Refused
        }
        UpError::Change(error) => not_changed(error, lab.name()),
        UpError::InTheWay(error) => down::say(error.left, Exit::Partly),
        UpError::Open(error) => unopened(error),
        UpError::Build(error) => {
            let differs = differs(&error);
            let (exit, is_gone) = stopped(error, lab.name(), lab.file());
            if is_gone {
                err!("{}: everything was rolled back", lab.name());
            }
            if differs {
                err!("{}: `--no-verify` builds it as it is", lab.name());
            }
            exit
        }
    }
}

/// Whether a build came to no end because the kernel holds something else than what was made.
pub(super) fn differs(failed: &BuildError) -> bool {
    matches!(failed, BuildError::Stopped { error: ApplyError::Differs { .. }, .. })
}

/// Says why a build came to no end; true where it was begun and nothing of it is left.
pub(super) fn stopped(failed: BuildError, name: &LabName, file: &Source) -> (Exit, bool) {
    let (exit, left) = match failed {
        BuildError::Io(error) => return (cannot(error), false),
        BuildError::Taken { namespace } => return (taken(&namespace), false),
        BuildError::InTheWay { left } => return (down::say(left, Exit::Partly), false),
        BuildError::Unrecorded { error, left } => {
            err!("{name}: that it is up cannot be recorded: {error}");
            (Exit::Cannot, left)
        }
        BuildError::Stopped { error: ApplyError::Interrupted, left } => {
            err!("{name}: interrupted");
            (Exit::Interrupted, left)
        }
        BuildError::Stopped { error: ApplyError::Refused { step, reason, .. }, left } => {
            report::print(&[executor::refused_in(&step, &reason, file)], file);
            (Exit::Refused, left)
        }
        BuildError::Stopped { error: ApplyError::Differs { differences }, left } => {
            report::print(&executor::differing(&differences), file);
            (Exit::Refused, left)
        }
        BuildError::Stopped { error: error @ ApplyError::Unseen { .. }, left } => {
            err!("{name}: {error}");
            (Exit::Cannot, left)
        }
    };
    (exit, down::say(left, Exit::Done) == Exit::Done)
}

/// Says that somebody else has a namespace of a name that the lab needs.
pub(super) fn taken(namespace: &str) -> Exit {
    err!("vrflab: there is a namespace `{namespace}` already, and it is not this lab's");
    Exit::Refused
}
