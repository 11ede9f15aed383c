//! `vrflab ls`: lists the labs.

use super::exit::Exit;
use super::output::{err, out};
use super::place::{self, Kernel, Place};
use crate::state::Record;
use clap::Args;

/// The arguments of `vrflab ls`.
#[derive(Args)]
pub(super) struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, kernel: Kernel) -> Exit {
    let found = match place::all(kernel) {
        Ok(labs) => labs,
        Err(exit) => return exit,
    };
    let labs = found.iter().map(|(lab, place)| {
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
    // Labs here are root's to read.
    let here = found.iter().filter(|(_, place)| *place == Place::Here && place::is_own(*place));
    for error in here.filter_map(|(lab, _)| Record::load(lab).err()) {
        err!("vrflab: {error}");
    }
    Exit::Done
}
