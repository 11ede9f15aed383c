//! How the program ends.

use super::output::{self, err};
use crate::lifecycle::OpenError;
use crate::state;
use std::io;
use std::process::ExitCode;

/// The end of a verb, as its exit status tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// It is done.
    Done,
    /// A check failed; the lab stands.
    CheckFailed,
    /// A lab is not whole, or not wholly gone; what there is of it was said.
    Partly,
    /// The file or the usage is wrong.
    Wrong,
    /// This machine can't: a kernel feature, a permission or a tool is missing.
    Cannot,
    /// The kernel refused a step, and everything was rolled back.
    Refused,
    /// A signal ended it, and everything was rolled back, or is by another `down`.
    Interrupted,
    /// A fault of this program.
    Bug,
    /// Nothing was done, and something would change.
    WouldChange,
    /// `exec` could not start the command.
    NotStarted,
    /// The status of a command that was run.
    Command(u8),
}

impl Exit {
    /// Its number.
    pub(super) fn status(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::CheckFailed | Exit::Partly => 1,
            Exit::Wrong => 2,
            Exit::Cannot => 3,
            Exit::Refused => 4,
            Exit::WouldChange => 10,
            Exit::Interrupted => 130,
            Exit::Bug => 70,
            Exit::NotStarted => 125,
            Exit::Command(status) => status,
        }
    }
}

impl Exit {
    /// The same, but where it is success and something that was printed could not be written.
    pub(super) fn delivered(self) -> Self {
        match (self, output::failure()) {
            (Exit::Done | Exit::Command(0), Some(error)) => {
                cannot(format!("the output cannot be written: {error}"))
            }
            (exit, _) => exit,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.status())
    }
}

/// Says why a verb could not be done on this machine.
pub(super) fn cannot(error: impl std::fmt::Display) -> Exit {
    err!("vrflab: {error}");
    Exit::Cannot
}

/// Says what is wrong with how a verb was used.
pub(super) fn wrong(error: impl std::fmt::Display) -> Exit {
    err!("vrflab: {error}");
    Exit::Wrong
}

/// Says that a lab's directory or lock cannot be used.
pub(super) fn state_error(error: impl Into<io::Error>) -> Exit {
    let error = error.into();
    // One that is put in words names its path.
    let said = match error.get_ref() {
        Some(_) => error.to_string(),
        None => format!("{}: {error}", state::DIRECTORY),
    };
    if error.kind() == io::ErrorKind::PermissionDenied {
        return cannot(format!("{said}; labs on this kernel are root's, run it with sudo"));
    }
    cannot(said)
}

/// Says why a lab cannot be worked on.
pub(super) fn unopened(error: OpenError) -> Exit {
    match error {
        OpenError::Down(_)
        | OpenError::Unrecorded(_)
        | OpenError::HalfBuilt(_)
        | OpenError::HalfTakenDown(_)
        | OpenError::Elsewhere(_) => wrong(error),
        OpenError::Foreign { .. } | OpenError::Built(_) => cannot(error),
        OpenError::Record(error) => state_error(error),
        OpenError::Io(error) => state_error(error),
    }
}
