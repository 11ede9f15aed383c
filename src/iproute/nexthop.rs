//! One way on of a route: what follows `nexthop`, and most of what follows `ip nexthop add`.

use super::address::address;
use super::encap::Encap;
use super::seg6::{Seg6, Seg6Mode};
use super::table::Table;
use super::words::{Known, Words, full, names, not, number, refused, twice, unknown};
use crate::diagnostic::{Code, Diagnostic, Spanned, Text};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;

/// One way on for a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nexthop {
    /// The next router, of either family.
    pub via: Option<Spanned<IpAddr>>,
    /// The device it leaves through.
    pub dev: Option<Text>,
    /// How many of the flows go this way, 1 to 256, relative to the others' weights.
    pub weight: Option<u16>,
    /// Whether the gateway counts as reachable though no connected subnet holds it.
    pub onlink: bool,
    /// What the packet is put into.
    pub encap: Option<Encap<Text, Table>>,
    /// The realms of packets that go this way. IPv4 only.
    pub realms: Option<Realms>,
}

/// Where packets come from and go to, in numbers of the administrator's own that `tc` filters and
/// rules know: the source's in the upper half, the destination's in the lower.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Realms {
    /// That of the source; 0 is none.
    pub source: u16,
    /// That of the destination; 0 is none.
    pub destination: u16,
}

impl Realms {
    /// Reads `3` or `1/3`; none of both says nothing.
    pub(super) fn parse(word: &Text) -> Result<Option<Self>, Diagnostic> {
        let realm = |text: &str| match text {
            "cosmos" => Some(0),
            text => u16::try_from(number(text)?).ok(),
        };
        // A lone number may be both, the source's in its upper half.
        let both = number(word.as_str()).and_then(|it| u32::try_from(it).ok());
        let realms = match (both, word.as_str().split_once('/')) {
            (Some(both), _) => (Some((both >> 16) as u16), Some(both as u16)),
            (None, Some((source, destination))) => (realm(source), realm(destination)),
            (None, None) => (Some(0), realm(word.as_str())),
        };
        match realms {
            (Some(0), Some(0)) => Ok(None),
            (Some(source), Some(destination)) => Ok(Some(Self { source, destination })),
            _ => Err(not(word, "a realm from 0 to 65535, or two as in 1/3")),
        }
    }
}

impl fmt::Display for Realms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.source {
            0 => write!(f, "realms {}", self.destination),
            source => write!(f, "realms {source}/{}", self.destination),
        }
    }
}

const WORDS: &[Known] = &[
    ("via", false),
    ("dev", false),
    ("weight", false),
    ("onlink", false),
    ("realms", true),
    ("encap", false),
];

impl Nexthop {
    pub(super) fn empty() -> Self {
        Self { via: None, dev: None, weight: None, onlink: false, encap: None, realms: None }
    }

    pub(super) fn parse(words: &mut Words<'_>) -> Result<Self, Diagnostic> {
        let mut nexthop = Self::empty();
        while let Some(word) = words.peek() {
            if word.as_str() == "nexthop" {
                break;
            }
            words.next();
            let known = full(&word, WORDS);
            if !nexthop.word(known.unwrap_or_default(), &word, words)? {
                let mut known = names(WORDS);
                known.push("nexthop");
                return Err(unknown(&word, &known));
            }
        }
        Ok(nexthop)
    }

    /// Takes what belongs to a way on, from its full word on; false for a word that does not.
    pub(super) fn word(
        &mut self,
        full: &str,
        word: &Text,
        words: &mut Words<'_>,
    ) -> Result<bool, Diagnostic> {
        let again = match full {
            "via" => self.via.is_some(),
            "dev" | "oif" => self.dev.is_some(),
            "encap" => self.encap.is_some(),
            _ => false,
        };
        if again {
            return Err(twice(word).help("each of several nexthops follows the word `nexthop`"));
        }
        match full {
            "via" => self.via = Some(gateway(word, words)?),
            "dev" | "oif" => self.dev = Some(words.expect("an interface", word)?),
            "onlink" => self.onlink = true,
            "realms" => self.realms = Realms::parse(&words.expect("a realm", word)?)?,
            "weight" => {
                let weight = words.expect("a weight", word)?;
                self.weight = match number(weight.as_str()) {
                    Some(number @ 1..=256) => Some(number as u16),
                    _ => return Err(not(&weight, "a weight from 1 to 256")),
                };
            }
            "encap" => self.encap = Some(Encap::parse(words, word)?),
            "as" => return Err(refused(word, "labels are swapped by what stands below `mpls`")),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Refuses what the kernel does not take of a way on for a family.
    pub(super) fn fit(&self, v4: bool, text: &Text) -> Result<(), Diagnostic> {
        let wrong = |what: &str| Diagnostic::error(Code::BadValue, what).at(text.span, "this one");
        if self.onlink && self.via.is_none() && v4 {
            return Err(wrong("only a gateway can be on the link")
                .note("the kernel answers EINVAL: \"Invalid flags for nexthop\"")
                .help("leave out `onlink`"));
        }
        if self.realms.is_some() && !v4 {
            return Err(
                wrong("an IPv6 route has no realms").note("the kernel has them for IPv4 only")
            );
        }
        match self.encap.as_ref().filter(|_| v4) {
            Some(Encap::Seg6(Seg6 { mode: Seg6Mode::Inline, .. })) => {
                return Err(wrong("an IPv4 packet has no header that segments fit in")
                    .help("`mode encap` puts an IPv6 header with the segments before it"));
            }
            Some(Encap::Seg6local(_)) => {
                return Err(wrong("a segment is an IPv6 address")
                    .note("the kernel has such routes for IPv6 only")
                    .help(
                        "before a nexthop object without a gateway, `-6` says that it is for IPv6",
                    ));
            }
            Some(Encap::Mpls { .. } | Encap::Seg6(_) | Encap::Ip(_) | Encap::Ip6(_)) | None => {}
        }
        let unspecified = |via: &Spanned<IpAddr>| via.value.is_unspecified();
        if self.via.as_ref().is_some_and(unspecified) {
            return Err(wrong("the address of nobody is no gateway").help("leave out `via`"));
        }
        if self.via.is_some_and(|via| via.value.is_ipv6() && via.value.is_multicast()) {
            return Err(wrong("a group of nodes is no gateway")
                .note("the kernel answers EINVAL: \"Invalid gateway address\""));
        }
        Ok(())
    }

    /// Whether it is a device, and says nothing of where packets go from there.
    pub(super) fn is_device(&self) -> bool {
        *self == Self { dev: self.dev.clone(), realms: self.realms, ..Self::empty() }
    }

    pub(super) fn print(&self, f: &mut fmt::Formatter<'_>, v4: bool) -> fmt::Result {
        if let Some(encap) = &self.encap {
            write!(f, " encap {encap}")?;
        }
        if let Some(via) = self.via {
            let family = if v4 && !via.value.is_ipv4() { "inet6 " } else { "" };
            write!(f, " via {family}{via}")?;
        }
        if let Some(dev) = &self.dev {
            write!(f, " dev {dev}")?;
        }
        if let Some(weight) = self.weight {
            write!(f, " weight {weight}")?;
        }
        if self.onlink {
            write!(f, " onlink")?;
        }
        match self.realms {
            Some(realms) => write!(f, " {realms}"),
            None => Ok(()),
        }
    }
}

/// A gateway, with or without the name of its family before it.
pub(super) fn gateway(after: &Text, words: &mut Words<'_>) -> Result<Spanned<IpAddr>, Diagnostic> {
    let families = ["inet", "inet6", "mpls", "bridge", "link"];
    let family = words.peek().filter(|word| families.contains(&word.as_str()));
    let Some(family) = family else {
        let word = words.expect("an address", after)?;
        return Ok(Spanned::new(address(&word)?, word.span));
    };
    words.next();
    let word = words.expect("an address", &family)?;
    let v4 = match family.as_str() {
        "inet" => true,
        "inet6" => false,
        _ => return Err(refused(&family, "a gateway is said by its IP address")),
    };
    match address(&word)? {
        parsed if parsed.is_ipv4() == v4 => Ok(Spanned::new(parsed, word.span)),
        _ => Err(not(&word, &format!("an {family} address"))),
    }
}
