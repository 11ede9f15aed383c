//! What follows `tc qdisc add …` for the queue that packets leave by in the end: `fq_codel`, `prio` and
//! `htb`, as in `tc-fq_codel(8)`, `tc-prio(8)` and `tc-htb(8)`.

use super::fq_codel::FqCodel;
use super::htb::Htb;
use super::words::{Words, not, twice, unknown};
use crate::diagnostic::{Diagnostic, Text};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A queue that has no other one behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Leaf {
    /// Flows that wait for each other no longer than they have to.
    FqCodel(FqCodel),
    /// Bands of which a later one waits for all earlier ones.
    Prio(Prio),
    /// Classes that share a rate.
    Htb(Htb),
}

/// Bands, and which each priority of packets goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Prio {
    /// How many.
    pub bands: u8,
    /// The band of each of 16 priorities, which follow from the type of service.
    pub map: [u8; 16],
}

impl Default for Prio {
    fn default() -> Self {
        Self { bands: 3, map: [1, 2, 2, 2, 1, 2, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1] }
    }
}

impl Leaf {
    /// Reads a queue.
    ///
    /// # Errors
    /// Words that the grammar does not have, and values that the kernel does not take.
    pub fn parse(text: &Text) -> Result<Self, Diagnostic> {
        let mut words = Words::new(text);
        let kind = words.expect("the kind of a queue", text)?;
        match kind.as_str() {
            "fq_codel" => FqCodel::parse(&mut words).map(Self::FqCodel),
            "prio" => Prio::parse(&mut words).map(Self::Prio),
            "htb" => Htb::parse(&mut words).map(Self::Htb),
            _ => Err(unknown(&kind, &["fq_codel", "prio", "htb"])),
        }
    }
}

impl Prio {
    fn parse(words: &mut Words<'_>) -> Result<Self, Diagnostic> {
        let mut read = Self::default();
        let (mut bands, mut map): (Option<Text>, Option<Text>) = (None, None);
        while let Some(word) = words.next() {
            match word.as_str() {
                "bands" => {
                    let what = "a number of bands from 2 to 16";
                    let count = words.expect(what, &word)?;
                    read.bands = count.as_str().parse().map_err(|_| not(&count, what))?;
                    if !(2..=16).contains(&read.bands) {
                        return Err(not(&count, what));
                    }
                    if bands.replace(count).is_some() {
                        return Err(twice(&word));
                    }
                }
                "priomap" => {
                    for band in &mut read.map {
                        *band = words.number("a band for each of 16 priorities", &word)?;
                    }
                    if map.replace(word.clone()).is_some() {
                        return Err(twice(&word));
                    }
                }
                _ => return Err(unknown(&word, &["bands", "priomap"])),
            }
        }
        match (read.map.iter().max().copied(), map.or(bands)) {
            (Some(most), Some(at)) if most >= read.bands => {
                let title = "a priority goes to a band that is not there";
                Err(Diagnostic::error(crate::diagnostic::Code::BadValue, title)
                    .at(at.span, format!("band {most} of {}", read.bands))
                    .help("say a `priomap`: 16 bands, counted from 0"))
            }
            _ => Ok(read),
        }
    }
}

impl fmt::Display for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FqCodel(flows) => write!(f, "fq_codel {flows}"),
            Self::Htb(htb) => htb.fmt(f),
            Self::Prio(Prio { bands, map }) => {
                write!(f, "prio bands {bands} priomap")?;
                map.iter().try_for_each(|band| write!(f, " {band}"))
            }
        }
    }
}
