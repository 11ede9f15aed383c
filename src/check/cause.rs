//! Why checks fail: what the model makes of the state of the kernels, beside what was built and what was seen.

use super::report::Report;
use crate::compile::{Check, Lab};
use crate::forward::Network;
use crate::plan::lower;
use crate::verify::{self, Cause, Deviation, Judge, Standing, Verdict, Word};
use std::collections::BTreeSet;

/// How many deviations are named that are one check's cause.
const MAX_NAMED: usize = 3;
/// How many commands mend one by one.
const MAX_COMMANDS: usize = 4;

/// What somebody changed with `link` or `impair` since the lab came up.
#[derive(Debug, Clone)]
pub struct Undoable {
    /// What it was, in a sentence.
    pub text: String,
    /// The command that takes it back.
    pub command: String,
    /// The lab without it.
    pub without: Lab,
}

/// Adds to the checks that failed why they did, and to the report all in which the lab differs from what was
/// built. The results are those of `checks`, in their order.
pub fn explain(
    report: &mut Report,
    lab: &Lab,
    checks: &[Check],
    standing: &Standing,
    changes: &[Undoable],
) {
    report.deviations = standing.deviations().to_vec();
    let (mut failed, mut asked) = (Vec::new(), Vec::new());
    for (result, check) in report.results.iter_mut().zip(checks).filter(|(it, _)| !it.ok) {
        failed.push(result);
        asked.push(check);
    }
    let found = verify::results(lab, standing, asked.iter().copied());
    for ((result, check), found) in failed.into_iter().zip(asked).zip(found) {
        if result.is_lost || found.reason.is_some() {
            result.explanation.extend(said(lab, &found, standing));
        }
        result.decided_by = found.decided_by;
        if found.verdict == Word::Refuted && found.cause.deviations.is_empty() {
            let changed = changed(check, changes);
            match changed.is_empty() {
                // The file is not at fault.
                false => result.decided_by = None,
                true => result.explanation.extend(found.advice),
            }
            result.explanation.extend(changed);
        }
        result.cause = found.cause;
    }
}

/// What the model says, in sentences.
fn said(lab: &Lab, found: &verify::CheckResult, standing: &Standing) -> Vec<String> {
    let Some(reason) = &found.reason else {
        return unseen(lab, found, standing);
    };
    let mut lines = match found.verdict {
        Word::Refuted => vec![format!("Going by the state of the kernels, {reason}.")],
        Word::Proved | Word::Unknown if found.cause.deviations.is_empty() => {
            vec![format!("Why, the state of the kernels does not tell: {reason}.")]
        }
        Word::Proved | Word::Unknown => Vec::new(),
    };
    lines.extend(unlike(lab, standing, &found.cause));
    lines
}

/// The changes without one of which a check would hold.
fn changed(check: &Check, changes: &[Undoable]) -> Vec<String> {
    let cures = |change: &&Undoable| {
        lower(&change.without).is_ok_and(|plan| {
            let network = Network::of_plan(&plan);
            let judgement = Judge::new(&change.without, &network).judge(check);
            !matches!(judgement.verdict(), Verdict::Refuted(_))
        })
    };
    let said = |change: &Undoable| {
        format!(
            "It would hold but for a change: {}. To undo it: `{}`.",
            change.text, change.command
        )
    };
    changes.iter().filter(cures).map(said).collect()
}

/// What is said where the model finds nothing: what is not as it was built at the nodes on the way.
fn unseen(lab: &Lab, found: &verify::CheckResult, standing: &Standing) -> Vec<String> {
    let outcomes = found.probes.iter().flat_map(|probe| &probe.outcomes);
    let walks = outcomes.flat_map(|it| std::iter::once(&it.request).chain(&it.replies));
    let way: BTreeSet<&str> =
        walks.flat_map(|walk| &walk.path).map(|visit| visit.node.as_str()).collect();
    let deviations = standing.deviations().iter().filter(|it| way.contains(it.node.as_str()));
    let cause = Cause { deviations: deviations.cloned().collect(), along: Vec::new() };
    let mut lines = vec!["Going by the state of the kernels, it holds.".to_owned()];
    lines.extend(unlike(lab, standing, &cause));
    lines
}

/// What is not as it was built, and what mends that.
fn unlike(lab: &Lab, standing: &Standing, cause: &Cause) -> Vec<String> {
    let Cause { deviations, along } = cause;
    if deviations.is_empty() {
        return Vec::new();
    }
    let named: Vec<String> = deviations.iter().take(MAX_NAMED).map(Deviation::to_string).collect();
    let more = match (deviations.len() - named.len(), along.len()) {
        (0, 0) => String::new(),
        (0, along) => format!(", and {along} more that went with it"),
        (more, along) => format!(", and {} more", more + along),
    };
    let unlike = format!("Not as it was built: {}{more}.", named.join("; "));
    vec![unlike, mending(lab, standing, cause)]
}

/// The commands that bring back what was built.
fn mending(lab: &Lab, standing: &Standing, cause: &Cause) -> String {
    let Cause { deviations, along } = cause;
    let name = lab.name.as_str();
    let all: Vec<&Deviation> = deviations.iter().chain(along).collect();
    let commands = standing.repairs(lab, &all).filter(|it| it.len() <= MAX_COMMANDS);
    let commands = commands.unwrap_or_else(|| {
        let runs = lab.nodes.iter().any(|node| !node.run.is_empty());
        let is_in_place = !runs && all.iter().all(|it| standing.is_undone_in_place(it));
        let in_place = if is_in_place { " --in-place" } else { "" };
        vec![format!("vrflab reset {name}{in_place}")]
    });
    let commands: Vec<String> = commands.iter().map(|command| format!("`{command}`")).collect();
    format!("To mend it: {}.", commands.join(", "))
}
