//! The devices that steps make.

use crate::document::MacvlanMode;
use std::net::IpAddr;

/// One end of a veth pair.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct VethEnd {
    /// Where.
    pub namespace: String,
    /// The interface's name.
    pub name: String,
    /// Its MTU in bytes, where it is not the kernel's default.
    pub mtu: Option<u32>,
    /// Its MAC address, where it is not the kernel's choice.
    pub mac: Option<[u8; 6]>,
}

/// A device that is no end of a pair.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Device {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: DeviceKind,
    /// Its MTU in bytes, where it is not the kernel's default.
    pub mtu: Option<u32>,
    /// Its MAC address, where it is not the kernel's choice.
    pub mac: Option<[u8; 6]>,
}

/// The timers of a bridge with STP, in the kernel's hundredths of a second: the least values that it
/// takes where STP is on (`net/bridge/br_private_stp.h`), so that ports forward after 4 s, and a
/// failure that only silence tells is mended after 10 s.
pub(crate) const STP_TIMERS: StpTimers =
    StpTimers { forward_delay: 200, hello_time: 100, max_age: 600 };

/// The timers of the spanning tree protocol.
pub(crate) struct StpTimers {
    /// How long a port listens, and then learns, before it forwards.
    pub forward_delay: u32,
    /// How often the root is heard.
    pub hello_time: u32,
    /// How long what was heard holds.
    pub max_age: u32,
}

/// What a device is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeviceKind {
    /// It ties its ports to a table.
    Vrf {
        /// The table.
        table: u32,
    },
    /// It joins its ports.
    Bridge {
        /// Whether it minds the VLANs of its ports, none of which it gives one by itself.
        vlan_filtering: bool,
        /// Whether it runs the spanning tree protocol.
        stp: bool,
    },
    /// It drops what it is given.
    Dummy,
    /// It is given what its parent gets with a tag.
    Vlan {
        /// The tag.
        id: u16,
        /// The device beneath.
        parent: String,
    },
    /// It carries Ethernet in UDP.
    Vxlan {
        /// The network's number.
        id: u32,
        /// This end.
        local: Option<IpAddr>,
        /// The far end.
        remote: IpAddr,
        /// The UDP port.
        dstport: u16,
    },
    /// It has an address of its own on its parent's wire.
    Macvlan {
        /// The device beneath.
        parent: String,
        /// What it has to do with others of its parent.
        mode: MacvlanMode,
    },
    /// It takes other devices' incoming packets for their queues.
    Ifb,
}

impl DeviceKind {
    /// Whether it is made from inside its namespace: the kernel looks for its parent, and for the
    /// socket of a tunnel, in the namespace that asks.
    pub(super) fn is_made_inside(&self) -> bool {
        match self {
            DeviceKind::Vlan { .. } | DeviceKind::Vxlan { .. } | DeviceKind::Macvlan { .. } => true,
            DeviceKind::Vrf { .. }
            | DeviceKind::Bridge { .. }
            | DeviceKind::Dummy
            | DeviceKind::Ifb => false,
        }
    }

    /// The device beneath.
    pub(super) fn parent(&self) -> Option<&str> {
        match self {
            DeviceKind::Vlan { parent, .. } | DeviceKind::Macvlan { parent, .. } => Some(parent),
            DeviceKind::Vrf { .. }
            | DeviceKind::Bridge { .. }
            | DeviceKind::Dummy
            | DeviceKind::Vxlan { .. }
            | DeviceKind::Ifb => None,
        }
    }
}
