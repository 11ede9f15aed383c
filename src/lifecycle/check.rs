//! Running a lab's checks.

use super::definition::CompileError;
use super::error::{OpenError, own, standing};
use super::observer::Observer;
use super::open_files::{self, OpenFilesError};
use super::running::RunningLab;
use crate::check::{self, Report};
use crate::compile::{Check, Lab, Node, read_check};
use crate::diagnostic::{Diagnostics, Source, Span, Text};
use crate::document::LabName;
use crate::explain;
use crate::kernel::{EndedCommand, Home, Namespace, processes_in};
use crate::state::{self, Built, Change, LinkChange, Turn};
use crate::verify;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// How soon checks are made again that did not hold.
const PACE: Duration = Duration::from_millis(500);

/// How long failing checks are retried: daemons say nowhere that they have converged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Patience {
    /// For this long.
    For(Duration),
    /// For this long, and no longer than anything runs in the lab's nodes.
    WhileCommandsRun(Duration),
}

impl Default for Patience {
    fn default() -> Self {
        Self::For(Duration::ZERO)
    }
}

/// Which checks are run, and how.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct CheckOptions {
    /// These and not those of the lab's file, where there are any.
    pub only: Vec<String>,
    /// How long they are retried.
    pub patience: Patience,
}

/// What came of a lab's checks.
#[derive(Debug)]
pub struct Checked {
    /// The lab as it stands.
    pub lab: Lab,
    /// The file that it was built from.
    pub file: Source,
    /// What came of each check.
    pub report: Report,
    /// The lab's commands that failed.
    pub failed_commands: Vec<EndedCommand>,
    /// What is legal in the checks of [`CheckOptions::only`] and surely a mistake.
    pub warnings: CompileError,
}

/// Why checks were not run.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The lab cannot be worked on.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A check of [`CheckOptions::only`] is wrong.
    #[error(transparent)]
    Wrong(CompileError),
    /// What the kernel holds of the lab cannot be read.
    #[error(transparent)]
    Observe(#[from] check::ObserveError),
    /// Too few files may be open.
    #[error(transparent)]
    OpenFiles(#[from] OpenFilesError),
    /// The kernel does not let probes be sent or watched, or the observer ended it.
    #[error(transparent)]
    Run(#[from] check::Error),
    /// The kernels on a packet's way do not let themselves be asked.
    #[error(transparent)]
    Explain(#[from] explain::Error),
}

impl RunningLab {
    /// Runs the lab's checks.
    ///
    /// # Errors
    /// They cannot be run. A check that fails is no error.
    pub fn check(
        &self,
        options: &CheckOptions,
        observer: &mut impl Observer,
    ) -> Result<Checked, CheckError> {
        let name = self.name();
        let _held = self.hold(observer)?;
        let record = standing(name)?;
        let built = match &self.built {
            Some(built) => built.clone(),
            None => record.built().map_err(OpenError::Built)?,
        };
        let mut lab = built.clone().standing(&record.changes);
        let mut warnings = unsaid("--only", &options.only);
        if !options.only.is_empty() {
            lab.checks = only(&lab, &options.only, &mut warnings)?;
            lab.sample = None;
        }
        open_files::suffice(&lab, false, true)?;
        own(&record.footprint, &record.footprint.namespaces)?;
        observer.locked();
        let mut report = run(&lab, options.patience, observer)?;
        // What was made just now was compared when it was made.
        if !(report.ok() && self.is_new()) {
            // Nothing is to be undone where all hold.
            let changed = if report.ok() { &[] } else { &record.changes[..] };
            let changes = changes(&built, changed, lab.name.as_str());
            let standing = check::observe(&lab)?.with_changes(changes);
            check::explain(&mut report, &lab, &lab.checks, &standing);
        }
        let home = Home::of(state::directory(name));
        let failed_commands = home.failed_commands().unwrap_or_default();
        Ok(Checked { lab, file: built.source, report, failed_commands, warnings })
    }
}

/// What was changed since a lab came up, with the lab that would stand without each and without all.
pub(super) fn changes(built: &Built, changes: &[Change], lab: &str) -> verify::Changes {
    let with = |others: Vec<Change>| {
        let mut built = built.clone();
        if !others.iter().any(|it| it.link == Some(LinkChange::DownAndRerouted)) {
            built.rerouted = None;
        }
        built.standing(&others)
    };
    let undoable = |change: &Change| {
        let place = format!("{}:{}", change.node, change.interface);
        let link = change.link.map(|link| match link {
            LinkChange::Up => format!("vrflab link {lab} {place} down"),
            LinkChange::Down | LinkChange::DownAndRerouted => {
                format!("vrflab link {lab} {place} up")
            }
        });
        let is_impaired = change.netem.is_some() || change.tbf.is_some();
        let clear = is_impaired.then(|| format!("vrflab impair {lab} {place} --clear"));
        let undo = link.into_iter().chain(clear).collect();
        let others = changes.iter().filter(|other| *other != change).cloned();
        let without = with(others.collect());
        (verify::Change { text: change.to_string(), undo }, without)
    };
    let without = (!changes.is_empty()).then(|| with(Vec::new()));
    verify::Changes { each: changes.iter().map(undoable).collect(), without }
}

/// Runs checks until all of one run hold, or nobody waits for that any more.
fn run(lab: &Lab, patience: Patience, observer: &mut impl Observer) -> Result<Report, CheckError> {
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
        let turn = turn(&lab.name, observer)?;
        let asked = &*observer;
        let report = check::run_until(lab, &lab.checks, || asked.is_interrupted(), |_, _| {})?;
        drop(turn);
        if report.ok() || is_last {
            return Ok(report);
        }
        if std::mem::take(&mut is_first) {
            observer.retrying(&lab.name, report.failed, limit);
        }
        std::thread::sleep(PACE.saturating_sub(begun.elapsed()));
    }
}

/// Waits until nobody else sends probes in a lab.
pub(super) fn turn(lab: &LabName, observer: &mut impl Observer) -> Result<Turn, CheckError> {
    let turn = Turn::take(lab, || observer.waiting(lab)).map_err(OpenError::from)?;
    observer.locked();
    Ok(turn)
}

/// Whether no process is in any of the lab's nodes.
fn nothing_runs(lab: &Lab) -> bool {
    let open = |node: &Node| Namespace::open(&node.namespace).ok();
    let namespaces = lab.nodes.iter().filter_map(open);
    let inodes = namespaces.map(|namespace| namespace.inode()).collect();
    processes_in(&inodes).is_ok_and(|processes| processes.is_empty())
}

/// Lines that the caller gives, of which nothing is said yet. `name` says where they come from.
pub(super) fn unsaid(name: &str, lines: &[String]) -> CompileError {
    let file = Source { name: name.to_owned(), text: lines.join("\n") };
    CompileError { file, diagnostics: Vec::new() }
}

/// Checks that the caller gives; what there is to say of them goes to `said`.
pub(super) fn only(
    lab: &Lab,
    lines: &[String],
    said: &mut CompileError,
) -> Result<Vec<Check>, CheckError> {
    let mut diagnostics = Diagnostics::default();
    let mut start = 0;
    let mut checks = Vec::with_capacity(lines.len());
    for line in lines {
        let text = Text::new(line.as_str(), Span::new(start, start + line.len()));
        checks.extend(diagnostics.keep(read_check(lab, &text)));
        start += line.len() + 1;
    }
    let is_wrong = diagnostics.has_errors();
    said.diagnostics = diagnostics.into_sorted();
    if is_wrong { Err(CheckError::Wrong(said.clone())) } else { Ok(checks) }
}
