//! A check as it is written.

use super::{Answerer, Arrival, Expect, Hop, Protocol, Sends, Spread};
use crate::diagnostic::{Code, Diagnostic, Text};
use crate::iproute::print_labels;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// A line of `checks`, its names not looked up yet. What it prints is read as the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Who sends.
    pub from: Place,
    /// To whom.
    pub to: Goal,
    /// What is sent.
    pub sends: Sends,
    /// What must become of it.
    pub expect: Expect<Text>,
}

/// Whether a probe must arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrow {
    /// `->`: it must.
    Reaches,
    /// `!>`: it must not.
    Misses,
}

/// `node`, or `node%vrf`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The node.
    pub node: Text,
    /// A VRF of it.
    pub vrf: Option<Text>,
}

/// What stands behind the arrow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Goal {
    /// A node, at one of its addresses.
    Place(Place),
    /// An address, whoever has it.
    Address(IpAddr),
    /// `fe80::b%eth0`: a link-local address on the link of an interface of the sender.
    OnLink {
        /// The address.
        address: Ipv6Addr,
        /// The interface.
        interface: Text,
    },
}

impl Place {
    /// Reads one.
    pub(super) fn read(word: &Text) -> Self {
        match word.as_str().find('%') {
            Some(at) => {
                Self { node: word.slice(0, at), vrf: Some(word.slice(at + 1, word.as_str().len())) }
            }
            None => Self { node: word.clone(), vrf: None },
        }
    }
}

impl Goal {
    /// Reads one. What stands before a `%` is an address or the name of a node, which has no `:`.
    pub(super) fn read(word: &Text) -> Result<Self, Diagnostic> {
        if let Ok(address) = word.as_str().parse() {
            return Ok(Self::Address(address));
        }
        let Some((address, _)) = word.as_str().split_once('%') else {
            return Ok(Self::Place(Place::read(word)));
        };
        let interface = word.slice(address.len() + 1, word.as_str().len());
        match address.parse() {
            Err(_) => Ok(Self::Place(Place::read(word))),
            Ok(IpAddr::V6(address)) if address.is_unicast_link_local() => {
                Ok(Self::OnLink { address, interface })
            }
            Ok(other) => Err(Diagnostic::error(
                Code::BadCheck,
                format!("{other} is not a link-local address, so no interface can follow it"),
            )
            .at(interface.span, "")
            .help(format!("`{other}`; a VRF follows the sender: `pe1%blue -> {other}`"))),
        }
    }
}

impl fmt::Display for Arrow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Arrow::Reaches => "->",
            Arrow::Misses => "!>",
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.vrf {
            Some(vrf) => write!(f, "{}%{vrf}", self.node),
            None => write!(f, "{}", self.node),
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Goal::Place(place) => place.fmt(f),
            Goal::Address(address) => address.fmt(f),
            Goal::OnLink { address, interface } => write!(f, "{address}%{interface}"),
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}{}", self.from, self.expect.arrow(), self.to, self.sends)?;
        match &self.expect {
            Expect::Arrives(arrival) => arrival.fmt(f),
            Expect::Spreads(spread) => spread.fmt(f),
            Expect::Lost => Ok(()),
            Expect::Rejected(rejection) => write!(f, " error {rejection}"),
        }
    }
}

/// Each word with a space before it.
impl fmt::Display for Sends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.protocol {
            Protocol::Echo => {}
            Protocol::Tcp(port) => write!(f, " tcp {port}")?,
            Protocol::Udp(port) => write!(f, " udp {port}")?,
        }
        option(f, "sport", self.sport)?;
        option(f, "data", self.transfer)?;
        if self.opened {
            f.write_str(" opened")?;
        }
        option(f, "size", self.size)?;
        if self.df {
            f.write_str(" df")?;
        }
        option(f, "hops", self.hops)?;
        option(f, "from", self.from)?;
        if let Some(service) = self.service() {
            write!(f, " {service}")?;
        }
        if self.mark != 0 {
            write!(f, " mark {:#x}", self.mark)?;
        }
        option(f, "count", self.count)
    }
}

/// Each word with a space before it.
impl<Name: fmt::Display> fmt::Display for Arrival<Name> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.answerer {
            Answerer::Anyone => {}
            Answerer::Server => f.write_str(" served")?,
            Answerer::Refusal => f.write_str(" refused")?,
        }
        if self.unique {
            f.write_str(" unique")?;
        }
        option(f, "ttl", self.ttl)?;
        option(f, "rtt", self.rtt)?;
        option(f, "loss", self.loss)?;
        for (word, hops) in [("via", &self.via), ("back via", &self.back)] {
            if let Some(hops) = hops {
                write!(f, " {word}")?;
                hops.iter().try_for_each(|hop| write!(f, " {hop}"))?;
            }
        }
        Ok(())
    }
}

/// Each word with a space before it.
impl<Name: fmt::Display> fmt::Display for Spread<Name> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        option(f, "from", self.sources)?;
        f.write_str(" spread")?;
        self.shares.iter().try_for_each(|share| match share.weight {
            1 => write!(f, " {}", share.node),
            weight => write!(f, " {} weight {weight}", share.node),
        })
    }
}

impl<Name: fmt::Display> fmt::Display for Hop<Name> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.labels {
            Some(labels) => write!(f, "{}[{}]", self.node, print_labels(labels)),
            None => write!(f, "{}", self.node),
        }
    }
}

fn option(f: &mut fmt::Formatter<'_>, word: &str, value: Option<impl fmt::Display>) -> fmt::Result {
    match value {
        Some(value) => write!(f, " {word} {value}"),
        None => Ok(()),
    }
}
