//! Diagnostics for programs: one object each.

use super::{Diagnostic, Label, Severity, Source};
use serde_json::{Value, json};

/// All of them as an array, in their order.
pub fn array(diagnostics: &[Diagnostic], source: &Source) -> Value {
    diagnostics.iter().map(|diagnostic| object(diagnostic, source)).collect()
}

fn object(diagnostic: &Diagnostic, source: &Source) -> Value {
    json!({
        "severity": match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        "code": diagnostic.code.as_str(),
        "title": diagnostic.title,
        "file": source.name,
        "labels": diagnostic.labels.iter().map(|it| label(it, source)).collect::<Vec<_>>(),
        "notes": diagnostic.notes,
        "help": diagnostic.help,
    })
}

fn label(label: &Label, source: &Source) -> Value {
    json!({
        "primary": label.primary,
        "text": label.text,
        "start": place(label.span.start, source),
        "end": place(label.span.end, source),
    })
}

/// A place: the byte counted from 0, the line and the column, in characters, counted from 1.
fn place(offset: usize, source: &Source) -> Value {
    let offset = offset.min(source.text.len());
    let (line, column) = source.position(offset);
    json!({ "byte": offset, "line": line, "column": column })
}
