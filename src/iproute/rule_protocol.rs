//! Who put a policy rule there.

use super::attributes::Protocol;
use super::words::{not, number};
use crate::diagnostic::{Diagnostic, Text};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Who put a rule there: any number but 0, which is nobody's, and 2, which is the kernel's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RuleProtocol(u8);

impl RuleProtocol {
    const NAMED: [(&'static str, u8); 3] = [("redirect", 1), ("boot", 3), ("static", 4)];

    /// The protocol of this number, unless it is nobody's or the kernel's own.
    pub fn new(number: u8) -> Option<Self> {
        (!matches!(number, 0 | 2)).then_some(Self(number))
    }

    /// Its number.
    pub fn number(self) -> u8 {
        self.0
    }

    pub(super) fn parse(word: &Text) -> Result<Self, Diagnostic> {
        let is = |(name, known): &&(&str, u8)| {
            *name == word.as_str() || number(word.as_str()) == Some((*known).into())
        };
        if let Some((_, number)) = Self::NAMED.iter().find(is) {
            return Ok(Self(*number));
        }
        let protocol = Protocol::parse(word)?;
        protocol.map(|protocol| Self(protocol.number())).ok_or_else(|| not(word, "a protocol"))
    }
}

impl fmt::Display for RuleProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (Self::NAMED.iter().find(|(_, number)| *number == self.0), Protocol::new(self.0)) {
            (Some((name, _)), _) => f.write_str(name),
            (None, Some(protocol)) => protocol.fmt(f),
            (None, None) => self.0.fmt(f),
        }
    }
}
