//! `vrflab down`: tears labs down.

use super::exit::{Exit, cannot, state_error, wrong};
use super::interrupt;
use super::labs::{self, Found};
use super::output::{err, out};
use super::place::{Kernel, Place};
use super::progress::Waiting;
use super::request::Request;
use crate::document::LabName;
use crate::executor::TeardownError;
use crate::lifecycle::RunningLab;
use crate::state;
use crate::vm;
use clap::Args;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  vrflab down
  vrflab down l3vpn
  vrflab down labs/l3vpn.dot
  vrflab down --all
  vrflab down --if-exists l3vpn";

/// The arguments of `vrflab down`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Labs by name, or the files they came from
    #[arg(value_name = "LAB|FILE", conflicts_with = "all")]
    labs: Vec<String>,
    /// Tear all labs down
    #[arg(long)]
    all: bool,
    /// Tear down labs whose records cannot be read, identifying them by their marks
    #[arg(long)]
    force: bool,
    /// Succeed even if there is no such lab
    #[arg(long)]
    if_exists: bool,
}

pub(super) fn run(arguments: &Arguments, kernel: Kernel) -> Exit {
    let mut down = Down::default();
    if let Err(exit) = down.choose(arguments, kernel) {
        return exit;
    }
    let mut exit = down.foreign.as_deref().map_or(Exit::Done, labs::roots);
    if let Some(error) = down.unknown {
        exit = cannot(error);
    }
    let by_marks = arguments.force;
    for (labs, place) in [(down.here, Place::Here), (down.in_vm, Place::Vm)] {
        if labs.is_empty() {
            continue;
        }
        let carried_out = match place {
            Place::Here => here(&labs, by_marks),
            Place::Vm => Request::Down { labs, by_marks }.hand_on(),
        };
        if !matches!(carried_out, Exit::Done | Exit::Command(0)) {
            exit = carried_out;
        }
    }
    exit
}

/// A signal ends it where it is: whatever is left is taken away by the next `down`.
pub(super) fn here(labs: &[LabName], by_marks: bool) -> Exit {
    let exit = interrupt::listening(|_| all(labs, by_marks)).unwrap_or_else(cannot);
    // Labs in the micro-VM may come next, and there signals are passed on.
    match interrupt::stop_listening() {
        Ok(()) => exit,
        Err(error) => cannot(error),
    }
}

fn all(labs: &[LabName], by_marks: bool) -> Exit {
    let mut exit = Exit::Done;
    for lab in labs {
        if let Err(failed) = one(lab, by_marks) {
            exit = failed;
        }
    }
    exit
}

/// The labs that are to go.
#[derive(Default)]
struct Down {
    here: Vec<LabName>,
    in_vm: Vec<LabName>,
    /// Labs that are meant too, and another user's.
    foreign: Option<String>,
    /// Why it is not known which labs in the micro-VM are meant.
    unknown: Option<vm::Error>,
}

impl Down {
    fn add(&mut self, lab: LabName, place: Place) {
        match place {
            Place::Here => self.here.push(lab),
            Place::Vm => self.in_vm.push(lab),
        }
    }

    /// Finds what is meant; nothing goes where one of the words means nothing.
    fn choose(&mut self, arguments: &Arguments, kernel: Kernel) -> Result<(), Exit> {
        let (labs, unknown) = labs::as_known(self.kernels(arguments, kernel)?)?;
        self.unknown = unknown;
        if arguments.all {
            self.all(&labs, kernel)?;
        } else if arguments.labs.is_empty() {
            if let Some(error) = self.unknown.take() {
                return Err(cannot(error));
            }
            let is_there = labs.iter().any(|found| labs::is_own(found.place));
            if !is_there && arguments.if_exists {
                return Ok(());
            }
            let (lab, place) = labs::find(None, None, kernel)?;
            self.add(lab, place);
        }
        let unknown: Vec<String> = arguments
            .labs
            .iter()
            .filter_map(|word| self.word(word, &labs).transpose())
            .collect::<Result<_, _>>()?;
        if !unknown.is_empty()
            && let Some(error) = self.unknown.take()
        {
            return Err(cannot(error));
        }
        if arguments.if_exists {
            return Ok(());
        }
        let mut exit = Ok(());
        for said in unknown {
            exit = Err(wrong(said));
        }
        exit
    }

    /// Where labs are looked for: nobody asks the micro-VM for labs that are known to be here.
    fn kernels(&self, arguments: &Arguments, kernel: Kernel) -> Result<Kernel, Exit> {
        let mut labs = arguments.labs.iter();
        let is_elsewhere = |word: &String| match is_file(word) {
            true => Ok(true),
            false => labs::named_here(word, kernel).map(|here| here.is_none()),
        };
        let asked =
            labs.len() == 0 || labs.try_fold(false, |any, it| Ok(any | is_elsewhere(it)?))?;
        Ok(if asked { kernel } else { Kernel::Host })
    }

    fn all(&mut self, labs: &[Found], kernel: Kernel) -> Result<(), Exit> {
        for found in labs.iter().filter(|found| labs::is_own(found.place)) {
            self.add(found.lab.name.clone(), found.place);
        }
        if kernel != Kernel::Vm && labs::is_own(Place::Here) {
            // Directories too whose maker was killed before it wrote the record.
            self.here.extend(state::names().map_err(state_error)?);
            self.here.sort();
            self.here.dedup();
        }
        let foreign = labs.iter().filter(|found| !labs::is_own(found.place));
        let foreign: Vec<&str> = foreign.map(|found| found.lab.name.as_str()).collect();
        self.foreign = (!foreign.is_empty()).then(|| foreign.join(", "));
        let is_nothing = self.here.is_empty() && self.in_vm.is_empty();
        if is_nothing && self.foreign.is_none() && self.unknown.is_none() {
            out!("no lab is up");
        }
        Ok(())
    }

    /// Adds the labs that a word means, or says that it means none. A word with an extension or a
    /// slash is a file, known by the path that was recorded at `up`.
    fn word(&mut self, word: &str, labs: &[Found]) -> Result<Option<String>, Exit> {
        if is_file(word) {
            let path = absolute(word);
            let of_file = labs.iter().filter(|found| found.lab.path.as_deref() == Some(&path));
            let of_file: Vec<&Found> = of_file.filter(|found| labs::is_own(found.place)).collect();
            of_file.iter().for_each(|found| self.add(found.lab.name.clone(), found.place));
            // Which file another user's lab is of is not for everybody to read.
            let hidden = labs.iter().any(|found| !labs::is_own(found.place));
            let hidden = if hidden { " that is yours; others are root's" } else { "" };
            return Ok(of_file.is_empty().then(|| format!("no lab of {word} is up{hidden}")));
        }
        // One of this user's before one of root's of the same name.
        let named = || labs.iter().filter(|found| found.lab.name.as_str() == word);
        if let Some(found) = named().find(|found| labs::is_own(found.place)) {
            self.add(found.lab.name.clone(), found.place);
        } else if named().next().is_some() {
            return Err(labs::roots(word));
        } else if let Some(begun) = LabName::new(word).filter(|lab| state::directory(lab).exists())
        {
            self.here.push(begun);
        } else {
            return Ok(Some(labs::unknown(labs, word, "")));
        }
        Ok(None)
    }
}

/// Whether a word means a file and not a lab's name.
fn is_file(word: &str) -> bool {
    word.contains('/') || Path::new(word).extension().is_some()
}

/// The path that `up` would have recorded for a file, which may be gone.
fn absolute(word: &str) -> PathBuf {
    let path = Path::new(word);
    path.canonicalize().or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_owned())
}

fn one(lab: &LabName, force: bool) -> Result<(), Exit> {
    match RunningLab::down_by_name(lab, force, &mut Waiting) {
        Ok(()) => {
            out!("{lab} is down");
            Ok(())
        }
        Err(error) => {
            let is_down = error.is_down();
            let exit = say(error.left, Exit::Partly);
            if is_down {
                out!("{lab} is down");
            }
            Err(exit)
        }
    }
}

/// Says what was left. The exit is `otherwise` where nothing of the lab itself is.
pub(super) fn say(left: Vec<TeardownError>, otherwise: Exit) -> Exit {
    let mut exit = otherwise;
    for left in left {
        if let TeardownError::State { error } = left {
            exit = state_error(error);
            continue;
        }
        err!("vrflab: {left}");
        if left.is_failure() {
            exit = Exit::Partly;
        }
    }
    exit
}
