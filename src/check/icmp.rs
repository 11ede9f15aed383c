//! ICMP messages of both families, as far as probes meet them.

use super::mark::{Data, Mark, Signature, Token};
use super::message::{Message, Version};
use crate::compile::{Rejection, RejectionKind};
use std::fmt;
use std::net::IpAddr;

/// What an ICMP error says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct IcmpError {
    version: Version,
    /// Its type.
    pub(super) kind: u8,
    /// Its code.
    pub(super) code: u8,
    /// The size in bytes that would have fitted, where it says so.
    pub(super) mtu: Option<u32>,
}

impl IcmpError {
    /// What a check calls it.
    pub(super) fn name(&self) -> Option<RejectionKind> {
        match self.version {
            Version::V4 => RejectionKind::of_ipv4(self.kind, self.code),
            Version::V6 => RejectionKind::of_ipv6(self.kind, self.code),
        }
    }

    /// Whether it is the one that a check waits for.
    pub(super) fn is(&self, from: IpAddr, wanted: &Rejection) -> bool {
        self.name() == Some(wanted.kind)
            && wanted.by.is_none_or(|by| by == from)
            && wanted.mtu.is_none_or(|mtu| self.mtu == Some(mtu))
    }
}

/// An echo request with its checksum; that of ICMPv6, which covers the addresses, is left to the
/// kernel.
pub(super) fn request(version: Version, token: Token, mark: Mark, size: usize) -> Vec<u8> {
    let mut bytes = match version {
        Version::V4 => vec![8, 0, 0, 0],
        Version::V6 => vec![128, 0, 0, 0],
    };
    bytes.extend(token.echo(mark, size));
    if version == Version::V4 {
        let sum = checksum(&bytes);
        bytes[2..4].copy_from_slice(&sum.to_be_bytes());
    }
    bytes
}

/// Reads an ICMP message; nothing where it is about no probe of this run.
pub(super) fn parse(signature: &Signature, version: Version, bytes: &[u8]) -> Option<Message> {
    let (&[kind, code, ..], rest) = bytes.split_first_chunk::<4>()?;
    let (between, behind) = rest.split_first_chunk::<4>()?;
    let echo = || Some(signature.token.read(behind)?.0);
    match (version, kind) {
        (Version::V4, 8) | (Version::V6, 128) => Some(Message::Request(echo()?)),
        (Version::V4, 0) | (Version::V6, 129) => Some(Message::Reply(echo()?)),
        (Version::V4, 3 | 11 | 12) | (Version::V6, 1..=4) => {
            let mark = quoted_mark(signature, version, behind)?;
            let mtu = match (version, kind, code) {
                (Version::V4, 3, 4) => {
                    Some(u32::from(u16::from_be_bytes([between[2], between[3]])))
                }
                (Version::V6, 2, _) => Some(u32::from_be_bytes(*between)),
                _ => None,
            };
            Some(Message::Error { error: IcmpError { version, kind, code, mtu }, mark })
        }
        _ => None,
    }
}

/// The mark of the packet that an error quotes, if that is a probe and not an answer.
fn quoted_mark(signature: &Signature, version: Version, quoted: &[u8]) -> Option<Mark> {
    let (protocol, inner) = match version {
        Version::V4 => {
            let header = usize::from(quoted.first()? & 0xf) * 4;
            (*quoted.get(9)?, quoted.get(header..)?)
        }
        Version::V6 => match *quoted.get(6)? {
            // The first part of a packet in several has one header more.
            44 => (*quoted.get(40)?, quoted.get(48..)?),
            protocol => (protocol, quoted.get(40..)?),
        },
    };
    if protocol == 6 {
        let (&[a, b, c, d], _) = inner.split_first_chunk::<4>()?;
        return signature.connection(u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    }
    let is_probe = match (version, protocol) {
        (Version::V4, 1) => *inner.first()? == 8,
        (Version::V6, 58) => *inner.first()? == 128,
        (_, 17) => true,
        _ => false,
    };
    let (mark, data) = signature.token.read(inner.get(8..)?)?;
    (is_probe && data != Data::Reply).then_some(mark)
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
        match (self.name(), self.mtu) {
            (Some(name), Some(mtu)) => write!(f, "{name} mtu {mtu}")?,
            (Some(name), None) => write!(f, "{name}")?,
            (None, _) => f.write_str("an error without a name")?,
        }
        write!(f, " (ICMP type {}, code {})", self.kind, self.code)
    }
}
