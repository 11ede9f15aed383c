//! The life of a lab, for programs: a file is read, compiled, built, checked, changed and taken down.
//!
//! Nothing is printed here. Whoever wants to know how things go on, or to end them, is an [`Observer`];
//! `()` is one that wants neither. Errors are typed, and say in a sentence what the command line says.
//! A lab stays when its [`RunningLab`] is dropped, unless that was told otherwise.
//!
//! ```no_run
//! use vrflab::lifecycle::{CheckOptions, Definition, LinkChange, Options, ResetOptions, UpOptions};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let lab = Definition::read("labs/two-hosts.yaml")?.compile(Options::default())?;
//! let mut running = lab.up(&UpOptions::default(), &mut ())?.down_on_drop();
//! let checked = running.check(&CheckOptions::default(), &mut ())?;
//! assert!(checked.report.ok());
//! running.link("h1", "eth0", LinkChange::Down, &mut ())?;
//! assert!(!running.check(&CheckOptions::default(), &mut ())?.report.ok());
//! running.reset(&ResetOptions::default(), &mut ())?;
//! running.down(&mut ())?;
//! # Ok(())
//! # }
//! ```

mod change;
mod check;
mod definition;
mod edit;
mod error;
mod exec;
mod explain;
mod lacks;
mod logs;
mod observe;
mod observer;
mod open_files;
mod reset;
mod running;
mod up;

pub use change::{ChangeError, Changed, Impairment};
pub use check::{CheckError, CheckOptions, Checked, Patience};
pub use definition::{CompileError, CompiledLab, Definition, Options};
pub use error::{DownError, OpenError, recorded};
pub use exec::{ExecError, Execution};
pub use explain::Explained;
pub use lacks::Lacks;
pub use logs::{Log, Logs, LogsError};
pub use observe::{ObserveError, Observed};
pub use observer::{Observer, Progress};
pub use open_files::{OpenFilesError, raise_limit};
pub use reset::{ResetError, ResetOptions};
pub use running::RunningLab;
pub use up::{UpError, UpOptions};

pub use crate::executor::{
    ApplyError, BuildError, ChangeError as KernelChangeError, Fault, TeardownError,
};
pub use crate::kernel::{EndedCommand, EntryError, Kept, Reason, Refusal};
pub use crate::lint::Promises;
pub use crate::plan::Difference;
pub use crate::state::{
    Change, Commands, Footprint, LinkChange, NodeOutline, Phase, RecordError, Verify,
};
