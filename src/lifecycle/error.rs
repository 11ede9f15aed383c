//! Why a lab cannot be worked on, and what of one could not be taken down.

use super::observer::Observer;
use crate::document::LabName;
use crate::executor::{self, TeardownError};
use crate::state::{self, Footprint, Phase, Record, RecordError, Shared};
use nix::unistd::Pid;
use std::io;

/// Why a lab cannot be worked on.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is none of the name.
    #[error("{0} is down")]
    Down(LabName),
    /// Namespaces of it were made, and its record is not there.
    #[error("the record of {0} is gone; `vrflab down {0}` takes away what there is")]
    Unrecorded(LabName),
    /// Its build was ended by force.
    #[error(
        "{0} was left half-built: `vrflab reset {0}` builds it, `vrflab down {0}` takes away what there \
         is"
    )]
    HalfBuilt(LabName),
    /// Its teardown was ended by force.
    #[error(
        "{0} was left half taken down: `vrflab down {0}` takes away what there is, `vrflab reset {0}` \
         builds it anew"
    )]
    HalfTakenDown(LabName),
    /// Its namespaces have their names in another mount namespace.
    #[error(transparent)]
    Elsewhere(TeardownError),
    /// Somebody else has a namespace of a name that is the lab's.
    #[error("the namespace `{namespace}` is not this lab's")]
    Foreign {
        /// The name.
        namespace: String,
    },
    /// Its record is another version's, or damaged.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// What it was built from cannot be read.
    #[error(transparent)]
    Built(io::Error),
    /// Its directory, its lock or its namespaces cannot be used.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// What could not be taken down.
#[derive(Debug, thiserror::Error)]
#[error("{}", .left.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct DownError {
    /// All of it; the first is the cause of the error.
    pub left: Vec<TeardownError>,
}

impl DownError {
    /// Whether nothing of the lab itself is left.
    pub fn is_down(&self) -> bool {
        !self.left.iter().any(TeardownError::is_failure)
    }
}

/// The record of a lab, standing or not.
///
/// # Errors
/// There is none, or it cannot be read.
pub fn recorded(lab: &LabName) -> Result<Record, OpenError> {
    match Record::load(lab)? {
        Some(record) => Ok(record),
        None if state::is_noted(lab)? => Err(OpenError::Unrecorded(lab.clone())),
        None => Err(OpenError::Down(lab.clone())),
    }
}

/// The record of a lab that stands.
pub(super) fn standing(lab: &LabName) -> Result<Record, OpenError> {
    let record = recorded(lab)?;
    match record.phase {
        Phase::Begun => Err(OpenError::HalfBuilt(lab.clone())),
        Phase::Going => Err(OpenError::HalfTakenDown(lab.clone())),
        Phase::Up => match executor::elsewhere(&record.footprint)? {
            None => Ok(record),
            Some(process) => Err(elsewhere(lab, process)),
        },
    }
}

/// [`standing`] once nobody builds the lab or takes it away: what is half done may be so for a moment only.
pub(super) fn settled(lab: &LabName, observer: &mut impl Observer) -> Result<Record, OpenError> {
    match standing(lab) {
        Err(OpenError::HalfBuilt(_) | OpenError::HalfTakenDown(_)) => {
            let _held = Shared::take(lab, || observer.waiting(lab))?;
            observer.locked();
            standing(lab)
        }
        record => record,
    }
}

pub(super) fn elsewhere(lab: &LabName, process: Pid) -> OpenError {
    OpenError::Elsewhere(TeardownError::Elsewhere { lab: lab.clone(), process })
}

/// Sees that none of these namespaces is somebody else's.
pub(super) fn own<'a>(
    lab: &Footprint,
    namespaces: impl IntoIterator<Item = &'a (impl AsRef<str> + ?Sized + 'a)> + Send,
) -> Result<(), OpenError> {
    match executor::foreign(lab, namespaces)? {
        None => Ok(()),
        Some(namespace) => Err(OpenError::Foreign { namespace: namespace.to_owned() }),
    }
}
