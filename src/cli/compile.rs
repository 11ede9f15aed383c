//! `vrflab compile`: prints the lab of a file with nothing left out.

use super::exit::{Exit, cannot};
use super::input::{self, LabFile};
use super::output;
use super::report::Amount;
use crate::compile;
use crate::lifecycle::Promises;
use clap::{Args, ValueEnum};

const EXAMPLES: &str = "\
Examples:
  vrflab compile lab.dot
  vrflab compile --to dot lab.yaml | dot -q -Tsvg > lab.svg";

/// The arguments of `vrflab compile`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    file: LabFile,
    /// The language to print it in
    #[arg(long, value_name = "LANGUAGE", default_value = "yaml")]
    to: Language,
    #[command(flatten)]
    amount: Amount,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Language {
    /// YAML.
    Yaml,
    /// Graphviz DOT.
    Dot,
    /// The same as JSON, which is accepted wherever YAML is.
    Json,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let input = match input::load(&arguments.file, Promises::Held, arguments.amount) {
        Ok(input) => input,
        Err(exit) => return exit,
    };
    let sheet = compile::print(input.lab());
    let text = match arguments.to {
        Language::Yaml => sheet.yaml(),
        Language::Json => sheet.json(),
        Language::Dot => match sheet.dot() {
            Ok(text) => text,
            Err(error) => return cannot(error),
        },
    };
    output::lines(text.as_bytes());
    Exit::Done
}
