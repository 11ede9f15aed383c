//! What is said about a user's file: where, what is wrong, why, and what would be right.
//!
//! A [`Diagnostic`] is data; `render` makes text for people of it and `json` an object for
//! programs. Every later room keeps [`Span`]s, so that even the kernel's refusal of a step is shown
//! at the line that asked for it.

mod code;
mod span;
mod lines;
mod nearest;
mod notation;
mod secret;
mod short;
mod visible;
pub mod bound;
pub mod json;
pub mod render;

pub use code::Code;
pub use nearest::{Spelling, nearest};
pub use notation::Notation;
pub use short::{MAX_NAMED, few, listed};
pub use span::{Source, Span, Spanned, Text};
pub use visible::{is_obeyed, visible, visible_json};

use std::collections::HashSet;

/// How much a [`Diagnostic`] weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// Legal, and surely a mistake.
    Warning,
}

/// A marked place and the words that stand beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The marked bytes.
    pub span: Span,
    /// What is said beside the mark; may be empty.
    pub text: String,
    /// Whether this is the place of the fault, and not one that explains it.
    pub primary: bool,
}

/// One thing that is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How much it weighs.
    pub severity: Severity,
    /// The stable name of this kind of fault.
    pub code: Code,
    /// What is wrong, in one line.
    pub title: String,
    /// Where; the primary ones come first. Empty where the file as a whole is meant.
    pub labels: Vec<Label>,
    /// Why it is wrong.
    pub notes: Vec<String>,
    /// What would be right.
    pub help: Vec<String>,
    /// By their places in `help`, sentences that say it otherwise in a DOT file.
    pub help_in_dot: Box<[(usize, String)]>,
}

/// A text for people: short enough, and without the private keys of names that it quotes.
fn shown(text: String) -> String {
    short::short(secret::hidden(&text).into_owned())
}

impl Diagnostic {
    /// An error of this kind.
    pub fn error(code: Code, title: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, title.into())
    }

    /// A warning of this kind.
    pub fn warning(code: Code, title: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, title.into())
    }

    fn new(severity: Severity, code: Code, title: String) -> Self {
        let (labels, notes, help) = (Vec::new(), Vec::new(), Vec::new());
        let title = shown(title);
        Self { severity, code, title, labels, notes, help, help_in_dot: Box::default() }
    }

    /// Marks the place of the fault. A place nobody wrote marks nothing.
    pub fn at(self, span: Span, text: impl Into<String>) -> Self {
        self.label(span, text, true)
    }

    /// Marks a place that explains the fault. A place nobody wrote marks nothing.
    pub fn beside(self, span: Span, text: impl Into<String>) -> Self {
        self.label(span, text, false)
    }

    /// Adds a sentence that says why.
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(shown(text.into()));
        self
    }

    /// Adds a sentence that says what would be right.
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(shown(text.into()));
        self
    }

    /// Adds a sentence that says what would be right with an example, which depends on the language
    /// of the file.
    pub fn help_in(mut self, text: impl Fn(Notation) -> String) -> Self {
        let in_dot = (self.help.len(), shown(text(Notation::Dot)));
        self.help_in_dot = self.help_in_dot.into_iter().chain([in_dot]).collect();
        self.help(text(Notation::Yaml))
    }

    /// The same, for a file in this language.
    pub fn in_notation(mut self, notation: Notation) -> Self {
        let in_dot = std::mem::take(&mut self.help_in_dot);
        match notation {
            Notation::Yaml => {}
            Notation::Dot => in_dot.into_iter().for_each(|(place, text)| self.help[place] = text),
        }
        self
    }

    fn label(mut self, span: Span, text: impl Into<String>, primary: bool) -> Self {
        if !span.is_none() {
            let text = shown(text.into());
            self.labels.push(Label { span, text, primary });
        }
        self
    }
}

/// What a stage that reads the file collects while it goes on.
#[derive(Debug, Default)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
}

impl From<Vec<Diagnostic>> for Diagnostics {
    fn from(list: Vec<Diagnostic>) -> Self {
        Self { list }
    }
}

impl Diagnostics {
    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.list.push(diagnostic);
    }

    /// Adds some.
    pub fn extend(&mut self, diagnostics: impl IntoIterator<Item = Diagnostic>) {
        self.list.extend(diagnostics);
    }

    /// Keeps the value, or the diagnostic that stands in its place.
    pub fn keep<T>(&mut self, result: Result<T, Diagnostic>) -> Option<T> {
        result.map_err(|diagnostic| self.push(diagnostic)).ok()
    }

    /// Whether one of them is an error.
    pub fn has_errors(&self) -> bool {
        self.list.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// All of them, in the order of their places in the file; what was found wrong twice with one
    /// place, a default that many nodes share, is said once.
    pub fn into_sorted(mut self) -> Vec<Diagnostic> {
        self.list.sort_by_key(|diagnostic| diagnostic.labels.first().map(|label| label.span));
        let mut said = HashSet::new();
        self.list.retain(|diagnostic| {
            let place = diagnostic.labels.first().map(|label| label.span);
            place.is_none() || said.insert((place, diagnostic.code, diagnostic.title.clone()))
        });
        self.list
    }
}
