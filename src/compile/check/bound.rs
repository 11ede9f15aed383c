//! Measures, and what they are held against.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// What a measure must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// A time of whole microseconds, more than none: `50ms`, `1.5s`, `800us`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(u32);

impl Time {
    /// What a time looks like.
    pub const RULE: &str = "a time such as 50ms, 1.5s or 800us";

    /// The same for the clock.
    pub fn duration(self) -> Duration {
        Duration::from_micros(self.0.into())
    }
}

impl FromStr for Time {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (number, micros) = if let Some(number) = text.strip_suffix("ms") {
            (number, 3)
        } else if let Some(number) = text.strip_suffix("us") {
            (number, 0)
        } else {
            (text.strip_suffix('s').ok_or(())?, 6)
        };
        decimal(number, micros).filter(|micros| *micros > 0).map(Self).ok_or(())
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            micros if micros % 1_000_000 == 0 => write!(f, "{}s", micros / 1_000_000),
            micros if micros % 1_000 == 0 => write!(f, "{}ms", micros / 1_000),
            micros => write!(f, "{micros}us"),
        }
    }
}

/// A part of a whole in hundredths of a percent: `5%`, `0.25%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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
        let hundredths = decimal(text.strip_suffix('%').ok_or(())?, 2).ok_or(())?;
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

/// A decimal number in units of a power of ten below one; nothing where it is finer than that.
fn decimal(text: &str, places: usize) -> Option<u32> {
    let (whole, part) = match text.split_once('.') {
        Some((whole, part)) if !part.is_empty() => (whole, part),
        Some(_) => return None,
        None => (text, ""),
    };
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || part.len() > places || !is_digits(whole) || !is_digits(part) {
        return None;
    }
    format!("{whole}{part:0<places$}").parse().ok()
}
