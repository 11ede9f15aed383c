//! The ICMP errors that a check can wait for.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// An ICMP error that must come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// Which.
    pub kind: RejectionKind,
    /// `mtu`: the size in bytes that would have fitted, as the error says it.
    pub mtu: Option<u32>,
    /// `by`: who sends it.
    pub by: Option<IpAddr>,
}

/// A kind of ICMP error, by one name for both families (RFC 792, RFC 1812, RFC 4443).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RejectionKind {
    /// The time to live, or hop limit, ran out.
    TimeExceeded,
    /// There is no route.
    NetUnreachable,
    /// Nobody answers for the address, or a route says so.
    HostUnreachable,
    /// Nobody knows the protocol there.
    ProtocolUnreachable,
    /// Nobody listens on the port.
    PortUnreachable,
    /// The packet does not fit the next link and may not be fragmented.
    FragNeeded,
    /// A filter or a route forbids it.
    Prohibited,
}

impl RejectionKind {
    /// Every word with what it stands for; where there are two, the first is printed.
    pub const WORDS: &'static [(&'static str, RejectionKind)] = &[
        ("time-exceeded", RejectionKind::TimeExceeded),
        ("net-unreachable", RejectionKind::NetUnreachable),
        ("host-unreachable", RejectionKind::HostUnreachable),
        ("protocol-unreachable", RejectionKind::ProtocolUnreachable),
        ("port-unreachable", RejectionKind::PortUnreachable),
        ("frag-needed", RejectionKind::FragNeeded),
        ("packet-too-big", RejectionKind::FragNeeded),
        ("prohibited", RejectionKind::Prohibited),
    ];

    /// What an ICMP message of IPv4 says.
    pub fn of_ipv4(kind: u8, code: u8) -> Option<Self> {
        Some(match (kind, code) {
            (11, 0) => Self::TimeExceeded,
            (3, 0 | 6 | 11) => Self::NetUnreachable,
            (3, 1 | 7 | 12) => Self::HostUnreachable,
            (3, 2) => Self::ProtocolUnreachable,
            (3, 3) => Self::PortUnreachable,
            (3, 4) => Self::FragNeeded,
            (3, 9 | 10 | 13) => Self::Prohibited,
            _ => return None,
        })
    }

    /// What an ICMP message of IPv6 says. An `unreachable` route says there that there is none.
    pub fn of_ipv6(kind: u8, code: u8) -> Option<Self> {
        Some(match (kind, code) {
            (3, 0) => Self::TimeExceeded,
            (1, 0) => Self::NetUnreachable,
            (1, 3) => Self::HostUnreachable,
            (4, 1) => Self::ProtocolUnreachable,
            (1, 4) => Self::PortUnreachable,
            (2, _) => Self::FragNeeded,
            (1, 1 | 5 | 6) => Self::Prohibited,
            _ => return None,
        })
    }
}

impl FromStr for RejectionKind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::WORDS.iter().find(|(word, _)| *word == text).map(|(_, kind)| *kind).ok_or(())
    }
}

impl fmt::Display for RejectionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Self::WORDS.iter().find(|(_, kind)| kind == self);
        f.write_str(word.expect("every kind has a word").0)
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        if let Some(mtu) = self.mtu {
            write!(f, " mtu {mtu}")?;
        }
        match self.by {
            Some(by) => write!(f, " by {by}"),
            None => Ok(()),
        }
    }
}
