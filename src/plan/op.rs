//! One thing that is done to a namespace.

use super::device::{Device, VethEnd};
use crate::compile::{LabelRoute, Nexthop, NexthopObject, Route, Rule};
use crate::iproute::{Leads, Netem, RuleAction, Tbf, Vlan};
use ipnet::IpNet;

/// One thing that is done, by names only: whoever carries it out finds the numbers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Op {
    /// A namespace is made.
    Namespace {
        /// Its name under `/run/netns`.
        namespace: String,
    },
    /// A setting is written.
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
    /// A pair of joined interfaces is made, each end in its namespace under its name.
    Veth {
        /// The two ends.
        ends: [VethEnd; 2],
    },
    /// A device is made where it stays: of some kinds the kernel never moves one.
    Device {
        /// Where.
        namespace: String,
        /// The device.
        device: Device,
    },
    /// An interface becomes a port of a bridge or goes into a VRF.
    Enslave {
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
    /// A device is brought up.
    Up {
        /// Where.
        namespace: String,
        /// The device.
        device: String,
    },
    /// An address is put on a device.
    Address {
        /// Where.
        namespace: String,
        /// The device.
        device: String,
        /// The address and its prefix length.
        address: IpNet,
    },
    /// A policy rule comes or goes.
    Rule {
        /// Where.
        namespace: String,
        /// Put or taken.
        change: RuleChange,
        /// The rule.
        rule: Rule,
    },
    /// A nexthop object is added.
    NexthopObject {
        /// Where.
        namespace: String,
        /// The object.
        object: NexthopObject,
    },
    /// A ruleset is loaded, by nft.
    Filter {
        /// Where.
        namespace: String,
        /// In nft's own language.
        ruleset: String,
    },
    /// A node gets a file of its own below `/etc`.
    Etc {
        /// Where.
        namespace: String,
        /// The path below `/etc`.
        path: String,
        /// What is in it.
        text: String,
    },
    /// A command is started, and left running.
    Run {
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
    /// An IP route is added.
    Route {
        /// Where.
        namespace: String,
        /// The route.
        route: Route,
    },
    /// A label route is added.
    LabelRoute {
        /// Where.
        namespace: String,
        /// The route.
        route: LabelRoute,
    },
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
}

/// How a step is carried out, which says what it can be sent together with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// By itself, through files.
    Alone,
    /// In a process that stays, one for each namespace.
    Process,
    /// Over netlink, through one socket for the devices of all namespaces.
    Devices,
    /// Over netlink, through its namespace's own socket.
    Configuration,
}

/// An address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// Whether a rule comes or goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RuleChange {
    /// It is added.
    Add,
    /// It is deleted.
    Delete,
}

/// What one step makes and another needs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Thing {
    Namespace(String),
    Sysctl(String, String),
    Device(String, String),
    Enslaved(String, String),
    Netem(String, String),
    Up(String, String),
    Connected(String, String),
    Rule(String, bool, RuleAction<u32>),
    NexthopObject(String, u32),
}

impl Op {
    /// The namespace in which it is done; a veth pair's first one.
    pub fn namespace(&self) -> &str {
        match self {
            Op::Veth { ends } => &ends[0].namespace,
            Op::Namespace { namespace }
            | Op::Sysctl { namespace, .. }
            | Op::Device { namespace, .. }
            | Op::Enslave { namespace, .. }
            | Op::BridgeVlan { namespace, .. }
            | Op::Qdisc { namespace, .. }
            | Op::NoOffload { namespace, .. }
            | Op::Up { namespace, .. }
            | Op::Address { namespace, .. }
            | Op::Rule { namespace, .. }
            | Op::NexthopObject { namespace, .. }
            | Op::Filter { namespace, .. }
            | Op::Etc { namespace, .. }
            | Op::Run { namespace, .. }
            | Op::Route { namespace, .. }
            | Op::LabelRoute { namespace, .. } => namespace,
        }
    }

    /// How it is carried out.
    pub fn way(&self) -> Way {
        match self {
            Op::Namespace { .. }
            | Op::Sysctl { .. }
            | Op::NoOffload { .. }
            | Op::Filter { .. }
            | Op::Etc { .. } => Way::Alone,
            Op::Run { .. } => Way::Process,
            Op::Device { device, .. } if device.is_made_inside() => Way::Configuration,
            Op::Veth { .. } | Op::Device { .. } => Way::Devices,
            Op::Enslave { .. }
            | Op::BridgeVlan { .. }
            | Op::Qdisc { .. }
            | Op::Up { .. }
            | Op::Address { .. }
            | Op::Rule { .. }
            | Op::NexthopObject { .. }
            | Op::Route { .. }
            | Op::LabelRoute { .. } => Way::Configuration,
        }
    }

    /// The devices that it makes, each with its namespace.
    pub fn devices(&self) -> Vec<(&str, &str)> {
        match self {
            Op::Veth { ends } => {
                ends.iter().map(|end| (end.namespace.as_str(), end.name.as_str())).collect()
            }
            Op::Device { namespace, device } => vec![(namespace, &device.name)],
            Op::Namespace { .. }
            | Op::Sysctl { .. }
            | Op::Enslave { .. }
            | Op::BridgeVlan { .. }
            | Op::Qdisc { .. }
            | Op::NoOffload { .. }
            | Op::Up { .. }
            | Op::Address { .. }
            | Op::Rule { .. }
            | Op::NexthopObject { .. }
            | Op::Filter { .. }
            | Op::Etc { .. }
            | Op::Run { .. }
            | Op::Route { .. }
            | Op::LabelRoute { .. } => Vec::new(),
        }
    }

    /// The MAC addresses of the devices that it makes, in the order of [`Op::devices`].
    pub(super) fn macs(&mut self) -> Vec<&mut Option<[u8; 6]>> {
        match self {
            Op::Veth { ends } => ends.iter_mut().map(|end| &mut end.mac).collect(),
            Op::Device { device, .. } => vec![&mut device.mac],
            Op::Namespace { .. }
            | Op::Sysctl { .. }
            | Op::Enslave { .. }
            | Op::BridgeVlan { .. }
            | Op::Qdisc { .. }
            | Op::NoOffload { .. }
            | Op::Up { .. }
            | Op::Address { .. }
            | Op::Rule { .. }
            | Op::NexthopObject { .. }
            | Op::Filter { .. }
            | Op::Etc { .. }
            | Op::Run { .. }
            | Op::Route { .. }
            | Op::LabelRoute { .. } => Vec::new(),
        }
    }

    /// What is there afterwards.
    pub(super) fn provides(&self) -> Vec<Thing> {
        let here = self.namespace().to_owned();
        vec![match self {
            Op::Namespace { .. } => Thing::Namespace(here),
            Op::Sysctl { key, .. } => Thing::Sysctl(here, key.clone()),
            Op::Veth { .. } | Op::Device { .. } => {
                let thing = |(namespace, name): (&str, &str)| {
                    Thing::Device(namespace.to_owned(), name.to_owned())
                };
                return self.devices().into_iter().map(thing).collect();
            }
            Op::Enslave { port, .. } => Thing::Enslaved(here, port.clone()),
            Op::Qdisc { device, qdisc: Qdisc::Netem(_), .. } => Thing::Netem(here, device.clone()),
            Op::Up { device, .. } => Thing::Up(here, device.clone()),
            Op::Address { device, .. } => Thing::Connected(here, device.clone()),
            Op::Rule { rule, change: RuleChange::Add, .. } => {
                Thing::Rule(here, rule.v4, rule.action.clone())
            }
            Op::NexthopObject { object, .. } => Thing::NexthopObject(here, object.id),
            // It may hold gateways, as an address does.
            Op::Route { route, .. } if route.is_on_link() => {
                let connected = |way: &Nexthop| Thing::Connected(here.clone(), way.dev.to_string());
                return route.nexthops.iter().map(connected).collect();
            }
            Op::Rule { change: RuleChange::Delete, .. }
            | Op::BridgeVlan { .. }
            | Op::Qdisc { qdisc: Qdisc::Tbf { .. }, .. }
            | Op::NoOffload { .. }
            | Op::Filter { .. }
            | Op::Etc { .. }
            | Op::Run { .. }
            | Op::Route { .. }
            | Op::LabelRoute { .. } => return Vec::new(),
        }]
    }

    /// What must be there before.
    pub(super) fn requires(&self) -> Vec<Thing> {
        let here = || self.namespace().to_owned();
        let device = |name: &str| Thing::Device(here(), name.to_owned());
        let mut things = vec![Thing::Namespace(here())];
        match self {
            Op::Namespace { .. } => things.clear(),
            Op::Veth { ends } => things.push(Thing::Namespace(ends[1].namespace.clone())),
            Op::Sysctl { key, .. } => {
                // net/FAMILY/conf/INTERFACE/NAME; `all` and `default` are nobody's devices.
                if let Some(name) = key.split('/').skip_while(|part| *part != "conf").nth(1) {
                    things.push(device(name));
                }
            }
            Op::Device { device: made, .. } => things.extend(made.lower.as_deref().map(device)),
            Op::Filter { .. } | Op::Etc { .. } => {}
            Op::Run { vrf, .. } => {
                things.extend(vrf.iter().map(|vrf| Thing::Up(here(), vrf.clone())));
            }
            Op::Enslave { port, master, .. } => things.extend([device(port), device(master)]),
            Op::Qdisc { device: name, .. } => {
                things.extend([device(name), Thing::Netem(here(), name.clone())]);
            }
            Op::NoOffload { device: name, .. } => things.push(device(name)),
            Op::BridgeVlan { device: name, .. } => {
                things.extend([device(name), Thing::Enslaved(here(), name.clone())]);
            }
            Op::Up { device: name, .. } => {
                things.extend([device(name), Thing::Enslaved(here(), name.clone())]);
            }
            Op::Address { device: name, .. } => {
                things.extend([device(name), Thing::Up(here(), name.clone())]);
            }
            Op::Rule { rule, change, .. } => match change {
                RuleChange::Add => {}
                // Until the local table is looked up elsewhere, nothing would be delivered.
                RuleChange::Delete => {
                    things.push(Thing::Rule(here(), rule.v4, rule.action.clone()))
                }
            },
            Op::NexthopObject { object, .. } => match &object.leads {
                Leads::Way { way, .. } => things.extend(ready(here(), way)),
                Leads::Blackhole { .. } => {}
                Leads::Group { members, .. } => {
                    things.extend(members.iter().map(|(id, _)| Thing::NexthopObject(here(), *id)));
                }
            },
            Op::Route { route, .. } => {
                things.extend(route.nexthops.iter().flat_map(|nexthop| ready(here(), nexthop)));
                things.extend(route.object.map(|id| Thing::NexthopObject(here(), id)));
            }
            Op::LabelRoute { route, .. } => {
                things.push(Thing::Sysctl(here(), "net/mpls/platform_labels".into()));
                for nexthop in &route.nexthops {
                    things.push(Thing::Up(here(), nexthop.dev.to_string()));
                }
            }
        }
        things
    }
}

/// What a way on needs: its device, up and with the subnet of its gateway.
fn ready(namespace: String, nexthop: &Nexthop) -> [Thing; 2] {
    let device = nexthop.dev.to_string();
    [Thing::Up(namespace.clone(), device.clone()), Thing::Connected(namespace, device)]
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
