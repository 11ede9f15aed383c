//! `vrflab check`: runs a lab's checks.

use super::exit::{Exit, cannot, unopened, wrong};
use super::interrupt;
use super::labs;
use super::output::{self, out};
use super::place::{Kernel, Place};
use super::progress::Watch;
use super::request::Request;
use super::{count, failures, report, sample};
use crate::check;
use crate::document::LabName;
use crate::explain;
use crate::lifecycle::{CheckError, CheckOptions, Checked, Patience, RunningLab};
use clap::Args;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  vrflab check
  vrflab check l3vpn --wait 30
  vrflab check --only 'h1 -> h2 count 500 loss < 2%'";

/// The arguments of `vrflab check`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The lab, needed only if several are up [env: VRFLAB_LAB]
    lab: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Retry failing checks for up to this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    wait: u64,
    /// Run this check instead of those in the lab's file. Can be repeated
    #[arg(long, value_name = "CHECK")]
    only: Vec<String>,
}

pub(super) fn run(arguments: &Arguments, kernel: Kernel) -> Exit {
    let Arguments { lab, json, wait, only } = arguments;
    if let Some(check) = lab.as_deref().filter(|lab| lab.contains(char::is_whitespace)) {
        return wrong(format!(
            "`{check}` is no lab: `vrflab check --only '{check}'` runs that check, and `vrflab explain '{check}'` \
             says why it fails"
        ));
    }
    let patience = Patience::For(Duration::from_secs(*wait));
    let options = CheckOptions { only: only.clone(), patience };
    match labs::find(lab.as_deref(), None, kernel) {
        Ok((lab, Place::Here)) => here(&lab, &options, *json),
        Ok((lab, Place::Vm)) => Request::Check { lab, options, json: *json }.hand_on(),
        Err(exit) => exit,
    }
}

pub(super) fn here(lab: &LabName, options: &CheckOptions, json: bool) -> Exit {
    interrupt::listening(|interrupt| {
        let mut watch = Watch::of_checks(interrupt, !json);
        let running = match RunningLab::open(lab, &mut watch) {
            Ok(running) => running,
            Err(error) => return unopened(error),
        };
        match running.check(options, &mut watch) {
            Ok(checked) => concluded(&running, &checked, json),
            Err(error) => failed(error),
        }
    })
    .unwrap_or_else(cannot)
}

/// Says why checks were not run.
pub(super) fn failed(error: CheckError) -> Exit {
    match error {
        CheckError::Open(error) => unopened(error),
        CheckError::Wrong(error) => {
            report::print(&error.diagnostics, &error.file);
            Exit::Wrong
        }
        CheckError::Run(check::Error::Interrupted)
        | CheckError::Explain(explain::Error::Check(check::Error::Interrupted)) => {
            Exit::Interrupted
        }
        CheckError::Observe(_)
        | CheckError::OpenFiles(_)
        | CheckError::Run(_)
        | CheckError::Explain(_) => cannot(error),
    }
}

/// Says what came of a lab's checks.
pub(super) fn concluded(running: &RunningLab, checked: &Checked, json: bool) -> Exit {
    let Checked { lab, file, report, failed_commands, warnings } = checked;
    report::print(&warnings.diagnostics, &warnings.file);
    if json {
        let mut value = serde_json::json!(report);
        value["failed_commands"] = serde_json::json!(failed_commands);
        output::json(&value);
        return if report.ok() { Exit::Done } else { Exit::CheckFailed };
    }
    let name = &lab.name;
    failures::print(&report.results, file);
    let passed = report.results.iter().filter(|result| result.ok);
    for (check, probe) in passed.flat_map(|it| it.probes.iter().map(move |probe| (it, probe))) {
        if let Some(node) = &probe.answered_by {
            out!("{name}: {} was answered by {node}", check.check);
        }
    }
    match (report.passed, report.failed) {
        (0, 0) => out!("{name}: no checks"),
        (passed, 0) => out!("{name}: {} passed", count(passed, "check")),
        (passed, failed) => out!("{name}: {} passed, {failed} failed", count(passed, "check")),
    }
    failures::print_deviations(name, &report.deviations);
    for failed in failures::commands(name, failed_commands) {
        out!("{failed}");
    }
    let commands = running.commands();
    if commands.number > 0 && commands.left_out {
        out!("{name}: {commands}");
    }
    for change in running.changes() {
        out!("{name}: {change}");
    }
    sample::print(lab);
    if report.ok() { Exit::Done } else { Exit::CheckFailed }
}
