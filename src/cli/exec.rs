//! `vrflab exec`: runs a command in a node.

use super::exit::Exit;
use super::labs::{self, Found};
use super::output::err;
use super::place::{Kernel, Place};
use super::progress::Waiting;
use super::request::Request;
use super::shell;
use crate::document::LabName;
use crate::lifecycle::{ExecError, Execution, RunningLab};
use crate::vm;
use clap::{Args, Parser};
use std::ffi::{OsStr, OsString};

const EXAMPLES: &str = "\
Examples:
  vrflab exec h1
  vrflab exec l3vpn c1h1 ping -c 2 c1h3
  vrflab exec pe1 --vrf c1 -- ss -tln";

/// The arguments of `vrflab exec`.
#[derive(Args)]
#[command(
    after_help = EXAMPLES,
    override_usage = "vrflab exec [OPTIONS] [LAB] NODE [--vrf VRF] [--] [CMD]..."
)]
pub(super) struct Arguments {
    /// The node, with its lab in front where that is not clear, and the command with its arguments;
    /// a shell where none is given
    #[arg(
        value_name = "[LAB] NODE [CMD]",
        required = true,
        num_args = 1..,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    words: Vec<OsString>,
    /// Bind the command's sockets to this VRF
    #[arg(long)]
    vrf: Option<String>,
}

/// What stands behind the node: its options, and from the first other word on the command.
#[derive(Parser)]
#[command(name = "vrflab exec", disable_help_flag = true)]
struct Behind {
    #[arg(long)]
    vrf: Option<String>,
    #[arg(long)]
    kernel: Option<Kernel>,
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

pub(super) fn run(arguments: &Arguments, kernel: Kernel) -> Exit {
    exec(arguments, kernel).unwrap_or_else(|exit| exit)
}

fn exec(arguments: &Arguments, kernel: Kernel) -> Result<Exit, Exit> {
    let (lab, rest) = split_lab(&arguments.words, kernel)?;
    let (node, behind) = rest.split_first().expect("a word is required");
    let node = node.to_string_lossy();
    let name = [OsStr::new("vrflab exec")];
    let behind =
        Behind::try_parse_from(name.into_iter().chain(behind.iter().map(|it| it.as_os_str())));
    let behind = behind.map_err(|error| {
        err!("{}", error.render().to_string().trim_end());
        Exit::Wrong
    })?;
    let kernel = behind.kernel.unwrap_or(kernel);
    let vrf = behind.vrf.as_ref().or(arguments.vrf.as_ref()).cloned();
    let (node, command) = (node.into_owned(), behind.command);
    let execution = Execution { node, vrf, command };
    let found = labs::find(lab, Some(&execution.node), kernel).map_err(|_| Exit::NotStarted)?;
    let (lab, place) = found;
    Ok(match place {
        Place::Here => here(&lab, &execution),
        Place::Vm => {
            let request = Request::Exec { lab, execution };
            request.in_vm(vm::Input::Inherit).unwrap_or_else(not_started)
        }
    })
}

/// The lab, where the first word names one that is up, and the words from the node on. A node that is
/// called like a lab is meant where no node would follow.
fn split_lab(words: &[OsString], kernel: Kernel) -> Result<(Option<&str>, &[OsString]), Exit> {
    let [first, rest @ ..] = words else { return Ok((None, words)) };
    let Some(first) = first.to_str() else { return Ok((None, words)) };
    let node = rest.first().filter(|word| !word.to_string_lossy().starts_with('-'));
    if node.is_some() && labs::named_here(first, kernel).map_err(|_| Exit::NotStarted)?.is_some() {
        return Ok((Some(first), rest));
    }
    let labs = labs::all(kernel).map_err(|_| Exit::NotStarted)?;
    let is_lab = labs.iter().any(|found| found.lab.name.as_str() == first);
    match node {
        Some(_) if is_lab => Ok((Some(first), rest)),
        // Two words and a command behind `--` are a lab and a node, though that lab is not up.
        Some(_) if rest.get(1).is_some_and(|word| word == "--") && !is_node(&labs, first) => {
            Ok((Some(first), rest))
        }
        None if is_lab && !is_node(&labs, first) => {
            let found = labs.iter().find(|found| found.lab.name.as_str() == first);
            let nodes = found.map_or(&[][..], |found| &found.lab.nodes);
            Err(not_started(format!("say at which node of {first}: {}", nodes.join(", "))))
        }
        Some(_) | None => Ok((None, words)),
    }
}

fn is_node(labs: &[Found], name: &str) -> bool {
    labs.iter().any(|found| found.lab.nodes.iter().any(|node| node == name))
}

fn not_started(error: impl std::fmt::Display) -> Exit {
    err!("vrflab: {error}");
    Exit::NotStarted
}

/// Becomes the command, or a shell where there is none; returns only when that fails.
pub(super) fn here(lab: &LabName, execution: &Execution) -> Exit {
    let mut execution = execution.clone();
    let node = &execution.node;
    if execution.command.is_empty() {
        execution.command = match &execution.vrf {
            None => shell::words(node),
            Some(vrf) => shell::words(&format!("{node}%{vrf}")),
        };
    }
    let error = match RunningLab::exec_by_name(lab, &execution, &mut Waiting) {
        Ok(never) => match never {},
        Err(error) => error,
    };
    // As shells do: 127 for a command that is not there, 126 for one that cannot be run.
    let ExecError::Entry(entry) = &error else { return not_started(error) };
    err!("vrflab: {error}");
    Exit::Command(entry.status())
}
