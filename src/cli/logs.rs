//! `vrflab logs`: shows what a lab's commands have written.

use super::exit::{Exit, cannot, wrong};
use super::labs;
use super::output::{self, out};
use super::place::{self, Kernel, Place, state_error};
use crate::document::LabName;
use crate::kernel::{Home, Kept};
use crate::state::{self, Record};
use crate::vm;
use clap::Args;
use std::ffi::OsString;
use std::io;

const EXAMPLES: &str = "\
Examples:
  vrflab logs
  vrflab logs frr pe1";

/// The arguments of `vrflab logs`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The lab, which may be down by now [env: VRFLAB_LAB]
    lab: Option<String>,
    /// The node; all of the lab's where none is given
    node: Option<String>,
}

pub(super) fn run(arguments: &Arguments, kernel: Kernel) -> Exit {
    logs(arguments, kernel).unwrap_or_else(|exit| exit)
}

fn logs(arguments: &Arguments, kernel: Kernel) -> Result<Exit, Exit> {
    let name = arguments.lab.as_deref();
    let node = arguments.node.as_deref();
    let standing = name.map(|name| labs::named(name, kernel)).transpose()?.flatten();
    // Output stays where it was written when its lab goes.
    let kept = name.and_then(LabName::new).filter(|lab| home(lab).outputs().exist());
    let found = match (standing, kept) {
        (Some(standing), _) => standing,
        (None, Some(kept)) => (kept, Place::Here),
        (None, None) => match name.and_then(LabName::new) {
            Some(lab) if is_vm_up(kernel)? => (lab, Place::Vm),
            Some(_) | None => labs::find(name, node, kernel)?,
        },
    };
    match found {
        (lab, Place::Vm) => {
            let line = ["logs", lab.as_str()].into_iter().chain(node);
            Ok(place::forward_verb(line.map(OsString::from).collect()))
        }
        (lab, Place::Here) => show(&lab, node),
    }
}

/// Whether there is a micro-VM to ask, which may have output of a lab that is down.
fn is_vm_up(kernel: Kernel) -> Result<bool, Exit> {
    let may_be = kernel != Kernel::Host && !vm::inside_guest();
    Ok(may_be && vm::running().map_err(cannot)?.is_some())
}

fn home(lab: &LabName) -> Home {
    Home::of(state::directory(lab))
}

/// Says that output cannot be read.
fn unreadable(error: io::Error) -> Exit {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            cannot("the output of commands is root's; run it with sudo")
        }
        _ => cannot(format!("the output of commands cannot be read: {error}")),
    }
}

fn show(lab: &LabName, node: Option<&str>) -> Result<Exit, Exit> {
    let outputs = home(lab).outputs();
    let mut found = outputs.list().map_err(unreadable)?;
    found.retain(|(of, _)| node.is_none_or(|node| node == of));
    if found.is_empty() {
        let whose = node.map_or_else(|| lab.to_string(), |node| format!("{node} of {lab}"));
        return Err(wrong(format!("{whose} has no output of commands")));
    }
    let record = Record::load(lab).map_err(state_error)?;
    for (node, number) in found {
        let commands = record.as_ref().and_then(|record| record.node(&node)).map(|it| &it.commands);
        let command = commands.and_then(|commands| commands.get(number - 1));
        let command = command.map_or_else(String::new, |line| format!(": {line}"));
        out!("== {node} {number}{command}");
        let Kept { dropped, bytes } = outputs.read(&node, number).map_err(unreadable)?;
        if dropped > 0 {
            out!("[vrflab: {dropped} bytes that it wrote before this are not kept]");
        }
        if !bytes.is_empty() {
            output::lines(&bytes);
        }
    }
    Ok(Exit::Done)
}
