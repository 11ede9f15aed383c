//! `vrflab validate`: says what is wrong with a file.

use super::count;
use super::exit::Exit;
use super::input;
use super::output::out;
use crate::diagnostic::{Severity, json};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// The arguments of `vrflab validate`.
#[derive(Args)]
pub(super) struct Arguments {
    /// The lab's .dot or .yaml file, `-` for standard input
    file: PathBuf,
    /// How to say it
    #[arg(long, value_name = "HOW", default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For programs: a list of diagnostics.
    Json,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let reading = input::read(&arguments.file, None);
    let diagnostics = &reading.diagnostics;
    match arguments.format {
        Format::Json => out!("{:#}", json::array(diagnostics, &reading.source)),
        Format::Text => {
            input::say(diagnostics, &reading.source);
            if let Some(lab) = &reading.lab {
                let warnings =
                    diagnostics.iter().filter(|it| it.severity == Severity::Warning).count();
                let mut parts = vec![
                    count(lab.nodes.len(), "node"),
                    count(lab.links.len(), "link"),
                    count(lab.checks.len(), "check"),
                ];
                if warnings > 0 {
                    parts.push(count(warnings, "warning"));
                }
                out!("{}: {}", lab.name, parts.join(", "));
            }
        }
    }
    if reading.lab.is_some() { Exit::Done } else { Exit::Wrong }
}
