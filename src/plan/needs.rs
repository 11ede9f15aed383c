//! What a plan asks of a kernel.

use super::{DeviceKind, Op, Qdisc};
use crate::compile::Nexthop;
use crate::iproute::{Encap, Leads};
use std::collections::{BTreeMap, BTreeSet};

/// Something that a kernel has or lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Feature {
    /// The sixth version of the Internet Protocol.
    Ipv6,
    /// Pairs of joined interfaces.
    Veth,
    /// Bridges.
    Bridge,
    /// Dummy devices.
    Dummy,
    /// VRF devices.
    Vrf,
    /// Label routes.
    MplsRouting,
    /// Routes that push labels.
    MplsEncap,
    /// Queues that delay and lose packets.
    Netem,
    /// Queues of a certain rate.
    Tbf,
    /// Bridges that mind VLANs.
    BridgeVlan,
    /// VLAN devices.
    Vlan,
    /// VXLAN devices.
    Vxlan,
    /// Macvlan devices.
    Macvlan,
    /// Ifb devices.
    Ifb,
    /// Routes that put on lists of segments.
    Seg6Encap,
    /// Routes that tell a tunnel device the outer header.
    IpEncap,
    /// Nexthop objects.
    Nexthops,
    /// Groups of nexthop objects that keep flows on their ways.
    ResilientGroups,
    /// Rules that choose by the bits of differentiated services.
    DscpRules,
    /// Rulesets of nft.
    Nftables,
}

impl Feature {
    /// Every feature there is.
    pub const ALL: [Feature; 20] = [
        Self::Ipv6,
        Self::Veth,
        Self::Bridge,
        Self::Dummy,
        Self::Vrf,
        Self::MplsRouting,
        Self::MplsEncap,
        Self::Netem,
        Self::Tbf,
        Self::BridgeVlan,
        Self::Vlan,
        Self::Vxlan,
        Self::Macvlan,
        Self::Ifb,
        Self::Seg6Encap,
        Self::IpEncap,
        Self::Nexthops,
        Self::ResilientGroups,
        Self::DscpRules,
        Self::Nftables,
    ];

    /// What it is, for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Ipv6 => "IPv6",
            Self::Veth => "veth pairs",
            Self::Bridge => "bridges",
            Self::Dummy => "dummy devices",
            Self::Vrf => "VRF devices",
            Self::MplsRouting => "MPLS label routes",
            Self::MplsEncap => "routes that push MPLS labels",
            Self::Netem => "netem queues",
            Self::Tbf => "tbf queues",
            Self::BridgeVlan => "bridges that mind VLANs",
            Self::Vlan => "VLAN devices",
            Self::Vxlan => "VXLAN devices",
            Self::Macvlan => "macvlan devices",
            Self::Ifb => "ifb devices",
            Self::Seg6Encap => "routes that put on segments",
            Self::IpEncap => "routes that tell tunnels where to lead",
            Self::Nexthops => "nexthop objects",
            Self::ResilientGroups => "resilient nexthop groups",
            Self::DscpRules => "rules that choose by DSCP",
            Self::Nftables => "nft rulesets",
        }
    }

    /// The kernel's configuration symbol, or the first version that has it.
    pub fn config(self) -> &'static str {
        match self {
            Self::Ipv6 => "CONFIG_IPV6",
            Self::Veth => "CONFIG_VETH",
            Self::Bridge => "CONFIG_BRIDGE",
            Self::Dummy => "CONFIG_DUMMY",
            Self::Vrf => "CONFIG_NET_VRF",
            Self::MplsRouting => "CONFIG_MPLS_ROUTING",
            Self::MplsEncap => "CONFIG_MPLS_IPTUNNEL",
            Self::Netem => "CONFIG_NET_SCH_NETEM",
            Self::Tbf => "CONFIG_NET_SCH_TBF",
            Self::BridgeVlan => "CONFIG_BRIDGE_VLAN_FILTERING",
            Self::Vlan => "CONFIG_VLAN_8021Q",
            Self::Vxlan => "CONFIG_VXLAN",
            Self::Macvlan => "CONFIG_MACVLAN",
            Self::Ifb => "CONFIG_IFB",
            Self::Seg6Encap => "CONFIG_IPV6_SEG6_LWTUNNEL",
            Self::IpEncap => "CONFIG_LWTUNNEL",
            Self::Nexthops => "Linux 5.3",
            Self::ResilientGroups => "Linux 5.13",
            Self::DscpRules => "Linux 6.13",
            Self::Nftables => "CONFIG_NF_TABLES",
        }
    }

    /// The module that brings it, where it is not part of the kernel itself.
    pub fn module(self) -> Option<&'static str> {
        Some(match self {
            Self::Ipv6 => "ipv6",
            Self::Veth => "veth",
            Self::Bridge => "bridge",
            Self::Dummy => "dummy",
            Self::Vrf => "vrf",
            Self::MplsRouting => "mpls_router",
            Self::MplsEncap => "mpls_iptunnel",
            Self::Netem => "sch_netem",
            Self::Tbf => "sch_tbf",
            Self::BridgeVlan => "bridge",
            Self::Vlan => "8021q",
            Self::Vxlan => "vxlan",
            Self::Macvlan => "macvlan",
            Self::Ifb => "ifb",
            Self::Nftables => "nf_tables",
            Self::Seg6Encap
            | Self::IpEncap
            | Self::Nexthops
            | Self::ResilientGroups
            | Self::DscpRules => return None,
        })
    }
}

/// The features that a plan needs, each with the namespaces that need it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Needs {
    by_feature: BTreeMap<Feature, BTreeSet<String>>,
}

impl Needs {
    pub(super) fn of<'a>(ops: impl Iterator<Item = &'a Op>) -> Self {
        let mut needs = Self::default();
        for op in ops {
            match op {
                Op::Veth { ends } => {
                    for end in ends {
                        needs.add(Feature::Veth, &end.namespace);
                    }
                }
                Op::Device { namespace, device } => {
                    let feature = match device.kind {
                        DeviceKind::Vrf { .. } => Feature::Vrf,
                        DeviceKind::Bridge { .. } => Feature::Bridge,
                        DeviceKind::Dummy => Feature::Dummy,
                        DeviceKind::Vlan { .. } => Feature::Vlan,
                        DeviceKind::Vxlan { .. } => Feature::Vxlan,
                        DeviceKind::Macvlan { .. } => Feature::Macvlan,
                        DeviceKind::Ifb => Feature::Ifb,
                    };
                    needs.add(feature, namespace);
                }
                Op::LabelRoute { namespace, .. } => needs.add(Feature::MplsRouting, namespace),
                Op::Sysctl { namespace, key, .. } => {
                    if key.starts_with("net/mpls/") {
                        needs.add(Feature::MplsRouting, namespace);
                    } else if key.starts_with("net/vrf/") {
                        needs.add(Feature::Vrf, namespace);
                    } else if key.starts_with("net/ipv6/") {
                        needs.add(Feature::Ipv6, namespace);
                    }
                }
                Op::Route { namespace, route } => {
                    route.nexthops.iter().for_each(|way| needs.encap(way, namespace));
                }
                Op::NexthopObject { namespace, object } => {
                    needs.add(Feature::Nexthops, namespace);
                    match &object.leads {
                        Leads::Way { way, .. } => needs.encap(way, namespace),
                        Leads::Blackhole { .. } | Leads::Group { resilient: None, .. } => {}
                        Leads::Group { resilient: Some(_), .. } => {
                            needs.add(Feature::ResilientGroups, namespace);
                        }
                    }
                }
                Op::Filter { namespace, .. } => needs.add(Feature::Nftables, namespace),
                Op::Qdisc { namespace, qdisc, .. } => {
                    let feature = match qdisc {
                        Qdisc::Netem(_) => Feature::Netem,
                        Qdisc::Tbf { .. } => Feature::Tbf,
                    };
                    needs.add(feature, namespace);
                }
                Op::BridgeVlan { namespace, .. } => needs.add(Feature::BridgeVlan, namespace),
                Op::Namespace { .. }
                | Op::NoOffload { .. }
                | Op::Etc { .. }
                | Op::Run { .. }
                | Op::Enslave { .. }
                | Op::Up { .. }
                | Op::Address { .. } => {}
                Op::Rule { namespace, rule, .. } => {
                    if rule.dscp.is_some() {
                        needs.add(Feature::DscpRules, namespace);
                    }
                }
            }
        }
        needs
    }

    /// Each feature with the namespaces that need it.
    pub fn iter(&self) -> impl Iterator<Item = (Feature, &BTreeSet<String>)> {
        self.by_feature.iter().map(|(feature, namespaces)| (*feature, namespaces))
    }

    fn encap(&mut self, way: &Nexthop, namespace: &str) {
        match way.encap {
            None => {}
            Some(Encap::Mpls { .. }) => self.add(Feature::MplsEncap, namespace),
            Some(Encap::Seg6 { .. }) => self.add(Feature::Seg6Encap, namespace),
            Some(Encap::Ip(_) | Encap::Ip6(_)) => self.add(Feature::IpEncap, namespace),
        }
    }

    fn add(&mut self, feature: Feature, namespace: &str) {
        self.by_feature.entry(feature).or_default().insert(namespace.to_owned());
    }
}
