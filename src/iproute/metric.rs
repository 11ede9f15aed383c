//! What TCP and path MTU discovery are told by a route.

use super::quantity::round_trip;
use super::words::{Words, not};
use crate::diagnostic::{Diagnostic, Text};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One thing that TCP or path MTU discovery is told, in the kernel's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Metric {
    /// The path's MTU in bytes.
    Mtu,
    /// TCP's window in bytes.
    Window,
    /// The round trip time, in eighths of a millisecond.
    Rtt,
    /// How far round trip times vary, in quarters of a millisecond.
    Rttvar,
    /// TCP's threshold of slow start, in segments.
    Ssthresh,
    /// The most segments of TCP under way; it needs `lock`.
    Cwnd,
    /// The segment size that TCP offers, in bytes.
    Advmss,
    /// How far segments of TCP may come out of order.
    Reordering,
    /// The hop limit of packets.
    Hoplimit,
    /// TCP's first congestion window, in segments.
    Initcwnd,
    /// What TCP may use: the bits of `FEATURES`.
    Features,
    /// The least time after which TCP sends again, in milliseconds; it is always locked.
    RtoMin,
    /// TCP's first receive window, in segments.
    Initrwnd,
    /// Whether TCP acknowledges at once.
    Quickack,
    /// Whether TCP Fast Open goes without a cookie.
    FastopenNoCookie,
}

/// The words behind `features`.
const FEATURES: &[(&str, u32)] = &[("ecn", 1), ("tcp_usec_ts", 1 << 4)];

/// What a metric says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Value {
    /// How much; never 0, which the kernel takes for what nobody said.
    pub number: u32,
    /// Whether the kernel may not change it by what it learns.
    pub locked: bool,
}

impl Metric {
    /// Every metric there is.
    pub const ALL: [Metric; 15] = [
        Self::Mtu,
        Self::Window,
        Self::Rtt,
        Self::Rttvar,
        Self::Ssthresh,
        Self::Cwnd,
        Self::Advmss,
        Self::Reordering,
        Self::Hoplimit,
        Self::Initcwnd,
        Self::Features,
        Self::RtoMin,
        Self::Initrwnd,
        Self::Quickack,
        Self::FastopenNoCookie,
    ];

    /// The word that iproute2 has for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Mtu => "mtu",
            Self::Window => "window",
            Self::Rtt => "rtt",
            Self::Rttvar => "rttvar",
            Self::Ssthresh => "ssthresh",
            Self::Cwnd => "cwnd",
            Self::Advmss => "advmss",
            Self::Reordering => "reordering",
            Self::Hoplimit => "hoplimit",
            Self::Initcwnd => "initcwnd",
            Self::Features => "features",
            Self::RtoMin => "rto_min",
            Self::Initrwnd => "initrwnd",
            Self::Quickack => "quickack",
            Self::FastopenNoCookie => "fastopen_no_cookie",
        }
    }

    /// The highest value that the kernel keeps as it is said.
    fn most(self) -> u32 {
        match self {
            Self::Mtu => 65535 - 15,
            Self::Advmss => 65535 - 40,
            Self::Hoplimit => 255,
            Self::Quickack | Self::FastopenNoCookie => 1,
            Self::Window
            | Self::Rtt
            | Self::Rttvar
            | Self::Ssthresh
            | Self::Cwnd
            | Self::Reordering
            | Self::Initcwnd
            | Self::Features
            | Self::RtoMin
            | Self::Initrwnd => u32::MAX,
        }
    }

    /// How many of its units a millisecond has, where it is a time.
    fn per_millisecond(self) -> Option<u32> {
        match self {
            Self::Rtt => Some(8),
            Self::Rttvar => Some(4),
            Self::RtoMin => Some(1),
            Self::Mtu
            | Self::Window
            | Self::Ssthresh
            | Self::Cwnd
            | Self::Advmss
            | Self::Reordering
            | Self::Hoplimit
            | Self::Initcwnd
            | Self::Features
            | Self::Initrwnd
            | Self::Quickack
            | Self::FastopenNoCookie => None,
        }
    }

    /// Whether `lock` can stand behind it.
    fn can_be_locked(self) -> bool {
        match self {
            Self::Features | Self::RtoMin | Self::Quickack | Self::FastopenNoCookie => false,
            Self::Mtu
            | Self::Window
            | Self::Rtt
            | Self::Rttvar
            | Self::Ssthresh
            | Self::Cwnd
            | Self::Advmss
            | Self::Reordering
            | Self::Hoplimit
            | Self::Initcwnd
            | Self::Initrwnd => true,
        }
    }

    /// Reads what stands behind the metric; `None` for what says nothing.
    pub(super) fn value(
        self,
        word: &Text,
        words: &mut Words<'_>,
    ) -> Result<Option<Value>, Diagnostic> {
        if self == Self::Features {
            return features(word, words).map(Some);
        }
        let locked = self.can_be_locked() && words.take("lock");
        let value = words.expect("a number", word)?;
        let number = match self.per_millisecond() {
            Some(units) => round_trip(&value, units)?,
            None => match super::words::number(value.as_str()) {
                Some(number) if number <= u64::from(self.most()) => number as u32,
                _ if self.most() == 1 => return Err(not(&value, "0 or 1")),
                _ => {
                    let error = not(&value, &format!("a number up to {}", self.most()));
                    return Err(match self.most() {
                        255 | u32::MAX => error,
                        most => {
                            error.note(format!("the kernel makes {most} of more without a word"))
                        }
                    });
                }
            },
        };
        match number {
            0 if locked => Err(not(&value, "a number from 1, as it is locked")
                .note("0 is as if nothing were said")),
            0 => Ok(None),
            number => Ok(Some(Value { number, locked: locked || self == Self::RtoMin })),
        }
    }

    /// Writes the metric with its value.
    pub(super) fn print(self, f: &mut fmt::Formatter<'_>, value: Value) -> fmt::Result {
        let lock = if value.locked && self.can_be_locked() { " lock" } else { "" };
        write!(f, " {}{lock}", self.word())?;
        match self.per_millisecond() {
            Some(units) if value.number.is_multiple_of(units) => {
                write!(f, " {}ms", value.number / units)
            }
            Some(_) => write!(f, " {}", value.number),
            None if self == Self::Features => FEATURES
                .iter()
                .filter(|(_, bit)| value.number & bit != 0)
                .try_for_each(|(name, _)| write!(f, " {name}")),
            None => write!(f, " {}", value.number),
        }
    }
}

fn features(after: &Text, words: &mut Words<'_>) -> Result<Value, Diagnostic> {
    let mut number = 0;
    let bit = |word: &Text| FEATURES.iter().find(|(name, _)| *name == word.as_str());
    while let Some((_, bit)) = words.peek().as_ref().and_then(bit) {
        words.next();
        number |= bit;
    }
    if number == 0 {
        let word = words.expect("a feature", after)?;
        return Err(not(&word, "`ecn` or `tcp_usec_ts`"));
    }
    Ok(Value { number, locked: false })
}
