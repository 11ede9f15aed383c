//! `vrflab down`: takes labs away.

use super::exit::{Exit, cannot, wrong};
use super::output::{err, out};
use super::place::{self, Kernel, Place, state_error};
use crate::document::LabName;
use crate::executor::{self, Left};
use crate::state::{self, Lock, Record};
use clap::Args;
use std::path::{Path, PathBuf};

/// The arguments of `vrflab down`.
#[derive(Args)]
pub(super) struct Arguments {
    /// Labs by name, or the files they came from; the only one there is where none is given
    #[arg(value_name = "LAB|FILE", conflicts_with = "all")]
    labs: Vec<String>,
    /// Take all labs away
    #[arg(long)]
    all: bool,
}

pub(super) fn run(arguments: &Arguments, kernel: Kernel) -> Exit {
    let standing = match place::all(kernel) {
        Ok(standing) => standing,
        Err(exit) => return exit,
    };
    let mut here: Vec<LabName> = Vec::new();
    let mut in_vm: Vec<String> = Vec::new();
    if arguments.all || arguments.labs.is_empty() {
        let standing: Vec<_> =
            standing.into_iter().filter(|(_, place)| place::is_own(*place)).collect();
        if !arguments.all && standing.len() > 1 {
            let names: Vec<_> = standing.iter().map(|(lab, _)| lab.as_str()).collect();
            return wrong(format!(
                "several labs are up, name them or say --all: {}",
                names.join(", ")
            ));
        }
        if standing.is_empty() {
            out!("no lab is up");
        }
        for (lab, place) in standing {
            match place {
                Place::Here => here.push(lab),
                Place::Vm => in_vm.push(lab.to_string()),
            }
        }
        if arguments.all && kernel != Kernel::Vm && place::is_own(Place::Here) {
            // Directories too whose maker was killed before it wrote the record.
            match state::names() {
                Ok(names) => here.extend(names),
                Err(error) => return state_error(error),
            }
            here.sort();
            here.dedup();
        }
    } else {
        for word in &arguments.labs {
            if let Err(exit) = sort(word, &standing, &mut here, &mut in_vm) {
                return exit;
            }
        }
    }
    let mut exit = Exit::Done;
    for lab in here {
        if let Err(failed) = one(&lab) {
            exit = failed;
        }
    }
    if !in_vm.is_empty() {
        let line = std::iter::once("down".into()).chain(in_vm.into_iter().map(Into::into));
        match place::forward_verb(line.collect()) {
            Exit::Command(0) => {}
            failed => exit = failed,
        }
    }
    exit
}

/// Finds what a word on the command line means. A word with an extension or a slash is a file, known
/// by the path that was recorded at `up`; what is down already is no error.
fn sort(
    word: &str,
    standing: &[(LabName, Place)],
    here: &mut Vec<LabName>,
    in_vm: &mut Vec<String>,
) -> Result<(), Exit> {
    let is_file = word.contains('/') || Path::new(word).extension().is_some();
    if !is_file {
        // One of this user's before one of root's of the same name.
        let named = || standing.iter().filter(|(lab, _)| lab.as_str() == word);
        match named().find(|(_, place)| place::is_own(*place)) {
            Some((lab, Place::Here)) => here.push(lab.clone()),
            Some((lab, Place::Vm)) => in_vm.push(lab.to_string()),
            None if named().next().is_some() => return Err(place::roots(word)),
            None => match LabName::new(word).filter(|lab| state::directory(lab).exists()) {
                Some(begun) => here.push(begun),
                None => out!("{word} is down already"),
            },
        }
        return Ok(());
    }
    let path = absolute(word);
    let records: Vec<Record> = match place::is_own(Place::Here) {
        true => {
            state::all().map_err(state_error)?.into_iter().filter_map(|(_, it)| it.ok()).collect()
        }
        false => Vec::new(),
    };
    let mut found: Vec<LabName> = records
        .into_iter()
        .filter(|record| record.path.as_deref() == Some(&path))
        .map(|record| record.lab)
        .collect();
    if !found.is_empty() {
        here.append(&mut found);
    } else if standing.iter().any(|(_, place)| *place == Place::Vm) {
        in_vm.push(path.display().to_string());
    } else {
        out!("no lab of {word} is up");
    }
    Ok(())
}

/// The path that `up` would have recorded for a file, which may be gone.
fn absolute(word: &str) -> PathBuf {
    let path = Path::new(word);
    path.canonicalize().or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_owned())
}

fn one(lab: &LabName) -> Result<(), Exit> {
    let lock = Lock::take(lab, || err!("{lab}: another vrflab is at work, waiting"))
        .map_err(state_error)?;
    let was_there = Record::load(lab).map_err(cannot)?.is_some();
    take_away(lock)?;
    out!("{lab} is down{}", if was_there { "" } else { " already" });
    Ok(())
}

/// Takes a lab away with its record, and says what could not be.
pub(super) fn take_away(lock: Lock) -> Result<(), Exit> {
    let left = executor::down(lock).map_err(cannot)?;
    if say(&left) { Ok(()) } else { Err(Exit::Cannot) }
}

/// [`take_away`] for whoever builds the lab anew and keeps the lock for that.
pub(super) fn make_room(lock: &Lock) -> Result<(), Exit> {
    let left = executor::clear(lock).map_err(cannot)?;
    if say(&left) { Ok(()) } else { Err(Exit::Cannot) }
}

/// Says what was left; true where nothing of the lab is.
pub(super) fn say(left: &[Left]) -> bool {
    for left in left {
        match left {
            Left::NotOurs { namespace } => err!(
                "vrflab: the namespace `{namespace}` does not bear this lab's mark, so it is left alone"
            ),
            Left::Failed { namespace, error } => {
                err!("vrflab: the namespace `{namespace}` cannot be taken away: {error}");
            }
            Left::Unknown { error } => err!("vrflab: something may be left: {error}"),
        }
    }
    !left.iter().any(Left::is_failure)
}
