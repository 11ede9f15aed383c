//! Diagnostics for programs: one object each.

use super::lines::Lines;
use super::{Diagnostic, Label, Severity, Source};
use serde_json::{Value, json};

/// All of them as an array, in their order.
pub fn array(diagnostics: &[Diagnostic], source: &Source) -> Value {
    let lines = Lines::of(&source.text);
    diagnostics.iter().map(|diagnostic| object(diagnostic, source, &lines)).collect()
}

/// Marked places, each with its file.
pub fn labels<'l>(labels: impl IntoIterator<Item = &'l Label>, source: &Source) -> Vec<Value> {
    let lines = Lines::of(&source.text);
    let labels = labels.into_iter();
    labels
        .map(|it| {
            let mut value = label(it, source, &lines);
            value["file"] = json!(source.name);
            value
        })
        .collect()
}

fn object(diagnostic: &Diagnostic, source: &Source, lines: &Lines) -> Value {
    json!({
        "severity": match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        "code": diagnostic.code.as_str(),
        "title": diagnostic.title,
        "file": source.name,
        "labels": diagnostic.labels.iter().map(|it| label(it, source, lines)).collect::<Vec<_>>(),
        "notes": diagnostic.notes,
        "help": diagnostic.help,
    })
}

fn label(label: &Label, source: &Source, lines: &Lines) -> Value {
    json!({
        "primary": label.primary,
        "text": label.text,
        "start": place(label.span.start, source, lines),
        "end": place(label.span.end, source, lines),
    })
}

/// A place: the byte counted from 0, the line and the column, in characters, counted from 1.
fn place(offset: usize, source: &Source, lines: &Lines) -> Value {
    let offset = offset.min(source.text.len());
    let (line, column) = lines.position(offset);
    json!({ "byte": offset, "line": line, "column": column })
}
