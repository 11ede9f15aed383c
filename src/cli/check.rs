//! `vrflab check`: runs a lab's checks.

use super::count;
use super::exit::{Exit, cannot};
use super::input::{self, Input};
use super::interrupt::{self, Interrupt};
use super::output::{err, out};
use super::place::{self, Kernel, Missing, Place, state_error};
use crate::check::{self, CheckResult, Report};
use crate::document::LabName;
use crate::state::{Phase, Record, Shared};
use clap::Args;

/// The arguments of `vrflab check`.
#[derive(Args)]
pub(super) struct Arguments {
    /// The lab; the only one there is where none is given
    lab: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, kernel: Kernel) -> Exit {
    match place::find(arguments.lab.as_deref(), kernel, Missing::Said) {
        Ok((lab, Place::Here)) => here(&lab, arguments.json).unwrap_or_else(|exit| exit),
        Ok((lab, Place::Vm)) => {
            let mut line = vec!["check".into(), lab.as_str().into()];
            line.extend(arguments.json.then(|| "--json".into()));
            place::forward_verb(line)
        }
        Err(exit) => exit,
    }
}

fn here(lab: &LabName, json: bool) -> Result<Exit, Exit> {
    let waiting = || err!("{lab}: another vrflab is at work, waiting");
    let held = Shared::take(lab, waiting).map_err(state_error)?;
    let record = Record::load(lab).map_err(state_error)?;
    let (Some(_held), Some(record)) = (held, record) else {
        return Err(super::exit::wrong(format!("{lab} is down")));
    };
    if record.phase == Phase::Begun {
        return Err(super::exit::wrong(format!("{lab} was left half-built: vrflab down {lab}")));
    }
    let input = input::reload(&record)?;
    interrupt::listening(|interrupt| said(&input, interrupt, json)).map_err(cannot)
}

/// Runs a lab's checks and says what came of them.
pub(super) fn said(input: &Input, interrupt: &Interrupt, json: bool) -> Exit {
    let lab = &input.lab;
    let report = check::run_until(
        lab,
        &lab.checks,
        || interrupt.is_raised(),
        |_, result| {
            if !json && !result.ok {
                failure(result);
            }
        },
    );
    match report {
        Err(check::Error::Interrupted) => Exit::Interrupted,
        Err(error) => cannot(error),
        Ok(report) => {
            if json {
                out!("{:#}", serde_json::json!(report));
            } else {
                conclude(input, &report);
            }
            if report.ok() { Exit::Done } else { Exit::CheckFailed }
        }
    }
}

fn failure(result: &CheckResult) {
    out!("FAILED  {}", result.check);
    for line in result.reason.iter().chain(&result.explanation) {
        out!("        {line}");
    }
}

fn conclude(input: &Input, report: &Report) {
    let name = &input.lab.name;
    match (report.passed, report.failed) {
        (0, 0) => out!("{name}: no checks"),
        (passed, 0) => out!("{name}: {} passed", count(passed, "check")),
        (passed, failed) => out!("{name}: {} passed, {failed} failed", count(passed, "check")),
    }
    if let Some(sample) = input.lab.sample {
        out!("{name}: a sample of {} pairs out of {}", sample.chosen, sample.of);
    }
}
