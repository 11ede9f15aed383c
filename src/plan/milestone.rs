//! What one step brings about and another waits for.

use super::resource::interface_of;
use super::{Device, QueuePlace, Resource};
use crate::compile::{Encap, LOCAL, Nexthop};
use crate::iproute::{FdbPlace, Leads, RuleAction};
use crate::link::Kind;
use std::fmt;
use std::net::IpAddr;

/// The setting that makes room for MPLS routes.
pub(super) const PLATFORM_LABELS: &str = "net/mpls/platform_labels";

/// What one step brings about and another waits for. The first word is the namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Milestone<'a> {
    /// It is there.
    Namespace(&'a str),
    /// Its settings that are no interface's are written.
    Settings(&'a str),
    /// A device is there.
    Device(&'a str, &'a str),
    /// All of its devices are there.
    Devices(&'a str),
    /// A device has a master.
    Master(&'a str, &'a str),
    /// A port is told how to be one.
    Port(&'a str, &'a str),
    /// A port has a VLAN.
    Vlan(&'a str, &'a str, u16),
    /// A bridge has the MTU that it is to have.
    Mtu(&'a str, &'a str),
    /// A device has a queue at a place.
    Queue(&'a str, &'a str, QueuePlace),
    /// A device has all that it should have before it comes up.
    Configured(&'a str, &'a str),
    /// It has its files below `/etc`.
    Files(&'a str),
    /// nft has loaded its ruleset.
    Ruleset(&'a str),
    /// A device is up.
    Up(&'a str, &'a str),
    /// A device is up, and so is whatever gives it a carrier.
    Carrier(&'a str, &'a str),
    /// A device has its subnets, by addresses and by routes that lead to the link itself.
    Connected(&'a str, &'a str),
    /// It has an address, which routes can prefer as their source.
    Source(&'a str, IpAddr),
    /// A nexthop object of a number is there.
    NexthopObject(&'a str, u32),
    /// A VRF has a table.
    VrfTable(&'a str, u32),
    /// There is room for labels.
    Labels(&'a str),
    /// The local table is looked up for IPv4, or for IPv6 where that is false.
    LocalTable(&'a str, bool),
}

/// How much a step needs what it waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// The kernel refuses the step without it.
    Hard,
    /// It comes first where it comes at all.
    Soft,
}

/// Steps that keep the order in which the plan has them, as the kernel would make something else of
/// another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Series<'a> {
    /// Some settings reset others.
    Settings(&'a str),
    /// A port has one VLAN for what comes without a tag, the last that says so.
    Vlans(&'a str, &'a str),
    /// The first address of a subnet is the source of what a node sends there.
    Addresses(&'a str, &'a str),
    /// Of rules with one priority, the first is asked first.
    Rules(&'a str, bool),
    /// Commands are started in their order.
    Commands(&'a str),
}

impl fmt::Display for Milestone<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Milestone::Namespace(namespace) => write!(f, "the namespace {namespace}"),
            Milestone::Settings(namespace) => write!(f, "the settings of {namespace}"),
            Milestone::Device(namespace, device) => write!(f, "the device {device} of {namespace}"),
            Milestone::Devices(namespace) => write!(f, "the devices of {namespace}"),
            Milestone::Master(namespace, port) => write!(f, "a master of {port} of {namespace}"),
            Milestone::Port(namespace, port) => {
                write!(f, "the flags of the port {port} of {namespace}")
            }
            Milestone::Vlan(namespace, port, vlan) => {
                write!(f, "the VLAN {vlan} of {port} of {namespace}")
            }
            Milestone::Mtu(namespace, device) => write!(f, "the MTU of {device} of {namespace}"),
            Milestone::Queue(namespace, device, _) => {
                write!(f, "a queue before it on {device} of {namespace}")
            }
            Milestone::Configured(namespace, device) => {
                write!(f, "the configuration of {device} of {namespace}")
            }
            Milestone::Files(namespace) => write!(f, "the files of {namespace}"),
            Milestone::Ruleset(namespace) => write!(f, "the ruleset of {namespace}"),
            Milestone::Up(namespace, device) => write!(f, "{device} of {namespace}, up"),
            Milestone::Carrier(namespace, device) => {
                write!(f, "{device} of {namespace}, with a carrier")
            }
            Milestone::Connected(namespace, device) => {
                write!(f, "the subnets of {device} of {namespace}")
            }
            Milestone::Source(namespace, address) => write!(f, "{address} in {namespace}"),
            Milestone::NexthopObject(namespace, id) => {
                write!(f, "the nexthop object {id} of {namespace}")
            }
            Milestone::VrfTable(namespace, table) => {
                write!(f, "a VRF of {namespace} with the table {table}")
            }
            Milestone::Labels(namespace) => write!(f, "room for labels in {namespace}"),
            Milestone::LocalTable(namespace, _) => {
                write!(f, "a lookup of the local table of {namespace}")
            }
        }
    }
}

impl Resource {
    /// What its making brings about, by itself.
    pub fn provides<'a>(&'a self, mut each: impl FnMut(Milestone<'a>)) {
        let here = self.namespace();
        match self {
            Resource::Namespace { .. } => {
                each(Milestone::Namespace(here));
                each(Milestone::Device(here, "lo"));
            }
            Resource::Sysctl { key, .. } => match interface_of(key) {
                Some(device) => each(Milestone::Configured(here, device)),
                None => {
                    each(Milestone::Settings(here));
                    if key == PLATFORM_LABELS {
                        each(Milestone::Labels(here));
                    }
                }
            },
            Resource::Veth { .. } | Resource::Device { .. } => {
                for (namespace, device) in self.devices() {
                    each(Milestone::Device(namespace, device));
                    each(Milestone::Devices(namespace));
                }
                if let Resource::Device { device: Device { kind: Kind::Vrf(vrf), .. }, .. } = self {
                    each(Milestone::VrfTable(here, vrf.table));
                }
            }
            Resource::Master { port, .. } => {
                each(Milestone::Master(here, port));
                each(Milestone::Configured(here, port));
            }
            Resource::Qdisc { device, qdisc, .. } => {
                each(Milestone::Queue(here, device, qdisc.place()));
                each(Milestone::Configured(here, device));
            }
            Resource::BridgeVlan { device, vlan, .. } => {
                each(Milestone::Configured(here, device));
                each(Milestone::Vlan(here, device, vlan.first));
            }
            Resource::BridgePort { device, .. } => {
                each(Milestone::Configured(here, device));
                each(Milestone::Port(here, device));
            }
            Resource::Fdb { device, .. } | Resource::NoOffload { device, .. } => {
                each(Milestone::Configured(here, device))
            }
            Resource::Mtu { device, .. } => each(Milestone::Mtu(here, device)),
            // Whose carrier it gives is known to the whole plan alone.
            Resource::Up { device, .. } => each(Milestone::Up(here, device)),
            Resource::Address { device, address, .. } => {
                each(Milestone::Connected(here, device));
                each(Milestone::Source(here, address.addr()));
            }
            Resource::Rule { rule, .. } => {
                if rule.action == RuleAction::Lookup(LOCAL) {
                    each(Milestone::LocalTable(here, rule.v4));
                }
            }
            Resource::NexthopObject { object, .. } => {
                each(Milestone::NexthopObject(here, object.id));
            }
            Resource::Ruleset { .. } => each(Milestone::Ruleset(here)),
            Resource::EtcFile { .. } => each(Milestone::Files(here)),
            Resource::Command { .. }
            | Resource::Neighbour { .. }
            | Resource::MplsRoute { .. }
            | Resource::Wireguard { .. } => {}
            // It may hold gateways, as an address does.
            Resource::Route { route, .. } if route.is_on_link() => {
                for nexthop in route.nexthops.iter() {
                    each(Milestone::Connected(here, nexthop.dev.as_str()));
                }
            }
            Resource::Route { .. } => {}
        }
    }

    /// What its making waits for, by itself.
    pub fn waits_for<'a>(&'a self, mut each: impl FnMut(Strength, Milestone<'a>)) {
        use Strength::{Hard, Soft};
        let here = self.namespace();
        match self {
            Resource::Namespace { .. } => {}
            Resource::Sysctl { key, .. } => {
                each(Hard, Milestone::Namespace(here));
                // The kernel makes some devices by itself.
                if let Some(device) = interface_of(key) {
                    each(Soft, Milestone::Device(here, device));
                }
            }
            Resource::Veth { ends } => {
                for end in ends {
                    each(Hard, Milestone::Namespace(&end.namespace));
                    each(Soft, Milestone::Settings(&end.namespace));
                }
            }
            Resource::Device { device, .. } => {
                each(Hard, Milestone::Namespace(here));
                each(Soft, Milestone::Settings(here));
                if let Some(lower) = &device.lower {
                    each(Hard, Milestone::Device(here, lower));
                    // A VLAN's MTU is that of the device below at the most.
                    each(Soft, Milestone::Mtu(here, lower));
                }
            }
            Resource::Master { port, master, .. } => {
                each(Hard, Milestone::Device(here, port));
                each(Hard, Milestone::Device(here, master));
                each(Soft, Milestone::Mtu(here, master));
            }
            Resource::BridgePort { device, .. } => each(Hard, Milestone::Master(here, device)),
            Resource::Mtu { device, .. } => each(Hard, Milestone::Device(here, device)),
            Resource::BridgeVlan { device, own, vlan, .. } => {
                each(Hard, Milestone::Device(here, device));
                if vlan.tunnel.is_some() {
                    each(Hard, Milestone::Port(here, device));
                }
                if !own {
                    each(Hard, Milestone::Master(here, device));
                }
            }
            Resource::Qdisc { device, qdisc, .. } => {
                each(Hard, Milestone::Device(here, device));
                if let Some(above) = qdisc.above() {
                    each(Hard, Milestone::Queue(here, device, above));
                }
            }
            Resource::NoOffload { device, .. } | Resource::Wireguard { device, .. } => {
                each(Hard, Milestone::Device(here, device));
            }
            Resource::Up { device, .. } => {
                each(Hard, Milestone::Device(here, device));
                each(Soft, Milestone::Configured(here, device));
                each(Soft, Milestone::Ruleset(here));
            }
            // The kernel cycles a port that is up, which costs it its IPv6 addresses.
            Resource::Address { device, .. } => {
                each(Hard, Milestone::Device(here, device));
                each(Soft, Milestone::Configured(here, device));
                each(Soft, Milestone::Up(here, device));
            }
            Resource::Fdb { device, entry, .. } => {
                each(Hard, Milestone::Device(here, device));
                match entry.place {
                    FdbPlace::Tunnel { .. } => {}
                    FdbPlace::Port { vlan } => {
                        each(Hard, Milestone::Master(here, device));
                        if let Some(vlan) = vlan {
                            each(Soft, Milestone::Vlan(here, device, vlan));
                        }
                    }
                }
            }
            // What goes down forgets its neighbours.
            Resource::Neighbour { neighbour, .. } => {
                let device = neighbour.dev.as_str();
                each(Hard, Milestone::Device(here, device));
                each(Soft, Milestone::Configured(here, device));
                each(Soft, Milestone::Up(here, device));
            }
            Resource::Rule { .. } | Resource::EtcFile { .. } => {
                each(Hard, Milestone::Namespace(here));
            }
            Resource::NexthopObject { object, .. } => match &object.leads {
                Leads::Way { way, .. } => waits_of_nexthop(here, way, Hard, &mut each),
                Leads::Blackhole { .. } => each(Hard, Milestone::Namespace(here)),
                Leads::Group { members, .. } => {
                    for (id, _) in members {
                        each(Hard, Milestone::NexthopObject(here, *id));
                    }
                }
            },
            Resource::Ruleset { .. } => {
                each(Hard, Milestone::Namespace(here));
                each(Soft, Milestone::Devices(here));
                each(Soft, Milestone::Files(here));
            }
            Resource::Command { vrf, .. } => {
                each(Hard, Milestone::Namespace(here));
                if let Some(vrf) = vrf {
                    each(Hard, Milestone::Device(here, vrf));
                }
            }
            Resource::Route { route, .. } => {
                each(Hard, Milestone::Namespace(here));
                if let Some(source) = route.source {
                    each(Soft, Milestone::Source(here, source));
                }
                let strength = match route.object {
                    Some(id) => {
                        each(Hard, Milestone::NexthopObject(here, id));
                        Soft
                    }
                    None => Hard,
                };
                for nexthop in route.nexthops.iter() {
                    waits_of_nexthop(here, nexthop, strength, &mut each);
                }
            }
            Resource::MplsRoute { route, .. } => {
                each(Hard, Milestone::Labels(here));
                for nexthop in &route.nexthops {
                    let device = nexthop.dev.as_str();
                    each(Hard, Milestone::Device(here, device));
                    each(Soft, Milestone::Carrier(here, device));
                    each(Soft, Milestone::Connected(here, device));
                }
            }
        }
    }

    /// The steps among which it keeps its place.
    pub(super) fn series(&self) -> Option<Series<'_>> {
        let here = self.namespace();
        match self {
            Resource::Sysctl { .. } => Some(Series::Settings(here)),
            Resource::BridgeVlan { device, .. } => Some(Series::Vlans(here, device)),
            Resource::Address { device, .. } => Some(Series::Addresses(here, device)),
            Resource::Rule { rule, .. } => Some(Series::Rules(here, rule.v4)),
            Resource::Command { .. } => Some(Series::Commands(here)),
            Resource::Namespace { .. }
            | Resource::Veth { .. }
            | Resource::Device { .. }
            | Resource::Wireguard { .. }
            | Resource::Master { .. }
            | Resource::BridgePort { .. }
            | Resource::Mtu { .. }
            | Resource::Fdb { .. }
            | Resource::Neighbour { .. }
            | Resource::Qdisc { .. }
            | Resource::NoOffload { .. }
            | Resource::Up { .. }
            | Resource::NexthopObject { .. }
            | Resource::Ruleset { .. }
            | Resource::EtcFile { .. }
            | Resource::Route { .. }
            | Resource::MplsRoute { .. } => None,
        }
    }
}

/// What a nexthop waits for: its device, up, with the subnet of its gateway. `up` is how much the
/// device is needed.
fn waits_of_nexthop<'a>(
    namespace: &'a str,
    nexthop: &'a Nexthop,
    up: Strength,
    each: &mut impl FnMut(Strength, Milestone<'a>),
) {
    let device = nexthop.dev.as_str();
    each(up, Milestone::Up(namespace, device));
    if let Some(local) = nexthop.encap.as_ref().and_then(Encap::local) {
        if let Some(table) = local.vrf_table() {
            each(Strength::Hard, Milestone::VrfTable(namespace, *table));
        }
        if let Some(out) = local.device() {
            each(Strength::Hard, Milestone::Device(namespace, out.as_str()));
        }
    }
    if nexthop.via.is_some() {
        each(Strength::Soft, Milestone::Carrier(namespace, device));
        each(Strength::Soft, Milestone::Connected(namespace, device));
    }
}
