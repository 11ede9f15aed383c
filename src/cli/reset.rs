//! `vrflab reset`: brings a lab back to what its file said when it came up.

use super::exit::{Exit, cannot, wrong};
use super::interrupt::{self, Interrupt};
use super::output::err;
use super::place::{self, Kernel, Place, state_error};
use super::{files, labs, up};
use crate::document::LabName;
use crate::executor;
use crate::state::{Lock, Record};
use clap::Args;

const EXAMPLES: &str = "\
Examples:
  vrflab reset
  vrflab reset l3vpn";

/// The arguments of `vrflab reset`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The lab, where it is not the only one [env: VRFLAB_LAB]
    lab: Option<String>,
}

pub(super) fn run(arguments: &Arguments, kernel: Kernel) -> Exit {
    match labs::find(arguments.lab.as_deref(), None, kernel) {
        Ok((lab, Place::Here)) => rebuild(&lab).err().unwrap_or(Exit::Done),
        Ok((lab, Place::Vm)) => place::forward_verb(vec!["reset".into(), lab.as_str().into()]),
        Err(exit) => exit,
    }
}

/// Takes the lab away and builds it again from the text that its record keeps.
fn rebuild(lab: &LabName) -> Result<(), Exit> {
    interrupt::listening(|interrupt| listened(lab, interrupt))
        .unwrap_or_else(|error| Err(cannot(error)))
}

fn listened(lab: &LabName, interrupt: &Interrupt) -> Result<(), Exit> {
    place::outside_of_nodes()?;
    let lock = Lock::take(lab, || err!("{lab}: another vrflab is at work, waiting"))
        .map_err(state_error)?;
    interrupt.begin();
    let Some(record) = Record::load(lab).map_err(state_error)? else {
        lock.forget().map_err(state_error)?;
        return Err(wrong(format!("{lab} is down")));
    };
    let built = record.built().map_err(cannot)?;
    // What could not be built again is not taken away.
    files::suffice(&built.lab, true, false)?;
    let names = &record.footprint.namespaces;
    if let Some(namespace) = executor::foreign(&record.footprint, names).map_err(cannot)? {
        return Err(up::taken(namespace));
    }
    up::rebuild(&built, &record, lock, interrupt)
}
