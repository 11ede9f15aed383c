//! Frames from their network header on: labels, tunnels, IP header, what it holds.

use super::mark::Signature;
use super::message::{Message, Version};
use super::tunnel::{self, ETHERNET, IPV4, IPV6, MPLS, Tunnel};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How many tunnels a probe is followed through, one inside the other.
pub(super) const TUNNELS: usize = 3;
/// How many headers of IPv6 may stand between its own and what the packet holds.
pub(super) const EXTENSIONS: usize = 3;
/// How deep a label stack inside a tunnel may be.
pub(super) const INNER_LABELS: usize = 4;

/// The headers that may stand there.
pub(super) const HOP_BY_HOP: u8 = 0;
pub(super) const ROUTING: u8 = 43;
pub(super) const FRAGMENT: u8 = 44;
pub(super) const DESTINATION: u8 = 60;

/// A packet that has to do with a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Packet {
    /// The tunnels that it is in, the outermost first.
    pub(super) tunnels: Vec<Tunnel>,
    /// The outermost header, where that is a tunnel's.
    pub(super) outer: Option<Outer>,
    /// The label stack around all tunnels, the outermost first.
    pub(super) labels: Vec<u32>,
    /// The time to live of the outermost header inside all tunnels, label or IP.
    pub(super) ttl: u8,
    /// From whom.
    pub(super) source: IpAddr,
    /// To whom.
    pub(super) destination: IpAddr,
    /// What it says.
    pub(super) message: Message,
}

/// The outermost header of a packet in a tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outer {
    /// Its time to live, or that of the label around it.
    pub(super) ttl: u8,
    /// Where the tunnel begins.
    pub(super) source: IpAddr,
    /// Where it leads.
    pub(super) destination: IpAddr,
}

impl Packet {
    /// Reads a frame of this EtherType; nothing where it is about no probe of this run.
    pub(super) fn parse(signature: &Signature, protocol: u16, bytes: &[u8]) -> Option<Self> {
        Walk::new(signature).frame(protocol, bytes)
    }

    /// Reads an IPv4 packet.
    pub(super) fn parse_ipv4(signature: &Signature, bytes: &[u8]) -> Option<Self> {
        Walk::new(signature).ipv4(bytes)
    }

    /// Whether it is as it was sent, or labelled, and in no tunnel.
    pub(super) fn is_plain(&self) -> bool {
        self.tunnels.is_empty()
    }

    /// The time to live of the header that routers look at.
    pub(super) fn outermost_ttl(&self) -> u8 {
        self.outer.map_or(self.ttl, |outer| outer.ttl)
    }
}

/// What was read on the way from the outermost header inwards.
struct Walk<'a> {
    signature: &'a Signature,
    tunnels: Vec<Tunnel>,
    outer: Option<Outer>,
    labels: Vec<u32>,
    ttl: Option<u8>,
}

/// What an IP header says of the packet behind it.
struct Ip {
    version: Version,
    source: IpAddr,
    destination: IpAddr,
    /// Whether a routing header follows it.
    is_routed: bool,
    protocol: u8,
}

impl<'a> Walk<'a> {
    fn new(signature: &'a Signature) -> Self {
        Self { signature, tunnels: Vec::new(), outer: None, labels: Vec::new(), ttl: None }
    }

    fn frame(self, protocol: u16, bytes: &[u8]) -> Option<Packet> {
        match protocol {
            IPV4 => self.ipv4(bytes),
            IPV6 => self.ipv6(bytes),
            MPLS => self.labelled(bytes),
            ETHERNET => {
                let (protocol, bytes) = tunnel::ethernet(bytes)?;
                self.frame(protocol, bytes)
            }
            _ => None,
        }
    }

    fn labelled(mut self, mut bytes: &[u8]) -> Option<Packet> {
        let mut depth = 0;
        loop {
            let (word, rest) = bytes.split_first_chunk::<4>()?;
            let [.., ttl] = *word;
            let word = u32::from_be_bytes(*word);
            self.ttl.get_or_insert(ttl);
            bytes = rest;
            depth += 1;
            if self.tunnels.is_empty() {
                self.labels.push(word >> 12);
            } else if depth > INNER_LABELS {
                return None;
            }
            if word & 0x100 != 0 {
                break;
            }
        }
        // No header says what is below the last label; IP does so itself.
        match bytes.first()? >> 4 {
            4 => self.ipv4(bytes),
            6 => self.ipv6(bytes),
            _ => None,
        }
    }

    fn ipv4(mut self, bytes: &[u8]) -> Option<Packet> {
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
        self.ttl.get_or_insert(header[8]);
        let ip = Ip {
            version: Version::V4,
            source: address(12)?,
            destination: address(16)?,
            is_routed: false,
            protocol: header[9],
        };
        self.held(&ip, bytes.get(length..)?)
    }

    fn ipv6(mut self, bytes: &[u8]) -> Option<Packet> {
        let (header, mut rest) = bytes.split_first_chunk::<40>()?;
        if header[0] >> 4 != 6 {
            return None;
        }
        let address = |at: usize| -> Option<IpAddr> {
            Some(Ipv6Addr::from(*bytes.get(at..)?.first_chunk::<16>()?).into())
        };
        self.ttl.get_or_insert(header[7]);
        let mut ip = Ip {
            version: Version::V6,
            source: address(8)?,
            destination: address(24)?,
            is_routed: false,
            protocol: header[6],
        };
        for _ in 0..EXTENSIONS {
            match ip.protocol {
                HOP_BY_HOP | DESTINATION => {}
                ROUTING => ip.is_routed = true,
                FRAGMENT => {
                    let is_first = u16::from_be_bytes([*rest.get(2)?, *rest.get(3)?]) & 0xfff8 == 0;
                    is_first.then_some(())?;
                }
                _ => break,
            }
            let &[protocol, length, ..] = rest.first_chunk::<8>()?;
            ip.protocol = protocol;
            rest = rest.get(8 + 8 * usize::from(length)..)?;
        }
        self.held(&ip, rest)
    }

    /// Reads what an IP packet holds: a message about a probe, or another packet.
    fn held(mut self, ip: &Ip, bytes: &[u8]) -> Option<Packet> {
        if let Some(message) = Message::parse(self.signature, ip.version, ip.protocol, bytes) {
            return Some(Packet {
                tunnels: self.tunnels,
                outer: self.outer,
                labels: self.labels,
                ttl: self.ttl?,
                source: ip.source,
                destination: ip.destination,
                message,
            });
        }
        let (tunnel, protocol, inner) =
            tunnel::inside(ip.version, ip.is_routed, ip.protocol, bytes)?;
        if self.tunnels.len() == TUNNELS {
            return None;
        }
        let Ip { source, destination, .. } = *ip;
        self.outer.get_or_insert(Outer { ttl: self.ttl.take()?, source, destination });
        self.tunnels.push(tunnel);
        self.frame(protocol, inner)
    }
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
