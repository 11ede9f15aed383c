//! `vrflab verify`: proves or refutes the checks of a file by the forwarding model.

use super::exit::Exit;
use super::failures::{self, Finding};
use super::input::{self, LabFile};
use super::output::{self, out};
use super::report::Amount;
use super::{count, sample};
use crate::diagnostic::{Source, Span, render};
use crate::forward::Network;
use crate::verify::{CheckResult, Report, Word};
use clap::Args;

const EXAMPLES: &str = "\
Examples:
  vrflab verify lab.dot
  vrflab verify --json lab.yaml";

/// The arguments of `vrflab verify`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    file: LabFile,
    /// Print JSON: each check with its verdict, and the hops of all that can become of its packets
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    amount: Amount,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let input = match input::load(&arguments.file, arguments.amount) {
        Ok(input) => input,
        Err(exit) => return exit,
    };
    let (lab, file) = (input.lab(), input.file());
    let network = Network::of_plan(input.plan());
    let report = Report::of(lab, &network);
    match arguments.json {
        true => output::json(&report.json(file)),
        false => {
            print(&report, file);
            sample::print(lab);
        }
    }
    if report.ok() { Exit::Done } else { Exit::CheckFailed }
}

fn print(report: &Report, file: &Source) {
    let Report { lab: name, results, proved, refuted, unknown, left_out } = report;
    let of = |word| results.iter().filter(move |result| result.verdict == word);
    for group in failures::grouped(of(Word::Refuted), cause) {
        let excerpt = group[0].decided_by.as_ref().map(|label| render::excerpt(label, file));
        said(Finding::Refuted, &group, excerpt.as_deref());
    }
    for group in failures::grouped(of(Word::Unknown), |result| result.reason.as_ref()) {
        said(Finding::Unknown, &group, None);
    }
    let others = [(refuted, "refuted"), (unknown, "unknown")].into_iter().filter(|it| *it.0 > 0);
    let others: String = others.map(|(number, word)| format!(", {number} {word}")).collect();
    match results.len() {
        0 => out!("{name}: no checks"),
        _ => out!("{name}: {} proved{others}", count(*proved, "check")),
    }
    if let Some(left_out) = left_out {
        out!("{name}: {left_out}");
    }
}

/// What tells the causes of refuted checks apart: the line that decides, and what it says.
fn cause(result: &CheckResult) -> Option<(Span, &str)> {
    result.decided_by.as_ref().map(|label| (label.span, label.text.as_str()))
}

/// Prints checks of one cause.
fn said(finding: Finding, group: &[&CheckResult], excerpt: Option<&str>) {
    let checks: Vec<&str> = group.iter().map(|result| result.check.as_str()).collect();
    let first = group.iter().take(1);
    let lines = first.flat_map(|first| first.reason.iter().chain(&first.walks));
    let lines = lines.map(String::as_str).chain(excerpt.into_iter().flat_map(str::lines));
    out!("{}", failures::text(finding, &checks, lines).trim_end());
}
