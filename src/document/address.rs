//! An address with the length of its subnet, and whether others may have it too; and what is written of
//! one where the subnet is known.

use crate::diagnostic::{Code, Diagnostic, Notation, Span};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Deref;

/// The word behind an address that several nodes have on purpose.
pub(super) const ANYCAST: &str = "anycast";
/// The word between an address and what is at the far end of its link.
pub(super) const PEER: &str = "peer";

/// An address of an interface, `lo` or a VRF.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Address {
    /// The address and the length of its subnet; of one with a peer, the address alone.
    pub net: IpNet,
    /// `peer`: what is on the link in the place of a subnet.
    pub peer: Option<IpNet>,
    /// `anycast`: other nodes of its routing domain have it too, and whoever is nearest takes packets.
    pub anycast: bool,
}

impl From<IpNet> for Address {
    fn from(net: IpNet) -> Self {
        Self { net, peer: None, anycast: false }
    }
}

impl Address {
    /// The addresses that are on its link.
    pub fn connected(&self) -> IpNet {
        self.peer.unwrap_or(self.net).trunc()
    }
}

impl Deref for Address {
    type Target = IpNet;

    fn deref(&self) -> &IpNet {
        &self.net
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.peer {
            Some(peer) => write!(f, "{} {PEER} {peer}", self.addr())?,
            None => self.net.fmt(f)?,
        }
        f.write_str(if self.anycast { " " } else { "" })?;
        f.write_str(if self.anycast { ANYCAST } else { "" })
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An address as it stands at the end of a link.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum EndAddress {
    /// With the length of its subnet.
    Whole(Address),
    /// What the subnet of the link is put before, and whether it is `anycast`.
    Part(HostPart, bool),
}

/// The last octets of an IPv4 address, `.1` or `.0.1`, or the last groups of one of IPv6, `::1`; or all of
/// an address, without the length of its subnet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostPart {
    /// So many octets.
    V4(Ipv4Addr, u8),
    /// So many groups of 16 bits.
    V6(Ipv6Addr, u8),
}

impl HostPart {
    /// Reads one; nothing where the text is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if let Some(octets) = text.strip_prefix('.') {
            let count = octets.split('.').count();
            let zeros = "0.".repeat(4usize.checked_sub(count).filter(|missing| *missing > 0)?);
            return Some(Self::V4(format!("{zeros}{octets}").parse().ok()?, count as u8));
        }
        Some(match text.parse().ok()? {
            IpAddr::V4(address) => Self::V4(address, 4),
            IpAddr::V6(address) => match text.strip_prefix("::") {
                Some("") => return None,
                Some(groups) if !groups.contains(['.']) && !groups.contains("::") => {
                    Self::V6(address, groups.split(':').count() as u8)
                }
                Some(_) | None => Self::V6(address, 8),
            },
        })
    }

    /// All of an address.
    pub(super) fn whole(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::V4(address, 4),
            IpAddr::V6(address) => Self::V6(address, 8),
        }
    }

    /// The address in a subnet, if it is there; nothing in one of the other family.
    pub fn within(self, subnet: IpNet) -> Option<IpNet> {
        let address = match (self, subnet) {
            (Self::V4(part, octets), IpNet::V4(net)) => {
                let before = u32::MAX.checked_shl(8 * u32::from(octets)).unwrap_or(0);
                let address = net.network().to_bits() & before | part.to_bits();
                IpNet::V4(Ipv4Net::new_assert(address.into(), net.prefix_len()))
            }
            (Self::V6(part, groups), IpNet::V6(net)) => {
                let before = u128::MAX.checked_shl(16 * u32::from(groups)).unwrap_or(0);
                let address = net.network().to_bits() & before | part.to_bits();
                IpNet::V6(Ipv6Net::new_assert(address.into(), net.prefix_len()))
            }
            (Self::V4(..), IpNet::V6(_)) | (Self::V6(..), IpNet::V4(_)) => return None,
        };
        subnet.contains(&address.addr()).then_some(address)
    }

    /// Whether it is of this subnet's family.
    pub fn is_of(self, subnet: IpNet) -> bool {
        match self {
            Self::V4(..) => subnet.addr().is_ipv4(),
            Self::V6(..) => subnet.addr().is_ipv6(),
        }
    }

    /// What is said of one whose link has no subnet of its family.
    pub fn without_subnet(self, span: Span) -> Diagnostic {
        let (bare, alone, length): (IpAddr, _, _) = match self {
            Self::V4(address, 4) => (address.into(), 32, 24),
            Self::V6(address, 8) => (address.into(), 128, 64),
            Self::V4(..) | Self::V6(..) => {
                let subnet = match self {
                    Self::V4(..) => "10.0.12.0/30",
                    Self::V6(..) => "2001:db8:12::/64",
                };
                let title = format!("`{self}` is a part of an address, and the link has no subnet");
                let fault = Diagnostic::error(Code::BadValue, title).at(span, "");
                return fault.help_in(move |notation| match notation {
                    Notation::Dot => format!("say the link's subnet, `label=\"{subnet}\"`"),
                    Notation::Yaml => format!("say the link's subnet, `subnet: {subnet}`"),
                });
            }
        };
        let title = format!("the address {bare} has no prefix length");
        Diagnostic::error(Code::BadValue, title).at(span, "").help(format!(
            "write the length of its subnet, {bare}/{length} say, or {bare}/{alone} for the \
                 address alone"
        ))
    }
}

impl fmt::Debug for EndAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(address) => fmt::Display::fmt(address, f),
            Self::Part(part, true) => write!(f, "{part} {ANYCAST}"),
            Self::Part(part, false) => fmt::Display::fmt(part, f),
        }
    }
}

impl fmt::Display for HostPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(address, 4) => address.fmt(f),
            Self::V4(address, octets) => {
                let octets = &address.octets()[4 - usize::from(*octets)..];
                octets.iter().try_for_each(|octet| write!(f, ".{octet}"))
            }
            Self::V6(address, _) => address.fmt(f),
        }
    }
}
