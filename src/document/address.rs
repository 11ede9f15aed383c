//! An address with the length of its subnet, and whether others may have it too.

use ipnet::IpNet;
use std::fmt;
use std::ops::Deref;

/// The word behind an address that several nodes have on purpose.
pub(super) const ANYCAST: &str = "anycast";

/// An address of an interface, `lo` or a VRF.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// The address and the length of its subnet.
    pub net: IpNet,
    /// `anycast`: other nodes of its routing domain have it too, and whoever is nearest takes packets.
    pub anycast: bool,
}

impl From<IpNet> for Address {
    fn from(net: IpNet) -> Self {
        Self { net, anycast: false }
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
        match self.anycast {
            true => write!(f, "{} {ANYCAST}", self.net),
            false => self.net.fmt(f),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
