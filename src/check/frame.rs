//! Frames from their network header on: labels, IP header, what it holds.

use super::mark::Signature;
use super::message::{Message, Version};
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
    pub(super) fn parse(signature: &Signature, protocol: u16, bytes: &[u8]) -> Option<Self> {
        match protocol {
            IPV4 => ipv4(signature, bytes),
            IPV6 => ipv6(signature, bytes),
            MPLS => labelled(signature, bytes),
            _ => None,
        }
    }

    /// Reads an IPv4 packet.
    pub(super) fn parse_ipv4(signature: &Signature, bytes: &[u8]) -> Option<Self> {
        ipv4(signature, bytes)
    }
}

fn labelled(signature: &Signature, mut bytes: &[u8]) -> Option<Packet> {
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
        4 => ipv4(signature, bytes)?,
        6 => ipv6(signature, bytes)?,
        _ => return None,
    };
    Some(Packet { labels, ttl: outermost?, ..inner })
}

fn ipv4(signature: &Signature, bytes: &[u8]) -> Option<Packet> {
    let header = bytes.first_chunk::<20>()?;
    let length = usize::from(header[0] & 0xf) * 4;
    let fragment = u16::from_be_bytes([header[6], header[7]]) & 0x1fff;
    // Of a packet in several parts the first one stands for all.
    if header[0] >> 4 != 4 || length < 20 || fragment != 0 {
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
        message: Message::parse(signature, Version::V4, header[9], bytes.get(length..)?)?,
    })
}

fn ipv6(signature: &Signature, bytes: &[u8]) -> Option<Packet> {
    let (header, rest) = bytes.split_first_chunk::<40>()?;
    if header[0] >> 4 != 6 {
        return None;
    }
    let address = |at: usize| -> Option<IpAddr> {
        Some(Ipv6Addr::from(*bytes.get(at..)?.first_chunk::<16>()?).into())
    };
    let (protocol, rest) = match header[6] {
        44 => {
            let (fragment, rest) = rest.split_first_chunk::<8>()?;
            let is_first = u16::from_be_bytes([fragment[2], fragment[3]]) & 0xfff8 == 0;
            is_first.then_some((fragment[0], rest))?
        }
        protocol => (protocol, rest),
    };
    Some(Packet {
        labels: Vec::new(),
        ttl: header[7],
        source: address(8)?,
        destination: address(24)?,
        message: Message::parse(signature, Version::V6, protocol, rest)?,
    })
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
