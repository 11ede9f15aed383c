//! What packets are carried in: the headers between an outer IP packet and an inner one.

use super::message::Version;
use serde::Serialize;

/// The EtherType of IPv4.
pub(super) const IPV4: u16 = 0x0800;
/// That of IPv6.
pub(super) const IPV6: u16 = 0x86dd;
/// That of labels.
pub(super) const MPLS: u16 = 0x8847;
/// What GRE and GENEVE call an Ethernet frame.
pub(super) const ETHERNET: u16 = 0x6558;
/// The EtherTypes of VLAN tags.
pub(super) const VLANS: [u16; 2] = [0x8100, 0x88a8];
/// How many VLAN tags a frame may have.
pub(super) const TAGS: usize = 2;

/// A kind of tunnel, as far as a packet in it shows: with the names that `ip link` and `ip route`
/// have for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(into = "&str")]
pub enum Tunnel {
    /// IPv4 in IPv4.
    Ipip,
    /// IPv6 in IPv4.
    Sit,
    /// IP in IPv6.
    Ip6tnl,
    /// GRE in IPv4.
    Gre,
    /// Ethernet in GRE in IPv4.
    Gretap,
    /// GRE in IPv6.
    Ip6gre,
    /// Ethernet in GRE in IPv6.
    Ip6gretap,
    /// Ethernet in VXLAN.
    Vxlan,
    /// Ethernet in GENEVE.
    Geneve,
    /// IP or Ethernet behind a routing header.
    Seg6,
}

impl From<Tunnel> for &str {
    fn from(tunnel: Tunnel) -> Self {
        match tunnel {
            Tunnel::Ipip => "ipip",
            Tunnel::Sit => "sit",
            Tunnel::Ip6tnl => "ip6tnl",
            Tunnel::Gre => "gre",
            Tunnel::Gretap => "gretap",
            Tunnel::Ip6gre => "ip6gre",
            Tunnel::Ip6gretap => "ip6gretap",
            Tunnel::Vxlan => "vxlan",
            Tunnel::Geneve => "geneve",
            Tunnel::Seg6 => "seg6",
        }
    }
}

/// Tunnels in one another, the outermost first: `gre`, `ip6tnl/vxlan`.
pub(super) fn print(tunnels: &[Tunnel]) -> String {
    let words: Vec<&str> = tunnels.iter().map(|&tunnel| tunnel.into()).collect();
    words.join("/")
}

/// The packet inside an IP packet of this protocol: what it is in, its EtherType, and where it
/// begins.
///
/// VXLAN and GENEVE may have any port: what looks like either of them and has no probe inside is
/// found out there.
pub(super) fn inside(
    version: Version,
    is_routed: bool,
    protocol: u8,
    bytes: &[u8],
) -> Option<(Tunnel, u16, &[u8])> {
    let ip = match version {
        Version::V4 if protocol == 4 => Tunnel::Ipip,
        Version::V4 => Tunnel::Sit,
        Version::V6 if is_routed => Tunnel::Seg6,
        Version::V6 => Tunnel::Ip6tnl,
    };
    match protocol {
        4 => Some((ip, IPV4, bytes)),
        41 => Some((ip, IPV6, bytes)),
        143 => Some((Tunnel::Seg6, ETHERNET, bytes)),
        47 => {
            let (protocol, bytes) = gre(bytes)?;
            let tunnel = match (version, protocol == ETHERNET) {
                (Version::V4, false) => Tunnel::Gre,
                (Version::V4, true) => Tunnel::Gretap,
                (Version::V6, false) => Tunnel::Ip6gre,
                (Version::V6, true) => Tunnel::Ip6gretap,
            };
            Some((tunnel, protocol, bytes))
        }
        17 => {
            let header = bytes.get(8..)?.first_chunk::<8>()?;
            match *header {
                [first, _, 0x65, 0x58, ..] if first < 0x40 => {
                    let options = usize::from(first) * 4;
                    Some((Tunnel::Geneve, ETHERNET, bytes.get(16 + options..)?))
                }
                [first, ..] if first & 0x08 != 0 => {
                    Some((Tunnel::Vxlan, ETHERNET, bytes.get(16..)?))
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// What GRE of version 0 holds (RFC 2784 and 2890): its EtherType, and where it begins.
fn gre(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let &[flags, version, high, low] = bytes.first_chunk::<4>()?;
    let has_routing = flags & 0x40 != 0;
    if has_routing || version & 0x07 != 0 {
        return None;
    }
    // A checksum, a key and a sequence number.
    let words = (flags & 0xb0).count_ones() as usize;
    Some((u16::from_be_bytes([high, low]), bytes.get(4 + 4 * words..)?))
}

/// What an Ethernet frame holds behind its VLAN tags: its EtherType, and where it begins.
pub(super) fn ethernet(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let mut rest = bytes.get(12..)?;
    for _ in 0..TAGS {
        let (protocol, _) = rest.split_first_chunk::<2>()?;
        if !VLANS.contains(&u16::from_be_bytes(*protocol)) {
            break;
        }
        rest = rest.get(4..)?;
    }
    let (protocol, rest) = rest.split_first_chunk::<2>()?;
    Some((u16::from_be_bytes(*protocol), rest))
}
