//! What failed, in words: checks, those that fail for one cause together, and commands.

use super::output::out;
use crate::check::CheckResult;
use crate::document::LabName;
use crate::kernel::EndedCommand;

/// How many checks of one cause are named.
const MAX_NAMED: usize = 8;

/// Prints the checks that failed, each cause once.
pub(super) fn print(results: &[CheckResult]) {
    for failures in by_cause(results) {
        out!("{}", text(&failures).trim_end());
    }
}

/// Commands that failed, each in a sentence, with where more is to be read.
pub(super) fn commands(lab: &LabName, failed: &[EndedCommand]) -> impl Iterator<Item = String> {
    failed.iter().map(move |ended| format!("{ended} (`vrflab logs {lab} {}`)", ended.node))
}

/// The failed checks in their order, those together whose explanations end in the same sentence: it
/// is the last and nearest thing that the kernels have to say, such as a route that is gone.
fn by_cause(results: &[CheckResult]) -> Vec<Vec<&CheckResult>> {
    let mut causes: Vec<Vec<&CheckResult>> = Vec::new();
    for result in results.iter().filter(|result| !result.ok) {
        let is_same = |other: &&CheckResult| {
            result.explanation.last().is_some_and(|it| Some(it) == other.explanation.last())
        };
        match causes.iter_mut().find(|cause| cause.first().is_some_and(is_same)) {
            Some(cause) => cause.push(result),
            None => causes.push(vec![result]),
        }
    }
    causes
}

/// The first in full, and the names of the others.
fn text(failures: &[&CheckResult]) -> String {
    let Some((first, others)) = failures.split_first() else { return String::new() };
    let mut text = format!("FAILED  {}\n", first.check);
    for line in first.reason.iter().chain(&first.explanation) {
        text += &format!("        {line}\n");
    }
    if !others.is_empty() {
        let rest = if others.len() == 1 { "other is" } else { "others are" };
        let count = failures.len();
        text += &format!("        {count} checks fail for this reason; the {rest}:\n");
    }
    for other in others.iter().take(MAX_NAMED) {
        text += &format!("          {}\n", other.check);
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
            by_cause(results).iter().map(|cause| text(cause)).collect()
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
