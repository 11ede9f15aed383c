//! The only room that prints: one file per verb.

mod vm;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Turns a network drawn in a file into a running one.
#[derive(Parser)]
#[command(name = "vrflab", version)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// The micro-VM for kernels that lack what labs need
    Vm(vm::Arguments),
}

/// Runs the program with the process's own arguments and returns its exit status.
pub fn main() -> ExitCode {
    match Arguments::parse().verb {
        Verb::Vm(arguments) => vm::run(arguments),
    }
}
