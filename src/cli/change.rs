//! What `vrflab impair` and `vrflab link` share: an interface of a lab that stands is changed.

use super::exit::{Exit, cannot, unopened, wrong};
use super::interrupt;
use super::labs;
use super::output::err;
use super::place::{Kernel, Place};
use super::progress::Watch;
use super::report;
use crate::document::LabName;
use crate::executor;
use crate::lifecycle::{ChangeError, Reason, RunningLab};
use crate::plan::Step;

/// A lab and one of its interfaces, as on the command line: `[LAB] NODE:IF`, and what follows.
pub(super) struct Words<'a> {
    lab: Option<&'a str>,
    /// The node.
    pub node: &'a str,
    /// Its interface.
    pub interface: &'a str,
    /// What follows.
    pub rest: &'a [String],
}

impl<'a> Words<'a> {
    /// Reads the words.
    pub fn of(words: &'a [String]) -> Result<Self, Exit> {
        let (lab, place, rest) = match words {
            [place, rest @ ..] if place.contains(':') => (None, place, rest),
            [lab, place, rest @ ..] if place.contains(':') => (Some(lab.as_str()), place, rest),
            _ => return Err(wrong("name an interface, as in `r1:eth0`")),
        };
        let (node, interface) = place.split_once(':').expect("it has a colon");
        Ok(Self { lab, node, interface, rest })
    }

    /// Finds the lab.
    pub fn find(&self, kernel: Kernel) -> Result<(LabName, Place), Exit> {
        labs::find(self.lab, Some(self.node), kernel)
    }
}

/// Changes a lab that stands; a signal that asks the program to end has the change rolled back.
pub(super) fn change<T: Send>(
    lab: &LabName,
    change: impl FnOnce(&mut RunningLab, &mut Watch<'_>) -> Result<T, ChangeError> + Send,
) -> Result<T, Exit> {
    let changed = interrupt::listening(|interrupt| {
        let mut watch = Watch::of_reset(interrupt);
        let mut running = RunningLab::open(lab, &mut watch).map_err(unopened)?;
        change(&mut running, &mut watch).map_err(|error| not_changed(error, lab))
    });
    changed.unwrap_or_else(|error| Err(cannot(error)))
}

/// Says why a lab was not changed.
pub(super) fn not_changed(error: ChangeError, lab: &LabName) -> Exit {
    let (error, file, unrecorded) = match error {
        ChangeError::Open(error) => return unopened(error),
        ChangeError::RunsCommands(_)
        | ChangeError::NoNode { .. }
        | ChangeError::NoInterface { .. }
        | ChangeError::NoLink { .. } => return wrong(error),
        ChangeError::Wrong(error) => {
            report::print(&error.diagnostics, &error.file);
            return Exit::Wrong;
        }
        ChangeError::Plan(error) => return cannot(error),
        ChangeError::Refused { error, file, unrecorded } => (error, file, unrecorded),
    };
    if let Some(error) = unrecorded {
        err!("{lab}: its record says otherwise, and cannot be written: {error}");
    }
    match error {
        executor::ChangeError::Differs { .. } => {
            err!("{lab}: {error}; `vrflab reset {lab}` builds it anew");
            Exit::Partly
        }
        executor::ChangeError::Io(_) | executor::ChangeError::Plan(_) => cannot(error),
        executor::ChangeError::Refused { step, reason, stuck } => {
            report::print(&[executor::refused_in(&step, &reason, &file)], &file);
            rolled_back(lab, stuck.as_deref());
            Exit::Refused
        }
        executor::ChangeError::Interrupted { stuck } => {
            err!("{lab}: interrupted");
            rolled_back(lab, stuck.as_deref());
            Exit::Interrupted
        }
    }
}

/// Says what became of a change that was stopped.
fn rolled_back(lab: &LabName, stuck: Option<&(Step, Reason)>) {
    match stuck {
        None => err!("{lab}: the change was rolled back"),
        Some((step, reason)) => err!(
            "{lab}: the change could not be rolled back whole: {reason} (`{}`); `vrflab reset {lab}` \
             builds it anew",
            step.action
        ),
    }
}
