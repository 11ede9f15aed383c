//! What namespaces hold: devices, addresses, routes and all else that a lab is made of.

use super::device::{Device, VethEnd};
use crate::compile::{LabelRoute, NexthopObject, Route, Rule};
use crate::document::DeviceName;
use crate::iproute::{FdbEntry, Filter, HtbClass, Leaf, Neighbour, Netem, Police, Tbf, Vlan};
use crate::link::{BridgePort, Kind, WireguardSettings};
use ipnet::IpNet;

/// One thing that a namespace holds, by names only: whoever makes it finds the numbers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// A namespace.
    Namespace {
        /// Its name under `/run/netns`.
        namespace: String,
    },
    /// The value of a setting.
    Sysctl {
        /// Where.
        namespace: String,
        /// The path below `/proc/sys`, with slashes.
        key: String,
        /// What is written.
        value: String,
        /// Whether a kernel that does not know it is good enough.
        optional: bool,
    },
    /// A pair of joined interfaces, each end in its namespace under its name.
    Veth {
        /// The two ends.
        ends: [VethEnd; 2],
    },
    /// A device that is made where it stays: of some kinds the kernel never moves one.
    Device {
        /// Where.
        namespace: String,
        /// The device.
        device: Device,
    },
    /// What a WireGuard interface is told: its key, its port, its peers.
    Wireguard {
        /// Where.
        namespace: String,
        /// The interface.
        device: String,
        /// What it is told.
        settings: WireguardSettings,
    },
    /// An interface is a port of a bridge or in a VRF.
    Master {
        /// Where.
        namespace: String,
        /// The interface.
        port: String,
        /// The bridge or the VRF device.
        master: String,
    },
    /// A port of a bridge, or the bridge itself, carries a VLAN.
    BridgeVlan {
        /// Where.
        namespace: String,
        /// The port or the bridge.
        device: String,
        /// Whether it is the bridge.
        own: bool,
        /// One VLAN.
        vlan: Vlan,
    },
    /// A port of a bridge is told to be other than the kernel has it.
    BridgePort {
        /// Where.
        namespace: String,
        /// The port.
        device: String,
        /// What it is told.
        port: BridgePort,
    },
    /// A bridge has an MTU of its own, whatever those of its ports.
    Mtu {
        /// Where.
        namespace: String,
        /// The bridge.
        device: String,
        /// In bytes.
        mtu: u32,
    },
    /// Packets that leave through a device are handled by a queueing discipline.
    Qdisc {
        /// Where.
        namespace: String,
        /// The device.
        device: String,
        /// What is done to them.
        qdisc: Qdisc,
    },
    /// A device computes checksums and cuts segments itself, as one on a real wire.
    NoOffload {
        /// Where.
        namespace: String,
        /// The device.
        device: String,
    },
    /// A device is up.
    Up {
        /// Where.
        namespace: String,
        /// The device.
        device: String,
    },
    /// A device has an address.
    Address {
        /// Where.
        namespace: String,
        /// The device.
        device: String,
        /// The address and its prefix length; of one with a peer, the address alone.
        address: IpNet,
        /// What is on the link in the place of a subnet.
        peer: Option<IpNet>,
    },
    /// Where a MAC address is, at the far ends of a VXLAN or behind a port of a bridge.
    Fdb {
        /// Where.
        namespace: String,
        /// The VXLAN, or the port.
        device: String,
        /// The entry.
        entry: FdbEntry,
    },
    /// Who has an address on a link is known unasked, or answered for.
    Neighbour {
        /// Where.
        namespace: String,
        /// The entry.
        neighbour: Neighbour<DeviceName>,
    },
    /// A policy rule.
    Rule {
        /// Where.
        namespace: String,
        /// The rule.
        rule: Rule,
    },
    /// A nexthop object.
    NexthopObject {
        /// Where.
        namespace: String,
        /// The object.
        object: NexthopObject,
    },
    /// What nft has loaded.
    Ruleset {
        /// Where.
        namespace: String,
        /// In nft's own language.
        ruleset: String,
    },
    /// A node's own file below `/etc`.
    EtcFile {
        /// Where.
        namespace: String,
        /// The path below `/etc`.
        path: String,
        /// What is in it.
        text: String,
    },
    /// A command that runs.
    Command {
        /// Where.
        namespace: String,
        /// The node's name, under which the output is kept.
        node: String,
        /// Which of the node's commands it is, counted from 1.
        number: usize,
        /// What a shell runs.
        line: String,
        /// The VRF that its sockets are bound to.
        vrf: Option<String>,
    },
    /// An IP route.
    Route {
        /// Where.
        namespace: String,
        /// The route.
        route: Route,
    },
    /// An MPLS route.
    MplsRoute {
        /// Where.
        namespace: String,
        /// The route.
        route: LabelRoute,
    },
}

/// What a device has of the kernel's own choice where nothing is said.
pub(super) struct Chosen<'a> {
    pub(super) mtu: &'a mut Option<u32>,
    pub(super) mac: &'a mut Option<[u8; 6]>,
    /// Of which kind it is, where it is no end of a pair.
    pub(super) kind: Option<&'a mut Kind>,
}

/// What is done to the packets that leave through a device.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Qdisc {
    /// They are delayed or lost; the device's root.
    Netem(Netem),
    /// They leave at a rate.
    Tbf {
        /// How.
        tbf: Tbf,
        /// Whether it is the child of a netem, and not the root.
        behind_netem: bool,
    },
    /// They leave as flows or bands.
    Leaf {
        /// How.
        leaf: Leaf,
        /// How many others they have gone through before.
        behind: u8,
    },
    /// They are of a class that shares the queue's rate.
    Class {
        /// The class.
        class: HtbClass,
        /// How many others its queue is behind.
        behind: u8,
    },
    /// Some of them go to a class.
    Filter {
        /// Which, and to which.
        filter: Filter,
        /// Its place among the filters of its queue, counted from 1.
        prio: u16,
        /// How many others its queue is behind.
        behind: u8,
    },
    /// What comes in is looked at.
    Ingress,
    /// Of what comes in, what is too much is dropped.
    Police(Police),
}

/// Where a queue, or what stands for one, is at its device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QueuePlace {
    /// On the way out, behind so many others.
    Behind(u8),
    /// A class of a queue on the way out.
    Class {
        /// How many others the queue is behind.
        behind: u8,
        /// The class's number.
        id: u16,
    },
    /// What says the class, at a queue on the way out.
    Filter {
        /// How many others the queue is behind.
        behind: u8,
        /// Its place among the queue's filters.
        prio: u16,
    },
    /// On the way in.
    Ingress,
    /// On the way in, where packets are counted.
    Police,
}

impl Qdisc {
    /// Where it is at its device.
    pub fn place(&self) -> QueuePlace {
        match self {
            Qdisc::Netem(_) | Qdisc::Tbf { behind_netem: false, .. } => QueuePlace::Behind(0),
            Qdisc::Tbf { behind_netem: true, .. } => QueuePlace::Behind(1),
            Qdisc::Leaf { behind, .. } => QueuePlace::Behind(*behind),
            Qdisc::Class { class, behind } => QueuePlace::Class { behind: *behind, id: class.id },
            Qdisc::Filter { prio, behind, .. } => {
                QueuePlace::Filter { behind: *behind, prio: *prio }
            }
            Qdisc::Ingress => QueuePlace::Ingress,
            Qdisc::Police(_) => QueuePlace::Police,
        }
    }

    /// The one that it cannot be without.
    pub(super) fn above(&self) -> Option<QueuePlace> {
        match (self, self.place()) {
            (Qdisc::Class { class: HtbClass { parent: Some(id), .. }, behind }, _)
            | (Qdisc::Filter { filter: Filter { class: id, .. }, behind, .. }, _) => {
                Some(QueuePlace::Class { behind: *behind, id: *id })
            }
            (Qdisc::Class { behind, .. }, _) => Some(QueuePlace::Behind(*behind)),
            (_, QueuePlace::Behind(others)) => others.checked_sub(1).map(QueuePlace::Behind),
            (_, QueuePlace::Police) => Some(QueuePlace::Ingress),
            (_, QueuePlace::Ingress | QueuePlace::Class { .. } | QueuePlace::Filter { .. }) => None,
        }
    }
}

impl QueuePlace {
    /// Whether it goes with another one.
    pub(super) fn is_under(self, other: Self) -> bool {
        match (self, other) {
            (QueuePlace::Behind(this), QueuePlace::Behind(other)) => this > other,
            (
                QueuePlace::Class { behind, .. } | QueuePlace::Filter { behind, .. },
                QueuePlace::Behind(other),
            ) => behind >= other,
            (QueuePlace::Police, QueuePlace::Ingress) => true,
            (
                QueuePlace::Behind(_)
                | QueuePlace::Class { .. }
                | QueuePlace::Filter { .. }
                | QueuePlace::Ingress
                | QueuePlace::Police,
                _,
            ) => false,
        }
    }

    /// The one with which all of them go.
    pub(super) fn first(self) -> Self {
        match self {
            QueuePlace::Behind(_) | QueuePlace::Class { .. } | QueuePlace::Filter { .. } => {
                QueuePlace::Behind(0)
            }
            QueuePlace::Ingress | QueuePlace::Police => QueuePlace::Ingress,
        }
    }

    /// The number of the queue on the way out that it is, or is of: `1:` of the first.
    pub fn major(self) -> u16 {
        match self {
            QueuePlace::Behind(0)
            | QueuePlace::Class { behind: 0, .. }
            | QueuePlace::Filter { behind: 0, .. } => 0x1,
            QueuePlace::Behind(1)
            | QueuePlace::Class { behind: 1, .. }
            | QueuePlace::Filter { behind: 1, .. } => 0x10,
            QueuePlace::Behind(_) | QueuePlace::Class { .. } | QueuePlace::Filter { .. } => 0x20,
            QueuePlace::Ingress | QueuePlace::Police => 0xffff,
        }
    }
}

/// An address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The family of an address with its prefix length.
    pub fn of(net: IpNet) -> Self {
        match net {
            IpNet::V4(_) => Family::V4,
            IpNet::V6(_) => Family::V6,
        }
    }
}

impl Resource {
    /// The namespace that holds it; that of a veth pair's first end.
    pub fn namespace(&self) -> &str {
        match self {
            Resource::Veth { ends } => &ends[0].namespace,
            Resource::Namespace { namespace }
            | Resource::Sysctl { namespace, .. }
            | Resource::Device { namespace, .. }
            | Resource::Wireguard { namespace, .. }
            | Resource::Master { namespace, .. }
            | Resource::BridgeVlan { namespace, .. }
            | Resource::BridgePort { namespace, .. }
            | Resource::Mtu { namespace, .. }
            | Resource::Fdb { namespace, .. }
            | Resource::Neighbour { namespace, .. }
            | Resource::Qdisc { namespace, .. }
            | Resource::NoOffload { namespace, .. }
            | Resource::Up { namespace, .. }
            | Resource::Address { namespace, .. }
            | Resource::Rule { namespace, .. }
            | Resource::NexthopObject { namespace, .. }
            | Resource::Ruleset { namespace, .. }
            | Resource::EtcFile { namespace, .. }
            | Resource::Command { namespace, .. }
            | Resource::Route { namespace, .. }
            | Resource::MplsRoute { namespace, .. } => namespace,
        }
    }

    /// The namespaces that hold it: of a veth pair, those of both ends.
    pub fn namespaces(&self) -> impl Iterator<Item = &str> {
        let far =
            if let Resource::Veth { ends: [_, far] } = self { Some(&far.namespace) } else { None };
        std::iter::once(self.namespace()).chain(far.map(String::as_str))
    }

    /// The devices that it is, each with its namespace.
    pub fn devices(&self) -> Vec<(&str, &str)> {
        match self {
            Resource::Veth { ends } => {
                ends.iter().map(|end| (end.namespace.as_str(), end.name.as_str())).collect()
            }
            Resource::Device { namespace, device } => vec![(namespace, &device.name)],
            Resource::Namespace { .. }
            | Resource::Sysctl { .. }
            | Resource::Wireguard { .. }
            | Resource::Master { .. }
            | Resource::BridgeVlan { .. }
            | Resource::BridgePort { .. }
            | Resource::Mtu { .. }
            | Resource::Fdb { .. }
            | Resource::Neighbour { .. }
            | Resource::Qdisc { .. }
            | Resource::NoOffload { .. }
            | Resource::Up { .. }
            | Resource::Address { .. }
            | Resource::Rule { .. }
            | Resource::NexthopObject { .. }
            | Resource::Ruleset { .. }
            | Resource::EtcFile { .. }
            | Resource::Command { .. }
            | Resource::Route { .. }
            | Resource::MplsRoute { .. } => Vec::new(),
        }
    }

    /// The MTU of one of the devices that it is, by its place among [`Resource::devices`]; none where the kernel
    /// chooses.
    pub fn mtu_of(&mut self, place: usize) -> Option<&mut Option<u32>> {
        self.chosen().into_iter().nth(place).map(|chosen| chosen.mtu)
    }

    /// What the devices that it is have of the kernel's own choice where nothing is said, in the order of
    /// [`Resource::devices`].
    pub(super) fn chosen(&mut self) -> Vec<Chosen<'_>> {
        match self {
            Resource::Veth { ends } => {
                let ends = ends.iter_mut();
                ends.map(|end| Chosen { mtu: &mut end.mtu, mac: &mut end.mac, kind: None })
                    .collect()
            }
            Resource::Device { device, .. } => {
                let Device { kind, mtu, mac, .. } = device;
                vec![Chosen { mtu, mac, kind: Some(kind) }]
            }
            Resource::Namespace { .. }
            | Resource::Sysctl { .. }
            | Resource::Wireguard { .. }
            | Resource::Master { .. }
            | Resource::BridgeVlan { .. }
            | Resource::BridgePort { .. }
            | Resource::Mtu { .. }
            | Resource::Fdb { .. }
            | Resource::Neighbour { .. }
            | Resource::Qdisc { .. }
            | Resource::NoOffload { .. }
            | Resource::Up { .. }
            | Resource::Address { .. }
            | Resource::Rule { .. }
            | Resource::NexthopObject { .. }
            | Resource::Ruleset { .. }
            | Resource::EtcFile { .. }
            | Resource::Command { .. }
            | Resource::Route { .. }
            | Resource::MplsRoute { .. } => Vec::new(),
        }
    }
}

/// The interface that a setting is about: `net/FAMILY/conf/INTERFACE/NAME` and
/// `net/FAMILY/neigh/INTERFACE/NAME`; `all` and `default` are nobody's.
pub(super) fn interface_of(setting: &str) -> Option<&str> {
    let mut parts = setting.split('/').skip_while(|part| !matches!(*part, "conf" | "neigh"));
    parts.nth(1).filter(|name| !matches!(*name, "all" | "default"))
}
