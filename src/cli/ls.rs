//! `vrflab ls`: lists the labs.

use super::exit::{Exit, cannot};
use super::failures;
use super::labs::{self, Found};
use super::output::{self, err, out};
use super::place::{Kernel, Place};
use crate::lifecycle::{OpenError, recorded};
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
    let (found, unknown) = match labs::as_known(kernel) {
        Ok(known) => known,
        Err(exit) => return exit,
    };
    list(arguments, &found);
    // Labs here are root's to read.
    let here = found.iter().filter(|it| it.place == Place::Here && labs::is_own(it.place));
    for found in here {
        match recorded(&found.lab.name) {
            // It went in this moment.
            Ok(_) | Err(OpenError::Down(_)) => {}
            Err(error) => err!("vrflab: {error}"),
        }
    }
    unknown.map_or(Exit::Done, cannot)
}

fn list(arguments: &Arguments, found: &[Found]) {
    let lines = found.iter().map(|found| {
        let kernel = match found.place {
            Place::Here => "host",
            Place::Vm => "vm",
        };
        (&found.lab, kernel)
    });
    if arguments.json {
        let labs: Vec<_> = lines
            .map(|(lab, kernel)| {
                let name = lab.name.as_str();
                serde_json::json!({
                    "lab": name,
                    "kernel": kernel,
                    "commands": lab.commands.number,
                    "commands_left_out": lab.commands.left_out,
                    "failed_commands": lab.failed,
                })
            })
            .collect();
        output::json(&labs.into());
        return;
    }
    for (lab, kernel) in lines {
        out!("{:32} {kernel}", lab.name.as_str());
        if lab.commands.number > 0 {
            out!("  {}", lab.commands);
        }
        for failed in failures::commands(&lab.name, &lab.failed) {
            out!("  {failed}");
        }
    }
}
