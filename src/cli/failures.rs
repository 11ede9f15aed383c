//! What failed, in words: checks, those that fail for one cause together, and commands.

use super::output::out;
use crate::check::CheckResult;
use crate::diagnostic::{Label, Source, render};
use crate::document::LabName;
use crate::kernel::EndedCommand;
use crate::verify::{Cause, Deviation};
use std::collections::HashMap;
use std::fmt::Display;
use std::hash::Hash;

/// How many checks of one cause are named.
const MAX_NAMED: usize = 8;

/// What is said of checks that do not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finding {
    /// A lab that runs has shown it.
    Failed,
    /// The model shows it.
    Refuted,
    /// The model cannot say.
    Unknown,
}

impl Finding {
    fn head(self) -> &'static str {
        match self {
            Finding::Failed => "FAILED ",
            Finding::Refuted => "REFUTED",
            Finding::Unknown => "UNKNOWN",
        }
    }

    fn verb(self) -> &'static str {
        match self {
            Finding::Failed | Finding::Refuted => "fail",
            Finding::Unknown => "stay open",
        }
    }
}

/// How many of the things are shown in which a kernel differs from what was built.
const MAX_DEVIATIONS: usize = 4;

/// Prints the checks that failed, each cause once.
pub(super) fn print(results: &[CheckResult], file: &Source) {
    for failures in by_cause(results) {
        let place = failures.iter().find_map(|result| result.decided_by.as_ref());
        let excerpt = place.map(|label| render::excerpt(label, file));
        out!("{}", text_of(&failures, excerpt.as_deref()).trim_end());
    }
}

/// Prints in what a lab differs from what was built.
pub(super) fn print_deviations(lab: impl Display, deviations: &[Deviation]) {
    if !deviations.is_empty() {
        let word = if deviations.len() == 1 { "thing differs" } else { "things differ" };
        out!("{lab}: {} {word} from what was built", deviations.len());
    }
    for line in listed("", deviations) {
        out!("        {line}");
    }
}

/// The first of what differs from what was built, and how many more there are.
pub(super) fn listed(before: &str, deviations: &[Deviation]) -> Vec<String> {
    let mut lines: Vec<String> =
        deviations.iter().take(MAX_DEVIATIONS).map(|it| format!("{before}{it}")).collect();
    if let Some(more @ 1..) = deviations.len().checked_sub(MAX_DEVIATIONS) {
        lines.push(format!("and {more} more"));
    }
    lines
}

/// What tells the causes of failed or refuted checks apart: what differs from what was built and what was changed,
/// or else the line that decides.
pub(super) fn cause(cause: &Cause, decided_by: Option<&Label>) -> Option<String> {
    let deviations = cause.deviations.iter().map(|it| format!("{it}\n"));
    let changes = cause.changes.iter().map(|it| format!("{}\n", it.text));
    match decided_by {
        _ if !cause.is_empty() => Some(deviations.chain(changes).collect()),
        Some(label) => Some(format!("{:?} {}", label.span, label.text)),
        None => None,
    }
}

/// Commands that failed, each in a sentence, with where more is to be read.
pub(super) fn commands(lab: &LabName, failed: &[EndedCommand]) -> impl Iterator<Item = String> {
    failed.iter().map(move |ended| format!("{ended} (`vrflab logs {lab} {}`)", ended.node))
}

/// The failed checks in their order, those of one cause together: where none is known, those whose
/// explanations end in the same sentence.
fn by_cause(results: &[CheckResult]) -> Vec<Vec<&CheckResult>> {
    let failed = results.iter().filter(|result| !result.ok);
    grouped(failed, |result| {
        cause(&result.cause, result.decided_by.as_ref())
            .or_else(|| result.explanation.last().cloned())
    })
}

/// Things in their order, those of one cause together.
pub(super) fn grouped<'r, T, Cause: Eq + Hash>(
    things: impl Iterator<Item = &'r T>,
    cause: impl Fn(&'r T) -> Option<Cause>,
) -> Vec<Vec<&'r T>> {
    let mut groups: Vec<Vec<&T>> = Vec::new();
    let mut places = HashMap::new();
    for thing in things {
        let new = groups.len();
        let place = cause(thing).map_or(new, |cause| *places.entry(cause).or_insert(new));
        match groups.get_mut(place) {
            Some(group) => group.push(thing),
            None => groups.push(vec![thing]),
        }
    }
    groups
}

fn text_of(failures: &[&CheckResult], excerpt: Option<&str>) -> String {
    let checks: Vec<&str> = failures.iter().map(|result| result.check.as_str()).collect();
    let first = failures.iter().take(1);
    let lines = first.flat_map(|first| first.reason.iter().chain(&first.explanation));
    let mending = failures.first().map(|first| first.cause.mending()).unwrap_or_default();
    let lines = lines.chain(&mending).map(String::as_str);
    text(Finding::Failed, &checks, lines.chain(excerpt.into_iter().flat_map(str::lines)))
}

/// Checks of one cause: the first with what is said of it, and the names of the others.
pub(super) fn text<'l>(
    finding: Finding,
    checks: &[&str],
    lines: impl IntoIterator<Item = &'l str>,
) -> String {
    let Some((first, others)) = checks.split_first() else { return String::new() };
    let mut text = format!("{} {first}\n", finding.head());
    for line in lines {
        text += &format!("        {line}\n");
    }
    if !others.is_empty() {
        let rest = if others.len() == 1 { "other is" } else { "others are" };
        let (count, verb) = (checks.len(), finding.verb());
        text += &format!("        {count} checks {verb} for this reason; the {rest}:\n");
    }
    for other in others.iter().take(MAX_NAMED) {
        text += &format!("          {other}\n");
    }
    if let Some(more @ 1..) = others.len().checked_sub(MAX_NAMED) {
        text += &format!("          and {more} more\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(check: &str, explanation: &[&str]) -> CheckResult {
        CheckResult {
            check: check.to_owned(),
            ok: false,
            reason: Some(format!("{check} was lost")),
            explanation: explanation.iter().map(|line| (*line).to_owned()).collect(),
            cause: Cause::default(),
            is_lost: false,
            decided_by: None,
            probes: Vec::new(),
        }
    }

    #[test]
    fn checks_that_fail_for_one_cause_are_told_together() {
        let gone = "The route is no longer there.";
        let mut results = vec![
            failed("a -> b", &["a sent 5.", gone]),
            failed("c -> d", &["c sent 5."]),
            CheckResult { ok: true, ..failed("e -> f", &[gone]) },
            failed("b -> a", &["b sent 5.", gone]),
            failed("g -> h", &[]),
            failed("i -> j", &[]),
        ];
        let texts = |results: &[CheckResult]| -> Vec<String> {
            by_cause(results).iter().map(|cause| text_of(cause, None)).collect()
        };
        let one = |check: &str| format!("FAILED  {check}\n        {check} was lost\n");
        let first = one("a -> b")
            + "        a sent 5.\n        The route is no longer there.\n"
            + "        2 checks fail for this reason; the other is:\n          b -> a\n";
        let second = one("c -> d") + "        c sent 5.\n";
        assert_eq!(texts(&results), [first, second, one("g -> h"), one("i -> j")]);
        results.extend((0..9).map(|n| failed(&format!("k{n} -> a"), &[gone])));
        let text = &texts(&results)[0];
        assert!(
            text.contains("\n        11 checks fail for this reason; the others are:\n"),
            "{text}"
        );
        assert!(text.ends_with("          k6 -> a\n          and 2 more\n"), "{text}");
    }
}
