//! Frames from their network header on: labels, IP header, ICMP message.

use super::icmp::{Message, Version};
use super::mark::Token;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const MPLS: u16 = 0x8847;

/// A packet that has to do with a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Packet {
    /// The label stack, the outermost first.
    pub(super) labels: Vec<u32>,
    /// The time to live of the outermost header, label or IP.
    pub(super) ttl: u8,
    /// From whom.
    pub(super) source: IpAddr,
    /// To whom.
    pub(super) destination: IpAddr,
    /// What it says.
    pub(super) message: Message,
}

impl Packet {
    /// Reads a frame of this EtherType; nothing where it is about no probe of this run.
    pub(super) fn parse(token: Token, protocol: u16, bytes: &[u8]) -> Option<Self> {
        match protocol {
            IPV4 => ipv4(token, bytes),
            IPV6 => ipv6(token, bytes),
            MPLS => labelled(token, bytes),
            _ => None,
        }
    }

    /// Reads an IPv4 packet.
    pub(super) fn parse_ipv4(token: Token, bytes: &[u8]) -> Option<Self> {
        ipv4(token, bytes)
    }
}

fn labelled(token: Token, mut bytes: &[u8]) -> Option<Packet> {
    let mut labels = Vec::new();
    let mut outermost = None;
    loop {
        let (word, rest) = bytes.split_first_chunk::<4>()?;
        let word = u32::from_be_bytes(*word);
        labels.push(word >> 12);
        let [.., ttl] = word.to_be_bytes();
        outermost.get_or_insert(ttl);
        bytes = rest;
        if word & 0x100 != 0 {
            break;
        }
    }
    // No header says what is below the last label; IP does so itself.
    let inner = match bytes.first()? >> 4 {
        4 => ipv4(token, bytes)?,
        6 => ipv6(token, bytes)?,
        _ => return None,
    };
    Some(Packet { labels, ttl: outermost?, ..inner })
}

fn ipv4(token: Token, bytes: &[u8]) -> Option<Packet> {
    let header = bytes.first_chunk::<20>()?;
    let length = usize::from(header[0] & 0xf) * 4;
    let fragment = u16::from_be_bytes([header[6], header[7]]) & 0x1fff;
    if header[0] >> 4 != 4 || length < 20 || header[9] != 1 || fragment != 0 {
        return None;
    }
    let address = |at: usize| -> Option<IpAddr> {
        Some(Ipv4Addr::from(*bytes.get(at..)?.first_chunk::<4>()?).into())
    };
    Some(Packet {
        labels: Vec::new(),
        ttl: header[8],
        source: address(12)?,
        destination: address(16)?,
        message: Message::parse(token, Version::V4, bytes.get(length..)?)?,
    })
}

fn ipv6(token: Token, bytes: &[u8]) -> Option<Packet> {
    let (header, rest) = bytes.split_first_chunk::<40>()?;
    if header[0] >> 4 != 6 || header[6] != 58 {
        return None;
    }
    let address = |at: usize| -> Option<IpAddr> {
        Some(Ipv6Addr::from(*bytes.get(at..)?.first_chunk::<16>()?).into())
    };
    Some(Packet {
        labels: Vec::new(),
        ttl: header[7],
        source: address(8)?,
        destination: address(24)?,
        message: Message::parse(token, Version::V6, rest)?,
    })
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
