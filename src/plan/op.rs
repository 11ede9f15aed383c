//! One thing that is done to a namespace.

use crate::compile::{LabelRoute, Route, Rule};
use crate::iproute::RuleAction;
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
    },
    /// A pair of joined interfaces is made, each end in its namespace under its name.
    Veth {
        /// The two ends.
        ends: [VethEnd; 2],
    },
    /// A VRF device is made where it stays: the kernel never moves one.
    Vrf {
        /// Where.
        namespace: String,
        /// The device's name.
        name: String,
        /// Its table.
        table: u32,
    },
    /// A bridge is made.
    Bridge {
        /// Where.
        namespace: String,
        /// The device's name.
        name: String,
        /// Its MTU in bytes, where it is not the kernel's default.
        mtu: Option<u32>,
    },
    /// A dummy device is made.
    Dummy {
        /// Where.
        namespace: String,
        /// The device's name.
        name: String,
        /// Its MTU in bytes, where it is not the kernel's default.
        mtu: Option<u32>,
        /// Its MAC address, where it is not the kernel's choice.
        mac: Option<[u8; 6]>,
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
    Up(String, String),
    Connected(String, String),
    Rule(String, bool, RuleAction<u32>),
}

impl Op {
    /// The namespace in which it is done; a veth pair's first one.
    pub fn namespace(&self) -> &str {
        match self {
            Op::Veth { ends } => &ends[0].namespace,
            Op::Namespace { namespace }
            | Op::Sysctl { namespace, .. }
            | Op::Vrf { namespace, .. }
            | Op::Bridge { namespace, .. }
            | Op::Dummy { namespace, .. }
            | Op::Enslave { namespace, .. }
            | Op::Up { namespace, .. }
            | Op::Address { namespace, .. }
            | Op::Rule { namespace, .. }
            | Op::Route { namespace, .. }
            | Op::LabelRoute { namespace, .. } => namespace,
        }
    }

    /// What is there afterwards.
    pub(super) fn provides(&self) -> Vec<Thing> {
        let here = self.namespace().to_owned();
        vec![match self {
            Op::Namespace { .. } => Thing::Namespace(here),
            Op::Sysctl { key, .. } => Thing::Sysctl(here, key.clone()),
            Op::Veth { ends } => {
                let device = |end: &VethEnd| Thing::Device(end.namespace.clone(), end.name.clone());
                return ends.iter().map(device).collect();
            }
            Op::Vrf { name, .. } | Op::Bridge { name, .. } | Op::Dummy { name, .. } => {
                Thing::Device(here, name.clone())
            }
            Op::Enslave { port, .. } => Thing::Enslaved(here, port.clone()),
            Op::Up { device, .. } => Thing::Up(here, device.clone()),
            Op::Address { device, .. } => Thing::Connected(here, device.clone()),
            Op::Rule { rule, change: RuleChange::Add, .. } => {
                Thing::Rule(here, rule.v4, rule.action.clone())
            }
            Op::Rule { change: RuleChange::Delete, .. }
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
            Op::Vrf { .. } | Op::Bridge { .. } | Op::Dummy { .. } => {}
            Op::Enslave { port, master, .. } => things.extend([device(port), device(master)]),
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
            Op::Route { route, .. } => {
                for nexthop in &route.nexthops {
                    let name = nexthop.dev.to_string();
                    things
                        .extend([Thing::Up(here(), name.clone()), Thing::Connected(here(), name)]);
                }
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

impl Family {
    /// The family of an address with its prefix length.
    pub fn of(net: IpNet) -> Self {
        match net {
            IpNet::V4(_) => Family::V4,
            IpNet::V6(_) => Family::V6,
        }
    }
}
