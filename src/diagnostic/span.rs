//! Places in a file, and values that know theirs.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A file as it was read: its name for people and its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The path as the user gave it, `<stdin>` for `-`.
    pub name: String,
    /// The whole text.
    pub text: String,
}

impl Source {
    /// The line and column of a byte, both counted from 1, the column in characters.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let before = &self.text[..self.text.floor_char_boundary(offset)];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}

/// A range of bytes in the file, or no place at all for what the compiler filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "Option<(usize, usize)>", into = "Option<(usize, usize)>")]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// The place of what nobody wrote.
    pub const NONE: Span = Span { start: usize::MAX, end: usize::MAX };

    /// The bytes from `start` up to `end`.
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// Whether nobody wrote it.
    pub fn is_none(self) -> bool {
        self == Self::NONE
    }

    /// The smallest place that holds both.
    pub fn with(self, other: Span) -> Span {
        if self.is_none() || other.is_none() {
            return self.or(other);
        }
        Span::new(self.start.min(other.start), self.end.max(other.end))
    }

    /// This place where somebody wrote it, else the other.
    pub fn or(self, other: Span) -> Span {
        if self.is_none() { other } else { self }
    }
}

impl From<Option<(usize, usize)>> for Span {
    fn from(written: Option<(usize, usize)>) -> Self {
        written.map_or(Self::NONE, |(start, end)| Self { start, end })
    }
}

impl From<Span> for Option<(usize, usize)> {
    fn from(span: Span) -> Self {
        (!span.is_none()).then_some((span.start, span.end))
    }
}

/// A value and where it was written.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// A value at its place.
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }

    /// A value that nobody wrote.
    pub fn filled(value: T) -> Self {
        Self::new(value, Span::NONE)
    }

    /// The same place with another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Spanned<U> {
        Spanned::new(change(self.value), self.span)
    }
}

impl<T: fmt::Debug> fmt::Debug for Spanned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<T: fmt::Display> fmt::Display for Spanned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

/// A string of the file, with the place of each of its parts where the file spells it as it reads.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Text {
    /// What the string says, after quotes and escapes.
    pub value: String,
    /// The bytes of the file between which it stands, without quotes.
    pub span: Span,
}

impl Text {
    /// A string at its place.
    pub fn new(value: impl Into<String>, span: Span) -> Self {
        Self { value: value.into(), span }
    }

    /// A string that nobody wrote.
    pub fn filled(value: impl Into<String>) -> Self {
        Self::new(value, Span::NONE)
    }

    /// The string itself.
    pub fn as_str(&self) -> &str {
        &self.value
    }

    /// The place of a part of the string, given in bytes of the string. Where the file spells the
    /// string in another way (escapes, folded lines), a part has only the place of the whole.
    pub fn part(&self, start: usize, end: usize) -> Span {
        if self.span.is_none() || self.span.end - self.span.start != self.value.len() {
            self.span
        } else {
            Span::new(self.span.start + start, self.span.start + end)
        }
    }

    /// A part of the string as a string of its own, given in bytes of the string.
    pub fn slice(&self, start: usize, end: usize) -> Text {
        Text::new(&self.value[start..end], self.part(start, end))
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}
