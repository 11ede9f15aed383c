//! What follows `tc qdisc add … htb` and `tc class add … htb`, as in `tc-htb(8)`: classes that share a
//! rate, and lend each other what they do not use.

use super::quantity::{Rate, Size};
use super::words::{Words, not, refused, twice, unknown};
use crate::diagnostic::{Code, Diagnostic, Text};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// The queue that has the classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Htb {
    /// The class of packets that no filter has a class for; 0 is none, and they leave at once.
    pub default: u16,
    /// By what a class's rate is divided for its quantum where it has none of its own.
    pub r2q: u32,
}

/// A class: `1:10` in a file, whatever its queue is behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HtbClass {
    /// The class that it shares the rate of; none is at the queue itself.
    pub parent: Option<u16>,
    /// Behind the colon, never 0.
    pub id: u16,
    /// What it always has.
    pub rate: Rate,
    /// What it has at the most, where others do not use theirs.
    pub ceil: Rate,
    /// How much leaves at once at its rate.
    pub burst: Size,
    /// How much leaves at once at its ceiling.
    pub cburst: Size,
    /// How many bytes leave in its turn; the queue gives one to a class that says none.
    pub quantum: Option<u32>,
    /// From 0 to 7; the lower is offered what others leave first.
    pub prio: u8,
}

/// How much leaves at once where nothing is said: a packet of an Ethernet, as `tc` has it.
const BURST: u32 = 1600;
/// The bounds of a quantum that the kernel computes.
const QUANTUM: std::ops::RangeInclusive<u64> = 1000..=200_000;
/// What `tc` divides by where nothing is said.
const R2Q: u32 = 10;

impl Default for Htb {
    fn default() -> Self {
        Self { default: 0, r2q: R2Q }
    }
}

impl Htb {
    /// Reads the queue; behind the word `htb`.
    pub(super) fn parse(words: &mut Words<'_>) -> Result<Self, Diagnostic> {
        let mut read = Self::default();
        let mut seen = BTreeSet::new();
        while let Some(word) = words.next() {
            match word.as_str() {
                "default" => {
                    let minor = words.expect("a class", &word)?;
                    // As `tc` reads it: in hexadecimal, with or without `0x`.
                    let digits = minor.as_str().trim_start_matches("0x");
                    read.default = u16::from_str_radix(digits, 16)
                        .map_err(|_| not(&minor, "the number of a class, as in `default 20`"))?;
                }
                "r2q" => {
                    let divisor = words.expect("a number", &word)?;
                    let number = divisor.as_str().parse().ok().filter(|number| *number > 0);
                    read.r2q = number.ok_or_else(|| not(&divisor, "a number above 0"))?;
                }
                "direct_qlen" | "offload" | "debug" => {
                    return Err(refused(&word, "what has no class leaves at once in a lab"));
                }
                _ => return Err(unknown(&word, &["default", "r2q"])),
            }
            if !seen.insert(word.as_str().to_owned()) {
                return Err(twice(&word));
            }
        }
        Ok(read)
    }

    /// The quantum of a class that says none.
    pub fn quantum(self, rate: Rate) -> u32 {
        let quantum = rate.bytes() / u64::from(self.r2q);
        quantum.clamp(*QUANTUM.start(), *QUANTUM.end()) as u32
    }
}

const WORDS: [&str; 8] =
    ["parent", "classid", "rate", "ceil", "burst", "cburst", "quantum", "prio"];

impl HtbClass {
    /// Reads a class: what follows `tc class add dev IF`.
    ///
    /// # Errors
    /// Words that the grammar does not have, values that cannot be, and what is missing.
    pub fn parse(text: &Text) -> Result<Self, Diagnostic> {
        let mut words = Words::new(text);
        let (mut parent, mut id) = (None, None);
        let (mut rate, mut ceil, mut burst, mut cburst) = (None, None, None, None);
        let (mut quantum, mut prio) = (None, 0);
        let mut seen = BTreeSet::new();
        while let Some(word) = words.next() {
            let name = match word.as_str() {
                "buffer" | "maxburst" => "burst",
                "cbuffer" | "cmaxburst" => "cburst",
                other => other,
            };
            if name != "htb" && !seen.insert(name.to_owned()) {
                return Err(twice(&word));
            }
            match name {
                "htb" => {}
                "root" => parent = None,
                "parent" => parent = minor(&words.expect("a class", &word)?)?,
                "classid" => {
                    let class = words.expect("a class", &word)?;
                    id = Some(minor(&class)?.ok_or_else(|| not(&class, CLASS))?);
                }
                "rate" => rate = Some(Rate::parse(&words.expect("a rate", &word)?)?),
                "ceil" => {
                    let ceiling = words.expect("a rate", &word)?;
                    ceil = Some((Rate::parse(&ceiling)?, ceiling));
                }
                "burst" => burst = Some(Size::parse(&words.expect("a size", &word)?)?),
                "cburst" => cburst = Some(Size::parse(&words.expect("a size", &word)?)?),
                "quantum" => {
                    let bytes = words.expect("a number of bytes", &word)?;
                    let read = bytes
                        .as_str()
                        .parse()
                        .ok()
                        .filter(|bytes| (1..=i32::MAX.cast_unsigned()).contains(bytes));
                    quantum = Some(read.ok_or_else(|| not(&bytes, "a number of bytes"))?);
                }
                "prio" => {
                    let what = "a priority from 0 to 7";
                    let number = words.expect(what, &word)?;
                    let read = number.as_str().parse().ok().filter(|prio| *prio <= 7);
                    prio = read.ok_or_else(|| not(&number, what))?;
                }
                "mpu" | "overhead" | "linklayer" | "mtu" => {
                    return Err(refused(&word, "a lab's classes count the bytes of packets alone"));
                }
                _ => return Err(unknown(&word, &WORDS)),
            }
        }
        let missing = |what: &str| {
            Diagnostic::error(Code::BadValue, format!("a class without `{what}`"))
                .at(text.span, "")
                .help("as in `parent 1:1 classid 1:10 htb rate 5mbit ceil 10mbit`")
        };
        let rate: Rate = rate.ok_or_else(|| missing("rate"))?;
        if let Some((ceiling, said)) = ceil.as_ref().filter(|(ceil, _)| *ceil < rate) {
            let title = format!("a ceiling of {ceiling} below the rate of {rate}");
            return Err(Diagnostic::error(Code::BadValue, title).at(said.span, ""));
        }
        let plain = || Size::of_bytes(BURST).expect("it is not 0");
        Ok(Self {
            parent,
            id: id.ok_or_else(|| missing("classid"))?,
            rate,
            ceil: ceil.map_or(rate, |(ceil, _)| ceil),
            burst: burst.unwrap_or_else(plain),
            cburst: cburst.unwrap_or_else(plain),
            quantum,
            prio,
        })
    }

    /// As the kernel keeps it, which counts in ticks.
    pub fn as_kept(self) -> Self {
        let kept = |rate: Rate, size| rate.bytes_in(rate.ticks(size));
        Self { burst: kept(self.rate, self.burst), cburst: kept(self.ceil, self.cburst), ..self }
    }

    /// What follows `tc class add dev IF`, of a queue of this number.
    pub fn words(&self, major: u16) -> String {
        let Self { parent, id, rate, ceil, burst, cburst, quantum, prio } = self;
        let parent = parent.map(|parent| format!("{parent:x}")).unwrap_or_default();
        let quantum = quantum.map(|bytes| format!(" quantum {bytes}")).unwrap_or_default();
        format!(
            "parent {major:x}:{parent} classid {major:x}:{id:x} htb rate {rate} ceil {ceil} \
             burst {burst} cburst {cburst}{quantum} prio {prio}"
        )
    }
}

const CLASS: &str = "a class of a lab's queue, as in 1:10";

/// What stands behind the colon of `1:10`; none of the queue itself, `1:`.
pub(super) fn minor(word: &Text) -> Result<Option<u16>, Diagnostic> {
    let digits = word.as_str().strip_prefix("1:").ok_or_else(|| {
        not(word, CLASS).note("the queue is `1:` in a file, whatever its packets go through before")
    })?;
    if digits.is_empty() {
        return Ok(None);
    }
    let minor = u16::from_str_radix(digits, 16).map_err(|_| not(word, CLASS))?;
    Ok(Some(minor).filter(|minor| *minor > 0))
}

impl fmt::Display for Htb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { default, r2q } = self;
        write!(f, "htb default {default:x} r2q {r2q}")
    }
}

impl fmt::Display for HtbClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words(1))
    }
}
