//! Measures, and what they are held against.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What a measure must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Bound<T> {
    /// Less than this.
    Below(T),
    /// More than this.
    Above(T),
}

impl<T> Bound<T> {
    /// What the measure is held against.
    pub fn limit(&self) -> &T {
        match self {
            Bound::Below(limit) | Bound::Above(limit) => limit,
        }
    }

    /// Whether a measure, given as how it compares with the limit, is as it must be.
    pub fn holds(&self, compared: std::cmp::Ordering) -> bool {
        match self {
            Bound::Below(_) => compared.is_lt(),
            Bound::Above(_) => compared.is_gt(),
        }
    }
}

impl<T: fmt::Display> fmt::Display for Bound<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bound::Below(limit) => write!(f, "< {limit}"),
            Bound::Above(limit) => write!(f, "> {limit}"),
        }
    }
}

/// A part of a whole in hundredths of a percent: `5%`, `0.25%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Percent(u32);

impl Percent {
    /// What a part looks like.
    pub const RULE: &str = "a part of the whole such as 5% or 0.25%";
    /// Nothing of it.
    pub const NONE: Percent = Percent(0);
    /// All of it.
    pub const ALL: Percent = Percent(10_000);

    /// How `part` of `whole` compares with this, exactly.
    pub fn compare(self, part: usize, whole: usize) -> std::cmp::Ordering {
        (part as u64 * 10_000).cmp(&(whole as u64 * u64::from(self.0)))
    }
}

impl FromStr for Percent {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let number = text.strip_suffix('%').ok_or(())?;
        let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
        let is_digits =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_digits(whole) || !is_digits(part) || part.len() > 2 {
            return Err(());
        }
        let hundredths = format!("{whole}{part:0<2}").parse().map_err(|_| ())?;
        (hundredths <= Self::ALL.0).then_some(Self(hundredths)).ok_or(())
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 100, self.0 % 100) {
            (whole, 0) => write!(f, "{whole}%"),
            (whole, part) if part % 10 == 0 => write!(f, "{whole}.{}%", part / 10),
            (whole, part) => write!(f, "{whole}.{part:02}%"),
        }
    }
}
