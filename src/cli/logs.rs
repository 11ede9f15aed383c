//! `vrflab logs`: shows what a lab's commands have written.

use super::exit::{Exit, cannot, state_error, wrong};
use super::labs;
use super::output::{self, out};
use super::place::{Kernel, Place};
use super::request::Request;
use crate::document::LabName;
use crate::kernel::Kept;
use crate::lifecycle::{Log, Logs, LogsError};
use crate::vm;
use clap::Args;

const EXAMPLES: &str = "\
Examples:
  vrflab logs
  vrflab logs frr pe1";

/// The arguments of `vrflab logs`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The lab, which may already be down [env: VRFLAB_LAB]
    lab: Option<String>,
    /// The node; all of the lab's if none is given
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
    let kept = name.and_then(LabName::new).filter(Logs::exist);
    let found = match (standing, kept) {
        (Some(standing), _) => standing,
        (None, Some(kept)) => (kept, Place::Here),
        (None, None) => match name.and_then(LabName::new) {
            Some(lab) if is_vm_up(kernel)? => (lab, Place::Vm),
            Some(_) | None => labs::find(name, node, kernel)?,
        },
    };
    let ((lab, place), node) = (found, node.map(str::to_owned));
    Ok(match place {
        Place::Here => here(&lab, node.as_deref()),
        Place::Vm => Request::Logs { lab, node }.hand_on(),
    })
}

/// Whether there is a micro-VM to ask, which may have output of a lab that is down.
fn is_vm_up(kernel: Kernel) -> Result<bool, Exit> {
    let may_be = kernel != Kernel::Host && !vm::inside_guest();
    Ok(may_be && vm::running().map_err(cannot)?.is_some())
}

pub(super) fn here(lab: &LabName, node: Option<&str>) -> Exit {
    show(lab, node).unwrap_or_else(|exit| exit)
}

fn show(lab: &LabName, node: Option<&str>) -> Result<Exit, Exit> {
    let failed = |error: LogsError| match error {
        LogsError::Nothing { .. } => wrong(error),
        LogsError::Roots(_) | LogsError::Io(_) => cannot(error),
        LogsError::Record(error) => state_error(error),
    };
    for log in Logs::of(lab, node).map_err(failed)? {
        let Log { node, number, command, output: Kept { dropped, bytes } } = log.map_err(failed)?;
        let command = command.map_or_else(String::new, |line| format!(": {line}"));
        out!("== {node} {number}{command}");
        if dropped > 0 {
            out!("[vrflab: {dropped} bytes that it wrote before this are not kept]");
        }
        if !bytes.is_empty() {
            output::lines(&bytes);
        }
    }
    Ok(Exit::Done)
}
