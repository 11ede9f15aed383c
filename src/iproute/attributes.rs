//! What a route says beside where packets go: its kind of service, who made it, how far it reaches,
//! how much it is preferred, and what TCP and path MTU discovery are told.

use super::metric::{Metric, Value};
use super::words::{Words, not, number, type_of_service};
use crate::diagnostic::{Code, Diagnostic, Text};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// What a route says of itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Attributes {
    /// The type of service of the packets that it is for; all where nothing is said. IPv4 only.
    pub tos: Option<u8>,
    /// Who put it there.
    pub protocol: Option<Protocol>,
    /// How far its destinations are, where that is not what its gateway says. IPv4 only.
    pub scope: Option<Scope>,
    /// How much routers prefer it (RFC 4191), where that is not as much as others. IPv6 only.
    pub preference: Option<Preference>,
    /// What TCP and path MTU discovery are told by it.
    pub metrics: BTreeMap<Metric, Value>,
    /// How TCP controls congestion on it.
    pub congestion: Option<Congestion>,
}

/// How much a route is preferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Preference {
    /// Less than others.
    Low,
    /// More than others.
    High,
}

/// An algorithm of TCP's that the kernel has by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Congestion {
    /// Its name.
    pub name: String,
    /// Whether programs may not choose another.
    pub locked: bool,
}

/// The most bytes that the name of such an algorithm has.
const CONGESTION_NAME: usize = 15;

/// Who put a route there, where that is not the default, `static`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Protocol(u8);

/// The number of `proto static`.
const STATIC: u8 = 4;

/// The names that iproute2 has for those who put routes there.
const PROTOCOLS: &[(&str, u8)] = &[
    ("gated", 8),
    ("ra", 9),
    ("mrt", 10),
    ("zebra", 11),
    ("bird", 12),
    ("dnrouted", 13),
    ("xorp", 14),
    ("ntk", 15),
    ("dhcp", 16),
    ("keepalived", 18),
    ("babel", 42),
    ("openr", 99),
    ("bgp", 186),
    ("isis", 187),
    ("ospf", 188),
    ("rip", 189),
    ("eigrp", 192),
];

impl Protocol {
    /// That of routes which the kernel makes by itself.
    pub const KERNEL: Self = Self(2);

    /// The protocol of this number, unless it is one of the kernel's own or the default.
    pub fn new(number: u8) -> Option<Self> {
        (number > STATIC).then_some(Self(number))
    }

    /// Its number.
    pub fn number(self) -> u8 {
        self.0
    }

    /// The protocol of a word; `None` is the default.
    pub(super) fn parse(word: &Text) -> Result<Option<Self>, Diagnostic> {
        let named = PROTOCOLS.iter().find(|(name, _)| *name == word.as_str()).map(|(_, it)| *it);
        let number = match word.as_str() {
            "static" => Some(STATIC),
            text => named.or_else(|| u8::try_from(number(text)?).ok()),
        };
        match number {
            Some(STATIC) => Ok(None),
            Some(number) if number > STATIC => Ok(Some(Self(number))),
            None if !matches!(word.as_str(), "none" | "kernel" | "boot" | "redirect") => {
                Err(not(word, "a protocol such as `static`, `bgp` or 200"))
            }
            Some(_) | None => Err(not(word, "a protocol that a lab's route can have")
                .note("`none`, `redirect`, `kernel` and `boot`, 0 to 3, mark what the kernel or a passing hand put there")),
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match PROTOCOLS.iter().find(|(_, number)| *number == self.0) {
            Some((name, _)) => f.write_str(name),
            None if *self == Self::KERNEL => f.write_str("kernel"),
            None => self.0.fmt(f),
        }
    }
}

/// How far the destinations of a route are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Scope {
    /// Behind a router.
    Global,
    /// Inside this site.
    Site,
    /// On the link.
    Link,
    /// In this node.
    Host,
}

impl Scope {
    const ALL: [Scope; 4] = [Self::Global, Self::Site, Self::Link, Self::Host];

    /// The word that iproute2 has for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::Site => "site",
            Self::Link => "link",
            Self::Host => "host",
        }
    }

    /// The kernel's number of it.
    pub fn number(self) -> u8 {
        match self {
            Self::Global => 0,
            Self::Site => 200,
            Self::Link => 253,
            Self::Host => 254,
        }
    }

    fn parse(word: &Text) -> Result<Self, Diagnostic> {
        let is = |scope: &Scope| {
            scope.word() == word.as_str() || number(word.as_str()) == Some(scope.number().into())
        };
        let named = Self::ALL.into_iter().find(is);
        named.ok_or_else(|| not(word, "`global`, `site`, `link` or `host`"))
    }
}

impl Attributes {
    /// Takes what belongs to the attributes, from its full word on; false for a word that does not.
    pub(super) fn word(
        &mut self,
        full: &str,
        word: &Text,
        words: &mut Words<'_>,
    ) -> Result<bool, Diagnostic> {
        match full {
            "tos" | "dsfield" => {
                let value = words.expect("a type of service", word)?;
                let number = type_of_service(&value)?;
                if number & 3 != 0 {
                    return Err(not(&value, "a type of service that a route can have").note(
                        "the two lowest bits are those of ECN, by which no route is chosen",
                    ));
                }
                self.tos = Some(number).filter(|number| *number != 0);
            }
            "protocol" => self.protocol = Protocol::parse(&words.expect("a protocol", word)?)?,
            "scope" => self.scope = Some(Scope::parse(&words.expect("a scope", word)?)?),
            "pref" => {
                let value = words.expect("a preference", word)?;
                self.preference = match value.as_str() {
                    "low" => Some(Preference::Low),
                    "medium" => None,
                    "high" => Some(Preference::High),
                    _ => return Err(not(&value, "`low`, `medium` or `high`")),
                };
            }
            "congctl" => {
                let locked = words.take("lock");
                let name = words.expect("the name of an algorithm", word)?;
                if name.as_str().len() > CONGESTION_NAME {
                    return Err(not(&name, "the name of an algorithm such as `cubic`"));
                }
                self.congestion = Some(Congestion { name: name.value, locked });
            }
            text => {
                let known = Metric::ALL.into_iter().find(|metric| metric.word() == text);
                let Some(metric) = known else { return Ok(false) };
                let value = metric.value(word, words)?;
                self.metrics.extend(value.map(|value| (metric, value)));
            }
        }
        Ok(true)
    }

    /// Refuses what only the other family has.
    pub(super) fn fit(&self, v4: bool, text: &Text) -> Result<(), Diagnostic> {
        let only = match (v4, self.tos, self.scope, self.preference) {
            (false, Some(_), _, _) => "tos",
            (false, None, Some(_), _) => "scope",
            (true, _, _, Some(_)) => "pref",
            (true, _, _, None) | (false, None, None, _) => return Ok(()),
        };
        let (here, there) = if v4 { ("IPv4", "IPv6") } else { ("IPv6", "IPv4") };
        Err(Diagnostic::error(Code::BadValue, format!("an {here} route has no `{only}`"))
            .at(text.span, "this route")
            .note(format!("the kernel has it for {there} only")))
    }
}

impl fmt::Display for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(tos) = self.tos {
            write!(f, " tos {tos:#x}")?;
        }
        if let Some(protocol) = self.protocol {
            write!(f, " proto {protocol}")?;
        }
        if let Some(scope) = self.scope {
            write!(f, " scope {}", scope.word())?;
        }
        match self.preference {
            Some(Preference::Low) => f.write_str(" pref low")?,
            Some(Preference::High) => f.write_str(" pref high")?,
            None => {}
        }
        self.metrics.iter().try_for_each(|(metric, value)| metric.print(f, *value))?;
        match &self.congestion {
            Some(Congestion { name, locked: true }) => write!(f, " congctl lock {name}"),
            Some(Congestion { name, locked: false }) => write!(f, " congctl {name}"),
            None => Ok(()),
        }
    }
}
