//! What a verb asks of a lab: carried out here, or handed as it is to the `vrflab` in the micro-VM.

use super::exit::{Exit, cannot};
use super::place::{self, Place};
use super::{check, down, exec, explain, impair, link, logs, reset, up, verify};
use crate::document::LabName;
use crate::lifecycle::{CheckOptions, Execution, Impairment, LinkChange};
use crate::vm;
use clap::Args;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::io::IsTerminal;

/// What a verb asks of a lab.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Request {
    /// To build the lab that comes compiled on the standard input.
    Up(up::Wishes),
    /// To take labs down.
    Down { labs: Vec<LabName>, by_marks: bool },
    /// To bring a lab back to what its file said.
    Reset { lab: LabName, manner: reset::Manner },
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
    /// Carries it out where the lab is.
    pub fn carry_out(&self, place: Place) -> Exit {
        match place {
            Place::Here => self.here(),
            Place::Vm => self.in_vm(keys()).unwrap_or_else(cannot),
        }
    }

    fn here(&self) -> Exit {
        match self {
            Request::Up(wishes) => up::received(wishes),
            Request::Down { labs, by_marks } => down::here(labs, *by_marks),
            Request::Reset { lab, manner } => reset::here(lab, *manner),
            Request::Check { lab, options, json } => check::here(lab, options, *json),
            Request::Verify { lab, json } => verify::here(lab, *json),
            Request::Explain { lab, question, json } => explain::here(lab, question, *json),
            Request::Link { lab, node, interface, change } => {
                link::here(lab, node, interface, *change)
            }
            Request::Impair { lab, node, interface, impairment } => {
                impair::here(lab, node, interface, impairment.as_ref())
            }
            Request::Exec { lab, execution } => exec::here(lab, execution),
            Request::Logs { lab, node } => logs::here(lab, node.as_deref()),
        }
    }

    /// Has the guest's own `vrflab` carry it out.
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

/// The arguments of the verb by which a request arrives.
#[derive(Args)]
pub(super) struct Arguments {
    /// The request, in as many parts as it takes
    #[arg(allow_hyphen_values = true)]
    parts: Vec<String>,
}

impl Arguments {
    fn read(&self) -> serde_json::Result<Request> {
        serde_json::from_str(&self.parts.concat())
    }

    /// Whether a command in a node is asked for.
    pub fn is_command(&self) -> bool {
        matches!(self.read(), Ok(Request::Exec { .. }))
    }
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    arguments.read().map_or_else(cannot, |request| request.carry_out(Place::Here))
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
