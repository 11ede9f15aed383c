//! An interface of a node, and what makes it.

use super::id::InterfaceId;
use crate::diagnostic::{Span, Spanned};
use crate::document::{Address, DeviceName, Traffic};
use crate::iproute::{FdbEntry, Netem, Tbf, Vlan};
use crate::link::{self, BridgePort};
use crate::topology::Named;
use serde::{Deserialize, Serialize};

/// An interface of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// Its name.
    pub name: DeviceName,
    /// Where it stands in the file.
    pub span: Span,
    /// What makes it.
    pub kind: InterfaceKind,
    /// The VRF or bridge that it belongs to.
    pub master: Option<Spanned<DeviceName>>,
    /// Its addresses.
    pub addresses: Vec<Spanned<Address>>,
    /// Its MTU in bytes, where it is not the kernel's default.
    pub mtu: Option<Spanned<u32>>,
    /// Its MAC address, where it is not the kernel's choice.
    pub mac: Option<Spanned<[u8; 6]>>,
    /// Whether it takes in labelled packets.
    pub mpls: bool,
    /// What is done to the packets that leave through it.
    pub netem: Option<Spanned<Netem>>,
    /// How fast they leave.
    pub tbf: Option<Spanned<Tbf>>,
    /// The queue behind these, its classes, and how much may come in.
    pub traffic: Traffic,
    /// Whether checksums and segments are left to the far end.
    pub offload: Spanned<bool>,
    /// The VLANs that it carries as a bridge that minds them, or as its port.
    pub vlans: Vec<Spanned<Vlan>>,
    /// Where MAC addresses are, by what the file says.
    pub fdb: Vec<Spanned<FdbEntry>>,
    /// What it is told as a port of a bridge.
    pub bridge_port: Option<Spanned<BridgePort>>,
    /// Whether it is up.
    pub up: bool,
}

impl Named for Interface {
    fn name(&self) -> &DeviceName {
        &self.name
    }
}

impl Interface {
    /// Whether it is a port of the device of this name, or in that VRF.
    pub fn is_port_of(&self, device: &DeviceName) -> bool {
        self.master.as_ref().is_some_and(|master| master.value == *device)
    }

    /// Whether it is a bridge that minds VLANs.
    pub fn minds_vlans(&self) -> bool {
        self.kind.as_bridge().is_some_and(|bridge| bridge.vlan_filtering)
    }

    /// An interface that is up and of which nothing else is said.
    pub fn plain(name: DeviceName, span: Span, kind: InterfaceKind) -> Self {
        Self {
            name,
            span,
            kind,
            master: None,
            addresses: Vec::new(),
            mtu: None,
            mac: None,
            mpls: false,
            netem: None,
            tbf: None,
            traffic: Traffic::default(),
            offload: Spanned::filled(true),
            vlans: Vec::new(),
            fdb: Vec::new(),
            bridge_port: None,
            up: true,
        }
    }
}

/// What makes an interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum InterfaceKind {
    /// One end of a link.
    Veth {
        /// The link's place in [`super::Lab::links`].
        link: usize,
        /// 0 or 1.
        end: usize,
    },
    /// A device of a kind of its own.
    Device {
        /// What it is.
        kind: link::Kind,
        /// What it rests on.
        lower: Option<Lower>,
    },
}

/// What an interface rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lower {
    /// Another interface.
    Interface(InterfaceId),
    /// A VRF device: a tunnel's outer packets are routed in it.
    Vrf(DeviceName),
}

impl InterfaceKind {
    /// A device that rests on no other.
    pub fn device(kind: link::Kind) -> Self {
        InterfaceKind::Device { kind, lower: None }
    }

    /// The place, in [`super::Lab::links`], of the link that makes it.
    pub fn link(&self) -> Option<usize> {
        match self {
            InterfaceKind::Veth { link, .. } => Some(*link),
            InterfaceKind::Device { .. } => None,
        }
    }

    /// What it is, where no link makes it.
    pub fn of_device(&self) -> Option<&link::Kind> {
        match self {
            InterfaceKind::Veth { .. } => None,
            InterfaceKind::Device { kind, .. } => Some(kind),
        }
    }

    /// The interface that it rests on.
    pub fn lower(&self) -> Option<InterfaceId> {
        match self {
            InterfaceKind::Device { lower: Some(Lower::Interface(lower)), .. } => Some(*lower),
            InterfaceKind::Veth { .. }
            | InterfaceKind::Device { lower: None | Some(Lower::Vrf(_)), .. } => None,
        }
    }

    /// The interface whose frames it sends and takes: without that one it is down itself.
    pub fn parent(&self) -> Option<InterfaceId> {
        match self.of_device()?.description().lower {
            link::LowerDevice::Parent => self.lower(),
            link::LowerDevice::None | link::LowerDevice::Underlay | link::LowerDevice::Socket => {
                None
            }
        }
    }

    /// What it is as a WireGuard interface, to be completed.
    pub(super) fn as_wireguard_mut(&mut self) -> Option<&mut link::Wireguard> {
        match self {
            InterfaceKind::Device { kind: link::Kind::Wireguard(wireguard), .. } => Some(wireguard),
            InterfaceKind::Veth { .. } | InterfaceKind::Device { .. } => None,
        }
    }

    /// What it is as a bridge.
    pub fn as_bridge(&self) -> Option<&link::Bridge> {
        self.of_device()?.as_bridge()
    }

    /// Whether it has ports.
    pub fn has_ports(&self) -> bool {
        self.of_device().is_some_and(link::Kind::has_ports)
    }

    /// Whether it is a bridge.
    pub fn is_bridge(&self) -> bool {
        self.as_bridge().is_some()
    }
}
