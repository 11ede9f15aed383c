//! `vrflab validate`: says what is wrong with a file.

use super::count;
use super::exit::Exit;
use super::input::{self, LabFile};
use super::output::{self, out};
use super::report::{Amount, counts, report};
use super::sample;
use crate::diagnostic::json;
use crate::lifecycle::Options;
use clap::{Args, ValueEnum};

const EXAMPLES: &str = "\
Examples:
  vrflab validate lab.dot
  vrflab validate --format json lab.yaml";

/// The arguments of `vrflab validate`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    file: LabFile,
    /// Output format
    #[arg(long, value_name = "HOW", default_value = "text")]
    format: Format,
    #[command(flatten)]
    amount: Amount,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Human-readable.
    Text,
    /// A JSON list of diagnostics.
    Json,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let compiled = input::compile(&arguments.file, Options::default());
    let (diagnostics, file) = match &compiled {
        Ok(lab) => (lab.warnings(), lab.file()),
        Err(error) => (&error.diagnostics[..], &error.file),
    };
    match arguments.format {
        Format::Json => {
            let diagnostics = arguments.amount.for_programs(diagnostics);
            output::json(&json::array(&diagnostics, file));
        }
        Format::Text => {
            report(diagnostics, file, arguments.amount, "");
            if let Ok(compiled) = &compiled {
                let (lab, commands) = (compiled.lab(), compiled.commands());
                let (_, warnings) = counts(diagnostics);
                let mut parts = vec![
                    count(lab.nodes.len(), "node"),
                    count(lab.links.len(), "link"),
                    count(lab.checks.len(), "check"),
                ];
                if warnings > 0 {
                    parts.push(count(warnings, "warning"));
                }
                out!("{}: {}", lab.name, parts.join(", "));
                if commands.number > 0 {
                    out!("{}: {commands}", lab.name);
                }
                sample::print(lab);
            }
        }
    }
    if compiled.is_ok() { Exit::Done } else { Exit::Wrong }
}
