//! A node of a lab, with all that is in its namespace.

use super::id::InterfaceId;
use super::interface::{Interface, InterfaceKind, Lower};
use super::route::{LabelRoute, MAIN, NexthopObject, Route};
use crate::diagnostic::{Span, Spanned, Text};
use crate::document::{Address, Content, DeviceName, NodeName, Role, Traffic};
use crate::iproute::{self, Neighbour, Netem, RuleAction, Tbf};
use crate::link::LowerDevice;
use crate::topology::{ByName, Named};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// A node: one network namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Its name.
    pub name: NodeName,
    /// Where the file names it first.
    pub span: Span,
    /// The name of its namespace under `/run/netns`.
    pub namespace: String,
    /// What it is for.
    pub role: Role,
    /// Whether it forwards IP.
    pub forwarding: bool,
    /// Addresses on `lo`, beside the kernel's own.
    pub loopback: Vec<Spanned<Address>>,
    /// Its VRFs.
    pub vrfs: ByName<Vrf>,
    /// Its interfaces, those of links and others.
    pub interfaces: ByName<Interface>,
    /// Nexthop objects, groups behind their members.
    pub nexthops: Vec<Spanned<NexthopObject>>,
    /// Names for tables.
    pub tables: Vec<(String, u32)>,
    /// IP routes of all tables.
    pub routes: Vec<Spanned<Route>>,
    /// Policy rules, each with its priority.
    pub rules: Vec<Spanned<Rule>>,
    /// Label routes.
    pub label_routes: Vec<Spanned<LabelRoute>>,
    /// Entries of neighbour tables.
    pub neighbours: Vec<Spanned<Neighbour<DeviceName>>>,
    /// The priority of the local table's lookup, 0 where the kernel puts it.
    pub local_rule: Spanned<u32>,
    /// Settings that are applied before any interface is there, in this order.
    pub early_sysctls: Vec<Spanned<Sysctl>>,
    /// Settings that need the interfaces, in this order.
    pub late_sysctls: Vec<Spanned<Sysctl>>,
    /// A ruleset for nft.
    pub nft: Option<Content>,
    /// Files that it has of its own: their paths below `/etc`, and what is in them.
    pub etc: Vec<(Text, Content)>,
    /// Commands that are started when the network is up, in this order.
    pub run: Vec<Command>,
}

/// A command that is part of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// What a shell runs.
    pub line: Text,
    /// The VRF that its sockets are bound to.
    pub vrf: Option<Spanned<DeviceName>>,
}

/// A VRF: a device that ties interfaces to a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vrf {
    /// The device's name.
    pub name: DeviceName,
    /// Where it stands in the file.
    pub span: Span,
    /// Its table.
    pub table: u32,
    /// Addresses on the VRF device.
    pub addresses: Vec<Spanned<Address>>,
    /// Whose routes it gets beside its own.
    pub imports: Imports,
    /// Whether a lookup that finds nothing goes on in the main table.
    pub fallthrough: bool,
    /// The MTU of the VRF device in bytes, where it is not the kernel's default.
    pub mtu: Option<Spanned<u32>>,
    /// What is done to the packets that the node itself sends in the VRF, and to those that labels
    /// lead into it.
    pub netem: Option<Spanned<Netem>>,
    /// How fast they leave.
    pub tbf: Option<Spanned<Tbf>>,
    /// The queue behind these, and its classes.
    pub traffic: Traffic,
    /// Whether the VRF device is up.
    pub up: bool,
}

/// A policy rule: its devices are there, its tables are numbers, and it has a priority.
pub type Rule = iproute::Rule<DeviceName, u32>;

/// A setting of a namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Sysctl {
    /// The path below `/proc/sys`, with slashes: `net/ipv4/ip_forward`.
    pub key: String,
    /// What is written.
    pub value: String,
}

/// What flows are divided by beside what is in their packets, one for the whole node.
pub(super) const HASH_SEED: &str = "net/ipv4/fib_multipath_hash_seed";

impl Sysctl {
    /// Whether a kernel that does not know it is good enough. Linux 6.11 is the first in which
    /// namespaces have seeds of their own; before, all divide flows alike.
    pub fn is_optional(&self) -> bool {
        self.key == HASH_SEED
    }
}

impl Named for Vrf {
    fn name(&self) -> &DeviceName {
        &self.name
    }
}

impl Vrf {
    /// A VRF of which nothing but its name is said, and whose table is not known yet.
    pub(super) fn plain(name: DeviceName, span: Span) -> Self {
        Self {
            name,
            span,
            table: 0,
            addresses: Vec::new(),
            imports: Imports::default(),
            fallthrough: false,
            mtu: None,
            netem: None,
            tbf: None,
            traffic: Traffic::default(),
            up: true,
        }
    }
}

/// What can be changed at a device while its lab stands.
#[derive(Debug)]
pub struct Adjustable<'a> {
    /// What is done to the packets that leave through it.
    pub netem: &'a mut Option<Spanned<Netem>>,
    /// How fast they leave.
    pub tbf: &'a mut Option<Spanned<Tbf>>,
    /// Whether it is up.
    pub up: &'a mut bool,
}

/// Whose routes a VRF gets beside its own, each once and one way.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Imports {
    /// VPNs by name.
    pub vpns: Vec<Spanned<DeviceName>>,
    /// The node's own main table.
    pub main: bool,
    /// Whether default routes come with the others.
    pub default: bool,
}

impl Node {
    /// Its addresses, wherever it has them.
    pub fn addresses(&self) -> impl Iterator<Item = &Address> {
        let on_interfaces = self.interfaces.iter().flat_map(|interface| &interface.addresses);
        let on_vrfs = self.vrfs.iter().flat_map(|vrf| &vrf.addresses);
        on_interfaces.chain(on_vrfs).chain(&self.loopback).map(|address| &address.value)
    }

    /// Whether it has an address.
    pub fn has(&self, address: IpAddr) -> bool {
        self.addresses().any(|own| own.addr() == address)
    }

    /// The interface of this name.
    pub fn interface(&self, name: &str) -> Option<InterfaceId> {
        self.interfaces.place(name).map(InterfaceId)
    }

    /// Whether a device is up; `lo` always is.
    pub fn is_up(&self, device: &DeviceName) -> bool {
        match self.interface(device.as_str()) {
            Some(id) => self.comes_up(id),
            None => self.vrf(device.as_str()).is_none_or(|vrf| vrf.up),
        }
    }

    /// What can be changed at an interface or a VRF device of this name.
    pub fn adjustable(&mut self, device: &str) -> Option<Adjustable<'_>> {
        if let Some(id) = self.interface(device) {
            let Interface { netem, tbf, up, .. } = &mut self.interfaces[id.0];
            return Some(Adjustable { netem, tbf, up });
        }
        let vrf = self.vrfs.iter_mut().find(|vrf| vrf.name.as_str() == device)?;
        let Vrf { netem, tbf, up, .. } = vrf;
        Some(Adjustable { netem, tbf, up })
    }

    /// Whether an interface is up; the kernel takes it down with the one beneath.
    pub fn comes_up(&self, id: InterfaceId) -> bool {
        let beneath = |id: &InterfaceId| self.interfaces[id.0].kind.parent();
        std::iter::successors(Some(id), beneath).all(|id| self.interfaces[id.0].up)
    }

    /// The name of what an interface rests on.
    pub fn lower_name<'a>(&'a self, lower: &'a Lower) -> &'a DeviceName {
        match lower {
            Lower::Interface(lower) => &self.interfaces[lower.0].name,
            Lower::Vrf(vrf) => vrf,
        }
    }

    /// The table that the outer packets of a tunnel are routed by.
    pub fn underlay(&self, id: InterfaceId) -> Option<u32> {
        let InterfaceKind::Device { kind, lower } = &self.interfaces[id.0].kind else {
            return None;
        };
        match (kind.description().lower, kind.as_wireguard()) {
            (LowerDevice::Underlay, _) => {}
            (LowerDevice::Socket, Some(wireguard)) => {
                return Some(self.table_of_mark(wireguard.fwmark));
            }
            (LowerDevice::None | LowerDevice::Parent | LowerDevice::Socket, _) => return None,
        }
        Some(match lower {
            None => MAIN,
            Some(Lower::Interface(lower)) => self.table_of(&self.interfaces[lower.0]),
            Some(Lower::Vrf(vrf)) => self.vrf(vrf.as_str()).map_or(MAIN, |vrf| vrf.table),
        })
    }

    /// The table that the first rule for packets of a mark has them looked up in.
    fn table_of_mark(&self, mark: u32) -> u32 {
        let rules = self.rules.iter().map(|rule| &rule.value);
        let chooses = |rule: &&Rule| {
            rule.fwmark.is_some_and(|(wanted, mask)| mask != 0 && mark & mask == wanted)
        };
        let first = rules.filter(chooses).min_by_key(|rule| rule.priority);
        match first.map(|rule| &rule.action) {
            Some(RuleAction::Lookup(table)) => *table,
            Some(
                RuleAction::Vrf
                | RuleAction::Goto(_)
                | RuleAction::Nop
                | RuleAction::Unreachable
                | RuleAction::Blackhole
                | RuleAction::Prohibit,
            )
            | None => MAIN,
        }
    }

    /// The VRF of this name.
    pub fn vrf(&self, name: &str) -> Option<&Vrf> {
        self.vrfs.named(name)
    }

    /// The VRF that an interface is in, itself or through its bridge.
    pub fn vrf_of(&self, interface: &Interface) -> Option<&Vrf> {
        let master = interface.master.as_ref()?.value.as_str();
        self.vrf(master).or_else(|| {
            let bridge = self.interface(master)?;
            self.vrf_of(&self.interfaces[bridge.0])
        })
    }

    /// The table in which an interface's routes are.
    pub fn table_of(&self, interface: &Interface) -> u32 {
        self.vrf_of(interface).map_or(MAIN, |vrf| vrf.table)
    }
}
