//! MPLS labels, 20 bits each (RFC 3032).

use super::words::{not, number as numeral};
use crate::diagnostic::{Code, Diagnostic, Text};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The highest number a label can have.
const MAX: u32 = 0xF_FFFF;
/// The first label that no standard reserves (RFC 3032, section 2.1).
const FIRST_FREE: u32 = 16;

/// A label that a packet is sent with: 0 or 2 (explicit null) or 16 to 1048575.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Label(u32);

impl Label {
    /// The label of this number, if it can be sent.
    pub fn new(number: u32) -> Option<Self> {
        (matches!(number, 0 | 2) || (FIRST_FREE..=MAX).contains(&number)).then_some(Self(number))
    }

    /// Its number.
    pub fn number(self) -> u32 {
        self.0
    }
}

/// A label that a node takes in: 16 to 1048574.
///
/// The kernel wants it below `net.mpls.platform_labels`, whose own maximum is 1048575, so the
/// highest label that can be sent can never be received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct IncomingLabel(u32);

impl IncomingLabel {
    /// The label of this number, if it can be received.
    pub fn new(number: u32) -> Option<Self> {
        (FIRST_FREE..MAX).contains(&number).then_some(Self(number))
    }

    /// Its number.
    pub fn number(self) -> u32 {
        self.0
    }

    pub(super) fn parse(word: &Text) -> Result<Self, Diagnostic> {
        let number = number(word)?;
        Self::new(number).ok_or_else(|| {
            Diagnostic::error(Code::BadLabel, format!("{number} cannot be an incoming label"))
                .at(word.span, "an incoming label is 16 to 1048574")
                .note(
                    "0 to 15 are reserved (RFC 3032), and a label must be below \
                     net.mpls.platform_labels, which is at most 1048575",
                )
        })
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for IncomingLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A stack of labels as iproute2 writes it, the outermost first: `100/200`.
///
/// # Errors
/// A word that is no number, or a number that no label can have on the wire.
pub fn parse_labels(word: &Text) -> Result<Vec<Label>, Diagnostic> {
    let mut at = 0;
    let mut labels = Vec::new();
    for part in word.as_str().split('/') {
        let part = word.slice(at, at + part.len());
        at += part.as_str().len() + 1;
        let number = number(&part)?;
        labels.push(Label::new(number).ok_or_else(|| {
            let refused =
                Diagnostic::error(Code::BadLabel, format!("{number} cannot be an outgoing label"))
                    .at(part.span, "an outgoing label is 0, 2 or 16 to 1048575");
            match number {
                3 => refused.note(
                    "3 is implicit null: it never stands in a packet; a route without an outgoing \
                     label pops",
                ),
                _ => refused,
            }
        })?);
    }
    Ok(labels)
}

/// Writes a stack the way [`parse_labels`] reads it.
pub fn print_labels(labels: &[Label]) -> String {
    labels.iter().map(Label::to_string).collect::<Vec<_>>().join("/")
}

fn number(word: &Text) -> Result<u32, Diagnostic> {
    let number = numeral(word.as_str()).and_then(|number| u32::try_from(number).ok());
    number.ok_or_else(|| match word.as_str() {
        "implicit-null" => not(word, "a label").help("a route without an outgoing label pops"),
        "explicit-null" => not(word, "a label").help("it is 0, of IPv6 2"),
        _ => not(word, "a label"),
    })
}
