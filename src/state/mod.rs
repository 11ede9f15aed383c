//! What this host holds of each lab: a directory below `/run/vrflab` with one record in it.
//!
//! The record is written before the first namespace is made and names all of them, so that a lab
//! whose maker was killed at any instant can be taken down. It keeps the file's text too: a lab is
//! known by its name and by the path it came from, though the file has changed or gone.

mod lock;
mod record;

pub use lock::{Lock, Shared};
pub use record::{Phase, Record};

use crate::document::LabName;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Where labs are recorded. It is emptied by a reboot, as the namespaces are.
pub const DIRECTORY: &str = "/run/vrflab";

/// The directory of one lab.
pub fn directory(lab: &LabName) -> PathBuf {
    Path::new(DIRECTORY).join(lab.as_str())
}

/// The records of all labs, standing or left half-built, by name.
///
/// # Errors
/// The directory cannot be read, or a record cannot.
pub fn all() -> io::Result<Vec<Record>> {
    let entries = match fs::read_dir(DIRECTORY) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut records = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        if let Some(lab) = name.to_str().and_then(LabName::new) {
            records.extend(Record::load(&lab)?);
        }
    }
    records.sort_by(|a, b| a.lab.as_str().cmp(b.lab.as_str()));
    Ok(records)
}
