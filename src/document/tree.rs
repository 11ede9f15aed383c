//! What both formats end in: scalars, lists and maps, each with its place.

use crate::diagnostic::{Span, Text};

/// A file as a tree.
#[derive(Debug)]
pub(super) struct Reading {
    /// All that could be read.
    pub tree: Tree,
    /// Whether that is the whole file, so that what is not there was not written.
    pub whole: bool,
}

/// A value as it was written, before anybody asks what it means.
#[derive(Debug, Clone)]
pub(super) enum Tree {
    /// Nothing, on purpose: `~`.
    Null(Span),
    /// One value; numbers and flags are still the characters that were written.
    Scalar(Text),
    /// Values in their order.
    List(Vec<Tree>, Span),
    /// Values by name, in the file's order; a name may stand twice.
    Map(Vec<Entry>, Span),
}

/// A name in a map, and its value.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// The name.
    pub key: Text,
    /// The value.
    pub value: Tree,
}

impl Tree {
    /// Where it stands, all of it.
    pub fn span(&self) -> Span {
        match self {
            Tree::Scalar(text) => text.span,
            Tree::Null(span) | Tree::List(_, span) | Tree::Map(_, span) => *span,
        }
    }

    /// What it is, in words that follow "not".
    pub fn what(&self) -> &'static str {
        match self {
            Tree::Null(_) => "nothing",
            Tree::Scalar(_) => "a single value",
            Tree::List(..) => "a list",
            Tree::Map(..) => "a map",
        }
    }

    /// The entries, of anything else none.
    pub fn entries(&self) -> &[Entry] {
        match self {
            Tree::Map(entries, _) => entries,
            Tree::Null(_) | Tree::Scalar(_) | Tree::List(..) => &[],
        }
    }

    /// This map with what another one says beneath it: what is written here wins, key by key.
    pub fn above(&self, defaults: &Tree) -> Tree {
        let (own, span) = match self {
            Tree::Null(span) => (&[][..], *span),
            Tree::Map(entries, span) => (entries.as_slice(), *span),
            // Not a map: whoever reads it says so.
            Tree::Scalar(_) | Tree::List(..) => return self.clone(),
        };
        let beneath = defaults.entries().iter();
        let beneath = beneath.filter(|entry| !own.iter().any(|it| it.key.value == entry.key.value));
        Tree::Map(beneath.chain(own).cloned().collect(), span)
    }
}
