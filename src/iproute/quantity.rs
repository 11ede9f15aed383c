//! tc's quantities: times, shares, rates and sizes, in the units of `tc(8)`.
//!
//! Each holds what the kernel holds, so that what is printed is read as the same.

use super::words::not;
use crate::diagnostic::{Diagnostic, Text};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A span of time in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Time(u64);

/// A share of all packets: 0 is none, `u32::MAX` is all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Share(u32);

/// A rate in bytes per second, never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rate(u64);

/// A size in bytes, never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Size(u32);

/// Units of a time, and how many nanoseconds each is; the first of each length is the printed one.
const TIMES: &[(&str, f64)] = &[
    ("s", 1e9),
    ("sec", 1e9),
    ("secs", 1e9),
    ("ms", 1e6),
    ("msec", 1e6),
    ("msecs", 1e6),
    ("us", 1e3),
    ("usec", 1e3),
    ("usecs", 1e3),
    ("ns", 1.0),
    ("nsec", 1.0),
    ("nsecs", 1.0),
];

/// Units of a rate, and how many bits per second each is. A bare number is bits.
const RATES: &[(&str, f64)] = &[
    ("tbit", 1e12),
    ("gbit", 1e9),
    ("mbit", 1e6),
    ("kbit", 1e3),
    ("bit", 1.0),
    ("", 1.0),
    ("kibit", 1024.0),
    ("mibit", 1_048_576.0),
    ("gibit", 1_073_741_824.0),
    ("tibit", 1_099_511_627_776.0),
    ("bps", 8.0),
    ("kbps", 8e3),
    ("mbps", 8e6),
    ("gbps", 8e9),
    ("tbps", 8e12),
    ("kibps", 8_192.0),
    ("mibps", 8_388_608.0),
    ("gibps", 8_589_934_592.0),
    ("tibps", 8_796_093_022_208.0),
];

/// Units of a size, and how many bytes each is; tc counts in powers of two. A bare number is bytes.
const SIZES: &[(&str, f64)] = &[
    ("gb", 1_073_741_824.0),
    ("mb", 1_048_576.0),
    ("kb", 1024.0),
    ("b", 1.0),
    ("", 1.0),
    ("g", 1_073_741_824.0),
    ("m", 1_048_576.0),
    ("k", 1024.0),
    ("gbit", 134_217_728.0),
    ("mbit", 131_072.0),
    ("kbit", 128.0),
];

/// Up to here every whole number is one of floating point too.
const MOST: f64 = 9_007_199_254_740_992.0;

impl Time {
    /// Of so many nanoseconds.
    pub const fn of_nanoseconds(nanoseconds: u64) -> Self {
        Self(nanoseconds)
    }

    /// In nanoseconds.
    pub fn nanoseconds(self) -> u64 {
        self.0
    }

    pub(crate) fn parse(word: &Text) -> Result<Self, Diagnostic> {
        // What a bare number means has changed between versions of tc.
        if word.as_str().parse::<f64>().is_ok() && !word.as_str().contains(char::is_alphabetic) {
            return Err(not(word, "a time").help(format!("say the unit, as in {word}ms")));
        }
        quantity(word, TIMES)
            .map(|time| Self(time.round() as u64))
            .ok_or_else(|| not(word, "a time, as in 10ms"))
    }
}

impl Share {
    /// All of them.
    pub const ALL: Share = Share(u32::MAX);

    /// As the kernel has it.
    pub fn of_kernel(number: u32) -> Self {
        Self(number)
    }

    /// As the kernel has it.
    pub fn kernel(self) -> u32 {
        self.0
    }

    /// The rest of all.
    pub fn rest(self) -> Self {
        Self(u32::MAX - self.0)
    }

    /// Whether it is none.
    pub fn is_none(self) -> bool {
        self.0 == 0
    }

    pub(super) fn parse(word: &Text) -> Result<Self, Diagnostic> {
        let number = word.as_str().strip_suffix('%').unwrap_or(word.as_str());
        let percent = decimal(number).filter(|percent| *percent <= 100.0);
        percent.map(Self::of_percent).ok_or_else(|| not(word, "a share from 0% to 100%"))
    }

    fn of_percent(percent: f64) -> Self {
        Self((percent / 100.0 * f64::from(u32::MAX)).round() as u32)
    }
}

impl Rate {
    /// Of so many bytes per second; none of 0.
    pub fn of_bytes(bytes: u64) -> Option<Self> {
        (bytes > 0).then_some(Self(bytes))
    }

    /// In bytes per second.
    pub fn bytes(self) -> u64 {
        self.0
    }

    pub(super) fn parse(word: &Text) -> Result<Self, Diagnostic> {
        let bytes = quantity(word, RATES).map(|bits| (bits / 8.0) as u64);
        bytes.and_then(Self::of_bytes).ok_or_else(|| not(word, "a rate, as in 10mbit"))
    }
}

impl Size {
    /// Of so many bytes; none of 0.
    pub fn of_bytes(bytes: u32) -> Option<Self> {
        (bytes > 0).then_some(Self(bytes))
    }

    /// In bytes.
    pub fn bytes(self) -> u32 {
        self.0
    }

    pub(super) fn parse(word: &Text) -> Result<Self, Diagnostic> {
        let bytes = quantity(word, SIZES).filter(|bytes| *bytes <= f64::from(u32::MAX));
        bytes
            .and_then(|bytes| Self::of_bytes(bytes as u32))
            .ok_or_else(|| not(word, "a size, as in 32kb"))
    }
}

/// The number and its unit, in the smallest unit.
fn quantity(word: &Text, units: &[(&str, f64)]) -> Option<f64> {
    let text = word.as_str();
    let unit_at = text.find(|it: char| it.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let (_, factor) = units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    decimal(number).map(|number| number * factor).filter(|value| *value <= MOST)
}

/// A time that TCP is told, rounded up to milliseconds, in units of which a millisecond has some; a
/// bare number is such units.
pub(super) fn round_trip(word: &Text, units: u32) -> Result<u32, Diagnostic> {
    let wrong = || not(word, "a time, as in 100ms");
    let text = word.as_str();
    let (digits, unit) = text.split_at(text.trim_end_matches(char::is_alphabetic).len());
    let number = decimal(digits).filter(|_| !digits.is_empty()).ok_or_else(wrong)?;
    let count = match unit.to_ascii_lowercase().as_str() {
        "" => number.ceil(),
        "s" | "sec" | "secs" => (number * 1000.0).ceil() * f64::from(units),
        "ms" | "msec" | "msecs" => number.ceil() * f64::from(units),
        _ => return Err(wrong()),
    };
    if count <= f64::from(u32::MAX) { Ok(count as u32) } else { Err(wrong()) }
}

/// A number that is not negative, without an exponent.
fn decimal(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse().ok().filter(|_| plain)
}

/// Writes a whole number in the largest of the units that it is a multiple of.
fn write_in(f: &mut fmt::Formatter<'_>, value: u64, units: &[(&str, f64)]) -> fmt::Result {
    let fits = |(_, factor): &&(&str, f64)| value.is_multiple_of(*factor as u64);
    let (unit, factor) = units.iter().find(fits).expect("the smallest unit fits");
    write!(f, "{}{unit}", value / *factor as u64)
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 % 1000 {
            0 => write_in(f, self.0, TIMES),
            // Not every `tc` knows nanoseconds.
            rest => write!(f, "{}.{rest:03}us", self.0 / 1000),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_in(f, self.0.saturating_mul(8), RATES)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_in(f, u64::from(self.0), SIZES)
    }
}

impl fmt::Display for Share {
    /// With as few digits as give the same share again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = f64::from(self.0) / f64::from(u32::MAX) * 100.0;
        let digits = (0..12).find(|digits| {
            let text = format!("{percent:.digits$}");
            decimal(&text).is_some_and(|percent| Self::of_percent(percent) == *self)
        });
        write!(f, "{percent:.*}%", digits.unwrap_or(12))
    }
}
