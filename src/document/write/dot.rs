//! A sheet as DOT: nodes and edges drawn, addresses in the labels at the edges' ends, everything else
//! in attributes.

use super::super::dot::{COMPASS, is_keyword};
use super::{Entries, Link, Sheet, Value};
use std::fmt::{self, Write};

/// Something that a DOT file cannot say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "DOT has no spelling for a backslash right before a quotation mark, a line's end or a string's: {text}"
)]
pub struct Unwritable {
    /// The string.
    pub text: String,
}

/// Attributes for Graphviz alone: room for the addresses at the ends of edges.
const ROOM: &str = "  graph [ranksep=1, nodesep=0.8]\n  edge [fontsize=9]\n";

impl Sheet {
    /// The sheet as DOT.
    ///
    /// # Errors
    /// A string that no string of DOT stands for.
    pub fn dot(&self) -> Result<String, Unwritable> {
        let Sheet { name, lab, nodes, links, checks } = self;
        let mut text = format!("graph {} {{\n{ROOM}", id(name)?);
        let mut lab = lab.clone();
        lab.push(("checks".to_owned(), Value::lines(checks)));
        for (key, value) in &lab {
            push(&mut text, format_args!("  {key}={}\n", id(&attribute(value))?));
        }
        for (name, keys) in nodes {
            push(&mut text, format_args!("  {}{}\n", id(name)?, attributes(keys, "\n      ")?));
        }
        for Link { ends, addresses, keys } in links {
            let [tail, head] = ends;
            let ends = format!("{} -- {}", end(tail)?, end(head)?);
            let mut all = Entries::new();
            for (side, addresses) in ["tail", "head"].into_iter().zip(addresses) {
                all.push(match addresses.is_empty() {
                    true => (format!("{side}addresses"), Value::List(Vec::new())),
                    false => (format!("{side}label"), Value::line(addresses.join("\\n"))),
                });
            }
            all.extend(keys.iter().cloned());
            push(&mut text, format_args!("  {ends}{}\n", attributes(&all, " ")?));
        }
        text.push_str("}\n");
        Ok(text)
    }
}

fn push(text: &mut String, words: fmt::Arguments<'_>) {
    text.write_fmt(words).expect("a string takes all");
}

/// `node:interface`. A bare compass point would be a side of the node.
fn end((node, interface): &(String, String)) -> Result<String, Unwritable> {
    let interface = match COMPASS.contains(&interface.as_str()) {
        true => format!("\"{interface}\""),
        false => id(interface)?,
    };
    Ok(format!("{}:{interface}", id(node)?))
}

/// `[key=value, …]`, each behind a separator.
fn attributes(keys: &Entries, separator: &str) -> Result<String, Unwritable> {
    let mut text = String::new();
    for (at, (key, value)) in keys.iter().enumerate() {
        let mark = if at == 0 { " [" } else { "," };
        let space = if at == 0 { "" } else { separator };
        push(&mut text, format_args!("{mark}{space}{key}={}", id(&attribute(value))?));
    }
    if !text.is_empty() {
        text.push(']');
    }
    Ok(text)
}

/// A value as the whole string of an attribute.
fn attribute(value: &Value) -> String {
    match value {
        Value::Flag(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Line(line) => line.clone(),
        // An empty string would take back what was written before, and leave it to the compiler.
        Value::List(items) if items.is_empty() => "~".to_owned(),
        Value::List(items) => joined(items.iter().map(|item| inner(item, &[';']))),
        Value::Map(entries) => joined(entries.iter().map(entry)),
    }
}

/// Items or entries, each on a line of its own where one has no room for them.
fn joined(parts: impl Iterator<Item = String>) -> String {
    let parts: Vec<String> = parts.collect();
    let line = parts.join("; ");
    if line.len() <= 80 { line } else { parts.join(";\n          ") }
}

/// What ends a word inside an entry.
const WORD: &[char] = &[';', ',', ' ', '\t', '\n', '\r'];

/// An item of a list, or the value behind a name.
fn inner(value: &Value, marks: &[char]) -> String {
    match value {
        Value::Flag(_) | Value::Number(_) => attribute(value),
        Value::Line(line) => held(line, marks),
        Value::List(items) if items.is_empty() => "~".to_owned(),
        Value::List(items) => {
            let items = items.iter().map(|item| inner(item, WORD));
            items.collect::<Vec<_>>().join(",")
        }
        Value::Map(entries) => entries.iter().map(pair).collect::<Vec<_>>().join(" "),
    }
}

/// `name value`, or `name key value key value …`
fn entry((name, value): &(String, Value)) -> String {
    let name = held(name, WORD);
    match inner(value, WORD) {
        value if value.is_empty() => name,
        value => format!("{name} {value}"),
    }
}

/// `key value`, the value one word.
fn pair((key, value): &(String, Value)) -> String {
    format!("{key} {}", inner(value, WORD))
}

/// A string between single quotes, where it would be read as something else without.
fn held(text: &str, marks: &[char]) -> String {
    let plain = !text.is_empty()
        && text != "~"
        && text.trim() == text
        && !text.ends_with('\\')
        && !text.contains('\'')
        && !text.contains(marks);
    if plain { text.to_owned() } else { format!("'{}'", text.replace('\'', "''")) }
}

/// A name or a value: bare where it is a word or a number.
fn id(text: &str) -> Result<String, Unwritable> {
    let digits = |text: &str| text.bytes().all(|it| it.is_ascii_digit());
    let word = text.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_')
        && !text.starts_with(|it: char| it.is_ascii_digit())
        && !is_keyword(text);
    let bare = !text.is_empty() && (word || digits(text));
    if bare { Ok(text.to_owned()) } else { string(text) }
}

/// A string between double quotes, in which only `\"` is not what it seems, and `\` at a line's end.
fn string(text: &str) -> Result<String, Unwritable> {
    let mut written = String::with_capacity(text.len() + 2);
    let mut backslashes = 0;
    written.push('"');
    for it in text.chars().chain(['"']) {
        // Two are read as two, so that one alone would take the mark with it.
        if matches!(it, '"' | '\n' | '\r') && backslashes % 2 == 1 {
            return Err(Unwritable { text: text.to_owned() });
        }
        if it == '"' {
            written.push('\\');
        }
        backslashes = if it == '\\' { backslashes + 1 } else { 0 };
        written.push(it);
    }
    // The last one closes the string.
    written.truncate(written.len() - 2);
    written.push('"');
    Ok(written)
}
