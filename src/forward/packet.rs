//! A packet, and the probe that it begins as.

use std::net::IpAddr;

/// What a socket sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe<'a> {
    /// The namespace of the sender.
    pub namespace: &'a str,
    /// The device that the socket is bound to: a VRF device, or an interface.
    pub device: Option<&'a str>,
    /// To whom.
    pub destination: IpAddr,
    /// The source address; the kernel's choice where nothing is said.
    pub source: Option<IpAddr>,
    /// The protocol and its ports.
    pub protocol: Protocol,
    /// Bytes of data behind the protocol's header.
    pub size: u32,
    /// Whether no router may fragment it.
    pub df: bool,
    /// The time to live or hop limit; the namespace's default where nothing is said.
    pub ttl: Option<u8>,
    /// The type of service or traffic class.
    pub tos: u8,
    /// The mark that the socket gives its packets.
    pub mark: u32,
}

/// A protocol, and the ports of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// An ICMP echo request or reply.
    Echo,
    /// An ICMP error.
    Error,
    /// A datagram.
    Udp {
        /// The source port.
        sport: u16,
        /// The destination port.
        dport: u16,
    },
    /// A segment of a connection.
    Tcp {
        /// The source port.
        sport: u16,
        /// The destination port.
        dport: u16,
    },
}

/// A packet on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// The source address.
    pub source: IpAddr,
    /// The destination address.
    pub destination: IpAddr,
    /// The protocol and its ports.
    pub protocol: Protocol,
    /// The length of the IP packet in bytes, its header included and labels left out.
    pub length: u32,
    /// Whether no router may fragment it.
    pub df: bool,
    /// The time to live or hop limit.
    pub ttl: u8,
    /// The type of service or traffic class.
    pub tos: u8,
    /// The mark, which it has in its own namespace alone.
    pub mark: u32,
    /// The label stack, the outermost first.
    pub labels: Vec<StackEntry>,
}

/// An entry of a label stack (RFC 3032).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StackEntry {
    /// The label.
    pub label: u32,
    /// Its time to live.
    pub ttl: u8,
}

impl<'a> Probe<'a> {
    /// An echo request from an unbound socket.
    pub fn echo(namespace: &'a str, destination: IpAddr) -> Self {
        Self {
            namespace,
            device: None,
            destination,
            source: None,
            protocol: Protocol::Echo,
            size: 56,
            df: false,
            ttl: None,
            tos: 0,
            mark: 0,
        }
    }
}

impl Protocol {
    /// Its number in IPv4 or IPv6.
    pub fn number(self, v4: bool) -> u8 {
        match self {
            Protocol::Echo | Protocol::Error if v4 => 1,
            Protocol::Echo | Protocol::Error => 58,
            Protocol::Tcp { .. } => 6,
            Protocol::Udp { .. } => 17,
        }
    }

    /// The source and the destination port.
    pub fn ports(self) -> Option<(u16, u16)> {
        match self {
            Protocol::Echo | Protocol::Error => None,
            Protocol::Udp { sport, dport } | Protocol::Tcp { sport, dport } => Some((sport, dport)),
        }
    }

    /// That of what is sent back.
    pub fn reversed(self) -> Self {
        match self {
            Protocol::Echo => Protocol::Echo,
            Protocol::Error => Protocol::Error,
            Protocol::Udp { sport, dport } => Protocol::Udp { sport: dport, dport: sport },
            Protocol::Tcp { sport, dport } => Protocol::Tcp { sport: dport, dport: sport },
        }
    }

    /// The bytes of its header.
    pub(super) fn header(self) -> u32 {
        match self {
            Protocol::Echo | Protocol::Error | Protocol::Udp { .. } => 8,
            Protocol::Tcp { .. } => 20,
        }
    }
}

impl Packet {
    /// Whether it is one of IPv4.
    pub fn is_v4(&self) -> bool {
        self.destination.is_ipv4()
    }

    /// The bytes of its IP header.
    pub(super) fn header(destination: IpAddr) -> u32 {
        if destination.is_ipv4() { 20 } else { 40 }
    }

    /// Its length with its labels.
    pub fn labelled_length(&self) -> u32 {
        self.length + 4 * self.labels.len() as u32
    }
}
