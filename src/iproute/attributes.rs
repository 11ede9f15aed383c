//! What a route says beside where packets go: its kind of service, who made it, how far it reaches,
//! and what TCP and path MTU discovery are to know.

use super::words::{Words, not, type_of_service};
use crate::diagnostic::{Code, Diagnostic, Text};
use std::collections::BTreeMap;
use std::fmt;

/// What a route says of itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Attributes {
    /// The type of service of the packets that it is for; all where nothing is said. IPv4 only.
    pub tos: Option<u8>,
    /// Who put it there.
    pub protocol: Option<Protocol>,
    /// How far its destinations are, where that is not what its gateway says. IPv4 only.
    pub scope: Option<Scope>,
    /// What TCP and path MTU discovery are to know of it.
    pub metrics: BTreeMap<Metric, Value>,
}

/// Who put a route there, where that is not the default, `static`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Protocol(u8);

/// The number of `proto static`.
const STATIC: u8 = 4;

/// The names that iproute2 has for those who put routes there.
const PROTOCOLS: &[(&str, u8)] = &[
    ("ra", 9),
    ("zebra", 11),
    ("bird", 12),
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
            text => named.or_else(|| text.parse().ok()),
        };
        match number {
            Some(STATIC) => Ok(None),
            Some(number) if number > STATIC => Ok(Some(Self(number))),
            None if !matches!(word.as_str(), "kernel" | "boot" | "redirect") => {
                Err(not(word, "a protocol such as `static`, `bgp` or 200"))
            }
            Some(_) | None => Err(not(word, "a protocol that a lab's route can have")
                .note("`redirect`, `kernel` and `boot`, 1 to 3, mark what the kernel or a passing hand put there")),
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match PROTOCOLS.iter().find(|(_, number)| *number == self.0) {
            Some((name, _)) => f.write_str(name),
            None => self.0.fmt(f),
        }
    }
}

/// How far the destinations of a route are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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

    fn parse(word: &Text) -> Result<Self, Diagnostic> {
        let named = Self::ALL.into_iter().find(|scope| scope.word() == word.as_str());
        named.ok_or_else(|| not(word, "`global`, `site`, `link` or `host`"))
    }
}

/// One thing that TCP or path MTU discovery is to know, in the kernel's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// The path's MTU in bytes.
    Mtu,
    /// TCP's window in bytes.
    Window,
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
    /// TCP's first receive window, in segments.
    Initrwnd,
    /// Whether TCP acknowledges at once.
    Quickack,
}

impl Metric {
    /// Every metric there is.
    pub const ALL: [Metric; 10] = [
        Self::Mtu,
        Self::Window,
        Self::Ssthresh,
        Self::Cwnd,
        Self::Advmss,
        Self::Reordering,
        Self::Hoplimit,
        Self::Initcwnd,
        Self::Initrwnd,
        Self::Quickack,
    ];

    /// The word that iproute2 has for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Mtu => "mtu",
            Self::Window => "window",
            Self::Ssthresh => "ssthresh",
            Self::Cwnd => "cwnd",
            Self::Advmss => "advmss",
            Self::Reordering => "reordering",
            Self::Hoplimit => "hoplimit",
            Self::Initcwnd => "initcwnd",
            Self::Initrwnd => "initrwnd",
            Self::Quickack => "quickack",
        }
    }

    /// The highest value that the kernel keeps as it is said; the lowest is 1.
    fn most(self) -> u32 {
        match self {
            Self::Mtu => 65535 - 15,
            Self::Advmss => 65535 - 40,
            Self::Hoplimit => 255,
            Self::Quickack => 1,
            Self::Window
            | Self::Ssthresh
            | Self::Cwnd
            | Self::Reordering
            | Self::Initcwnd
            | Self::Initrwnd => u32::MAX,
        }
    }
}

/// What a metric says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Value {
    /// How much.
    pub number: u32,
    /// Whether the kernel may not change it by what it learns.
    pub locked: bool,
}

impl Attributes {
    /// The words that stand for attributes.
    pub(super) fn words() -> impl Iterator<Item = &'static str> {
        ["tos", "proto", "scope"].into_iter().chain(Metric::ALL.map(Metric::word))
    }

    /// Takes what belongs to the attributes; false for a word that does not.
    pub(super) fn word(&mut self, word: &Text, words: &mut Words<'_>) -> Result<bool, Diagnostic> {
        match word.as_str() {
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
            "proto" | "protocol" => {
                self.protocol = Protocol::parse(&words.expect("a protocol", word)?)?;
            }
            "scope" => self.scope = Some(Scope::parse(&words.expect("a scope", word)?)?),
            text => {
                let known = Metric::ALL.into_iter().find(|metric| metric.word() == text);
                let Some(metric) = known else { return Ok(false) };
                let locked = words.take("lock");
                let value = words.expect("a number", word)?;
                let number = match value.as_str().parse() {
                    Ok(number) if (1..=metric.most()).contains(&number) => number,
                    _ if metric.most() == 1 => return Err(not(&value, "1, or left out")),
                    _ => return Err(not(&value, &format!("a number from 1 to {}", metric.most()))),
                };
                self.metrics.insert(metric, Value { number, locked });
            }
        }
        Ok(true)
    }

    /// Refuses what only IPv4 has in a route of IPv6.
    pub(super) fn fit(&self, v4: bool, text: &Text) -> Result<(), Diagnostic> {
        let only = match (v4, self.tos, self.scope) {
            (false, Some(_), _) => "tos",
            (false, None, Some(_)) => "scope",
            (true, _, _) | (false, None, None) => return Ok(()),
        };
        Err(Diagnostic::error(Code::BadValue, format!("an IPv6 route has no `{only}`"))
            .at(text.span, "this route")
            .note("the kernel has it for IPv4 only"))
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
        for (metric, value) in &self.metrics {
            let lock = if value.locked { " lock" } else { "" };
            write!(f, " {}{lock} {}", metric.word(), value.number)?;
        }
        Ok(())
    }
}
