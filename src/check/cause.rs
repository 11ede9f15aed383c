//! Why checks fail: what the model makes of the state of the kernels, beside what was built and what was seen.

use super::report::{ProbeResult, Report};
use crate::compile::{Check, Lab};
use crate::verify::{self, Cause, Deviation, ExchangeResult, Standing, Word};
use std::collections::BTreeSet;

/// What is said where the model finds no fault.
const HOLDS: &str = "By the interfaces, addresses, routes and rules of the kernels it would hold: \
                     something else makes it fail.";
/// How many deviations are named that are one check's cause.
const MAX_NAMED: usize = 3;

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
            let (model, blamed) = said(&found, standing);
            result.explanation.extend(model);
            result.explanation.extend(outdated(&found, &result.probes));
            result.explanation.extend(unlike(&blamed));
            result.explanation.extend(changed(&blamed));
            result.cause.mend = standing.mending(lab, &blamed);
        }
        result.decided_by = found.decided_by;
        result.explanation.extend(found.advice);
        let Cause { deviations, along, changes, mend: _ } = found.cause;
        result.cause = Cause { deviations, along, changes, ..std::mem::take(&mut result.cause) };
    }
}

/// What the model says, in a sentence, and what is to blame.
fn said(found: &verify::CheckResult, standing: &Standing) -> (Option<String>, Cause) {
    let Some(reason) = &found.reason else {
        return (Some(HOLDS.to_owned()), on_the_way(found, standing));
    };
    match found.verdict {
        Word::Refuted => {
            (Some(format!("Going by the state of the kernels, {reason}.")), found.cause.clone())
        }
        Word::Proved | Word::Unknown if found.cause.is_empty() => (
            Some(format!("Why, the state of the kernels does not tell: {reason}.")),
            on_the_way(found, standing),
        ),
        Word::Proved | Word::Unknown => (None, found.cause.clone()),
    }
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

/// The changes without which a check would hold.
fn changed(Cause { deviations, changes, .. }: &Cause) -> Option<String> {
    let texts: Vec<&str> = changes.iter().map(|it| it.text.as_str()).collect();
    let beside = if deviations.is_empty() { "" } else { "that and " };
    let what = match changes.len() {
        0 => return None,
        1 => "a change",
        _ => "changes",
    };
    Some(format!("It would hold but for {beside}{what}: {}.", texts.join("; ")))
}

/// What is not as it was built at the nodes on the way.
fn on_the_way(found: &verify::CheckResult, standing: &Standing) -> Cause {
    let outcomes = found.probes.iter().flat_map(|probe| &probe.outcomes);
    let walks = outcomes.flat_map(ExchangeResult::walks);
    let way: BTreeSet<&str> =
        walks.flat_map(|walk| &walk.path).map(|visit| visit.node.as_str()).collect();
    let deviations = standing.deviations().iter().filter(|it| way.contains(it.node.as_str()));
    Cause { deviations: deviations.cloned().collect(), ..Cause::default() }
}

/// What is not as it was built.
fn unlike(cause: &Cause) -> Option<String> {
    let Cause { deviations, along, changes: _, mend: _ } = cause;
    if deviations.is_empty() {
        return None;
    }
    let named: Vec<String> = deviations.iter().take(MAX_NAMED).map(Deviation::to_string).collect();
    let more = match (deviations.len() - named.len(), along.len()) {
        (0, 0) => String::new(),
        (0, along) => format!(", and {along} more that went with it"),
        (more, along) => format!(", and {} more", more + along),
    };
    Some(format!("Not as it was built: {}{more}.", named.join("; ")))
}
