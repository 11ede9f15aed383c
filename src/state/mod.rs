//! What this host holds of each lab: a directory below `/run/vrflab` with one record in it.
//!
//! The record is written before the first namespace is made and names all of them, so that a lab
//! whose maker was killed at any instant can be taken down. A lab is known by its name and by the path
//! it came from, though the file has changed or gone.
//!
//! The record is small, as most verbs need no more of a lab than its nodes and their namespaces. What it
//! was built from, compiled, is in a file beside it. Both are of one [`SCHEMA`]; what a lab has in the
//! kernel is read from records of any.

mod built;
mod lock;
mod outline;
mod record;

pub use built::Built;
pub use lock::{Lock, Shared, Turn};
pub use outline::{Outline, outlines};
pub use record::{
    Change, Commands, Footprint, LinkChange, NodeOutline, Phase, Record, RecordError, SCHEMA,
    Verify, invoking_user,
};

use crate::document::LabName;
use crate::kernel::Home;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Where labs are recorded. It is emptied by a reboot, as the namespaces are.
pub const DIRECTORY: &str = "/run/vrflab";

/// The name of the record in a lab's directory.
const RECORD: &str = "lab.json";

/// The directory of one lab.
pub fn directory(lab: &LabName) -> PathBuf {
    Path::new(DIRECTORY).join(lab.as_str())
}

/// Whether namespaces were made for a lab, whatever became of its record.
///
/// # Errors
/// What is noted of them cannot be read.
pub fn is_noted(lab: &LabName) -> io::Result<bool> {
    Ok(!Home::of(directory(lab)).noted()?.is_empty())
}

/// An error with the path that it is about, which the kernel does not say.
pub(super) fn at(path: &Path) -> impl Fn(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// The names of all labs that have a directory, in order: those of [`outlines`], and those whose maker
/// was killed between making the directory and writing the record.
///
/// # Errors
/// The directory of all labs cannot be read.
pub fn names() -> io::Result<Vec<LabName>> {
    let entries = match fs::read_dir(DIRECTORY) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(at(Path::new(DIRECTORY)))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry?.file_name().to_str().and_then(LabName::new));
    }
    names.sort();
    Ok(names)
}
