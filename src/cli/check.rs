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
use std::time::{Duration, Instant};

/// The arguments of `vrflab check`.
#[derive(Args)]
pub(super) struct Arguments {
    /// The lab; the only one there is where none is given
    lab: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Make checks again that do not hold, for up to this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    wait: u64,
}

pub(super) fn run(arguments: &Arguments, kernel: Kernel) -> Exit {
    match place::find(arguments.lab.as_deref(), kernel, Missing::Said) {
        Ok((lab, Place::Here)) => here(&lab, arguments).unwrap_or_else(|exit| exit),
        Ok((lab, Place::Vm)) => {
            let mut line = vec!["check".into(), lab.as_str().into()];
            line.extend(arguments.json.then(|| "--json".into()));
            line.extend(["--wait".into(), arguments.wait.to_string().into()]);
            place::forward_verb(line)
        }
        Err(exit) => exit,
    }
}

fn here(lab: &LabName, arguments: &Arguments) -> Result<Exit, Exit> {
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
    let patience = Duration::from_secs(arguments.wait);
    interrupt::listening(|interrupt| said(&input, interrupt, patience, arguments.json))
        .map_err(cannot)
}

/// How soon checks are made again that did not hold.
const PACE: Duration = Duration::from_millis(500);

/// Runs a lab's checks and says what came of them. With patience they are made again until all of
/// one run hold: daemons say nowhere that they have converged.
pub(super) fn said(input: &Input, interrupt: &Interrupt, patience: Duration, json: bool) -> Exit {
    let lab = &input.lab;
    let deadline = Instant::now() + patience;
    loop {
        let begun = Instant::now();
        let is_last = begun >= deadline;
        let report = check::run_until(
            lab,
            &lab.checks,
            || interrupt.is_raised(),
            |_, result| {
                if is_last && !json && !result.ok {
                    failure(result);
                }
            },
        );
        match report {
            Err(check::Error::Interrupted) => return Exit::Interrupted,
            Err(error) => return cannot(error),
            Ok(report) if report.ok() || is_last => {
                if json {
                    out!("{:#}", serde_json::json!(report));
                } else {
                    conclude(input, &report);
                }
                return if report.ok() { Exit::Done } else { Exit::CheckFailed };
            }
            Ok(_) => std::thread::sleep(PACE.saturating_sub(begun.elapsed())),
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
    for change in &input.changes {
        out!("{name}: {change}");
    }
    if let Some(sample) = input.lab.sample {
        out!("{name}: a sample of {} pairs out of {}", sample.chosen, sample.of);
    }
}
