//! What follows `tc qdisc add … fq_codel`, as in `tc-fq_codel(8)`: flows that wait for each other no
//! longer than they have to.

use super::quantity::{Size, Time};
use super::words::{Words, not, twice, unknown};
use crate::diagnostic::Diagnostic;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// Flows that are served in turn, each with a queue that is kept short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FqCodel {
    /// How many packets wait at the most.
    pub limit: u32,
    /// Into how many flows they are put.
    pub flows: u32,
    /// How long they should wait.
    pub target: Time,
    /// How long they may wait longer before some are dropped.
    pub interval: Time,
    /// How many bytes a flow sends in its turn.
    pub quantum: u32,
    /// Whether packets are marked in the place of being dropped, where they can be.
    pub ecn: bool,
}

impl Default for FqCodel {
    fn default() -> Self {
        Self {
            limit: 10_240,
            flows: 1024,
            target: Time::of_nanoseconds(5_000_000),
            interval: Time::of_nanoseconds(100_000_000),
            quantum: 1514,
            ecn: true,
        }
    }
}

const WORDS: [&str; 7] = ["limit", "flows", "target", "interval", "quantum", "ecn", "noecn"];

/// What the kernel takes for less.
const LEAST_QUANTUM: u32 = 256;
/// The kernel counts in units of 1024 ns.
const UNIT: u64 = 1024;

impl FqCodel {
    /// Reads what flows are told; behind the word `fq_codel`.
    pub(super) fn parse(words: &mut Words<'_>) -> Result<Self, Diagnostic> {
        let mut read = Self::default();
        let mut seen = BTreeSet::new();
        while let Some(word) = words.next() {
            let what = match word.as_str() {
                "noecn" => "ecn",
                other => other,
            };
            if !seen.insert(what.to_owned()) {
                return Err(twice(&word));
            }
            match word.as_str() {
                "limit" => read.limit = words.number("a number of packets", &word)?,
                "flows" => read.flows = words.number("a number of flows", &word)?,
                "target" => read.target = Time::parse(&words.expect("a time", &word)?)?,
                "interval" => read.interval = Time::parse(&words.expect("a time", &word)?)?,
                "quantum" => {
                    let size = words.expect("a size", &word)?;
                    read.quantum = Size::parse(&size)?.bytes();
                    if read.quantum < LEAST_QUANTUM {
                        return Err(not(&size, "a quantum of 256 bytes or more")
                            .note("the kernel takes 256 for less"));
                    }
                }
                "ecn" => read.ecn = true,
                "noecn" => read.ecn = false,
                _ => return Err(unknown(&word, &WORDS)),
            }
        }
        Ok(read.as_kept())
    }

    /// As the kernel keeps it, which counts time more coarsely.
    pub fn as_kept(self) -> Self {
        Self { target: kept(self.target), interval: kept(self.interval), ..self }
    }
}

/// The microseconds for which the kernel has the same number, of which it shows one less.
fn kept(time: Time) -> Time {
    let units = time.nanoseconds() / 1000 * 1000 / UNIT;
    Time::of_nanoseconds((units * UNIT).div_ceil(1000) * 1000)
}

/// The time that the kernel means by the microseconds that it shows.
pub(crate) fn shown(microseconds: u32) -> Time {
    let units = (u64::from(microseconds) * 1000).div_ceil(UNIT);
    Time::of_nanoseconds((units * UNIT).div_ceil(1000) * 1000)
}

impl fmt::Display for FqCodel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, flows, target, interval, quantum, ecn } = self;
        write!(
            f,
            "limit {limit} flows {flows} target {target} interval {interval} quantum {quantum}"
        )?;
        f.write_str(if *ecn { " ecn" } else { " noecn" })
    }
}
