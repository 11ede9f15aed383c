//! The only room that prints: one file per verb.
//!
//! Results go to the standard output, and what is said meanwhile to the standard error. Whether a
//! verb is done here or in the micro-VM is decided in `place`.

mod change;
mod check;
mod compile;
mod down;
mod exec;
mod exit;
mod explain;
mod failures;
mod foreign;
mod impair;
mod input;
mod interrupt;
mod labs;
mod logs;
mod link;
mod ls;
mod neighbours;
mod output;
mod place;
mod plan;
mod progress;
mod received;
mod report;
mod request;
mod reset;
mod sample;
mod schema;
mod shell;
mod up;
mod validate;
mod verify;
mod vm;

use crate::lifecycle::raise_limit;
use clap::{Parser, Subcommand};
use exit::Exit;
use nix::sys::stat::{Mode, umask};
use output::err;
use place::Kernel;
use std::process::ExitCode;

/// Turns a network drawn in a file into a running one: nodes are network namespaces, links are veth
/// pairs and bridges, customers are VRFs, labels are the kernel's MPLS.
///
/// A lab runs on the host's kernel if that supports everything it needs and you have permission,
/// otherwise in a micro-VM booted for it. `--kernel host` and `--kernel vm` force one.
#[derive(Parser)]
#[command(name = "vrflab", version, max_term_width = 100, after_help = EXAMPLES)]
struct Arguments {
    /// Run labs on this kernel: auto, host or vm
    #[arg(
        long,
        global = true,
        env = "VRFLAB_KERNEL",
        value_name = "KERNEL",
        default_value = "auto",
        hide_possible_values = true,
        hide_env_values = true,
        display_order = 900
    )]
    kernel: Kernel,
    #[command(subcommand)]
    verb: Verb,
}

const EXAMPLES: &str = "\
Examples:
  vrflab up labs/l3vpn.dot
  vrflab exec l3vpn c1h1 ping -c 2 c1h3
  vrflab check
  vrflab down";

#[derive(Subcommand)]
enum Verb {
    /// Build the lab in FILE, or apply its edits to the lab that is up, and run the checks
    Up(up::Arguments),
    /// Tear labs down
    Down(down::Arguments),
    /// Restore a lab to what its file said when it came up
    Reset(reset::Arguments),
    /// Run a lab's checks
    Check(check::Arguments),
    /// Make an interface slow or lossy
    Impair(impair::Arguments),
    /// Bring an end of a link down, or up again
    Link(link::Arguments),
    /// Run a command, or a shell, in a node
    Exec(exec::Arguments),
    /// Show the output of a lab's commands
    Logs(logs::Arguments),
    /// Check FILE for errors
    Validate(validate::Arguments),
    /// Prove the checks of FILE without building the lab, or of a lab by what its kernel holds
    Verify(verify::Arguments),
    /// Say why a node reaches another or does not, hop by hop
    Explain(explain::Arguments),
    /// Print FILE with everything filled in: a file that gives the same lab
    Compile(compile::Arguments),
    /// Show the steps that build the lab in FILE, as commands
    Plan(plan::Arguments),
    /// Print a JSON Schema from which editors complete YAML files
    #[command(after_help = "Examples:\n  vrflab schema > vrflab.schema.json")]
    Schema,
    /// List the labs
    Ls(ls::Arguments),
    /// Start a node's commands and watch over them
    #[command(hide = true)]
    Supervise,
    /// Carry out what a `vrflab` outside of the micro-VM was asked for
    #[command(hide = true)]
    Request(received::Arguments),
    /// Manage the micro-VM used when the host's kernel lacks what a lab needs
    Vm(vm::Arguments),
}

/// Runs the program with the process's own arguments and returns its exit status.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(said) => return usage(&foreign::hinted(said)).into(),
    };
    let verb = std::panic::AssertUnwindSafe(|| run(arguments));
    let exit = std::panic::catch_unwind(verb).unwrap_or_else(|_| {
        err!("vrflab: this is a bug; a lab left half-built is removed by `vrflab down LAB`");
        Exit::Bug
    });
    exit.delivered().into()
}

/// Prints what the parser of arguments has to say: the help that was asked for, or what is wrong.
fn usage(said: &clap::Error) -> Exit {
    match said.print() {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            exit::cannot(format!("the output cannot be written: {error}"))
        }
        Ok(()) | Err(_) if said.use_stderr() => Exit::Wrong,
        Ok(()) | Err(_) => Exit::Done,
    }
}

fn run(arguments: Arguments) -> Exit {
    let kernel = arguments.kernel;
    // What is made for a lab is the same whatever the caller's umask. A command in a node keeps that.
    let is_command = matches!(&arguments.verb, Verb::Exec(_) | Verb::Vm(_))
        || matches!(&arguments.verb, Verb::Request(verb) if verb.is_command());
    if !is_command {
        umask(Mode::S_IWGRP | Mode::S_IWOTH);
    }
    if let Err(error) = raise_limit() {
        return exit::cannot(error);
    }
    match arguments.verb {
        Verb::Up(verb) => up::run(&verb, kernel),
        Verb::Down(verb) => down::run(&verb, kernel),
        Verb::Reset(verb) => reset::run(&verb, kernel),
        Verb::Check(verb) => check::run(&verb, kernel),
        Verb::Impair(verb) => impair::run(&verb, kernel),
        Verb::Link(verb) => link::run(&verb, kernel),
        Verb::Exec(verb) => exec::run(&verb, kernel),
        Verb::Logs(verb) => logs::run(&verb, kernel),
        Verb::Validate(verb) => validate::run(&verb),
        Verb::Verify(verb) => verify::run(&verb, kernel),
        Verb::Explain(verb) => explain::run(&verb, kernel),
        Verb::Compile(verb) => compile::run(&verb),
        Verb::Plan(verb) => plan::run(&verb),
        Verb::Schema => schema::run(),
        Verb::Ls(verb) => ls::run(&verb, kernel),
        Verb::Supervise => crate::kernel::supervise().map_or_else(exit::cannot, |()| Exit::Done),
        Verb::Request(verb) => received::run(&verb),
        Verb::Vm(verb) => vm::run(verb),
    }
}

/// A number of things, in words.
fn count(number: usize, thing: &str) -> String {
    match number {
        1 => format!("1 {thing}"),
        number => format!("{number} {thing}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn every_example_is_a_command_line() {
        let mut examples = Vec::new();
        let mut program = Arguments::command();
        program.build();
        for command in std::iter::once(&program).chain(program.get_subcommands()) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            examples.extend(help.lines().skip(1).map(str::to_owned));
        }
        assert!(examples.len() > 30, "{examples:?}");
        for example in examples {
            // What a shell does with it: quotes, and what stands behind `|`, `<` and `>`.
            let words = example.split(['|', '<', '>']).next().unwrap_or_default();
            let quoted = example.split_once('\'').and_then(|(_, rest)| rest.strip_suffix('\''));
            let words = if quoted.is_some() { example.split('\'').next() } else { Some(words) };
            let words = words.unwrap_or_default().split_whitespace().chain(quoted);
            let read = Arguments::try_parse_from(words);
            assert!(read.is_ok(), "{example}: {:?}", read.err().map(|it| it.to_string()));
        }
    }
}
