//! Making a lab where there is none of its name.

use super::{Left, Observer, Stopped, run, teardown};
use crate::kernel::{Home, Machine, Namespace, on_worker, prepare_directory};
use crate::plan::Plan;
use crate::state::{self, Lock, Phase, Record};
use std::io;

/// Why a lab is not there after [`build`].
#[derive(Debug)]
pub enum Failed {
    /// Somebody else has a namespace of a name that the lab needs; nothing was begun.
    Taken {
        /// The name.
        namespace: String,
    },
    /// It was begun and stopped, and everything was rolled back but what is left.
    Stopped {
        /// Why.
        stopped: Stopped,
        /// What could not be taken away; the record stays where there is any.
        left: Vec<Left>,
    },
    /// The record could not be written, or namespaces cannot be had.
    Io(io::Error),
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Failed::Io(error)
    }
}

/// Carries out a plan: its record first, and everything away again if it does not come to its end.
/// Returns the lock on the lab that stands.
///
/// # Errors
/// Nothing of the lab is there then, unless [`Failed::Stopped`] names what is left.
pub fn build(
    plan: &Plan,
    record: Record,
    lock: Lock,
    observer: &mut (impl Observer + Send),
) -> Result<Lock, Failed> {
    let home = Home::of(state::directory(lock.lab()));
    home.clear()?;
    build_through(plan, record, lock, |plan, mark| {
        on_worker(|worker| run(plan, mark, &mut Machine::new(worker, home), observer))
    })
}

/// [`build`], with the way in which the plan is run given by the caller: a test puts faults there.
///
/// # Errors
/// As [`build`].
pub fn build_through(
    plan: &Plan,
    mut record: Record,
    lock: Lock,
    carry_out: impl FnOnce(&Plan, &str) -> Result<(), Stopped>,
) -> Result<Lock, Failed> {
    let taken = |name: &&String| Namespace::path(name).symlink_metadata().is_ok();
    if let Some(namespace) = record.namespaces.iter().find(taken).cloned() {
        lock.forget()?;
        return Err(Failed::Taken { namespace });
    }
    prepare_directory()?;
    record.store(&lock)?;
    if let Err(stopped) = carry_out(plan, &record.mark) {
        return Err(Failed::Stopped { stopped, left: rolled_back(&record, lock) });
    }
    record.phase = Phase::Up;
    record.store(&lock)?;
    Ok(lock)
}

/// Takes away what there is of a lab, and its record where nothing is left; whatever goes wrong then is
/// no reason to keep quiet about why the run stopped.
fn rolled_back(record: &Record, lock: Lock) -> Vec<Left> {
    match on_worker(|worker| teardown(record, worker)) {
        Ok(left) if left.iter().any(Left::is_failure) => left,
        Ok(mut left) => {
            left.extend(lock.forget().err().map(|error| Left::Unknown { error }));
            left
        }
        Err(error) => vec![Left::Unknown { error }],
    }
}
