//! What a verb asks of a lab in the micro-VM, handed as it is to the `vrflab` there.

use super::exit::{Exit, cannot};
use super::place;
use crate::document::LabName;
use crate::lifecycle::{CheckOptions, Execution, Impairment, LinkChange, Verify};
use crate::vm;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::io::IsTerminal;

/// What a verb asks of a lab.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Request {
    /// To build the lab that comes compiled on the standard input.
    Up(Wishes),
    /// To take labs down.
    Down { labs: Vec<LabName>, by_marks: bool },
    /// To bring a lab back to what its file said.
    Reset { lab: LabName, manner: Manner },
    /// To run checks.
    Check { lab: LabName, options: CheckOptions, json: bool },
    /// To judge its checks by what its kernel holds.
    Verify { lab: LabName, json: bool },
    /// To say why one node reaches another or not.
    Explain { lab: LabName, question: String, json: bool },
    /// To bring an interface up or down.
    Link { lab: LabName, node: String, interface: String, change: LinkChange },
    /// To make what an interface sends slow or lossy, or undo that.
    Impair { lab: LabName, node: String, interface: String, impairment: Option<Impairment> },
    /// To run a command in a node, or a shell where there is none.
    Exec { lab: LabName, execution: Execution },
    /// To show what commands have written.
    Logs { lab: LabName, node: Option<String> },
}

/// What is wanted of a lab that comes up.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Wishes {
    /// Whether its checks are run.
    pub(super) checks: bool,
    /// Whether what was made is read back.
    pub(super) verify: bool,
    /// Whether the steps are printed and not taken.
    pub(super) dry_run: bool,
    /// Whether the exit status says then that there are some.
    pub(super) exit_code: bool,
    /// For how many seconds those that fail are retried; for how long is suitable where it is not said.
    pub(super) wait: Option<u64>,
}

/// In which way a lab is brought back.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Manner {
    /// It is built anew.
    Rebuild {
        /// Whether what was made is read back, where that is said.
        verify: Option<Verify>,
    },
    /// By the steps that it differs in.
    InPlace,
}

/// What a verb passes on that reads nothing itself: the keys of a terminal, since Ctrl+C is one of them.
/// Elsewhere what comes is for whoever reads next, as the rest of a list that a script goes through.
fn keys() -> vm::Input {
    match std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        true => vm::Input::Inherit,
        false => vm::Input::Bytes(Vec::new()),
    }
}

/// The longest argument that a request is handed on in: Linux takes 128 KiB.
const MAX_ARGUMENT: usize = 100_000;

impl Request {
    /// Has the guest's own `vrflab` carry it out, which reads nothing.
    pub fn hand_on(&self) -> Exit {
        self.in_vm(keys()).unwrap_or_else(cannot)
    }

    /// Has the guest's own `vrflab` carry it out, with this to read.
    pub fn in_vm(&self, input: vm::Input) -> Result<Exit, vm::Error> {
        let text = serde_json::to_string(self).expect("a request has text alone for its keys");
        let mut line: Vec<OsString> = vec!["request".into()];
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let (part, behind) = rest.split_at(rest.floor_char_boundary(MAX_ARGUMENT));
            line.push(part.into());
            rest = behind;
        }
        place::forward(line, input)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_arrives_as_it_was_sent_whatever_its_words_are() {
        use std::os::unix::ffi::OsStringExt;
        let name = || LabName::new("lab").unwrap();
        let command = vec!["echo".into(), "ü".repeat(80_000).into(), OsString::from_vec(vec![255])];
        let execution = Execution { node: "a".to_owned(), vrf: None, command };
        let request = Request::Exec { lab: name(), execution };
        let text = serde_json::to_string(&request).unwrap();
        assert!(text.len() > MAX_ARGUMENT && text.len() < 2 * MAX_ARGUMENT, "{}", text.len());
        let read: Request = serde_json::from_str(&text).unwrap();
        assert_eq!(format!("{read:?}"), format!("{request:?}"));
    }
}
