//! What each kind of interface says of itself.

use super::Keys;
use crate::diagnostic::Diagnostic;
use crate::vocabulary::{Key, Value};
use rtnetlink::packet_route::link::{InfoData, InfoKind};
use std::net::IpAddr;

/// What is the same for every interface of a kind.
#[derive(Debug)]
pub struct Description {
    /// Its word in a file and behind `type` in `ip link add`.
    pub word: &'static str,
    /// Whether an interface's `kind` can be it; others are made by other keys.
    pub is_named_in_files: bool,
    /// The keys that say what it is.
    pub(crate) keys: &'static [&'static Key],
    /// Keys and values that make one, for help.
    pub example: &'static [(&'static str, &'static str)],
    /// What it rests on.
    pub lower: LowerDevice,
    /// What it carries.
    pub carries: Carries,
    /// Names that the kernel gives to devices of its own, in every namespace, once it has the module.
    pub reserved: &'static [&'static str],
    /// What such devices are called where a kernel lacks them.
    pub title: &'static str,
    /// The kernel's configuration symbol.
    pub config: &'static str,
    /// The kernel's module.
    pub module: &'static str,
    /// The kernel's name for it.
    pub(crate) info: InfoKind,
}

impl Description {
    /// Whether an interface of the kind can be given a MAC address: a tunnel of IP packets has an end
    /// of it in that place, and ipvlans have that of their parent.
    pub fn takes_mac(&self) -> bool {
        match self.carries {
            Carries::Nothing | Carries::Ethernet => self.info != InfoKind::IpVlan,
            Carries::Ip | Carries::Ipv4 | Carries::Ipv6 => false,
        }
    }
}

/// Which device an interface rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LowerDevice {
    /// None.
    None,
    /// The one that the key `parent` names; the kernel is told in `IFLA_LINK`, `ip` behind `link`.
    Parent,
    /// The one that the key `dev` names, if any, through which a tunnel's packets leave; the kernel is
    /// told in the kind's own data.
    Underlay,
    /// None; its packets leave through a socket in the namespace in which it is made.
    Socket,
}

impl LowerDevice {
    /// The key that names it.
    pub fn key(self) -> Option<&'static str> {
        match self {
            LowerDevice::None | LowerDevice::Socket => None,
            LowerDevice::Parent => Some("parent"),
            LowerDevice::Underlay => Some("dev"),
        }
    }

    /// Whether the device is made from inside its namespace: the kernel looks for what it rests on,
    /// and for the socket of a tunnel, in the namespace that asks.
    pub fn is_in_namespace_of_request(self) -> bool {
        match self {
            LowerDevice::None => false,
            LowerDevice::Parent | LowerDevice::Underlay | LowerDevice::Socket => true,
        }
    }
}

/// What an interface carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carries {
    /// Nothing: it has no addresses.
    Nothing,
    /// Frames of Ethernet, with whatever is in them.
    Ethernet,
    /// Packets of both versions of IP.
    Ip,
    /// Packets of IPv4 alone.
    Ipv4,
    /// Packets of IPv6 alone.
    Ipv6,
}

impl Carries {
    /// Whether packets of a version of IP go through: of 6, or of 4.
    pub fn ip(self, v6: bool) -> bool {
        match self {
            Carries::Nothing => false,
            Carries::Ethernet | Carries::Ip => true,
            Carries::Ipv4 => !v6,
            Carries::Ipv6 => v6,
        }
    }
}

/// How an interface joins others into one segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    /// It joins none.
    Alone,
    /// It joins its ports.
    Bridge {
        /// Whether frames stay in the VLANs of its ports.
        vlan_filtering: bool,
    },
    /// It and its ports have the same frames.
    Bond,
    /// Its frames are those with this tag on the device below.
    Tagged(u16),
    /// Its frames are those of the device below that have no tag.
    Untagged,
    /// Its frames are those of the device below, whatever their tags.
    Whole,
    /// Its frames, or packets, come out of the tunnels of the same kind and number that lead back.
    Tunnel {
        /// The number that both ends have.
        id: u32,
        /// The address that the far end's node has, or the multicast group that all far ends are in.
        remote: Option<IpAddr>,
    },
    /// Its packets come out of those of its peers that have it as theirs.
    Peers,
}

/// The MTU that the kernel gives an interface of which none is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mtu {
    /// One of its own, in bytes.
    Own(u32),
    /// That of the device below.
    Lower,
    /// The least of its ports'.
    LeastOfPorts,
    /// That of the device below, or of Ethernet if there is none, less the headers that it adds.
    Less(u32),
}

/// A kind of interface.
pub trait LinkKind: OfKind + Sized {
    /// What is the same for every interface of the kind.
    const DESCRIPTION: Description;

    /// What an interface is, from the keys that a file gives.
    ///
    /// # Errors
    /// A key is missing, or says what no interface of the kind can be.
    fn parse(keys: &Keys<'_>) -> Result<Self, Diagnostic>;

    /// What the kernel shows, and the index of the device below if that is part of it.
    fn read(data: Option<&InfoData>) -> Option<(Self, Option<u32>)>;

    /// One that a kernel which knows the kind makes.
    fn sample() -> Self;
}

/// What a kind knows of one of its interfaces.
pub trait OfKind {
    /// The keys that say it in a file, other than `kind` and the one for the device below.
    fn keys(&self) -> Vec<(&'static str, Value)>;

    /// What stands behind `type KIND` in `ip link add`, with the name of the device below.
    fn words(&self, lower: Option<&str>) -> String;

    /// What the kernel is told beside the kind's name, with the index of the device below.
    fn data(&self, lower: Option<u32>) -> Option<InfoData>;

    /// What the kernel tells it by from others of its kind, of which it takes no two in a namespace, with
    /// the name of the device below.
    fn identity(&self, _lower: Option<&str>) -> Option<String> {
        None
    }

    /// How it joins interfaces.
    fn medium(&self) -> Medium;

    /// The MTU that the kernel gives it.
    fn mtu(&self) -> Mtu;
}

/// The MTU that the kernel gives an Ethernet device, in bytes.
pub const ETHERNET_MTU: u32 = 1500;
pub(super) const ETHERNET: Mtu = Mtu::Own(ETHERNET_MTU);
