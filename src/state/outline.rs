//! What tells labs apart for somebody who names none of them.

use super::{Commands, Record, directory, is_noted, names};
use crate::document::LabName;
use crate::kernel::{EndedCommand, Home};
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
    /// The commands that its file starts.
    pub commands: Commands,
    /// Those of them that failed.
    pub failed: Vec<EndedCommand>,
}

/// All labs, standing or left half-built, by name; one whose record cannot be read, or is gone, is known by its
/// name alone.
///
/// # Errors
/// The directory of all labs cannot be read.
pub fn outlines() -> io::Result<Vec<Outline>> {
    let outline = |name: LabName| match Record::load(&name) {
        Ok(Some(Record { path, nodes, user, commands, .. })) => {
            // A lab that goes in this moment has none to tell of.
            let failed = Home::of(directory(&name)).failed_commands().unwrap_or_default();
            let nodes = nodes.into_iter().map(|node| node.name.to_string()).collect();
            Some(Outline { name, path, nodes, user, commands, failed })
        }
        Ok(None) if !is_noted(&name).unwrap_or(true) => None,
        Ok(None) | Err(_) => Some(Outline {
            name,
            path: None,
            nodes: Vec::new(),
            user: None,
            commands: Commands::default(),
            failed: Vec::new(),
        }),
    };
    Ok(names()?.into_iter().filter_map(outline).collect())
}
