//! What a plan asks of a kernel.

use super::{Qdisc, Resource};
use crate::compile::{Encap, Nexthop};
use crate::iproute::{Leads, Leaf, Match};
use crate::link::KindName;
use std::collections::{BTreeMap, BTreeSet};

/// Something that a kernel has or lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Feature {
    /// The sixth version of the Internet Protocol.
    Ipv6,
    /// Pairs of joined interfaces.
    Veth,
    /// Devices of a kind.
    Device(KindName),
    /// Label routes.
    MplsRouting,
    /// Routes that push labels.
    MplsEncap,
    /// Queues that delay and lose packets.
    Netem,
    /// Queues of a certain rate.
    Tbf,
    /// Queues of flows that are kept short.
    FqCodel,
    /// Queues of bands.
    Prio,
    /// Queues with classes.
    Htb,
    /// Filters that choose a class by a packet's mark.
    FwFilters,
    /// Filters that choose a class by a packet's headers.
    FlowerFilters,
    /// Filters for what comes in.
    Ingress,
    /// Filters that count what comes in.
    Police,
    /// Bridges that mind VLANs.
    BridgeVlan,
    /// Routes that put on lists of segments, and routes for segments.
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
    /// Every feature that is no kind of device.
    const OTHERS: [Feature; 20] = [
        Self::Ipv6,
        Self::Veth,
        Self::MplsRouting,
        Self::MplsEncap,
        Self::Netem,
        Self::Tbf,
        Self::FqCodel,
        Self::Prio,
        Self::Htb,
        Self::FwFilters,
        Self::FlowerFilters,
        Self::Ingress,
        Self::Police,
        Self::BridgeVlan,
        Self::Seg6Encap,
        Self::IpEncap,
        Self::Nexthops,
        Self::ResilientGroups,
        Self::DscpRules,
        Self::Nftables,
    ];

    /// Every feature there is.
    pub fn all() -> impl Iterator<Item = Feature> {
        Self::OTHERS.into_iter().chain(KindName::ALL.iter().copied().map(Self::Device))
    }

    /// What it is, for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Ipv6 => "IPv6",
            Self::Veth => "veth pairs",
            Self::Device(kind) => kind.description().title,
            Self::MplsRouting => "MPLS label routes",
            Self::MplsEncap => "routes that push MPLS labels",
            Self::Netem => "netem queues",
            Self::Tbf => "tbf queues",
            Self::FqCodel => "fq_codel queues",
            Self::Prio => "prio queues",
            Self::Htb => "htb queues",
            Self::FwFilters => "filters by mark",
            Self::FlowerFilters => "filters by headers",
            Self::Ingress => "filters for what comes in",
            Self::Police => "filters that police",
            Self::BridgeVlan => "bridges that mind VLANs",
            Self::Seg6Encap => "segment routing",
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
            Self::Device(kind) => kind.description().config,
            Self::MplsRouting => "CONFIG_MPLS_ROUTING",
            Self::MplsEncap => "CONFIG_MPLS_IPTUNNEL",
            Self::Netem => "CONFIG_NET_SCH_NETEM",
            Self::Tbf => "CONFIG_NET_SCH_TBF",
            Self::FqCodel => "CONFIG_NET_SCH_FQ_CODEL",
            Self::Prio => "CONFIG_NET_SCH_PRIO",
            Self::Htb => "CONFIG_NET_SCH_HTB",
            Self::FwFilters => "CONFIG_NET_CLS_FW",
            Self::FlowerFilters => "CONFIG_NET_CLS_FLOWER",
            Self::Ingress => "CONFIG_NET_SCH_INGRESS",
            Self::Police => "CONFIG_NET_CLS_MATCHALL and CONFIG_NET_ACT_POLICE",
            Self::BridgeVlan => "CONFIG_BRIDGE_VLAN_FILTERING",
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
            Self::Device(kind) => kind.description().module,
            Self::MplsRouting => "mpls_router",
            Self::MplsEncap => "mpls_iptunnel",
            Self::Netem => "sch_netem",
            Self::Tbf => "sch_tbf",
            Self::FqCodel => "sch_fq_codel",
            Self::Prio => "sch_prio",
            Self::Htb => "sch_htb",
            Self::FwFilters => "cls_fw",
            Self::FlowerFilters => "cls_flower",
            Self::Ingress => "sch_ingress",
            Self::Police => "act_police",
            Self::BridgeVlan => "bridge",
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
    pub(super) fn of<'a>(resources: impl Iterator<Item = &'a Resource>) -> Self {
        let mut needs = Self::default();
        for resource in resources {
            match resource {
                Resource::Veth { ends } => {
                    for end in ends {
                        needs.add(Feature::Veth, &end.namespace);
                    }
                }
                Resource::Device { namespace, device } => {
                    let feature = Feature::Device(device.kind.name());
                    needs.add(feature, namespace);
                }
                Resource::MplsRoute { namespace, .. } => needs.add(Feature::MplsRouting, namespace),
                Resource::Sysctl { namespace, key, .. } => {
                    if key.starts_with("net/mpls/") {
                        needs.add(Feature::MplsRouting, namespace);
                    } else if key.starts_with("net/vrf/") {
                        needs.add(Feature::Device(KindName::Vrf), namespace);
                    } else if key.starts_with("net/ipv6/") {
                        needs.add(Feature::Ipv6, namespace);
                    }
                }
                Resource::Route { namespace, route } => {
                    route.nexthops.iter().for_each(|way| needs.encap(way, namespace));
                }
                Resource::NexthopObject { namespace, object } => {
                    needs.add(Feature::Nexthops, namespace);
                    match &object.leads {
                        Leads::Way { way, .. } => needs.encap(way, namespace),
                        Leads::Blackhole { .. } | Leads::Group { resilient: None, .. } => {}
                        Leads::Group { resilient: Some(_), .. } => {
                            needs.add(Feature::ResilientGroups, namespace);
                        }
                    }
                }
                Resource::Ruleset { namespace, .. } => needs.add(Feature::Nftables, namespace),
                Resource::Qdisc { namespace, qdisc, .. } => {
                    let feature = match qdisc {
                        Qdisc::Netem(_) => Feature::Netem,
                        Qdisc::Tbf { .. } => Feature::Tbf,
                        Qdisc::Leaf { leaf: Leaf::FqCodel(_), .. } => Feature::FqCodel,
                        Qdisc::Leaf { leaf: Leaf::Prio(_), .. } => Feature::Prio,
                        Qdisc::Leaf { leaf: Leaf::Htb(_), .. } | Qdisc::Class { .. } => {
                            Feature::Htb
                        }
                        Qdisc::Filter { filter, .. } => match filter.matches {
                            Match::Fw { .. } => Feature::FwFilters,
                            Match::Flower(_) => Feature::FlowerFilters,
                        },
                        Qdisc::Ingress => Feature::Ingress,
                        Qdisc::Police(_) => Feature::Police,
                    };
                    needs.add(feature, namespace);
                }
                Resource::BridgeVlan { namespace, .. } => needs.add(Feature::BridgeVlan, namespace),
                Resource::Namespace { .. }
                | Resource::NoOffload { .. }
                | Resource::EtcFile { .. }
                | Resource::Command { .. }
                | Resource::Wireguard { .. }
                | Resource::Master { .. }
                | Resource::BridgePort { .. }
                | Resource::Mtu { .. }
                | Resource::Fdb { .. }
                | Resource::Neighbour { .. }
                | Resource::Up { .. }
                | Resource::Address { .. } => {}
                Resource::Rule { namespace, rule, .. } => {
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
            Some(Encap::Seg6(_) | Encap::Seg6local(_)) => self.add(Feature::Seg6Encap, namespace),
            Some(Encap::Ip(_) | Encap::Ip6(_)) => self.add(Feature::IpEncap, namespace),
        }
    }

    fn add(&mut self, feature: Feature, namespace: &str) {
        self.by_feature.entry(feature).or_default().insert(namespace.to_owned());
    }
}
