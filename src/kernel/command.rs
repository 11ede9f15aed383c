//! Commands of a lab that have ended.

use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How much of a command is shown in a sentence, in characters.
const MAX_SHOWN: usize = 40;

/// A command that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedCommand {
    /// Its node.
    pub node: String,
    /// Which of the node's commands it is, counted from 1.
    pub number: usize,
    /// What its shell was given.
    pub command: String,
    /// How it ended.
    #[serde(flatten)]
    pub end: CommandEnd,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CommandEnd {
    /// By itself, with this status.
    Status(i32),
    /// By the signal of this name.
    Signal(String),
}

impl CommandEnd {
    /// What a process's parent hears of it; nothing where the process goes on.
    pub(super) fn of(status: WaitStatus) -> Option<(i32, Self)> {
        let signal = |signal: Signal| Self::Signal(signal.as_str().to_owned());
        match status {
            WaitStatus::Exited(pid, status) => Some((pid.as_raw(), Self::Status(status))),
            WaitStatus::Signaled(pid, by, _) => Some((pid.as_raw(), signal(by))),
            WaitStatus::Stopped(..)
            | WaitStatus::PtraceEvent(..)
            | WaitStatus::PtraceSyscall(_)
            | WaitStatus::Continued(_)
            | WaitStatus::StillAlive => None,
        }
    }
}

impl EndedCommand {
    /// Whether it ended as no command should.
    pub fn is_failure(&self) -> bool {
        self.end != CommandEnd::Status(0)
    }
}

impl fmt::Display for CommandEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommandEnd::Status(status) => write!(f, "ended with status {status}"),
            CommandEnd::Signal(signal) => write!(f, "was ended by {signal}"),
        }
    }
}

impl fmt::Display for EndedCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.command.trim();
        let mut shown: String =
            whole.lines().next().unwrap_or_default().chars().take(MAX_SHOWN).collect();
        if shown.len() < whole.len() {
            shown.truncate(shown.trim_end().len());
            shown += " …";
        }
        write!(f, "{}: `{shown}` {}", self.node, self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(command: &str, end: CommandEnd) -> String {
        let (node, command) = ("pe1".to_owned(), command.to_owned());
        EndedCommand { node, number: 1, command, end }.to_string()
    }

    #[test]
    fn a_sentence_has_the_beginning_of_the_command() {
        let status = || CommandEnd::Status(127);
        assert_eq!(said("zebra -d", status()), "pe1: `zebra -d` ended with status 127");
        let lines = "install -d /run/frr \nfor daemon in zebra; do $daemon; done\n";
        assert_eq!(said(lines, status()), "pe1: `install -d /run/frr …` ended with status 127");
        assert_eq!(
            said(&"é".repeat(50), CommandEnd::Signal("SIGSEGV".to_owned())),
            format!("pe1: `{} …` was ended by SIGSEGV", "é".repeat(40))
        );
    }
}
