//! What tells labs apart for somebody who names none of them.

use super::{Record, all};
use crate::document::LabName;
use nix::unistd::geteuid;
use std::io;
use std::path::PathBuf;

/// A lab as it is told from others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    /// Its name.
    pub name: LabName,
    /// The path of its file, absolute; nothing for standard input.
    pub path: Option<PathBuf>,
    /// The names of its nodes.
    pub nodes: Vec<String>,
    /// The user who brought it up; nothing where that is not known.
    pub user: Option<u32>,
}

/// All labs that have a record, by name; one whose record cannot be read is known by its name alone.
///
/// # Errors
/// The directory of all labs cannot be read.
pub fn outlines() -> io::Result<Vec<Outline>> {
    let outline = |(name, record): (LabName, io::Result<Record>)| match record {
        Ok(Record { path, nodes, user, .. }) => Outline { name, path, nodes, user },
        Err(_) => Outline { name, path: None, nodes: Vec::new(), user: None },
    };
    Ok(all()?.into_iter().map(outline).collect())
}

/// The user who runs this program, who may have become root by `sudo` for it.
pub fn invoking_user() -> u32 {
    let user = geteuid();
    let before = std::env::var("SUDO_UID").ok().and_then(|it| it.parse().ok());
    before.filter(|_| user.is_root()).unwrap_or(user.as_raw())
}
