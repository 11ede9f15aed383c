//! Why something about the machine could not be done, and what helps.

use std::io;
use std::path::{Path, PathBuf};

use super::wire::Malformed;

/// Everything that can go wrong on the host's side.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program that is needed is not installed.
    #[error("{tool} is not installed, and is needed to {purpose}; try: {help}")]
    MissingTool {
        /// The program.
        tool: &'static str,
        /// What it is for.
        purpose: &'static str,
        /// The command that installs it.
        help: &'static str,
    },
    /// `vm setup` has not been run.
    #[error("there is no guest kernel yet; try: vrflab vm setup")]
    NoGuestKernel,
    /// Only one architecture has guest kernels that were tried.
    #[error("the micro-VM works on x86_64 machines only, and this is {0}")]
    Architecture(&'static str),
    /// A guest does not start another.
    #[error("this is the micro-VM already")]
    Inside,
    /// A guest kernel that lacks what the machine is for.
    #[error("the kernel {version} has no {}; give another one with --vmlinuz and --modules", missing.join(", no "))]
    PoorKernel {
        /// Its version.
        version: String,
        /// The modules that are not there.
        missing: Vec<String>,
    },
    /// What was given as a kernel is none.
    #[error("{} is not a kernel that can be started here: {why}", file.display())]
    NotAKernel {
        /// What was given.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The package archive does not give a kernel.
    #[error("no guest kernel was found in the package archive: {0}")]
    Archive(String),
    /// A program that was run for the set-up has failed.
    #[error("{command} failed ({status}):\n{output}")]
    Failed {
        /// The command line.
        command: String,
        /// Its exit status.
        status: std::process::ExitStatus,
        /// What it said.
        output: String,
    },
    /// Neither the XDG variables nor HOME are set.
    #[error("no home directory is known; set HOME, or XDG_DATA_HOME and XDG_CACHE_HOME")]
    NoHome,
    /// The home directory is only a name.
    #[error("the home directory {} does not exist; set HOME, or XDG_DATA_HOME and XDG_CACHE_HOME", dir.display())]
    MissingHome {
        /// The directory.
        dir: PathBuf,
    },
    /// The runtime directory is not the user's alone.
    #[error("{0} is not a directory that only you can enter; `chmod 700 {0}` if it is yours, or set VRFLAB_RUNTIME_DIR to another one", dir.display())]
    NotPrivate {
        /// The directory.
        dir: PathBuf,
    },
    /// A file or directory of ours is in the way.
    #[error("cannot {action} {}: {error}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The kernel's answer.
        error: io::Error,
    },
    /// A system call failed on something that has no name.
    #[error("cannot {action}: {error}")]
    System {
        /// What was tried.
        action: &'static str,
        /// The kernel's answer.
        error: io::Error,
    },
    /// The machine ended, or did not come up.
    #[error("{0}")]
    Gone(String),
    /// The machine is there, and no answer comes.
    #[error("the micro-VM does not answer: {0}; `vrflab vm stop --force` ends it")]
    Silent(String),
    /// The machine could not start the command: status and reason.
    #[error("{why}")]
    Refused {
        /// The exit status that shells give for this: 127 not found, 126 not executable, 125 else.
        status: u8,
        /// What the guest said.
        why: String,
    },
    /// The machine was started by a program that speaks another version of the protocol.
    #[error("the running VM was started by another version of vrflab; stop it: vrflab vm stop")]
    OtherVersion,
    /// The working directory exists in the guest under the same name but is another one.
    #[error("the working directory {} is below /run, which the guest has one of its own of, so files written there would not arrive here; change to another one", dir.display())]
    DirectoryOfTheGuest {
        /// The working directory.
        dir: PathBuf,
    },
    /// An option has a value it cannot have.
    #[error("{variable} is {value:?}, and must be {expected}")]
    Setting {
        /// The environment variable.
        variable: &'static str,
        /// Its value.
        value: String,
        /// What would do.
        expected: String,
    },
}

impl Error {
    pub(super) fn file(action: &'static str, path: &Path, error: io::Error) -> Self {
        Self::File { action, path: path.to_owned(), error }
    }

    pub(super) fn system(action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::System { action, error }
    }
}

impl From<Malformed> for Error {
    fn from(malformed: Malformed) -> Self {
        Self::Gone(malformed.to_string())
    }
}
