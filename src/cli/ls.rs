//! `vrflab ls`: lists the labs.

use super::exit::Exit;
use super::output::out;
use super::place::{self, Kernel, Place};
use clap::Args;

/// The arguments of `vrflab ls`.
#[derive(Args)]
pub(super) struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, kernel: Kernel) -> Exit {
    let labs = match place::all(kernel) {
        Ok(labs) => labs,
        Err(exit) => return exit,
    };
    let labs = labs.iter().map(|(lab, place)| {
        let kernel = match place {
            Place::Here => "host",
            Place::Vm => "vm",
        };
        (lab.as_str(), kernel)
    });
    if arguments.json {
        let labs: Vec<_> =
            labs.map(|(lab, kernel)| serde_json::json!({ "lab": lab, "kernel": kernel })).collect();
        out!("{:#}", serde_json::Value::from(labs));
        return Exit::Done;
    }
    for (lab, kernel) in labs {
        out!("{lab:32} {kernel}");
    }
    Exit::Done
}
