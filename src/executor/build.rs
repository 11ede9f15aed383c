//! Making a lab where there is none of its name.

use super::{ApplyError, Observer, TeardownError, clear, run, teardown};
use crate::kernel::{Home, Machine, Namespace, on_worker, prepare_directory};
use crate::plan::{Plan, Resource};
use crate::state::{self, Lock, Phase, Record, Verify};
use std::io;

/// Why a lab is not there after [`build`].
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Somebody else has a namespace of a name that the lab needs; nothing was begun.
    #[error("there is a namespace `{namespace}` already, and it is not this lab's")]
    Taken {
        /// The name.
        namespace: String,
    },
    /// It was begun and stopped, and everything was rolled back but what is left.
    #[error("it was stopped: {error}")]
    Stopped {
        /// Why.
        #[source]
        error: ApplyError,
        /// What could not be taken away; the record stays where there is any.
        left: Vec<TeardownError>,
    },
    /// All of it was built, which could not be recorded, so that it was rolled back as if stopped.
    #[error("that it is up cannot be recorded: {error}")]
    Unrecorded {
        /// Why.
        #[source]
        error: io::Error,
        /// As in [`BuildError::Stopped`].
        left: Vec<TeardownError>,
    },
    /// What stood under its name, and was to be built anew, could not be taken away whole.
    #[error("what stands under its name could not be taken away whole")]
    InTheWay {
        /// What is there.
        left: Vec<TeardownError>,
    },
    /// The record could not be written, or namespaces cannot be had.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// What becomes of the record, and of the text in it, where a lab cannot be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Otherwise {
    /// It goes: whoever asked has the text.
    Forget,
    /// It stays, as that of a lab half-built: it may be the only place that has the text.
    Keep,
}

/// Carries out a plan: its record first, and everything away again if it does not come to its end.
/// Returns the lock on the lab that stands.
///
/// # Errors
/// Nothing of the lab is there then, unless [`BuildError::Stopped`] names what is left.
pub fn build(
    plan: &Plan,
    record: Record,
    lock: Lock,
    observer: &mut (impl Observer + Send),
) -> Result<Lock, BuildError> {
    let verify = record.verify;
    build_through(plan, record, lock, machine(verify, observer))
}

/// Takes a lab away and carries out a plan in its place. At every instant there is a record of it, so
/// that whatever happens it can be built once more or taken down.
///
/// # Errors
/// As [`build`]; but the record stays.
pub fn rebuild(
    plan: &Plan,
    record: Record,
    lock: Lock,
    observer: &mut (impl Observer + Send),
) -> Result<Lock, BuildError> {
    let left = clear(&lock)?;
    if left.iter().any(TeardownError::is_failure) {
        return Err(BuildError::InTheWay { left });
    }
    let verify = record.verify;
    make(plan, record, lock, Otherwise::Keep, machine(verify, observer))
}

/// [`build`], with the way in which the plan is run given by the caller: a test puts faults there.
///
/// # Errors
/// As [`build`].
pub fn build_through(
    plan: &Plan,
    record: Record,
    lock: Lock,
    carry_out: impl FnOnce(&Plan, &str, Home) -> Result<(), ApplyError>,
) -> Result<Lock, BuildError> {
    make(plan, record, lock, Otherwise::Forget, carry_out)
}

fn machine(
    verify: Verify,
    observer: &mut (impl Observer + Send),
) -> impl FnOnce(&Plan, &str, Home) -> Result<(), ApplyError> {
    move |plan, mark, home| {
        on_worker(|worker| run(plan, mark, verify, &mut Machine::new(worker, home), observer))
    }
}

fn make(
    plan: &Plan,
    mut record: Record,
    lock: Lock,
    otherwise: Otherwise,
    carry_out: impl FnOnce(&Plan, &str, Home) -> Result<(), ApplyError>,
) -> Result<Lock, BuildError> {
    let home = Home::of(state::directory(lock.lab()));
    let commands = plan.resources().filter(|it| matches!(it, Resource::Command { .. })).count();
    if let Err(failed) = begin(&record, &lock, &home, commands) {
        if otherwise == Otherwise::Forget {
            lock.forget()?;
        }
        return Err(failed);
    }
    if let Err(error) = carry_out(plan, &record.footprint.mark, home) {
        return Err(BuildError::Stopped { error, left: rolled_back(&record, lock, otherwise) });
    }
    let begun = record.clone();
    record.phase = Phase::Up;
    if let Err(error) = record.store(&lock) {
        return Err(BuildError::Unrecorded { error, left: rolled_back(&begun, lock, otherwise) });
    }
    Ok(lock)
}

/// Writes the record where nothing is in the way.
fn begin(record: &Record, lock: &Lock, home: &Home, commands: usize) -> Result<(), BuildError> {
    let taken = |name: &&String| Namespace::path(name).symlink_metadata().is_ok();
    if let Some(namespace) = record.footprint.namespaces.iter().find(taken).cloned() {
        return Err(BuildError::Taken { namespace });
    }
    home.clear()?;
    if commands > 0 {
        home.outputs().make(commands)?;
    }
    prepare_directory()?;
    Ok(record.store(lock)?)
}

/// Takes away what there is of a lab, and its record where nothing is left and nobody needs it;
/// whatever goes wrong then is no reason to keep quiet about why the run stopped.
fn rolled_back(record: &Record, lock: Lock, otherwise: Otherwise) -> Vec<TeardownError> {
    match (on_worker(|worker| teardown(&record.footprint, worker)), otherwise) {
        (Ok(mut left), Otherwise::Forget) if !left.iter().any(TeardownError::is_failure) => {
            left.extend(lock.forget().err().map(|error| TeardownError::Unknown { error }));
            left
        }
        (Ok(left), Otherwise::Forget | Otherwise::Keep) => left,
        (Err(error), _) => vec![TeardownError::Unknown { error }],
    }
}
