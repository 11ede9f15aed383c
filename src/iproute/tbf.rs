//! What follows `tc qdisc add … tbf`, as in `tc-tbf(8)`: a wire of a certain rate.

use super::quantity::{Rate, Size, Time};
use super::words::{Known, Words, full, names, refused, twice, unknown};
use crate::diagnostic::{Code, Diagnostic, Text};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A bucket of tokens, a token for each byte that may leave.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Tbf {
    /// How fast it fills.
    pub rate: Rate,
    /// How many tokens it holds.
    pub burst: Size,
    /// How many packets wait for tokens.
    pub queue: Queue,
    /// How fast it can be emptied; as fast as the machine can where nothing is said.
    pub peak: Option<Peak>,
}

/// How many packets wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Queue {
    /// So many bytes.
    Limit(Size),
    /// As many as have left after this time.
    Latency(Time),
}

/// A second bucket, behind the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Peak {
    /// How fast it fills.
    pub rate: Rate,
    /// How many tokens it holds: `minburst`, the interface's MTU at least.
    pub burst: Size,
}

/// The words of a bucket in the order in which `tc` takes their beginnings for them.
const WORDS: &[Known] = &[
    ("limit", true),
    ("latency", true),
    ("burst", true),
    ("buffer", false),
    ("maxburst", false),
    ("mtu", false),
    ("minburst", false),
    ("mpu", false),
    ("rate", false),
    ("peakrate", true),
    ("overhead", true),
    ("linklayer", true),
];

impl Tbf {
    /// Reads a bucket.
    ///
    /// # Errors
    /// Words that the grammar does not have, values that cannot be, and what is missing.
    pub fn parse(text: &Text) -> Result<Self, Diagnostic> {
        let mut words = Words::new(text);
        let (mut rate, mut burst, mut queue) = (None, None, None);
        let (mut peak, mut minburst) = (None, None);
        while let Some(word) = words.next() {
            match full(&word, WORDS).unwrap_or_default() {
                "rate" if rate.is_some() => return Err(twice(&word)),
                "rate" => rate = Some(Rate::parse(&words.expect("a rate", &word)?)?),
                "burst" | "buffer" | "maxburst" => {
                    burst = Some(Size::parse(&words.expect("a size", &word)?)?);
                }
                name @ ("limit" | "latency") => {
                    let next = match name {
                        "limit" => Queue::Limit(Size::parse(&words.expect("a size", &word)?)?),
                        _ => Queue::Latency(Time::parse(&words.expect("a time", &word)?)?),
                    };
                    if queue.replace(next).is_some() {
                        return Err(Diagnostic::error(Code::BadValue, "the queue is said twice")
                            .at(word.span, "a second time")
                            .help("say either `limit` or `latency`"));
                    }
                }
                "peakrate" => peak = Some(Rate::parse(&words.expect("a rate", &word)?)?),
                "minburst" | "mtu" => {
                    minburst = Some(Size::parse(&words.expect("a size", &word)?)?);
                }
                "mpu" | "overhead" | "linklayer" => {
                    return Err(refused(&word, "a lab's buckets count the bytes of packets alone"));
                }
                _ => return Err(unknown(&word, &names(WORDS))),
            }
        }
        if let Some(Queue::Latency(latency)) = queue
            && latency == Time::default()
        {
            return Err(Diagnostic::error(Code::BadValue, "a queue in which nothing waits")
                .at(text.span, "`latency` is 0")
                .help("as in `latency 50ms`"));
        }
        let missing = |what: &str| {
            Diagnostic::error(Code::BadValue, format!("a token bucket without {what}"))
                .at(text.span, "")
                .help("as in `rate 10mbit burst 32kb latency 50ms`")
        };
        let rate = rate.ok_or_else(|| missing("`rate`"))?;
        let peak = match (peak, minburst) {
            (Some(peak), _) if peak <= rate => {
                return Err(Diagnostic::error(Code::BadValue, "a peak that is no higher")
                    .at(text.span, format!("`peakrate` must be above the rate of {rate}")));
            }
            (Some(rate), Some(burst)) => Some(Peak { rate, burst }),
            (Some(_), None) => return Err(missing("the `minburst` that `peakrate` needs")),
            (None, Some(_)) => return Err(missing("the `peakrate` that `minburst` is of")),
            (None, None) => None,
        };
        let tbf = Self {
            rate,
            burst: burst.ok_or_else(|| missing("`burst`"))?,
            queue: queue.ok_or_else(|| missing("`latency` or `limit`"))?,
            peak,
        };
        if tbf.bytes_waiting().is_none() {
            return Err(Diagnostic::error(Code::BadValue, "a queue of more than 4 GiB")
                .at(text.span, "the rate times the latency"));
        }
        Ok(tbf)
    }

    /// How many bytes wait at the most; `None` for more than the kernel can count.
    pub fn bytes_waiting(&self) -> Option<u32> {
        let latency = match self.queue {
            Queue::Limit(limit) => return Some(limit.bytes()),
            Queue::Latency(latency) => u128::from(latency.nanoseconds()),
        };
        let after = |rate: Rate, burst: Size| {
            u128::from(rate.bytes()) * latency / 1_000_000_000 + u128::from(burst.bytes())
        };
        let all = after(self.rate, self.burst);
        let all = self.peak.map_or(all, |peak| all.min(after(peak.rate, peak.burst)));
        u32::try_from(all).ok()
    }

    /// As a kernel shows it, which counts its buckets in ticks of 64 ns.
    pub fn as_kept(&self) -> Self {
        let kept = |rate: Rate, burst: Size| rate.bytes_in(rate.ticks(burst));
        let limit = self.bytes_waiting().and_then(Size::of_bytes);
        Self {
            rate: self.rate,
            burst: kept(self.rate, self.burst),
            queue: limit.map_or(self.queue, Queue::Limit),
            peak: self.peak.map(|it| Peak { rate: it.rate, burst: kept(it.rate, it.burst) }),
        }
    }
}

impl Rate {
    /// How many of the kernel's ticks of 64 ns so many bytes take, in the 32 bits that it shows.
    pub fn ticks(self, size: Size) -> u32 {
        let (factor, shift) = self.division();
        (((u64::from(size.bytes()) * factor) >> shift) >> 6) as u32
    }

    /// The fewest bytes that take so many ticks, one at least.
    pub fn bytes_in(self, ticks: u32) -> Size {
        let (factor, shift) = self.division();
        let bytes = ((u128::from(ticks) << 6) << shift).div_ceil(u128::from(factor));
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX).max(1);
        Size::of_bytes(bytes).expect("it is not 0")
    }

    /// The kernel's way of dividing by a rate: a factor, and a shift to the right, as in
    /// `psched_ratecfg_precompute` of `net/sched/sch_generic.c`.
    fn division(self) -> (u64, u32) {
        let (mut factor, mut shift) = (1_000_000_000_u64, 0);
        loop {
            let quotient = (factor / self.bytes()) & u64::from(u32::MAX);
            if quotient >> 31 == 1 || factor >> 63 == 1 {
                return (quotient.max(1), shift);
            }
            factor <<= 1;
            shift += 1;
        }
    }
}

impl fmt::Display for Tbf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rate {} burst {} ", self.rate, self.burst)?;
        match self.queue {
            Queue::Limit(limit) => write!(f, "limit {limit}")?,
            Queue::Latency(latency) => write!(f, "latency {latency}")?,
        }
        match self.peak {
            Some(peak) => write!(f, " peakrate {} minburst {}", peak.rate, peak.burst),
            None => Ok(()),
        }
    }
}
