//! What follows `tc qdisc add … netem`, as in `tc-netem(8)`: a wire that is slow or loses packets.

use super::quantity::{Rate, Share, Size, Time};
use super::words::{Known, Words, full, names, not, number as numeral, unknown};
use crate::diagnostic::{Code, Diagnostic, Text};
use serde::{Deserialize, Serialize};
use std::fmt;

/// How many packets wait for their time where nothing is said.
const LIMIT: u32 = 1000;

/// The kernel's largest jitter; of a larger one it makes this without a word.
const MOST_JITTER: Time = Time::of_nanoseconds(0x7fff_ffff);

/// What is done to the packets that leave through an interface.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Netem {
    /// How many packets wait at the most.
    pub limit: u32,
    /// How long each waits.
    pub delay: Delay,
    /// Which are lost.
    pub loss: Option<Loss>,
    /// Whether a packet that can say so is marked as lost instead (RFC 3168).
    pub ecn: bool,
    /// Which come twice.
    pub duplicate: Chance,
    /// Which overtake the others.
    pub reorder: Option<Reorder>,
    /// Which lose a bit.
    pub corrupt: Chance,
    /// How fast they leave.
    pub rate: Option<LinkRate>,
    /// When they may leave at all.
    pub slot: Option<Slot>,
}

/// How long packets wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Delay {
    /// On the average.
    pub time: Time,
    /// How far from it.
    pub jitter: Time,
    /// How much each is like the one before; none without jitter.
    pub correlation: Share,
    /// How the jitter is spread; evenly where nothing is said.
    pub distribution: Option<Distribution>,
}

/// How a jitter is spread, beside evenly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Distribution {
    /// Gauss's.
    Normal,
    /// Few, and these far off.
    Pareto,
    /// A quarter of the first and three of the second.
    ParetoNormal,
}

/// Something that happens to some packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Chance {
    /// To how many.
    pub share: Share,
    /// How much each is like the one before.
    pub correlation: Share,
}

/// Which packets are lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Loss {
    /// By chance.
    Random(Chance),
    /// By a chain of four states; each share is that of a step between two of them.
    State {
        /// From good to lost in a burst.
        p13: Share,
        /// Back.
        p31: Share,
        /// From lost to good inside a burst.
        p32: Share,
        /// Back.
        p23: Share,
        /// From good to lost alone.
        p14: Share,
    },
    /// By Gilbert and Elliott's two states.
    Gemodel {
        /// From good to bad.
        p: Share,
        /// Back.
        r: Share,
        /// How many are lost in the bad state: `1-h`.
        bad: Share,
        /// How many in the good one: `1-k`.
        good: Share,
    },
}

/// Which packets overtake those that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reorder {
    /// How many of those that may.
    pub chance: Chance,
    /// One in so many may; never 0.
    pub gap: u32,
}

/// How fast packets leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LinkRate {
    /// The rate.
    pub rate: Rate,
    /// Bytes that each packet costs beside its own.
    pub overhead: i32,
    /// The size of a cell that packets fill, 0 for none.
    pub cell: u32,
    /// Bytes that each cell costs beside its own.
    pub cell_overhead: i32,
}

/// When packets leave: in slots, between which none do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Slot {
    /// The shortest time between two slots.
    pub least: Time,
    /// The longest.
    pub most: Time,
    /// How many packets a slot takes, 0 for any number.
    pub packets: u32,
    /// How many bytes, 0 for any number.
    pub bytes: u32,
}

/// The words of an impairment in the order in which `tc` takes their beginnings for them.
const WORDS: &[Known] = &[
    ("limit", true),
    ("latency", true),
    ("delay", true),
    ("loss", true),
    ("drop", true),
    ("ecn", true),
    ("reorder", true),
    ("corrupt", true),
    ("gap", true),
    ("duplicate", true),
    ("distribution", true),
    ("rate", true),
    ("slot", true),
];

const DISTRIBUTIONS: &[(&str, Option<Distribution>)] = &[
    ("uniform", None),
    ("normal", Some(Distribution::Normal)),
    ("pareto", Some(Distribution::Pareto)),
    ("paretonormal", Some(Distribution::ParetoNormal)),
];

impl Default for Netem {
    fn default() -> Self {
        Self {
            limit: LIMIT,
            delay: Delay::default(),
            loss: None,
            ecn: false,
            duplicate: Chance::default(),
            reorder: None,
            corrupt: Chance::default(),
            rate: None,
            slot: None,
        }
    }
}

impl Netem {
    /// Reads an impairment.
    ///
    /// # Errors
    /// Words that the grammar does not have, and values that cannot be.
    pub fn parse(text: &Text) -> Result<Self, Diagnostic> {
        let mut words = Words::new(text);
        let mut netem = Self::default();
        let (mut distribution, mut chance, mut gap) = (None, None, None);
        if words.peek().is_none() {
            return Err(Diagnostic::error(Code::BadValue, "an impairment that does nothing")
                .at(text.span, "nothing here")
                .help("say what is done, as in `delay 10ms loss 1%`"));
        }
        while let Some(word) = words.next() {
            match full(&word, WORDS).unwrap_or_default() {
                "limit" => {
                    let limit = words.expect("a number of packets", &word)?;
                    netem.limit = match limit.as_str() {
                        "0" => 0,
                        // tc reads it as it does a size.
                        _ => Size::parse(&limit)?.bytes(),
                    };
                }
                "delay" | "latency" => {
                    netem.delay.time = Time::parse(&words.expect("a time", &word)?)?;
                    if let Some(jitter) = number(&mut words) {
                        netem.delay.jitter = Time::parse(&jitter)?;
                        if netem.delay.jitter > MOST_JITTER {
                            let title =
                                format!("a jitter of {jitter} is more than the kernel takes");
                            return Err(Diagnostic::error(Code::BadValue, title)
                                .at(jitter.span, "")
                                .help("at most 2147ms"));
                        }
                        netem.delay.correlation = share(&mut words)?.unwrap_or_default();
                    }
                }
                "distribution" => distribution = Some(read_distribution(&mut words, &word)?),
                "loss" | "drop" => netem.loss = Loss::read(&mut words, &word)?,
                "ecn" => netem.ecn = true,
                "duplicate" => netem.duplicate = Chance::read(&mut words, &word)?,
                "corrupt" => netem.corrupt = Chance::read(&mut words, &word)?,
                "reorder" => chance = Some(Chance::read(&mut words, &word)?),
                "gap" => gap = Some((words.number("a number of packets", &word)?, word)),
                "rate" => netem.rate = Some(LinkRate::read(&mut words, &word)?),
                "slot" => netem.slot = Some(Slot::read(&mut words, &word)?),
                _ => return Err(unknown(&word, &names(WORDS))),
            }
        }
        let without = |what: &str, at: &Text, help: &str| {
            Err(Diagnostic::error(Code::BadValue, format!("{what}, and nothing that it is of"))
                .at(at.span, "of what")
                .help(help))
        };
        let delay = &mut netem.delay;
        if delay.jitter == Time::default() {
            delay.correlation = Share::default();
        }
        if let Some((kind, at)) = distribution {
            if delay.jitter == Time::default() {
                let help = "say the delay and its jitter, as in `delay 10ms 2ms`";
                return without("a distribution", &at, help);
            }
            delay.distribution = kind;
        }
        match (chance, gap) {
            (None, Some((_, at))) => {
                return without("a gap", &at, "say `reorder` too, as in `reorder 25% gap 5`");
            }
            (Some(chance), gap) if !chance.share.is_none() => {
                if delay.time == Time::default() {
                    return without("a new order", text, "without a delay none can overtake");
                }
                let gap = gap.map_or(1, |(gap, _): (u32, Text)| gap.max(1));
                netem.reorder = Some(Reorder { chance, gap });
            }
            (Some(_) | None, _) => {}
        }
        if netem.ecn && netem.loss.is_none() {
            return without("`ecn`", text, "say the loss that is marked, as in `loss 1% ecn`");
        }
        Ok(netem)
    }

    /// As a kernel shows it that `tc` has told: it has no words for distributions, and `tc` counts
    /// in ticks of 64 ns.
    pub fn as_kept(&self) -> Self {
        let ticks = |time: Time| Time::of_nanoseconds(time.nanoseconds() & !63);
        let delay = &self.delay;
        let (time, jitter) = (ticks(delay.time), ticks(delay.jitter));
        Self { delay: Delay { time, jitter, distribution: None, ..*delay }, ..self.clone() }
    }
}

fn read_distribution(
    words: &mut Words<'_>,
    after: &Text,
) -> Result<(Option<Distribution>, Text), Diagnostic> {
    let word = words.expect("a distribution", after)?;
    match DISTRIBUTIONS.iter().find(|(name, _)| *name == word.as_str()) {
        Some((_, kind)) => Ok((*kind, word)),
        None => {
            let names: Vec<&str> = DISTRIBUTIONS.iter().map(|(name, _)| *name).collect();
            Err(unknown(&word, &names))
        }
    }
}

/// The next word, if it is a number, with its unit or without.
fn number(words: &mut Words<'_>) -> Option<Text> {
    let next = words.peek()?;
    next.as_str()
        .starts_with(|it: char| it.is_ascii_digit() || matches!(it, '.' | '-'))
        .then(|| words.next())?
}

/// The next word as a share, if it is a number.
fn share(words: &mut Words<'_>) -> Result<Option<Share>, Diagnostic> {
    number(words).map(|word| Share::parse(&word)).transpose()
}

impl Chance {
    fn read(words: &mut Words<'_>, after: &Text) -> Result<Self, Diagnostic> {
        let chance = Share::parse(&words.expect("a share", after)?)?;
        let correlation = share(words)?.unwrap_or_default();
        // What never happens is like nothing.
        let none = chance.is_none();
        Ok(if none { Self::default() } else { Self { share: chance, correlation } })
    }
}

impl Loss {
    fn read(words: &mut Words<'_>, after: &Text) -> Result<Option<Self>, Diagnostic> {
        if words.take("state") {
            let p13 = Share::parse(&words.expect("a share", after)?)?;
            return Ok(Some(Loss::State {
                p13,
                p31: share(words)?.unwrap_or(p13.rest()),
                p32: share(words)?.unwrap_or_default(),
                p23: share(words)?.unwrap_or(Share::ALL),
                p14: share(words)?.unwrap_or_default(),
            }));
        }
        if words.take("gemodel") {
            let p = Share::parse(&words.expect("a share", after)?)?;
            return Ok(Some(Loss::Gemodel {
                p,
                r: share(words)?.unwrap_or(p.rest()),
                bad: share(words)?.unwrap_or(Share::ALL),
                good: share(words)?.unwrap_or_default(),
            }));
        }
        words.take("random");
        let chance = Chance::read(words, after)?;
        Ok((!chance.share.is_none()).then_some(Loss::Random(chance)))
    }
}

impl LinkRate {
    fn read(words: &mut Words<'_>, after: &Text) -> Result<Self, Diagnostic> {
        let rate = Rate::parse(&words.expect("a rate", after)?)?;
        let mut next = |what: &str| {
            number(words).map(|word| {
                let digits = word.as_str().trim_start_matches('-');
                let sign = if digits.len() < word.as_str().len() { -1 } else { 1 };
                let value = numeral(digits).and_then(|it| i32::try_from(it).ok());
                value.map(|value| sign * value).ok_or_else(|| not(&word, what))
            })
        };
        let overhead = next("a number of bytes").transpose()?.unwrap_or(0);
        let cell = next("the size of a cell").transpose()?.unwrap_or(0);
        let cell_overhead = next("a number of bytes").transpose()?.unwrap_or(0);
        let cell = cell.max(0).cast_unsigned();
        Ok(Self { rate, overhead, cell, cell_overhead })
    }
}

impl Slot {
    fn read(words: &mut Words<'_>, after: &Text) -> Result<Self, Diagnostic> {
        let least = Time::parse(&words.expect("a time", after)?)?;
        let most = number(words).map(|word| Time::parse(&word)).transpose()?;
        let mut slot = Self { least, most: most.unwrap_or(least), packets: 0, bytes: 0 };
        if slot.most < slot.least || slot.most == Time::default() {
            return Err(Diagnostic::error(Code::BadValue, "slots that are no time apart")
                .at(after.span, "followed by the shortest and the longest time between two")
                .help("as in `slot 1ms 5ms`"));
        }
        loop {
            let most = i32::MAX.unsigned_abs();
            let count = |words: &mut Words<'_>| {
                let word = words.expect("a number", after)?;
                let number = word.as_str().parse().ok().filter(|number| *number < most);
                number.ok_or_else(|| not(&word, "a number"))
            };
            if words.take("packets") {
                slot.packets = count(words)?;
            } else if words.take("bytes") {
                slot.bytes = count(words)?;
            } else {
                return Ok(slot);
            }
        }
    }
}

impl fmt::Display for Netem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = Vec::new();
        let delay = &self.delay;
        let jitter = delay.jitter != Time::default();
        if jitter || delay.time != Time::default() {
            said.push(format!("delay {}", delay.time));
            said.extend(jitter.then(|| delay.jitter.to_string()));
            said.extend((!delay.correlation.is_none()).then(|| delay.correlation.to_string()));
        }
        if let Some(kind) = delay.distribution {
            let named = DISTRIBUTIONS.iter().find(|(_, named)| *named == Some(kind));
            said.extend(named.map(|(name, _)| format!("distribution {name}")));
        }
        said.extend(self.loss.map(|loss| loss.to_string()));
        said.extend(self.ecn.then(|| "ecn".to_owned()));
        if let Some(Reorder { chance, gap }) = self.reorder {
            said.push(format!("reorder {chance} gap {gap}"));
        }
        for (name, chance) in [("duplicate", self.duplicate), ("corrupt", self.corrupt)] {
            said.extend((!chance.share.is_none()).then(|| format!("{name} {chance}")));
        }
        said.extend(self.rate.map(|rate| rate.to_string()));
        said.extend(self.slot.map(|slot| slot.to_string()));
        if self.limit != LIMIT || said.is_empty() {
            said.push(format!("limit {}", self.limit));
        }
        f.write_str(&said.join(" "))
    }
}

impl fmt::Display for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.share)?;
        if self.correlation.is_none() { Ok(()) } else { write!(f, " {}", self.correlation) }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Loss::Random(chance) => write!(f, "loss {chance}"),
            Loss::State { p13, p31, p32, p23, p14 } => {
                write!(f, "loss state {p13} {p31} {p32} {p23} {p14}")
            }
            Loss::Gemodel { p, r, bad, good } => write!(f, "loss gemodel {p} {r} {bad} {good}"),
        }
    }
}

impl fmt::Display for LinkRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rate {}", self.rate)?;
        match (self.overhead, self.cell, self.cell_overhead) {
            (0, 0, 0) => Ok(()),
            (overhead, 0, 0) => write!(f, " {overhead}"),
            (overhead, cell, cell_overhead) => write!(f, " {overhead} {cell} {cell_overhead}"),
        }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "slot {} {}", self.least, self.most)?;
        for (name, number) in [("packets", self.packets), ("bytes", self.bytes)] {
            if number != 0 {
                write!(f, " {name} {number}")?;
            }
        }
        Ok(())
    }
}
