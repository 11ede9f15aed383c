//! A YAML file as a tree.

use super::tree::{Entry, Reading, Tree};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Source, Span, Text};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::options::{AliasLimits, DuplicateKeyPolicy, NonFiniteFloatPolicy};
use serde_yaml::{Error, Location, Options, Spanned};
use std::fmt;

/// How deep collections may stand in each other; the language itself needs six levels.
const DEPTH: usize = 24;
/// How many characters of a key the scanner looks through for its end.
const LOOKAHEAD: usize = 1024;
/// How many values a file may hold: sized for labs of ten thousand nodes with room to spare.
const VALUES: usize = 8_000_000;

/// How many values and ends of lists a file's aliases and merge keys may repeat. One default that
/// ten thousand nodes merge is no bomb, and needs ten thousand lines; a bomb is short.
fn repeated(source: &Source) -> usize {
    (10_000 + 16 * source.text.len()).min(1_000_000)
}

/// Reads the text. A key that stands twice is reported and the rest read with its first value.
pub(super) fn read(source: &Source, errors: &mut Diagnostics) -> Option<Reading> {
    let first =
        serde_yaml::from_str_with_options(&source.text, options(source, DuplicateKeyPolicy::Error));
    let written: Written = match first {
        Ok(written) => written,
        Err(error) => {
            let twice = matches!(error.without_snippet(), Error::DuplicateMappingKey { .. });
            errors.push(diagnostic(&error, source));
            let rest = options(source, DuplicateKeyPolicy::FirstWins);
            let again = || serde_yaml::from_str_with_options(&source.text, rest).ok();
            twice.then(again).flatten()?
        }
    };
    if let Kind::Null = written.0.value {
        errors.push(super::empty());
        return None;
    }
    let whole = !errors.has_errors();
    Some(Reading { tree: tree(written, source, errors), whole })
}

fn options(source: &Source, duplicate_keys: DuplicateKeyPolicy) -> Options {
    serde_yaml::options! {
        budget: serde_yaml::budget! {
            max_depth: DEPTH,
            // The scanner looks at most this far ahead, so that the depth is what is exceeded.
            flow_nesting_limit: LOOKAHEAD,
            simple_key_max_lookahead: LOOKAHEAD,
            max_nodes: VALUES,
            max_events: 3 * VALUES,
            max_aliases: VALUES,
            max_anchors: VALUES,
            max_merge_keys: VALUES,
            max_recorded_anchor_events: VALUES,
            // How much aliases may repeat in all is limited below.
            enforce_alias_anchor_ratio: false,
        },
        alias_limits: limits(source),
        duplicate_keys: duplicate_keys,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        with_snippet: false,
    }
}

fn limits(source: &Source) -> AliasLimits {
    serde_yaml::alias_limits! {
        max_total_replayed_events: repeated(source),
        max_replay_stack_depth: DEPTH,
    }
}

/// A value as the YAML reader gives it.
struct Written(Spanned<Kind>);

enum Kind {
    Null,
    /// Something that YAML takes for a number or a flag; what it says is in the file.
    Typed,
    String(String),
    List(Vec<Written>),
    Map(Vec<(Written, Written)>),
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Spanned::deserialize(deserializer).map(Written)
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyKind)
    }
}

struct AnyKind;

impl<'de> Visitor<'de> for AnyKind {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Kind, E> {
        Ok(Kind::Typed)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Kind, E> {
        Ok(Kind::Typed)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Kind, E> {
        Ok(Kind::Typed)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Kind, E> {
        Ok(Kind::Typed)
    }

    fn visit_str<E>(self, value: &str) -> Result<Kind, E> {
        Ok(Kind::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Kind, E> {
        Ok(Kind::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Kind, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = seq.next_element()? {
            list.push(item);
        }
        Ok(Kind::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Kind, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Kind::Map(entries))
    }
}

fn tree(written: Written, source: &Source, errors: &mut Diagnostics) -> Tree {
    // Where an alias or a merge key brought the value, its own place is at the anchor.
    let span = place(written.0.defined, source);
    match written.0.value {
        Kind::Null => Tree::Null(span),
        Kind::Typed => {
            let text = source.text.get(span.start..span.end).unwrap_or_default();
            Tree::Scalar(spelled(text.trim_matches(['"', '\'']).to_owned(), span, source))
        }
        Kind::String(value) => Tree::Scalar(spelled(value, span, source)),
        Kind::List(items) => {
            let items: Vec<_> = items.into_iter().map(|item| tree(item, source, errors)).collect();
            let all = items.iter().fold(span, |all, item| all.with(item.span()));
            Tree::List(items, all)
        }
        Kind::Map(pairs) => {
            let mut entries = Vec::with_capacity(pairs.len());
            let mut all = span;
            for (key, value) in pairs {
                let (key, value) = (tree(key, source, errors), tree(value, source, errors));
                all = all.with(key.span()).with(value.span());
                match key {
                    Tree::Scalar(key) => entries.push(Entry { key, value }),
                    Tree::Null(span) | Tree::List(_, span) | Tree::Map(_, span) => {
                        let what = key.what();
                        let title = format!("a key must be a name, not {what}");
                        errors.push(Diagnostic::error(Code::WrongType, title).at(span, ""));
                    }
                }
            }
            Tree::Map(entries, all)
        }
    }
}

/// The string with the place of exactly its own bytes, without quotes, where the file spells it as
/// it reads.
fn spelled(value: String, span: Span, source: &Source) -> Text {
    let written = source.text.get(span.start..span.end).unwrap_or_default();
    let inside = |text: &str, quote| text.strip_prefix(quote)?.strip_suffix(quote).map(str::len);
    if inside(written, '"').or(inside(written, '\'')) == Some(value.len()) {
        return Text::new(value, Span::new(span.start + 1, span.end - 1));
    }
    // A block ends where the next line begins, which is not the block's.
    Text::new(value, Span::new(span.start, span.start + written.trim_end().len()))
}

fn place(location: Location, source: &Source) -> Span {
    let span = location.span();
    let text = &source.text;
    let number = |it: u64| usize::try_from(it).unwrap_or(text.len());
    match (span.byte_offset(), span.byte_len()) {
        (Some(start), Some(len)) => {
            let start = text.floor_char_boundary(number(start));
            let end = start.saturating_add(number(len)).min(text.len());
            Span::new(start, text.ceil_char_boundary(end))
        }
        // Faults of the syntax have only a line and a column.
        _ if location.line() > 0 => {
            let lines = text.split_inclusive('\n').take(number(location.line() - 1));
            let line = lines.map(str::len).sum::<usize>();
            let column = number(location.column().saturating_sub(1));
            let inside = text[line..].char_indices().nth(column).map(|(at, _)| at);
            let start = inside.map_or(text.len(), |at| line + at);
            Span::new(start, start)
        }
        _ => Span::NONE,
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the parser says what else is wrong")]
fn diagnostic(error: &Error, source: &Source) -> Diagnostic {
    let error = error.without_snippet();
    let span = error.location().map_or(Span::NONE, |location| place(location, source));
    let too_large = |title: &str| Diagnostic::error(Code::TooLarge, title).at(span, "here");
    match error {
        Error::DuplicateMappingKey { key, .. } => {
            let key = key.as_deref().unwrap_or("this key");
            Diagnostic::error(Code::DuplicateKey, format!("duplicate key `{key}`"))
                .at(span, "the second one")
                .help("write the key once, with all that belongs to it")
        }
        Error::Budget { breach: serde_yaml::budget::BudgetBreach::Depth { .. }, .. } => {
            too_large("the file nests too deeply")
                .note(format!("lists and maps may stand in each other {DEPTH} levels deep"))
        }
        Error::Budget { .. } => too_large("the file is too large")
            .note(format!("a file may hold {VALUES} values, repeated ones included")),
        Error::AliasReplayLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. }
        | Error::AliasReplayCounterOverflow { .. }
        | Error::AliasExpansionLimitExceeded { .. } => too_large(
            "the file's aliases repeat too much",
        )
        .note(format!(
            "in a file of this length all aliases together may repeat {} values and ends of lists",
            repeated(source)
        )),
        Error::AliasError { error, .. } => diagnostic(error, source),
        Error::MultipleDocuments { .. } => {
            Diagnostic::error(Code::Syntax, "the file holds more than one YAML document")
                .at(span, "a second one")
                .help("a file describes one lab: remove the `---` and what follows it")
        }
        _ => {
            let said = error.to_string();
            // The place follows in the sentence; it is shown anyway.
            let said = said.split(" at line ").next().unwrap_or(&said);
            match tab(said, span, &source.text) {
                Some(tab) => Diagnostic::error(Code::Syntax, "a tab cannot indent YAML")
                    .at(tab, "")
                    .help("indent with spaces"),
                None => Diagnostic::error(Code::Syntax, format!("not YAML: {said}")).at(span, ""),
            }
        }
    }
}

/// The tab that a sentence of the parser is about: it is in the line of the place that the parser
/// names, or the first one in the lines after it.
fn tab(said: &str, place: Span, text: &str) -> Option<Span> {
    if place.is_none() || !said.split([' ', ',']).any(|word| matches!(word, "tab" | "tabs")) {
        return None;
    }
    let line = text.get(..place.start)?.rfind('\n').map_or(0, |end| end + 1);
    let start = line + text[line..].find('\t')?;
    Some(Span::new(start, start + 1))
}
