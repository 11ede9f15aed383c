//! What a lab's commands have written.

use crate::document::LabName;
use crate::kernel::{Home, Kept, Outputs};
use crate::state::{self, Record, RecordError};
use std::io;

/// What a command has written.
#[derive(Debug)]
pub struct Log {
    /// Its node.
    pub node: String,
    /// Which of the node's commands it is, counted from 1.
    pub number: usize,
    /// What its shell was given, where that is known.
    pub command: Option<String>,
    /// What it wrote.
    pub output: Kept,
}

/// Why there are no logs to show.
#[derive(Debug, thiserror::Error)]
pub enum LogsError {
    /// No command has written anything.
    #[error("{whose} has no output of commands")]
    Nothing {
        /// The lab, or the node.
        whose: String,
    },
    /// They are root's.
    #[error("the output of commands is root's; run it with sudo")]
    Roots(#[source] io::Error),
    /// They cannot be read.
    #[error("the output of commands cannot be read: {0}")]
    Io(#[source] io::Error),
    /// The lab's record cannot be read.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl From<io::Error> for LogsError {
    fn from(error: io::Error) -> Self {
        let is_roots = error.kind() == io::ErrorKind::PermissionDenied;
        if is_roots { Self::Roots(error) } else { Self::Io(error) }
    }
}

/// The logs of a lab, or of one of its nodes. They stay when the lab goes.
#[derive(Debug)]
pub struct Logs {
    outputs: Outputs,
    record: Option<Record>,
    found: std::vec::IntoIter<(String, usize)>,
}

impl Logs {
    /// Whether there are logs of a lab, which may be down.
    pub fn exist(lab: &LabName) -> bool {
        Home::of(state::directory(lab)).outputs().exist()
    }

    /// Finds the logs of a lab, which may be down.
    ///
    /// # Errors
    /// There are none, or they cannot be read.
    pub fn of(lab: &LabName, node: Option<&str>) -> Result<Self, LogsError> {
        let outputs = Home::of(state::directory(lab)).outputs();
        let mut found = outputs.list()?;
        found.retain(|(of, _)| node.is_none_or(|node| node == of));
        if found.is_empty() {
            let whose = node.map_or_else(|| lab.to_string(), |node| format!("{node} of {lab}"));
            return Err(LogsError::Nothing { whose });
        }
        Ok(Self { outputs, record: Record::load(lab)?, found: found.into_iter() })
    }
}

impl Iterator for Logs {
    type Item = Result<Log, LogsError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (node, number) = self.found.next()?;
        let known = self.record.as_ref().and_then(|record| record.node(&node));
        let command = known.and_then(|known| known.commands.get(number - 1)).cloned();
        let output = self.outputs.read(&node, number).map_err(LogsError::from);
        Some(output.map(|output| Log { node, number, command, output }))
    }
}

impl super::RunningLab {
    /// What the lab's commands have written, of one node or of all.
    ///
    /// # Errors
    /// There is nothing, or it cannot be read.
    pub fn logs(&self, node: Option<&str>) -> Result<Logs, LogsError> {
        Logs::of(self.name(), node)
    }
}
