//! One way on of a route: what follows `nexthop`, and most of what follows `ip nexthop add`.

use super::encap::Encap;
use super::words::{Words, not, unknown};
use crate::diagnostic::{Diagnostic, Spanned, Text};
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
    pub encap: Option<Encap>,
}

impl Nexthop {
    pub(super) fn empty() -> Self {
        Self { via: None, dev: None, weight: None, onlink: false, encap: None }
    }

    pub(super) fn parse(words: &mut Words<'_>) -> Result<Self, Diagnostic> {
        let mut nexthop = Self::empty();
        while let Some(word) = words.peek() {
            if word.as_str() == "nexthop" {
                break;
            }
            words.next();
            if !nexthop.word(&word, words)? {
                return Err(unknown(
                    &word,
                    &["via", "dev", "weight", "onlink", "encap", "nexthop"],
                ));
            }
        }
        Ok(nexthop)
    }

    /// Takes what belongs to a way on; false for a word that does not.
    pub(super) fn word(&mut self, word: &Text, words: &mut Words<'_>) -> Result<bool, Diagnostic> {
        match word.as_str() {
            "via" => self.via = Some(gateway(word, words)?),
            "dev" => self.dev = Some(words.expect("an interface", word)?),
            "onlink" => self.onlink = true,
            "weight" => {
                let weight = words.expect("a weight", word)?;
                self.weight = match weight.as_str().parse() {
                    Ok(number @ 1..=256) => Some(number),
                    _ => return Err(not(&weight, "a weight from 1 to 256")),
                };
            }
            "encap" => self.encap = Some(Encap::parse(words, word)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Whether it is a device and nothing more.
    pub(super) fn is_device(&self) -> bool {
        *self == Self { dev: self.dev.clone(), ..Self::empty() }
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
        Ok(())
    }
}

/// A gateway, with or without the name of its family before it.
pub(super) fn gateway(after: &Text, words: &mut Words<'_>) -> Result<Spanned<IpAddr>, Diagnostic> {
    let family = words.peek().filter(|word| matches!(word.as_str(), "inet" | "inet6"));
    if family.is_some() {
        words.next();
    }
    let address = words.expect("an address", family.as_ref().unwrap_or(after))?;
    let parsed: IpAddr = address.as_str().parse().map_err(|_| not(&address, "an address"))?;
    match family {
        Some(family) if parsed.is_ipv4() != (family.as_str() == "inet") => {
            Err(not(&address, &format!("an {family} address")))
        }
        Some(_) | None => Ok(Spanned::new(parsed, address.span)),
    }
}
