//! `vrflab logs`: shows what a lab's commands have written.

use super::exit::{Exit, wrong};
use super::input;
use super::labs;
use super::output::{self, out};
use super::place::{self, Kernel, Place, state_error};
use crate::document::LabName;
use crate::kernel::Home;
use crate::state::{self, Record};
use clap::Args;
use std::ffi::OsString;
use std::fs;
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
    let kept = name.and_then(LabName::new).filter(|lab| home(lab).outputs().exists());
    let found = match (standing, kept) {
        (Some(standing), _) => standing,
        (None, Some(kept)) => (kept, Place::Here),
        (None, None) => labs::find(name, node, kernel)?,
    };
    match found {
        (lab, Place::Vm) => {
            let line = ["logs", lab.as_str()].into_iter().chain(node);
            Ok(place::forward_verb(line.map(OsString::from).collect()))
        }
        (lab, Place::Here) => show(&lab, node),
    }
}

fn home(lab: &LabName) -> Home {
    Home::of(state::directory(lab))
}

fn show(lab: &LabName, node: Option<&str>) -> Result<Exit, Exit> {
    let outputs = home(lab).outputs();
    let mut found = Vec::new();
    match fs::read_dir(&outputs) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        entries => {
            for entry in entries.map_err(state_error)? {
                let name = entry.map_err(state_error)?.file_name();
                let parts = name.to_str().and_then(|name| name.rsplit_once('.'));
                let number = parts.and_then(|(node, number)| Some((node, number.parse().ok()?)));
                found.extend(number.map(|(node, number): (&str, usize)| (node.to_owned(), number)));
            }
        }
    }
    found.retain(|(of, _)| node.is_none_or(|node| node == of));
    found.sort();
    if found.is_empty() {
        let whose = node.map_or_else(|| lab.to_string(), |node| format!("{node} of {lab}"));
        return Err(wrong(format!("{whose} has no output of commands")));
    }
    let record = Record::load(lab).map_err(state_error)?;
    let compiled = record.map(|record| input::reload(&record)).transpose()?.map(|it| it.lab);
    for (node, number) in found {
        let id = compiled.as_ref().and_then(|lab| lab.node(&node));
        let command = compiled.as_ref().zip(id).and_then(|(lab, id)| lab[id].run.get(number - 1));
        let command = command.map_or_else(String::new, |it| format!(": {}", it.line));
        out!("== {node} {number}{command}");
        let text = fs::read(home(lab).output(&node, number)).map_err(state_error)?;
        if !text.is_empty() {
            output::lines(&text);
        }
    }
    Ok(Exit::Done)
}
