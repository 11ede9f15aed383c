//! A string as words, each with its place.

use crate::diagnostic::{Code, Diagnostic, Span, Text};

/// Reads the words of a string one by one.
pub(crate) struct Words<'a> {
    text: &'a Text,
    at: usize,
}

impl<'a> Words<'a> {
    pub(crate) fn new(text: &'a Text) -> Self {
        Self { text, at: 0 }
    }

    /// The next word, without taking it.
    pub(crate) fn peek(&self) -> Option<Text> {
        let rest = &self.text.as_str()[self.at..];
        let start = self.at + (rest.len() - rest.trim_start().len());
        let rest = &self.text.as_str()[start..];
        let length = rest.find(char::is_whitespace).unwrap_or(rest.len());
        (length > 0).then(|| self.text.slice(start, start + length))
    }

    /// Takes the next word.
    pub(crate) fn next(&mut self) -> Option<Text> {
        let word = self.peek()?;
        let rest = &self.text.as_str()[self.at..];
        self.at += rest.len() - rest.trim_start().len() + word.as_str().len();
        Some(word)
    }

    /// Takes the next word if it is this one.
    pub(crate) fn take(&mut self, word: &str) -> bool {
        let found = self.peek().is_some_and(|next| next.as_str() == word);
        if found {
            self.next();
        }
        found
    }

    /// Takes the next word, which `after` asks for.
    pub(crate) fn expect(&mut self, what: &str, after: &Text) -> Result<Text, Diagnostic> {
        self.next().ok_or_else(|| {
            Diagnostic::error(Code::BadValue, format!("`{after}` is not followed by {what}"))
                .at(after.span, format!("{what} is missing behind this"))
        })
    }

    /// Takes the next word as a value that `FromStr` reads.
    pub(crate) fn value<T: std::str::FromStr>(
        &mut self,
        what: &str,
        after: &Text,
    ) -> Result<T, Diagnostic> {
        let word = self.expect(what, after)?;
        word.as_str().parse().map_err(|_| not(&word, what))
    }

    /// The place of the whole string.
    pub(crate) fn span(&self) -> Span {
        self.text.span
    }
}

/// The diagnostic for a word that is not what belongs there.
pub(crate) fn not(word: &Text, what: &str) -> Diagnostic {
    Diagnostic::error(Code::BadValue, format!("`{word}` is not {what}"))
        .at(word.span, format!("expected {what}"))
}

/// The diagnostic for a word that the grammar does not have.
pub(crate) fn unknown(word: &Text, known: &[&str]) -> Diagnostic {
    let diagnostic = Diagnostic::error(Code::BadValue, format!("unexpected word `{word}`"))
        .at(word.span, "not understood here");
    match crate::diagnostic::nearest(word.as_str(), known.iter().copied()) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic.help(format!("what can stand here: {}", known.join(", "))),
    }
}

/// A number in decimal, or in hexadecimal behind `0x`.
pub(super) fn hexadecimal(text: &str) -> Option<u32> {
    match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// A type of service, which iproute2 reads in hexadecimal with or without `0x`.
pub(super) fn type_of_service(word: &Text) -> Result<u8, Diagnostic> {
    let digits = word.as_str().strip_prefix("0x").unwrap_or(word.as_str());
    u8::from_str_radix(digits, 16).map_err(|_| not(word, "a type of service such as 0x10"))
}
