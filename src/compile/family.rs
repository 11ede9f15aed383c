//! The two families of addresses, each a network of its own over the same wires.

use super::interface::Interface;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::IpAddr;

/// The version of the Internet Protocol that an address is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum IpFamily {
    V4,
    V6,
}

impl IpFamily {
    /// Both, in the order in which pairs of values have them.
    pub const BOTH: [Self; 2] = [Self::V4, Self::V6];

    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// Its place in a pair of values.
    pub fn index(self) -> usize {
        match self {
            Self::V4 => 0,
            Self::V6 => 1,
        }
    }

    /// The prefix of all its addresses.
    pub fn default_route(self) -> IpNet {
        match self {
            Self::V4 => IpNet::V4(Ipv4Net::default()),
            Self::V6 => IpNet::V6(Ipv6Net::default()),
        }
    }

    /// Whether a prefix is of it.
    pub fn has(self, net: IpNet) -> bool {
        Self::of(net.addr()) == self
    }

    /// An interface's addresses of it, in the file's order.
    pub fn addresses(self, interface: &Interface) -> impl Iterator<Item = IpAddr> + Clone {
        let all = interface.addresses.iter().map(|address| address.value.addr());
        all.filter(move |address| Self::of(*address) == self)
    }
}
