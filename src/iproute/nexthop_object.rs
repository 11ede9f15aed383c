//! What follows `ip nexthop add`.

use super::attributes::Protocol;
use super::nexthop::Nexthop;
use super::words::{Family, Known, Words, full, names, not, number, refused, twice, unknown};
use crate::diagnostic::{Code, Diagnostic, Spanned, Text};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A nexthop object as written: a way on that routes name by its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NexthopObject {
    /// Its number.
    pub id: Spanned<u32>,
    /// Who put it there.
    pub protocol: Option<Protocol>,
    /// Where it leads.
    pub leads: Leads<Nexthop, Spanned<u32>>,
}

/// Where a nexthop object leads, over the ways in which it names a way on and another object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Leads<Way, Id> {
    /// One way on.
    Way {
        /// Whether it is for routes of IPv4, and not of IPv6.
        v4: bool,
        /// The way.
        way: Way,
    },
    /// Nowhere: packets are dropped without a word.
    Blackhole {
        /// Whether it is for routes of IPv4, and not of IPv6.
        v4: bool,
    },
    /// Several others, which share the flows.
    Group {
        /// The others, each with its weight, 1 to 256.
        members: Vec<(Id, u16)>,
        /// How flows are kept on their ways when the group changes; `None` shares them anew.
        resilient: Option<Resilient>,
    },
}

/// What a resilient group is told (`ip-nexthop(8)`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Resilient {
    /// How many buckets the flows fall into.
    pub buckets: u16,
    /// How many seconds a bucket is without packets until it may be given to another member.
    pub idle: u32,
    /// How many seconds the group may be out of balance until buckets with packets are given to
    /// other members too; 0 is for ever.
    pub unbalanced: u32,
}

/// What the kernel gives a resilient group that says nothing else.
impl Default for Resilient {
    fn default() -> Self {
        Self { buckets: 128, idle: 120, unbalanced: 0 }
    }
}

const WORDS: &[Known] = &[
    ("id", false),
    ("dev", false),
    ("via", false),
    ("encap", false),
    ("blackhole", false),
    ("onlink", false),
    ("group", false),
    ("type", false),
    ("protocol", true),
];

impl NexthopObject {
    /// Reads a nexthop object. Its family is that of `-4` or `-6` in front, else the gateway's, else
    /// IPv4; a group has that of its members.
    ///
    /// # Errors
    /// Words that the grammar does not have, and values that cannot be.
    pub fn parse(text: &Text) -> Result<Self, Diagnostic> {
        let wrong = |what: &str| Diagnostic::error(Code::BadValue, what).at(text.span, "this one");
        let mut words = Words::new(text);
        let wanted = Family::of_ip(words.command("nexthop")?, text)?;
        let mut id = None;
        let mut protocol = None;
        let mut blackhole = false;
        let mut group = None;
        let mut kind = None;
        let mut way = Nexthop::empty();
        while let Some(word) = words.next() {
            match full(&word, WORDS).unwrap_or(word.as_str()) {
                "id" => {
                    let text = words.expect("a number", &word)?;
                    let value = number(text.as_str()).and_then(|id| u32::try_from(id).ok());
                    id = match value {
                        Some(value @ 1..) => Some(Spanned::new(value, text.span)),
                        Some(0) | None => return Err(not(&text, "a number from 1")),
                    };
                }
                "blackhole" => blackhole = true,
                "protocol" => protocol = Protocol::parse(&words.expect("a protocol", &word)?)?,
                "group" if group.is_some() => return Err(twice(&word)),
                "group" => group = Some(members(&mut words, &word)?),
                "type" => kind = Some(Kind::parse(&mut words, &word)?),
                "buckets" | "idle_timer" | "unbalanced_timer" => return Err(of_resilient(&word)),
                "fdb" => {
                    return Err(refused(
                        &word,
                        "it is for neighbours of a VXLAN, and no route names it",
                    ));
                }
                "hw_stats" => return Err(refused(&word, "nothing here is made of hardware")),
                known => {
                    let belongs = known != "weight" && known != "realms" && known != "oif";
                    if !belongs || !way.word(known, &word, &mut words)? {
                        return Err(unknown(&word, &names(WORDS)));
                    }
                }
            }
        }
        let resilient = match (&group, kind) {
            (_, None | Some(Kind::Mpath)) => None,
            (Some(_), Some(Kind::Resilient(told))) => Some(told),
            (None, Some(Kind::Resilient(_))) => {
                return Err(wrong("only a group is resilient").help("`group ID/ID type resilient`"));
            }
        };
        let id = id.ok_or_else(|| {
            wrong("a nexthop object has a number").help("`id 1 via ADDRESS dev INTERFACE`")
        })?;
        let v4 = wanted.or(way.via.map(|via| via.value.is_ipv4())).unwrap_or(true);
        let leads = match (group, blackhole, way == Nexthop::empty()) {
            (Some(_), false, true) if wanted.is_some() => {
                return Err(wrong("a group has the family of its members")
                    .note("the kernel answers EINVAL: \"Invalid family for group\""));
            }
            (Some(members), false, true) => Leads::Group { members, resilient },
            (None, true, true) => Leads::Blackhole { v4 },
            (None, false, false) => {
                if way.via.is_some_and(|via| via.value.is_ipv4() != v4) {
                    return Err(wrong("the gateway is of another family than the nexthop object"));
                }
                way.fit(v4, text)?;
                Leads::Way { v4, way }
            }
            (None, false, true) => {
                return Err(wrong("a nexthop object that leads nowhere")
                    .help("say `via ADDRESS`, `dev INTERFACE`, `blackhole` or `group ID/ID`"));
            }
            _ => {
                return Err(wrong("a nexthop object leads one way")
                    .help("either `via` and `dev`, or `blackhole`, or `group`"));
            }
        };
        Ok(Self { id, protocol, leads })
    }
}

/// The members of a group, each with its weight.
fn members(words: &mut Words<'_>, after: &Text) -> Result<Vec<(Spanned<u32>, u16)>, Diagnostic> {
    let list = words.expect("the numbers of nexthop objects", after)?;
    let mut members: Vec<(Spanned<u32>, u16)> = Vec::new();
    let mut at = 0;
    for part in list.as_str().split('/') {
        let word = list.slice(at, at + part.len());
        at += part.len() + 1;
        let (id, weight) = part.split_once(',').unwrap_or((part, "1"));
        let id = number(id).and_then(|id| u32::try_from(id).ok());
        let (Some(id @ 1..), Some(weight @ 1..=256)) = (id, number(weight)) else {
            return Err(not(&word, "the number of a nexthop object, with `,WEIGHT` or without"));
        };
        if members.iter().any(|(other, _)| other.value == id) {
            return Err(Diagnostic::error(Code::BadValue, format!("{id} is twice in one group"))
                .at(word.span, "this one")
                .note("the kernel answers EINVAL: \"Nexthop id is used twice in group\"")
                .help(format!("a member that gets more has a weight: `{id},2`")));
        }
        members.push((Spanned::new(id, word.span), weight as u16));
    }
    Ok(members)
}

fn of_resilient(word: &Text) -> Diagnostic {
    Diagnostic::error(Code::BadValue, format!("`{word}` is for resilient groups"))
        .at(word.span, "no `type resilient` stands before it")
}

/// What stands behind `type`.
#[derive(Clone, Copy)]
enum Kind {
    Mpath,
    Resilient(Resilient),
}

impl Kind {
    fn parse(words: &mut Words<'_>, after: &Text) -> Result<Self, Diagnostic> {
        let name = words.expect("`mpath` or `resilient`", after)?;
        let is_resilient = match name.as_str() {
            "mpath" => false,
            "resilient" => true,
            _ => return Err(not(&name, "`mpath` or `resilient`")),
        };
        let mut told = Resilient::default();
        while let Some(word) = words.peek() {
            let name = word.as_str();
            if !matches!(name, "buckets" | "idle_timer" | "unbalanced_timer") {
                break;
            }
            if !is_resilient {
                return Err(of_resilient(&word));
            }
            words.next();
            match name {
                "buckets" => {
                    told.buckets = match words.number("a number from 1 to 65535", &word)? {
                        0 => return Err(not(&word, "followed by a number from 1 to 65535")),
                        buckets => buckets,
                    };
                }
                "idle_timer" => told.idle = seconds(words, &word)?,
                _ => told.unbalanced = seconds(words, &word)?,
            }
        }
        Ok(if is_resilient { Self::Resilient(told) } else { Self::Mpath })
    }
}

/// A time in seconds, of which the kernel counts hundredths in 32 bits.
fn seconds(words: &mut Words<'_>, after: &Text) -> Result<u32, Diagnostic> {
    let word = words.expect("seconds", after)?;
    match number(word.as_str()) {
        Some(value) if value < u64::from(u32::MAX / 100) => Ok(value as u32),
        _ => Err(not(&word, "whole seconds")),
    }
}

impl fmt::Display for NexthopObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match &self.leads {
            Leads::Way { v4, way } => !v4 && way.via.is_none(),
            Leads::Blackhole { v4 } => !v4,
            Leads::Group { .. } => false,
        };
        if mark {
            f.write_str("-6 ")?;
        }
        write!(f, "id {}", self.id)?;
        match &self.leads {
            Leads::Way { v4, way } => way.print(f, *v4)?,
            Leads::Blackhole { .. } => f.write_str(" blackhole")?,
            Leads::Group { members, resilient } => {
                let members: Vec<String> = members
                    .iter()
                    .map(|(id, weight)| match weight {
                        1 => id.to_string(),
                        weight => format!("{id},{weight}"),
                    })
                    .collect();
                write!(f, " group {}", members.join("/"))?;
                if let Some(Resilient { buckets, idle, unbalanced }) = resilient {
                    write!(
                        f,
                        " type resilient buckets {buckets} idle_timer {idle} unbalanced_timer {unbalanced}"
                    )?;
                }
            }
        }
        match self.protocol {
            Some(protocol) => write!(f, " proto {protocol}"),
            None => Ok(()),
        }
    }
}
