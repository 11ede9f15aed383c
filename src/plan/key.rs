//! What tells a resource from all others of its kind, as the kernel does.

use super::{QueuePlace, Resource};
use crate::compile::{Route, Rule};
use crate::iproute::{FdbPlace, IncomingLabel, Mac, NeighbourEntry};
use ipnet::IpNet;
use std::cmp::Ordering;
use std::net::IpAddr;

/// The kernel's identity of a resource: it holds one of a key at the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key<'a> {
    /// Where; of a veth pair the lesser of two.
    pub(super) namespace: &'a str,
    pub(super) kind: Kind<'a>,
}

/// What there can be in a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind<'a> {
    // The least of all, with which a search through a namespace begins.
    Namespace,
    Sysctl(&'a str),
    /// The name here, and the far end's namespace and name.
    Veth(&'a str, &'a str, &'a str),
    Device(&'a str),
    Wireguard(&'a str),
    Master(&'a str),
    BridgeVlan(&'a str, u16),
    BridgePort(&'a str),
    Mtu(&'a str),
    Qdisc(&'a str, QueuePlace),
    NoOffload(&'a str),
    Up(&'a str),
    /// With what is on the link, which tells addresses of IPv4 apart.
    Address(&'a str, IpAddr, Option<IpNet>),
    /// The device, the MAC address, and what else tells entries apart: a far end where there can be
    /// several, or a VLAN or VNI.
    Fdb(&'a str, Mac, Option<IpAddr>, Option<u32>),
    /// The device and the address, and whether it is answered for.
    Neighbour(&'a str, IpAddr, bool),
    Rule(Selectors<'a>),
    NexthopObject(u32),
    Ruleset,
    EtcFile(&'a str),
    Command(usize),
    Route(RouteKey<'a>),
    MplsRoute(IncomingLabel),
}

/// All of a rule but who put it there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Selectors<'a>(&'a Rule);

/// Where the kernel has one route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RouteKey<'a> {
    table: u32,
    destination: IpNet,
    /// The type of service, of IPv4.
    tos: u8,
    metric: u32,
    /// Of IPv6, the device of a route without a gateway: there can be one for each.
    device: Option<&'a str>,
}

impl<'a> RouteKey<'a> {
    fn of(route: &'a Route) -> Self {
        let v4 = matches!(route.destination, IpNet::V4(_));
        let device = match (&route.nexthops[..], route.object) {
            ([only], None) if !v4 && only.via.is_none() => Some(only.dev.as_str()),
            _ => None,
        };
        Self {
            table: route.table,
            destination: route.destination,
            tos: route.attributes.tos.filter(|_| v4).unwrap_or(0),
            metric: route.metric.unwrap_or_else(|| Route::default_metric(route.destination)),
            device,
        }
    }
}

impl Ord for Selectors<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let identity = |rule: &Self| {
            let Rule {
                v4,
                priority,
                not,
                from,
                to,
                iif,
                oif,
                fwmark,
                tos,
                ipproto,
                sport,
                dport,
                uidrange,
                tunnel,
                dscp,
                action,
                suppress_prefixlength,
                suppress_ifgroup,
                realms,
                protocol: _,
            } = rule.0.clone();
            let packet = (from, to, iif, oif, fwmark, tos);
            let inside = (ipproto, sport, dport, uidrange, tunnel, dscp);
            let done = (action, suppress_prefixlength, suppress_ifgroup, realms);
            ((v4, priority.unwrap_or(0), not), packet, inside, done)
        };
        identity(self).cmp(&identity(other))
    }
}

impl PartialOrd for Selectors<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Selectors<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Selectors<'_> {}

impl Resource {
    /// What tells it from all others.
    pub fn key(&self) -> Key<'_> {
        let mut namespace = self.namespace();
        let kind = match self {
            Resource::Namespace { .. } => Kind::Namespace,
            Resource::Sysctl { key, .. } => Kind::Sysctl(key),
            Resource::Veth { ends: [one, other] } => {
                let (near, far) = if one <= other { (one, other) } else { (other, one) };
                namespace = &near.namespace;
                Kind::Veth(&near.name, &far.namespace, &far.name)
            }
            Resource::Device { device, .. } => Kind::Device(&device.name),
            Resource::Wireguard { device, .. } => Kind::Wireguard(device),
            Resource::Master { port, .. } => Kind::Master(port),
            Resource::BridgeVlan { device, vlan, .. } => Kind::BridgeVlan(device, vlan.first),
            Resource::BridgePort { device, .. } => Kind::BridgePort(device),
            Resource::Mtu { device, .. } => Kind::Mtu(device),
            Resource::Qdisc { device, qdisc, .. } => Kind::Qdisc(device, qdisc.place()),
            Resource::NoOffload { device, .. } => Kind::NoOffload(device),
            Resource::Up { device, .. } => Kind::Up(device),
            Resource::Address { device, address, peer, .. } => {
                let link = peer.unwrap_or(*address).trunc();
                let link = Some(link).filter(|_| address.addr().is_ipv4());
                Kind::Address(device, address.addr(), link)
            }
            Resource::Fdb { device, entry, .. } => match entry.place {
                FdbPlace::Tunnel { dst, src_vni, .. } => {
                    let dst = Some(dst).filter(|_| entry.is_of_many());
                    Kind::Fdb(device, entry.lladdr, dst, src_vni)
                }
                // A port of a bridge may be a VXLAN with entries of its own.
                FdbPlace::Port { vlan } => {
                    Kind::Fdb(device, entry.lladdr, None, Some(vlan.unwrap_or(0).into()))
                }
            },
            Resource::Neighbour { neighbour, .. } => {
                let is_proxy = neighbour.entry == NeighbourEntry::Proxy;
                Kind::Neighbour(neighbour.dev.as_str(), neighbour.address, is_proxy)
            }
            Resource::Rule { rule, .. } => Kind::Rule(Selectors(rule)),
            Resource::NexthopObject { object, .. } => Kind::NexthopObject(object.id),
            Resource::Ruleset { .. } => Kind::Ruleset,
            Resource::EtcFile { path, .. } => Kind::EtcFile(path),
            Resource::Command { number, .. } => Kind::Command(*number),
            Resource::Route { route, .. } => Kind::Route(RouteKey::of(route)),
            Resource::MplsRoute { route, .. } => Kind::MplsRoute(route.label),
        };
        Key { namespace, kind }
    }
}

impl<'a> Key<'a> {
    /// Where it is; of a veth pair one of two.
    pub fn namespace(&self) -> &'a str {
        self.namespace
    }

    /// The name of the device that it is the key of.
    pub(super) fn device(&self) -> Option<&'a str> {
        if let Kind::Device(name) = self.kind { Some(name) } else { None }
    }
}

impl<'a> From<&'a Rule> for Selectors<'a> {
    fn from(rule: &'a Rule) -> Self {
        Self(rule)
    }
}
