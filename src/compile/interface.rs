//! An interface of a node, and what makes it.

use super::lab::InterfaceId;
use crate::diagnostic::{Span, Spanned};
use crate::document::{Address, DeviceName, MacvlanMode};
use crate::iproute::{Netem, Tbf, Vlan};
use std::net::IpAddr;

/// An interface of a node.
#[derive(Debug, Clone)]
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
    /// Whether checksums and segments are left to the far end.
    pub offload: Spanned<bool>,
    /// The VLANs that it carries as a bridge that minds them, or as its port.
    pub vlans: Vec<Spanned<Vlan>>,
    /// Whether it is up.
    pub up: bool,
}

impl Interface {
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
            offload: Spanned::filled(true),
            vlans: Vec::new(),
            up: true,
        }
    }
}

/// What makes an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InterfaceKind {
    /// One end of a link: its place in [`super::Lab::links`] and which of the two ends it is.
    Veth {
        /// The link's place in [`super::Lab::links`].
        link: usize,
        /// 0 or 1.
        end: usize,
    },
    /// A bridge, which joins its ports.
    Bridge {
        /// Whether it minds the VLANs of its ports.
        vlan_filtering: bool,
        /// Whether it runs the kernel's spanning tree protocol.
        stp: bool,
    },
    /// A device that drops what it is given.
    Dummy,
    /// The packets of its parent that have a tag.
    Vlan {
        /// The tag, 1 to 4094.
        id: u16,
        /// The interface beneath.
        parent: InterfaceId,
    },
    /// A tunnel that carries Ethernet in UDP.
    Vxlan {
        /// The network's number, below 2²⁴.
        id: u32,
        /// This end.
        local: Option<IpAddr>,
        /// The far end.
        remote: IpAddr,
        /// The UDP port of both.
        dstport: u16,
    },
    /// Another address on the wire of its parent.
    Macvlan {
        /// The interface beneath.
        parent: InterfaceId,
        /// What it has to do with others of its parent.
        mode: MacvlanMode,
    },
    /// A device that takes other devices' incoming packets for their queues.
    Ifb,
}
