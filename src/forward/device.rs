//! The devices of all namespaces.

use super::evidence::Evidence;
use crate::link::{Carries, Kind, PortFlag};
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The place of a namespace in a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct NodeIndex(pub usize);

/// The place of a device in a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct DeviceIndex(pub usize);

/// A device.
#[derive(Debug)]
pub(super) struct Device<'a> {
    pub node: NodeIndex,
    pub name: &'a str,
    pub kind: DeviceKind<'a>,
    /// What has it made.
    pub evidence: Evidence<'a>,
    /// What has it up.
    pub up: Option<Evidence<'a>>,
    /// Whether frames come through: it is up, and so is all that it depends on.
    pub running: bool,
    /// The bridge, the bond or the VRF that it belongs to.
    pub master: Option<DeviceIndex>,
    pub ports: Vec<DeviceIndex>,
    /// The device that it sends its frames through.
    pub parent: Option<DeviceIndex>,
    /// The devices that send their frames through it.
    pub children: Vec<DeviceIndex>,
    /// The MTU that is said, and then the one that it has.
    pub mtu: Option<u32>,
    /// Its MAC address, where it is not the kernel's choice.
    pub mac: Option<[u8; 6]>,
    pub addresses: Vec<Address<'a>>,
    /// The VLANs that it carries as the port of a bridge; none are said where it has the default.
    pub vlans: BTreeMap<u16, PortVlan>,
    /// The same, as a bridge itself.
    pub own_vlans: BTreeMap<u16, PortVlan>,
    pub flags: Option<&'a crate::link::BridgePort>,
    /// What loses all packets that leave through it.
    pub lossy: Option<Evidence<'a>>,
}

/// What a device is.
#[derive(Debug, Clone, Copy)]
pub(super) enum DeviceKind<'a> {
    Loopback,
    Veth(DeviceIndex),
    Other(&'a Kind),
}

/// An address of a device.
#[derive(Debug, Clone, Copy)]
pub(super) struct Address<'a> {
    pub address: IpAddr,
    /// What is on the link.
    pub connected: IpNet,
    /// Whether packets to others may not have it as their source.
    pub is_host_scope: bool,
    pub evidence: Evidence<'a>,
}

/// How a port of a bridge carries a VLAN.
#[derive(Debug, Clone, Copy)]
pub(super) struct PortVlan {
    pub pvid: bool,
    pub untagged: bool,
}

impl<'a> Device<'a> {
    pub(super) fn new(
        node: NodeIndex,
        name: &'a str,
        kind: DeviceKind<'a>,
        evidence: Evidence<'a>,
    ) -> Self {
        Self {
            node,
            name,
            kind,
            evidence,
            up: None,
            running: false,
            master: None,
            ports: Vec::new(),
            parent: None,
            children: Vec::new(),
            mtu: None,
            mac: None,
            addresses: Vec::new(),
            vlans: BTreeMap::new(),
            own_vlans: BTreeMap::new(),
            flags: None,
            lossy: None,
        }
    }

    pub(super) fn is_vrf(&self) -> bool {
        match self.kind {
            DeviceKind::Other(kind) => matches!(kind, Kind::Vrf(_)),
            DeviceKind::Loopback | DeviceKind::Veth(_) => false,
        }
    }

    pub(super) fn is_loopback(&self) -> bool {
        match self.kind {
            DeviceKind::Loopback => true,
            DeviceKind::Veth(_) | DeviceKind::Other(_) => false,
        }
    }

    pub(super) fn vrf_table(&self) -> Option<u32> {
        match self.kind {
            DeviceKind::Other(Kind::Vrf(vrf)) => Some(vrf.table),
            DeviceKind::Other(_) | DeviceKind::Loopback | DeviceKind::Veth(_) => None,
        }
    }

    /// Whether it carries frames, so that neighbours are asked for.
    pub(super) fn is_ethernet(&self) -> bool {
        match self.kind {
            DeviceKind::Loopback => false,
            DeviceKind::Veth(_) => true,
            DeviceKind::Other(kind) => kind.description().carries == Carries::Ethernet,
        }
    }

    pub(super) fn is_isolated(&self) -> bool {
        self.flags.is_some_and(|port| port.is(PortFlag::Isolated))
    }
}
