//! How much is shown of many diagnostics, and of one with many places.

use super::{Code, Diagnostic, Label, Severity};
use std::collections::HashMap;

/// How many places one diagnostic shows, and how many notes and helps.
const MAX_PLACES: usize = 8;
/// How many diagnostics of one severity and code are shown in full.
const MAX_OF_A_CODE: usize = 5;

/// The first so many errors; warnings all stay.
pub fn first_errors(diagnostics: Vec<Diagnostic>, max_errors: usize) -> Vec<Diagnostic> {
    let mut errors = 0;
    let mut kept = diagnostics;
    kept.retain(|diagnostic| match diagnostic.severity {
        Severity::Error => {
            errors += 1;
            errors <= max_errors
        }
        Severity::Warning => true,
    });
    kept
}

/// The same with fewer words: from the sixth on, diagnostics of one code become a single one that
/// counts them and names the first of their places, and each shows at most eight places.
pub fn grouped(diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut seen: HashMap<(bool, Code), usize> = HashMap::new();
    let mut rests: HashMap<(bool, Code), (usize, Vec<Diagnostic>)> = HashMap::new();
    let mut kept = Vec::new();
    for diagnostic in diagnostics {
        let kind = (diagnostic.severity == Severity::Error, diagnostic.code);
        let count = seen.entry(kind).or_default();
        *count += 1;
        if *count <= MAX_OF_A_CODE {
            kept.push(diagnostic);
        } else {
            // The rest stands where the first of it would.
            rests.entry(kind).or_insert_with(|| (kept.len(), Vec::new())).1.push(diagnostic);
        }
    }
    let mut rests: Vec<_> = rests.into_values().collect();
    rests.sort_by_key(|(place, rest)| (*place, rest[0].labels.first().map(|label| label.span)));
    for (place, rest) in rests.into_iter().rev() {
        let shown = if rest.len() == 1 { rest.into_iter().next() } else { Some(counted(&rest)) };
        kept.splice(place..place, shown);
    }
    kept.into_iter().map(bounded).collect()
}

/// One diagnostic in the place of several of one code.
fn counted(rest: &[Diagnostic]) -> Diagnostic {
    let first = &rest[0];
    let (what, title) = match first.severity {
        Severity::Error => ("errors", format!("{} more errors of this kind", rest.len())),
        Severity::Warning => ("warnings", format!("{} more warnings of this kind", rest.len())),
    };
    let mut all = Diagnostic::new(first.severity, first.code, title);
    for diagnostic in rest.iter().take(MAX_PLACES) {
        all = match diagnostic.labels.first() {
            Some(Label { span, .. }) => all.at(*span, diagnostic.title.as_str()),
            None => all.note(diagnostic.title.as_str()),
        };
    }
    match rest.len().checked_sub(MAX_PLACES) {
        None | Some(0) => all,
        Some(hidden) => all.note(format!("{hidden} of these {what} are not shown")),
    }
}

/// A diagnostic with at most eight places, notes and helps: the first ones and the last.
fn bounded(mut diagnostic: Diagnostic) -> Diagnostic {
    let hidden = cut(&mut diagnostic.labels);
    cut(&mut diagnostic.notes);
    cut(&mut diagnostic.help);
    match hidden {
        0 => diagnostic,
        1 => diagnostic.note("1 more place is not shown"),
        hidden => diagnostic.note(format!("{hidden} more places are not shown")),
    }
}

/// Leaves what is too much out in front of the last; returns how many those are.
fn cut<T>(list: &mut Vec<T>) -> usize {
    let hidden = list.len().saturating_sub(MAX_PLACES);
    if hidden > 0 {
        list.drain(MAX_PLACES - 1..MAX_PLACES - 1 + hidden);
    }
    hidden
}
