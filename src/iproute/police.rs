//! What follows `tc filter add … matchall action police`, as in `tc-police(8)`: how much may come in.

use super::quantity::{Rate, Size};
use super::words::{Words, twice, unknown};
use crate::diagnostic::{Code, Diagnostic, Text};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A bucket of tokens, a token for each byte that may come in; what finds none is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Police {
    /// How fast it fills.
    pub rate: Rate,
    /// How many tokens it holds.
    pub burst: Size,
}

const WORDS: [&str; 4] = ["rate", "burst", "drop", "conform-exceed"];

impl Police {
    /// Reads a bucket.
    ///
    /// # Errors
    /// Words that the grammar does not have, values that cannot be, and what is missing.
    pub fn parse(text: &Text) -> Result<Self, Diagnostic> {
        let mut words = Words::new(text);
        let (mut rate, mut burst) = (None, None);
        while let Some(word) = words.next() {
            let is_second = match word.as_str() {
                "rate" => rate.replace(Rate::parse(&words.expect("a rate", &word)?)?).is_some(),
                "burst" => burst.replace(Size::parse(&words.expect("a size", &word)?)?).is_some(),
                "drop" => false,
                "conform-exceed" => {
                    let then = words.expect("`drop`", &word)?;
                    if !matches!(then.as_str(), "drop" | "drop/ok" | "drop/pass") {
                        return Err(unknown(&then, &["drop"]));
                    }
                    false
                }
                _ => return Err(unknown(&word, &WORDS)),
            };
            if is_second {
                return Err(twice(&word));
            }
        }
        let missing = |what: &str| {
            Diagnostic::error(Code::BadValue, format!("`police` needs `{what}`"))
                .at(text.span, "")
                .help("as in `rate 1mbit burst 10kb`")
        };
        let rate = rate.ok_or_else(|| missing("rate"))?;
        let burst = burst.ok_or_else(|| missing("burst"))?;
        Ok(Self { rate, burst })
    }

    /// As the kernel keeps it, which counts in ticks.
    pub fn as_kept(self) -> Self {
        Self { burst: self.rate.bytes_in(self.rate.ticks(self.burst)), ..self }
    }
}

impl fmt::Display for Police {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rate {} burst {} conform-exceed drop", self.rate, self.burst)
    }
}
