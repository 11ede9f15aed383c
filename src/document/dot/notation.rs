//! Lists and maps inside the string of a DOT attribute.
//!
//! Items and entries stand between `;`, an entry is `name key value key value …`, a list inside an
//! entry has `,` between its items, and single quotes hold what has spaces or `;` in it, a quote itself
//! twice.

use super::super::tree::{Entry, Tree};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Text};
use crate::vocabulary::{Level, Shape};

/// The tree that the string stands for, given what its key's value looks like.
pub(super) fn tree(text: &Text, shape: &Shape, errors: &mut Diagnostics) -> Tree {
    let text = trimmed(text);
    if text.as_str() == "~" {
        return Tree::Null(text.span);
    }
    match shape {
        Shape::List(item) => {
            // Addresses have no commas in them, so that either mark will do.
            let addresses = matches!(item, Shape::Address | Shape::EndAddress | Shape::Loopback);
            let separators: &[char] = if addresses { &[';', ','] } else { &[';'] };
            let items = split(&text, separators);
            let items = items.iter().map(|part| inner(part, item, errors)).collect();
            Tree::List(items, text.span)
        }
        Shape::Named(value) => {
            let entries = split(&text, &[';']);
            let entries = entries.iter().map(|part| named(part, value, errors)).collect();
            Tree::Map(entries, text.span)
        }
        Shape::Map(level) if is_lone(&text, level) => Tree::Scalar(unquoted(&text, errors)),
        Shape::Map(level) => {
            let parts = split(&text, &[';']);
            let entries = parts.iter().flat_map(|part| pairs(&words(part), level, errors));
            Tree::Map(entries.collect(), text.span)
        }
        Shape::Flag
        | Shape::Number(..)
        | Shape::OneOf(_)
        | Shape::Line
        | Shape::Address
        | Shape::EndAddress
        | Shape::Loopback
        | Shape::Ip
        | Shape::Mac
        | Shape::Link
        | Shape::End => Tree::Scalar(text),
    }
}

/// An item of a list or the value in an entry.
fn inner(text: &Text, shape: &Shape, errors: &mut Diagnostics) -> Tree {
    if text.as_str() == "~" {
        return Tree::Null(text.span);
    }
    match shape {
        Shape::List(item) => {
            let items = split(text, &[',']);
            let items = items.iter().map(|part| inner(part, item, errors)).collect();
            Tree::List(items, text.span)
        }
        Shape::Map(level) if !is_lone(text, level) => {
            Tree::Map(pairs(&words(text), level, errors), text.span)
        }
        Shape::Map(_)
        | Shape::Named(_)
        | Shape::Flag
        | Shape::Number(..)
        | Shape::OneOf(_)
        | Shape::Line
        | Shape::Address
        | Shape::EndAddress
        | Shape::Loopback
        | Shape::Ip
        | Shape::Mac
        | Shape::Link
        | Shape::End => Tree::Scalar(unquoted(text, errors)),
    }
}

/// Whether the text stands for one value in the map's place, and does not begin with one of its keys.
fn is_lone(text: &Text, level: &Level) -> bool {
    let first = text.value.split_whitespace().next();
    level.short.is_some() && first.is_none_or(|first| level.key(first).is_none())
}

/// `name`, `name value` or `name key value key value …`
fn named(text: &Text, shape: &Shape, errors: &mut Diagnostics) -> Entry {
    let end = quoted_end(text).or_else(|| text.value.find(char::is_whitespace));
    let end = end.unwrap_or(text.value.len());
    let key = unquoted(&text.slice(0, end), errors);
    let rest = trimmed(&text.slice(end, text.value.len()));
    let value = if rest.value.is_empty() {
        Tree::Null(key.span)
    } else if let Shape::Map(level) = shape {
        let words = words(&rest);
        match (&words[..], level.short) {
            ([lone], Some(_)) => Tree::Scalar(unquoted(lone, errors)),
            ([..], Some(_) | None) => Tree::Map(pairs(&words, level, errors), rest.span),
        }
    } else {
        inner(&rest, shape, errors)
    };
    Entry { key, value }
}

/// `key value key value …`
fn pairs(words: &[Text], level: &'static Level, errors: &mut Diagnostics) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut words = words.iter();
    while let Some(key) = words.next() {
        let key = unquoted(key, errors);
        let Some(first) = words.next() else {
            errors.push(
                Diagnostic::error(Code::WrongType, format!("`{key}` has no value"))
                    .at(key.span, "")
                    .help(format!("{} is written as `key value key value …`", level.what))
                    .help("a value with spaces in it stands between single quotes"),
            );
            break;
        };
        let mut value = first.clone();
        // A list goes on behind a comma.
        while value.value.ends_with(',')
            && let Some(more) = words.next()
        {
            value.value.push_str(&more.value);
            value.span = value.span.with(more.span);
        }
        let value = match level.key(key.as_str()).map(|key| &key.shape) {
            Some(shape @ Shape::List(_)) => inner(&value, shape, errors),
            Some(_) | None if value.as_str() == "~" => Tree::Null(value.span),
            Some(_) | None => Tree::Scalar(unquoted(&value, errors)),
        };
        entries.push(Entry { key, value });
    }
    entries
}

/// The words of an entry; one in single quotes may hold anything.
fn words(text: &Text) -> Vec<Text> {
    split(text, &[' ', '\t', '\r', '\n'])
}

/// The parts between the marks that are outside quotes, trimmed, without empty ones. A quote
/// begins only where a part or a word does: `it's` has none.
fn split(text: &Text, marks: &[char]) -> Vec<Text> {
    let mut parts = Vec::new();
    let (mut start, mut quoted, mut word_start) = (0, false, true);
    let mut chars = text.value.char_indices().peekable();
    while let Some((at, it)) = chars.next() {
        if quoted {
            let twice = it == '\'' && chars.next_if(|(_, next)| *next == '\'').is_some();
            quoted = it != '\'' || twice;
        } else if marks.contains(&it) {
            parts.push(trimmed(&text.slice(start, at)));
            start = at + it.len_utf8();
            word_start = true;
        } else {
            quoted = it == '\'' && word_start;
            word_start = it.is_whitespace() || matches!(it, ',' | ';');
        }
    }
    parts.push(trimmed(&text.slice(start, text.value.len())));
    parts.retain(|part| !part.value.is_empty());
    parts
}

fn unquoted(text: &Text, errors: &mut Diagnostics) -> Text {
    if !text.value.starts_with('\'') {
        return text.clone();
    }
    match quoted_end(text) {
        Some(end) if end == text.value.len() => {
            let inside = text.slice(1, end - 1);
            Text::new(inside.value.replace("''", "'"), inside.span)
        }
        // More follows the quoted part, a line that begins with a quoted word.
        Some(_) => text.clone(),
        None => {
            errors.push(
                Diagnostic::error(Code::Syntax, "unterminated single quote")
                    .at(text.part(0, 1), "begins here"),
            );
            text.slice(1, text.value.len())
        }
    }
}

/// Behind the quote that closes the one with which a text begins.
fn quoted_end(text: &Text) -> Option<usize> {
    let mut chars = text.value.strip_prefix('\'')?.char_indices().peekable();
    while let Some((at, it)) = chars.next() {
        if it == '\'' && chars.next_if(|(_, next)| *next == '\'').is_none() {
            // The opening quote is not among these characters.
            return Some(at + 2);
        }
    }
    None
}

pub(super) fn trimmed(text: &Text) -> Text {
    let start = text.value.len() - text.value.trim_start().len();
    text.slice(start, start + text.value.trim().len())
}
