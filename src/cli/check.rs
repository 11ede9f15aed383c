//! `vrflab check`: runs a lab's checks.

use super::exit::{Exit, cannot};
use super::interrupt::{self, Interrupt};
use super::labs;
use super::output::{self, err, out};
use super::place::{self, Kernel, Place, state_error};
use super::{count, failures, files, report, sample};
use crate::check::{self, Report};
use crate::compile::{Check, Lab, Node, read_check};
use crate::diagnostic::{Diagnostics, Source, Span, Text};
use crate::document::LabName;
use crate::executor;
use crate::kernel::{EndedCommand, Home, Namespace, processes_in};
use crate::state::{self, Change, Commands, Record, Shared};
use clap::Args;
use std::time::{Duration, Instant};

const EXAMPLES: &str = "\
Examples:
  vrflab check
  vrflab check l3vpn --wait 30
  vrflab check --only 'h1 -> h2 count 500 loss < 2%'";

/// The arguments of `vrflab check`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The lab, where it is not the only one [env: VRFLAB_LAB]
    lab: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Retry failing checks for up to this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    wait: u64,
    /// Make this check and not those of the lab's file; may be given several times
    #[arg(long, value_name = "CHECK")]
    only: Vec<String>,
}

pub(super) fn run(arguments: &Arguments, kernel: Kernel) -> Exit {
    match labs::find(arguments.lab.as_deref(), None, kernel) {
        Ok((lab, Place::Here)) => here(&lab, arguments).unwrap_or_else(|exit| exit),
        Ok((lab, Place::Vm)) => {
            let mut line = vec!["check".into(), lab.as_str().into()];
            line.extend(arguments.json.then(|| "--json".into()));
            line.extend(["--wait".into(), arguments.wait.to_string().into()]);
            for check in &arguments.only {
                line.extend(["--only".into(), check.into()]);
            }
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
    place::standing(&record).map_err(super::exit::wrong)?;
    let mut lab = record.built().map_err(cannot)?.standing(&record.changes);
    if !arguments.only.is_empty() {
        lab.checks = only(&lab, &arguments.only)?;
        lab.sample = None;
    }
    files::suffice(&lab, false, true)?;
    let patience = Patience::For(Duration::from_secs(arguments.wait));
    let foreign =
        executor::foreign(&record.footprint, &record.footprint.namespaces).map_err(cannot)?;
    if let Some(namespace) = foreign {
        return Err(cannot(format!("the namespace `{namespace}` is not this lab's")));
    }
    interrupt::listening(|interrupt| {
        interrupt.begin();
        let checked = Checked { lab: &lab, commands: record.commands, changes: &record.changes };
        said(&checked, interrupt, patience, arguments.json)
    })
    .map_err(cannot)
}

/// Checks that are given on the command line.
fn only(lab: &Lab, lines: &[String]) -> Result<Vec<Check>, Exit> {
    let source = Source { name: "--only".to_owned(), text: lines.join("\n") };
    let mut errors = Diagnostics::default();
    let mut start = 0;
    let mut checks = Vec::with_capacity(lines.len());
    for line in lines {
        let text = Text::new(line.as_str(), Span::new(start, start + line.len()));
        checks.extend(errors.keep(read_check(lab, &text)));
        start += line.len() + 1;
    }
    let is_wrong = errors.has_errors();
    report::print(&errors.into_sorted(), &source);
    if is_wrong { Err(Exit::Wrong) } else { Ok(checks) }
}

/// How soon checks are made again that did not hold.
const PACE: Duration = Duration::from_millis(500);

/// How long failing checks are retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// For this long.
    For(Duration),
    /// For this long, and no longer than anything runs in the lab's nodes.
    WhileCommandsRun(Duration),
}

/// A lab whose checks are run.
pub(super) struct Checked<'a> {
    /// The lab as it stands.
    pub lab: &'a Lab,
    /// The commands that its file starts.
    pub commands: Commands,
    /// What was changed since it came up.
    pub changes: &'a [Change],
}

/// Runs a lab's checks and says what came of them. With patience they are made again until all of
/// one run hold: daemons say nowhere that they have converged.
pub(super) fn said(
    checked: &Checked<'_>,
    interrupt: &Interrupt,
    patience: Patience,
    json: bool,
) -> Exit {
    let lab = checked.lab;
    let home = Home::of(state::directory(&lab.name));
    let (Patience::For(limit) | Patience::WhileCommandsRun(limit)) = patience;
    let deadline = Instant::now() + limit;
    let mut is_first = true;
    loop {
        let begun = Instant::now();
        // What ended before the last run of the checks has done all that it will do.
        let is_last = begun >= deadline
            || match patience {
                Patience::For(_) => false,
                Patience::WhileCommandsRun(_) => nothing_runs(lab),
            };
        let report = check::run_until(lab, &lab.checks, || interrupt.is_raised(), |_, _| {});
        match report {
            Err(check::Error::Interrupted) => return Exit::Interrupted,
            Err(error) => return cannot(error),
            Ok(report) if report.ok() || is_last => {
                let failed = home.failed_commands().unwrap_or_default();
                if json {
                    let mut value = serde_json::json!(report);
                    value["failed_commands"] = serde_json::json!(failed);
                    output::json(&value);
                } else {
                    conclude(checked, &report, &failed);
                }
                return if report.ok() { Exit::Done } else { Exit::CheckFailed };
            }
            Ok(report) => {
                if std::mem::take(&mut is_first) && !json {
                    let (failed, seconds) = (count(report.failed, "check"), limit.as_secs());
                    err!("{}: {failed} failed, retrying for up to {seconds} s", lab.name);
                }
                std::thread::sleep(PACE.saturating_sub(begun.elapsed()));
            }
        }
    }
}

/// Whether no process is in any of the lab's nodes.
fn nothing_runs(lab: &Lab) -> bool {
    let open = |node: &Node| Namespace::open(&node.namespace).ok();
    let namespaces = lab.nodes.iter().filter_map(open);
    let inodes = namespaces.map(|namespace| namespace.inode()).collect();
    processes_in(&inodes).is_ok_and(|processes| processes.is_empty())
}

fn conclude(checked: &Checked<'_>, report: &Report, failed: &[EndedCommand]) {
    let Checked { lab, commands, changes } = checked;
    let name = &lab.name;
    failures::print(&report.results);
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
    for failed in failures::commands(name, failed) {
        out!("{failed}");
    }
    if commands.number > 0 && commands.left_out {
        out!("{name}: {commands}");
    }
    for change in *changes {
        out!("{name}: {change}");
    }
    sample::print(lab);
}
