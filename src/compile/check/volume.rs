//! How much goes over a connection.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// An amount of data: `100kB`, `2MB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Volume {
    kilobytes: u32,
}

impl Volume {
    /// What an amount looks like.
    pub const RULE: &str = "an amount from 1kB to 100MB";
    /// The most, in kilobytes.
    const MOST: u32 = 100_000;

    /// In bytes.
    pub fn bytes(self) -> u64 {
        u64::from(self.kilobytes) * 1000
    }
}

impl FromStr for Volume {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let units = [("kB", 1), ("MB", 1000)].into_iter();
        let mut read = units.filter_map(|(unit, by)| Some((text.strip_suffix(unit)?, by)));
        let (number, by) = read.next().ok_or(())?;
        let is_digits = number.bytes().all(|byte| byte.is_ascii_digit());
        let kilobytes = number.parse::<u32>().ok().filter(|_| is_digits);
        let kilobytes = kilobytes.and_then(|it| it.checked_mul(by)).ok_or(())?;
        (1..=Self::MOST).contains(&kilobytes).then_some(Self { kilobytes }).ok_or(())
    }
}

impl fmt::Display for Volume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kilobytes {
            kilobytes if kilobytes % 1000 == 0 => write!(f, "{}MB", kilobytes / 1000),
            kilobytes => write!(f, "{kilobytes}kB"),
        }
    }
}
