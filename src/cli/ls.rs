//! `vrflab ls`: lists the labs.

use super::exit::Exit;
use super::labs;
use super::output::{err, out};
use super::place::{Kernel, Place};
use crate::state::Record;
use clap::Args;

const EXAMPLES: &str = "\
Examples:
  vrflab ls
  vrflab ls --json";

/// The arguments of `vrflab ls`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, kernel: Kernel) -> Exit {
    let found = match labs::all(kernel) {
        Ok(labs) => labs,
        Err(exit) => return exit,
    };
    let lines = found.iter().map(|found| {
        let kernel = match found.place {
            Place::Here => "host",
            Place::Vm => "vm",
        };
        (found.lab.name.as_str(), kernel)
    });
    if arguments.json {
        let labs: Vec<_> = lines
            .map(|(lab, kernel)| serde_json::json!({ "lab": lab, "kernel": kernel }))
            .collect();
        out!("{:#}", serde_json::Value::from(labs));
        return Exit::Done;
    }
    for (lab, kernel) in lines {
        out!("{lab:32} {kernel}");
    }
    // Labs here are root's to read.
    let here = found.iter().filter(|it| it.place == Place::Here && labs::is_own(it.place));
    for error in here.filter_map(|found| Record::load(&found.lab.name).err()) {
        err!("vrflab: {error}");
    }
    Exit::Done
}
