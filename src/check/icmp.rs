//! ICMP messages of both families, as far as probes meet them.

use super::mark::{Mark, Token};
use std::fmt;
use std::net::IpAddr;

/// An ICMP message about a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Message {
    /// The probe itself: an echo request.
    Request(Mark),
    /// Its answer.
    Reply(Mark),
    /// An error that quotes the probe or its answer.
    Error {
        /// What it says.
        error: IcmpError,
        /// The mark of what it quotes.
        mark: Mark,
    },
}

/// What an ICMP error says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct IcmpError {
    version: Version,
    kind: u8,
    code: u8,
}

/// Which ICMP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Version {
    /// That of IPv4.
    V4,
    /// That of IPv6.
    V6,
}

impl Version {
    /// The one that goes with an address.
    pub(super) fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// An echo request with its checksum; that of ICMPv6, which covers the addresses, is left to the
    /// kernel.
    pub(super) fn request(self, token: Token, mark: Mark) -> Vec<u8> {
        let mut bytes = match self {
            Self::V4 => vec![8, 0, 0, 0],
            Self::V6 => vec![128, 0, 0, 0],
        };
        bytes.extend(token.write(mark));
        if self == Self::V4 {
            let sum = checksum(&bytes);
            bytes[2..4].copy_from_slice(&sum.to_be_bytes());
        }
        bytes
    }
}

impl Message {
    /// Reads an ICMP message; nothing where it is about no probe of this run.
    pub(super) fn parse(token: Token, version: Version, bytes: &[u8]) -> Option<Self> {
        let (&[kind, code, ..], rest) = bytes.split_first_chunk::<4>()?;
        match (version, kind) {
            (Version::V4, 8) | (Version::V6, 128) => Some(Self::Request(token.read(rest)?)),
            (Version::V4, 0) | (Version::V6, 129) => Some(Self::Reply(token.read(rest)?)),
            (Version::V4, 3 | 11 | 12) | (Version::V6, 1..=4) => {
                let (_, quoted) = rest.split_first_chunk::<4>()?;
                let mark = quoted_mark(token, version, quoted)?;
                Some(Self::Error { error: IcmpError { version, kind, code }, mark })
            }
            _ => None,
        }
    }
}

/// The mark of the packet that an error quotes.
fn quoted_mark(token: Token, version: Version, quoted: &[u8]) -> Option<Mark> {
    let message = match version {
        Version::V4 => {
            let header = usize::from(quoted.first()? & 0xf) * 4;
            (*quoted.get(9)? == 1).then_some(quoted.get(header..)?)?
        }
        Version::V6 => (*quoted.get(6)? == 58).then_some(quoted.get(40..)?)?,
    };
    let (&[kind, ..], rest) = message.split_first_chunk::<4>()?;
    matches!((version, kind), (Version::V4, 0 | 8) | (Version::V6, 128 | 129))
        .then_some(token.read(rest)?)
}

/// The checksum of RFC 1071.
fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = bytes
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |&low| u32::from(low)))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

impl fmt::Display for IcmpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match (self.version, self.kind, self.code) {
            (Version::V4, 3, 0) => "network unreachable",
            (Version::V4, 3, 1) | (Version::V6, 1, 3) => "host unreachable",
            (Version::V4, 3, 4) | (Version::V6, 2, _) => "packet too big",
            (Version::V4, 3, 9 | 10 | 13) | (Version::V6, 1, 1) => "administratively prohibited",
            (Version::V6, 1, 0) => "no route to destination",
            (Version::V6, 1, 6) => "reject route to destination",
            (Version::V4, 3, _) | (Version::V6, 1, _) => "destination unreachable",
            (Version::V4, 11, _) | (Version::V6, 3, _) => "time exceeded",
            _ => "parameter problem",
        };
        write!(f, "{text} (ICMP type {}, code {})", self.kind, self.code)
    }
}
