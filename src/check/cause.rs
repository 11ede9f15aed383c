//! Why checks fail: what the model makes of the state of the kernels, beside what was built and what was seen.

use super::report::{ProbeResult, Report};
use crate::compile::{Check, Lab};
use crate::verify::{self, Cause, Deviation, Standing, Word};
use std::collections::BTreeSet;

/// What is said where the model finds no fault.
const HOLDS: &str = "By the interfaces, addresses, routes and rules of the kernels it would hold: \
                     something else makes it fail.";
/// How many deviations are named that are one check's cause.
const MAX_NAMED: usize = 3;
/// How many commands mend one by one.
const MAX_COMMANDS: usize = 4;

/// Adds to the checks that failed why they did, and to the report all in which the lab differs from what was
/// built. The results are those of `checks`, in their order.
pub fn explain(report: &mut Report, lab: &Lab, checks: &[Check], standing: &Standing) {
    report.deviations = standing.deviations().to_vec();
    let (mut failed, mut asked) = (Vec::new(), Vec::new());
    for (result, check) in report.results.iter_mut().zip(checks).filter(|(it, _)| !it.ok) {
        failed.push(result);
        asked.push(check);
    }
    let found = verify::results(lab, standing, asked.iter().copied());
    for (result, found) in failed.into_iter().zip(found) {
        if result.is_lost || found.reason.is_some() {
            let (model, mut cause) = said(lab, &found, standing);
            result.explanation.extend(model);
            result.explanation.extend(outdated(&found, &result.probes));
            result.explanation.append(&mut cause);
        }
        result.decided_by = found.decided_by;
        result.explanation.extend(found.advice);
        result.cause = found.cause;
    }
}

/// What the model says, in a sentence, and what is to blame, in others.
fn said(
    lab: &Lab,
    found: &verify::CheckResult,
    standing: &Standing,
) -> (Option<String>, Vec<String>) {
    let Some(reason) = &found.reason else {
        return (Some(HOLDS.to_owned()), unlike(lab, standing, &on_the_way(found, standing)));
    };
    let model = match found.verdict {
        Word::Refuted => Some(format!("Going by the state of the kernels, {reason}.")),
        Word::Proved | Word::Unknown if found.cause.is_empty() => {
            Some(format!("Why, the state of the kernels does not tell: {reason}."))
        }
        Word::Proved | Word::Unknown => None,
    };
    let mut causes = match found.verdict {
        Word::Proved | Word::Unknown if found.cause.is_empty() => {
            unlike(lab, standing, &on_the_way(found, standing))
        }
        Word::Proved | Word::Unknown | Word::Refuted => unlike(lab, standing, &found.cause),
    };
    causes.extend(changed(&found.cause));
    (model, causes)
}

/// Why a packet was seen to go on from where nobody on the link has the address.
fn outdated(found: &verify::CheckResult, probes: &[ProbeResult]) -> Option<String> {
    let (at, is_answer) = found.unresolved.as_ref()?;
    let went_on = |probe: &ProbeResult| {
        let seen = if *is_answer { &probe.seen_back } else { &probe.seen };
        let mut nodes = seen.iter().map(|seen| &seen.node).skip_while(|node| *node != at);
        nodes.any(|node| node != at)
    };
    probes.iter().any(went_on).then(|| {
        format!(
            "It was seen to go on from there all the same: {at} has a neighbour entry from before."
        )
    })
}

/// The changes without which a check would hold, and how they are taken back.
fn changed(Cause { deviations, changes, .. }: &Cause) -> Option<String> {
    let texts: Vec<&str> = changes.iter().map(|it| it.text.as_str()).collect();
    let commands = changes.iter().flat_map(|it| &it.undo);
    let commands: Vec<String> = commands.map(|command| format!("`{command}`")).collect();
    let beside = if deviations.is_empty() { "" } else { "that and " };
    let (what, them) = match changes.len() {
        0 => return None,
        1 => ("a change", "it"),
        _ => ("changes", "them"),
    };
    let (texts, commands) = (texts.join("; "), commands.join(", "));
    Some(format!("It would hold but for {beside}{what}: {texts}. To undo {them}: {commands}."))
}

/// What is not as it was built at the nodes on the way.
fn on_the_way(found: &verify::CheckResult, standing: &Standing) -> Cause {
    let outcomes = found.probes.iter().flat_map(|probe| &probe.outcomes);
    let walks = outcomes.flat_map(|it| std::iter::once(&it.request).chain(&it.replies));
    let way: BTreeSet<&str> =
        walks.flat_map(|walk| &walk.path).map(|visit| visit.node.as_str()).collect();
    let deviations = standing.deviations().iter().filter(|it| way.contains(it.node.as_str()));
    Cause { deviations: deviations.cloned().collect(), ..Cause::default() }
}

/// What is not as it was built, and what mends that.
fn unlike(lab: &Lab, standing: &Standing, cause: &Cause) -> Vec<String> {
    let Cause { deviations, along, changes: _ } = cause;
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
    let Cause { deviations, along, changes: _ } = cause;
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
