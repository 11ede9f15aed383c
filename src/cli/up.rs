//! `vrflab up`: builds a lab and runs its checks.

use super::check::{self, Checked, Patience};
use super::exit::{Exit, cannot, wrong};
use super::input::{self, Input, LabFile, Sent};
use super::interrupt::{self, Interrupt};
use super::output::{err, out};
use super::place::{self, Kernel, Place, state_error};
use super::progress::Progress;
use super::report::{self, Amount};
use super::{down, files, labs, neighbours};
use crate::compile::{Check, Lab, Node, names};
use crate::diagnostic::Source;
use crate::document::LabName;
use crate::executor::{self, ApplyError, BuildError, Fault};
use crate::kernel::{Home, forwarded_packets_match_rules_by_vrf, on_worker};
use crate::plan::{self, Plan};
use crate::state::{self, Built, Lock, Phase, Record};
use crate::vm;
use clap::Args;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  vrflab up labs/l3vpn.dot
  vrflab up --name second --no-check labs/two-hosts.yaml
  vrflab up --no-run labs/frr.yaml
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
    /// Do not run the commands of the lab's file
    #[arg(long)]
    no_run: bool,
    /// Retry failing checks for up to this many seconds [default: 60 where the lab runs commands,
    /// which may need time, else 0]
    #[arg(long, value_name = "SECONDS")]
    wait: Option<u64>,
    /// The lab's name, instead of the file's own
    #[arg(long, value_parser = lab_name)]
    name: Option<LabName>,
    #[command(flatten)]
    amount: Amount,
    /// The text of FILE comes on the standard input, from a `vrflab` outside that has said what there
    /// is to say of it
    #[arg(long, hide = true)]
    sent: bool,
    /// The absolute path of FILE outside
    #[arg(long, hide = true, requires = "sent")]
    path: Option<PathBuf>,
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
    Vm(Box<Input>),
}

pub(super) fn run(arguments: &Arguments, kernel: Kernel) -> Exit {
    match interrupt::listening(|interrupt| decide(arguments, kernel, interrupt)) {
        Ok(Decided::Here(exit)) => exit,
        // There signals are the guest's.
        Ok(Decided::Vm(input)) => match interrupt::stop_listening() {
            Ok(()) => in_vm(arguments, &input),
            Err(error) => cannot(error),
        },
        Err(error) => cannot(error),
    }
}

fn decide(arguments: &Arguments, kernel: Kernel, interrupt: &Interrupt) -> Decided {
    let Arguments { file, name, .. } = arguments;
    let input = match arguments.sent {
        true => input::receive(file, arguments.path.clone(), name.as_ref()),
        false => input::load(file, name.as_ref(), arguments.amount, "; nothing was made"),
    };
    let input = input.and_then(|input| match arguments.no_run {
        true => input.without_commands(),
        false => Ok(input),
    });
    let input = match input {
        Ok(input) => input,
        Err(exit) => return Decided::Here(exit),
    };
    if input.commands.number > 0 && !input.commands.left_out && !arguments.sent {
        err!("{}: {}", input.lab.name, input.commands);
    }
    // A lab that stands stays where it is, whichever kernel a new one would go to; but whoever wants
    // the host's kernel has nothing to do with the micro-VM.
    let known = if kernel == Kernel::Host { Kernel::Host } else { Kernel::Auto };
    let place = match labs::named(input.lab.name.as_str(), known) {
        Ok(Some((_, place))) => Ok(place),
        Ok(None) => place::for_plan(&input.plan, kernel),
        Err(exit) => Err(exit),
    };
    match place {
        Ok(Place::Vm) => Decided::Vm(Box::new(input)),
        Ok(Place::Here) => Decided::Here(here(arguments, &input, interrupt)),
        Err(exit) => Decided::Here(exit),
    }
}

/// Has the guest's own `vrflab` build it, from the text that was read here: what the guest would
/// find under the file's name may be another one by then, or nothing where it is a pipe.
fn in_vm(arguments: &Arguments, input: &Input) -> Exit {
    let mut line: Vec<OsString> = vec!["up".into(), "--sent".into()];
    if arguments.no_check {
        line.push("--no-check".into());
    }
    if arguments.no_run {
        line.push("--no-run".into());
    }
    if let Some(wait) = arguments.wait {
        line.extend(["--wait".into(), wait.to_string().into()]);
    }
    line.extend(arguments.file.limit_arguments());
    line.extend(["--name".into(), input.lab.name.as_str().into()]);
    if let Some(path) = &input.path {
        line.extend(["--path".into(), path.into()]);
    }
    line.extend(["--".into(), arguments.file.path.clone().into()]);
    let sent = vm::Input::Bytes(Sent::of(input).into_bytes());
    place::forward(line, sent).unwrap_or_else(cannot)
}

fn here(arguments: &Arguments, input: &Input, interrupt: &Interrupt) -> Exit {
    let name = &input.lab.name;
    let possible = place::outside_of_nodes();
    if let Err(exit) = possible.and_then(|()| files::suffice(&input.lab, true, !arguments.no_check))
    {
        return exit;
    }
    match executor::rehearse(&input.plan, &input.source) {
        Ok(faults) if faults.is_empty() => {}
        Ok(faults) => {
            report::report(&faults, &input.source, Amount::default(), "; nothing was made");
            return Exit::Wrong;
        }
        Err(error) => return cannot(error),
    }
    // The lab's directory is made first. Whoever is interrupted while waiting for another's has
    // nothing to undo.
    interrupt.begin();
    let lock = Lock::take(name, || {
        interrupt.rest();
        err!("{name}: another vrflab is at work, waiting");
    });
    interrupt.begin();
    let lock = match lock.map_err(state_error).and_then(|lock| make_room(lock, input)) {
        Ok(lock) => lock,
        Err(exit) => return exit,
    };
    neighbours::warn(&input.lab);
    rules_by_vrf(input);
    match build(input, lock, interrupt) {
        Ok(_lock) if arguments.no_check => Exit::Done,
        Ok(lock) => match checked(arguments, input, interrupt) {
            Exit::Interrupted => {
                err!("{name}: interrupted");
                down::take_away(lock).err().unwrap_or_else(|| {
                    err!("{name}: everything was rolled back");
                    Exit::Interrupted
                })
            }
            exit => exit,
        },
        Err(exit) => exit,
    }
}

fn checked(arguments: &Arguments, input: &Input, interrupt: &Interrupt) -> Exit {
    let checked = Checked { lab: &input.lab, commands: input.commands, changes: &[] };
    check::said(&checked, interrupt, patience(arguments, input), false)
}

/// Says what this kernel makes of rules by a VRF device, where the lab has some.
fn rules_by_vrf(input: &Input) {
    let by_vrf = |node: &Node| {
        let devices = node.rules.iter().flat_map(|rule| [&rule.value.iif, &rule.value.oif]);
        devices.flatten().any(|device| node.vrf(device.as_str()).is_some())
    };
    if !input.lab.nodes.iter().any(by_vrf) {
        return;
    }
    let name = &input.lab.name;
    match on_worker(forwarded_packets_match_rules_by_vrf) {
        Ok(true) => err!("{name}: this kernel has forwarded packets match rules by a VRF device"),
        Ok(false) => {
            err!("{name}: on this kernel no forwarded packet matches a rule by a VRF device");
        }
        Err(error) => err!("{name}: whether rules by a VRF device match is not known: {error}"),
    }
}

/// How long checks may take until they hold.
fn patience(arguments: &Arguments, input: &Input) -> Patience {
    let wait = |otherwise| Duration::from_secs(arguments.wait.unwrap_or(otherwise));
    match input.lab.nodes.iter().any(|node| !node.run.is_empty()) {
        true => Patience::WhileCommandsRun(wait(60)),
        false => Patience::For(wait(0)),
    }
}

/// Looks at the lab of this name that is there already: the same one needs nothing done, one left
/// half-built or half taken down is taken away, and another one is in the way.
fn make_room(lock: Lock, input: &Input) -> Result<Lock, Exit> {
    let name = &input.lab.name;
    let Some(record) = Record::load(name).map_err(state_error)? else { return Ok(lock) };
    let left = match record.phase {
        Phase::Up => {
            let built = record.built().map_err(cannot)?;
            return Err(stands(&record, &built, input));
        }
        Phase::Begun => "half-built",
        Phase::Going => "half taken down",
    };
    err!("{name}: was left {left}, taking it away first");
    down::make_room(&lock)?;
    Ok(lock)
}

/// Says what stands under the name of a lab.
fn stands(record: &Record, built: &Built, input: &Input) -> Exit {
    let name = &input.lab.name;
    let is_left_out = record.commands.left_out;
    let is_text = built.source.text == input.source.text && built.lab.files() == input.lab.files();
    match (is_text, is_left_out == input.commands.left_out) {
        (true, true) => already(record),
        (true, false) => wrong(format!(
            "{name} is up already and {}; `vrflab down {name}` takes it away",
            record.commands
        )),
        (false, _) if is_same(&built.lab, input) => already(record),
        (false, _) => {
            let path = record.path.as_ref();
            let path = path.map_or(String::new(), |path| format!(" ({})", path.display()));
            wrong(format!(
                "{name} is up already, made from another network{path}; `vrflab down {name}` takes it \
                 away, `vrflab reset {name}` brings back what it was made from"
            ))
        }
    }
}

/// Says that a lab is up already, unless its namespaces are not what they were.
fn already(record: &Record) -> Exit {
    let name = record.lab();
    if let Err(elsewhere) = place::standing(record) {
        return wrong(elsewhere);
    }
    let faults = match executor::faults(&record.footprint, &record.footprint.namespaces) {
        Ok(faults) => faults,
        Err(error) => return cannot(error),
    };
    for (namespace, fault) in &faults {
        match fault {
            Fault::Missing => err!("vrflab: the namespace `{namespace}` is gone"),
            Fault::Foreign => err!("vrflab: the namespace `{namespace}` is not this lab's"),
        }
    }
    if !faults.is_empty() {
        err!("{name}: is up, and not whole; `vrflab reset {name}` builds it anew");
        return Exit::Partly;
    }
    out!("{name} is up already");
    for change in &record.changes {
        out!("{name}: {change}");
    }
    Exit::Done
}

/// Whether a file says what a lab was made from: the same steps and checks, whatever its comments.
fn is_same(before: &Lab, input: &Input) -> bool {
    let steps = |plan: &Plan| plan.steps().map(|step| step.action.clone()).collect::<Vec<_>>();
    let checks = |of: &Lab| of.checks.iter().map(Check::to_string).collect::<Vec<_>>();
    plan::lower(before).is_ok_and(|plan| steps(&plan) == steps(&input.plan))
        && checks(before) == checks(&input.lab)
}

/// Builds a lab where there is none of its name; on a refusal or an interrupt, nothing is left.
fn build(input: &Input, lock: Lock, interrupt: &Interrupt) -> Result<Lock, Exit> {
    let name = &input.lab.name;
    let record = match prepare(input, &lock) {
        Ok(record) => record,
        Err(error) => {
            lock.forget().map_err(state_error)?;
            return Err(state_error(error));
        }
    };
    let mut progress = Progress::new(&input.lab, input.plan.steps().len(), interrupt);
    let built = executor::build(&input.plan, record, lock, &mut progress);
    let built = built.map_err(|failed| {
        progress.clear();
        let (exit, is_gone) = say(failed, name, &input.source);
        if is_gone {
            err!("{name}: everything was rolled back");
        }
        exit
    });
    built.inspect(|_| progress.built(&input.lab))
}

/// Builds a lab in the place of the one of its name; on a refusal or an interrupt its record stays.
pub(super) fn rebuild(
    built: &Built,
    record: &Record,
    lock: Lock,
    interrupt: &Interrupt,
) -> Result<(), Exit> {
    let (lab, name) = (&built.lab, &built.lab.name);
    let plan = plan::lower(lab).map_err(cannot)?;
    Home::of(state::directory(name)).write_names(&names(lab)).map_err(state_error)?;
    let mut record = record.anew().map_err(state_error)?;
    if built.rerouted.is_some() {
        let whole = Built { rerouted: None, ..built.clone() };
        record.keep(&whole, &lock).map_err(state_error)?;
    }
    let mut progress = Progress::new(lab, plan.steps().len(), interrupt);
    executor::rebuild(&plan, record, lock, &mut progress).map_err(|failed| {
        progress.clear();
        let (exit, is_gone) = say(failed, name, &built.source);
        if is_gone {
            err!(
                "{name}: is not up, and its text is kept: `vrflab reset {name}` builds it, `vrflab \
                 down {name}` forgets it"
            );
        }
        exit
    })?;
    progress.built(lab);
    Ok(())
}

/// Says why a lab was not built; true where it was begun and nothing of it is left.
fn say(failed: BuildError, name: &LabName, source: &Source) -> (Exit, bool) {
    let (exit, left) = match failed {
        BuildError::Io(error) => return (cannot(error), false),
        BuildError::Taken { namespace } => return (taken(&namespace), false),
        BuildError::InTheWay { left } => {
            down::say(&left);
            return (Exit::Partly, false);
        }
        BuildError::Unrecorded { error, left } => {
            err!("{name}: that it is up cannot be recorded: {error}");
            (Exit::Cannot, left)
        }
        BuildError::Stopped { error: ApplyError::Interrupted, left } => {
            err!("{name}: interrupted");
            (Exit::Interrupted, left)
        }
        BuildError::Stopped { error: ApplyError::Refused { step, reason, .. }, left } => {
            let refused = executor::refused_in(&step, &reason, source);
            report::print(&[refused], source);
            (Exit::Refused, left)
        }
    };
    (exit, down::say(&left))
}

/// Says that somebody else has a namespace of a name that the lab needs.
pub(super) fn taken(namespace: &str) -> Exit {
    err!("vrflab: there is a namespace `{namespace}` already, and it is not this lab's");
    Exit::Refused
}

/// Writes what is there before the first namespace, and returns the record of what is to come.
fn prepare(input: &Input, lock: &Lock) -> io::Result<Record> {
    let lab = &input.lab;
    Home::of(state::directory(&lab.name)).write_names(&names(lab))?;
    let mut record = Record::begun(lab, input.path.clone(), input.commands)?;
    let (source, format, lab) = (input.source.clone(), input.format, lab.clone());
    record.keep(&Built { source, format, lab, rerouted: None }, lock)?;
    Ok(record)
}
