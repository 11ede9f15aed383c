//! How many files may be open here, and how many are needed.

use crate::check;
use crate::compile::Lab;
use crate::sys::FileLimit;
use std::io;

/// What is open beside a lab's namespaces and the sockets of its checks: streams, locks, the host's own
/// namespace, pipes to what is started.
const BESIDE: usize = 40;

/// Why not enough files can be open.
#[derive(Debug, thiserror::Error)]
pub enum OpenFilesError {
    /// There may be fewer than are needed.
    #[error(
        "{who} needs {needed} open files, and at most {most} may be open here; as root, `ulimit -Hn \
         {needed}` in the shell that starts vrflab allows them"
    )]
    TooFew {
        /// The lab, or the program.
        who: String,
        /// How many are needed.
        needed: usize,
        /// How many there may be.
        most: usize,
    },
    /// The limit cannot be read or raised.
    #[error("the limit of open files: {0}")]
    Limit(#[from] io::Error),
}

/// Lets this process open as many files as it may.
///
/// # Errors
/// There may be too few even so.
pub fn raise_limit() -> Result<(), OpenFilesError> {
    FileLimit::raise()?;
    may_open(BESIDE, "vrflab")
}

/// Says so where building a lab, or its checks, take more files than may be open.
pub(super) fn suffice(lab: &Lab, is_built: bool, is_checked: bool) -> Result<(), OpenFilesError> {
    let built = if is_built { lab.nodes.len() } else { 0 };
    let checked = if is_checked { check::files(lab, &lab.checks) } else { 0 };
    may_open(built.max(checked) + BESIDE, lab.name.as_str())
}

fn may_open(needed: usize, who: &str) -> Result<(), OpenFilesError> {
    let most = FileLimit::callers()?.most();
    match needed <= most {
        true => Ok(()),
        false => Err(OpenFilesError::TooFew { who: who.to_owned(), needed, most }),
    }
}
