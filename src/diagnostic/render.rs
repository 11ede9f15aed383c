//! Diagnostics for people: the shape of rustc's messages.

use super::lines::Lines;
use super::secret::hidden;
use super::{Diagnostic, Label, Severity, Source, visible};
use annotate_snippets::{
    AnnotationKind, Group, Level, Origin, Renderer, Snippet, normalize_untrusted_str,
};
use std::ops::Range;

/// The bytes of a file between two labels that are still shown as one piece. What lies further
/// apart becomes a piece each, so that a huge file is not searched from end to end for each mark.
const PIECE: usize = 64 * 1024;

/// How the text looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Whether it has the colours of a terminal.
    pub colour: bool,
}

/// All of them as text, an empty line between each two, a newline at the end.
pub fn text(diagnostics: &[Diagnostic], source: &Source, style: Style) -> String {
    let source = &Source { name: source.name.clone(), text: hidden(&source.text).into_owned() };
    let renderer = if style.colour { Renderer::styled() } else { Renderer::plain() };
    let lines = Lines::of(&source.text);
    let name = visible(&source.name);
    let messages: Vec<String> = diagnostics
        .iter()
        .map(|diagnostic| {
            let text =
                renderer.render(&[group(diagnostic, source, &name, &lines)]).trim_end().to_owned()
                    + "\n";
            match text.split_once('\n') {
                // Without line numbers beside it the arrow would stand further left than ever.
                Some((title, rest)) if diagnostic.labels.is_empty() => {
                    format!("{title}\n{}", rest.replacen("-->", " -->", 1))
                }
                Some(_) | None => text,
            }
        })
        .collect();
    // The renderer shows control characters of ASCII, and of the others those that turn writing
    // round; what it leaves has the width that it counted for it.
    messages.join("\n").replace(|it| matches!(it, '\u{80}'..='\u{9f}'), "\u{fffd}")
}

/// The lines of a file that a label marks, alone: the part of a message below its title.
pub fn excerpt(label: &Label, source: &Source) -> String {
    let source = &Source { name: source.name.clone(), text: hidden(&source.text).into_owned() };
    let (lines, name) = (Lines::of(&source.text), visible(&source.name));
    let marked = snippet(&[(bytes(label, source), label)], source, &name, &lines);
    let group = Group::with_level(Level::NOTE).element(marked);
    Renderer::plain().render(&[group]).replace(|it| matches!(it, '\u{80}'..='\u{9f}'), "\u{fffd}")
}

fn group<'a>(
    diagnostic: &'a Diagnostic,
    source: &'a Source,
    name: &'a str,
    lines: &Lines,
) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    // Titles quote the file, and a terminal obeys what it is sent.
    let title = normalize_untrusted_str(&diagnostic.title.replace('\n', "\\n"));
    let mut group = Group::with_title(level.primary_title(title).id(diagnostic.code.as_str()));
    if diagnostic.labels.is_empty() {
        group = group.element(Origin::path(name));
    }
    for labels in pieces(&diagnostic.labels, source) {
        group = group.element(snippet(&labels, source, name, lines));
    }
    for note in &diagnostic.notes {
        group = group.element(Level::NOTE.message(normalize_untrusted_str(note)));
    }
    for help in &diagnostic.help {
        group = group.element(Level::HELP.message(normalize_untrusted_str(help)));
    }
    group
}

/// The labels with their bytes, grouped so that each group is small enough to be one piece of the
/// file; the piece with the first primary label comes first, for it gives the place in the heading.
fn pieces<'a>(labels: &'a [Label], source: &Source) -> Vec<Vec<(Range<usize>, &'a Label)>> {
    let mut places: Vec<_> = labels.iter().map(|label| (bytes(label, source), label)).collect();
    places.sort_by_key(|(range, _)| range.start);
    let mut pieces: Vec<Vec<(Range<usize>, &Label)>> = Vec::new();
    for place in places {
        match pieces.last_mut() {
            Some(piece) if place.0.start - piece[0].0.start < PIECE => piece.push(place),
            Some(_) | None => pieces.push(vec![place]),
        }
    }
    pieces.sort_by_key(|piece| !piece.iter().any(|(_, label)| label.primary));
    pieces
}

/// The marked bytes, inside the text and between characters whatever the label says.
fn bytes(label: &Label, source: &Source) -> Range<usize> {
    let start = source.text.floor_char_boundary(label.span.start.min(source.text.len()));
    let end = source.text.ceil_char_boundary(label.span.end.clamp(start, source.text.len()));
    start..end
}

/// The lines that hold the marks, under the file's name and with the file's line numbers.
fn snippet<'a>(
    labels: &[(Range<usize>, &'a Label)],
    source: &'a Source,
    name: &'a str,
    lines: &Lines,
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let text = source.text.as_str();
    let first = labels.iter().map(|(range, _)| range.start).min().unwrap_or(0);
    let last = labels.iter().map(|(range, _)| range.end).max().unwrap_or(0);
    let (line, start) = lines.line(first);
    let end = text[last..].find('\n').map_or(text.len(), |newline| last + newline + 1);
    Snippet::source(&text[start..end]).path(name).line_start(line).fold(true).annotations(
        labels.iter().map(|(range, label)| {
            let kind =
                if label.primary { AnnotationKind::Primary } else { AnnotationKind::Context };
            let mark = kind.span(range.start - start..range.end - start);
            if label.text.is_empty() {
                mark
            } else {
                mark.label(normalize_untrusted_str(&label.text))
            }
        }),
    )
}
