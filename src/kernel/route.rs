//! Routes as netlink messages.

use super::encap;
use super::family::family_of;
use crate::compile::{LabelRoute, Nexthop, Route};
use crate::iproute::{
    Attributes, Congestion, Metric, Preference, Protocol, Realms, RouteKind, Scope, Value,
};
use crate::plan::Family;
use ipnet::IpNet;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteMetric,
    RouteMplsTtlPropagation, RouteNextHop, RouteNextHopFlags, RoutePreference, RouteProtocol,
    RouteRealm, RouteScope, RouteType, RouteVia,
};
use std::net::IpAddr;

/// The message that adds an IP route.
pub(super) fn ip(route: &Route, index: impl Fn(&str) -> u32) -> RouteMessage {
    let family = Family::of(route.destination);
    let mut message = empty(family_of(family));
    let header = &mut message.header;
    header.kind = match route.kind {
        RouteKind::Unicast => RouteType::Unicast,
        RouteKind::Local => RouteType::Local,
        RouteKind::Broadcast => RouteType::Broadcast,
        RouteKind::Multicast => RouteType::Multicast,
        RouteKind::Anycast => RouteType::Anycast,
        RouteKind::Unreachable => RouteType::Unreachable,
        RouteKind::Blackhole => RouteType::BlackHole,
        RouteKind::Prohibit => RouteType::Prohibit,
        RouteKind::Throw => RouteType::Throw,
    };
    header.destination_prefix_length = route.destination.prefix_len();
    header.tos = route.attributes.tos.unwrap_or(0);
    header.protocol = protocol(route.attributes.protocol);
    if family == Family::V4 {
        let said = route.attributes.scope.unwrap_or_else(|| route.default_scope());
        header.scope = scope(said);
    }
    let mut all = vec![RouteAttribute::Destination(address(route.destination.addr()))];
    match u8::try_from(route.table) {
        Ok(table) => header.table = table,
        // Tables past 255 stand in the attribute alone.
        Err(_) => all.push(RouteAttribute::Table(route.table)),
    }
    all.extend(route.metric.map(RouteAttribute::Priority));
    all.extend(route.source.map(|source| RouteAttribute::PrefSource(address(source))));
    all.extend(route.attributes.preference.map(|preference| {
        RouteAttribute::Preference(match preference {
            Preference::Low => RoutePreference::Low,
            Preference::High => RoutePreference::High,
        })
    }));
    let metrics = metrics(&route.attributes);
    all.extend((!metrics.is_empty()).then_some(RouteAttribute::Metrics(metrics)));
    match (route.object, &route.nexthops[..]) {
        (Some(id), _) => all.push(RouteAttribute::NhId(id)),
        (None, []) => {}
        (None, [only]) => {
            if only.onlink {
                header.flags |= RouteFlags::Onlink;
            }
            all.push(RouteAttribute::Oif(index(only.dev.as_str())));
            all.extend(way(only, family, &index));
        }
        (None, several) => {
            let nexthops = several.iter().map(|nexthop| {
                let mut next = RouteNextHop::default();
                next.interface_index = index(nexthop.dev.as_str());
                // The kernel counts weights from 0.
                next.hops = u8::try_from(nexthop.weight - 1).expect("a weight is 1 to 256");
                if nexthop.onlink {
                    next.flags = RouteNextHopFlags::Onlink;
                }
                next.attributes = way(nexthop, family, &index);
                next
            });
            all.push(RouteAttribute::MultiPath(nexthops.collect()));
        }
    }
    message.attributes = all;
    message
}

/// The message that adds a label route.
pub(super) fn label(route: &LabelRoute, index: impl Fn(&str) -> u32) -> RouteMessage {
    let mut message = empty(AddressFamily::Mpls);
    message.header.destination_prefix_length = 20;
    message.header.protocol = protocol(route.protocol);
    let label = encap::wire(route.label.number(), true);
    let mut all = vec![RouteAttribute::Destination(RouteAddress::Mpls(label))];
    all.extend(route.ttl_propagate.map(|propagate| {
        RouteAttribute::TtlPropagate(match propagate {
            true => RouteMplsTtlPropagation::Enabled,
            false => RouteMplsTtlPropagation::Disabled,
        })
    }));
    let mut ways: Vec<RouteNextHop> = route
        .nexthops
        .iter()
        .map(|nexthop| {
            let mut next = RouteNextHop::default();
            next.interface_index = index(nexthop.dev.as_str());
            if !nexthop.swap.is_empty() {
                next.attributes.push(RouteAttribute::NewDestination(encap::stack(&nexthop.swap)));
            }
            next.attributes.extend(nexthop.via.map(|address| RouteAttribute::Via(via(address))));
            next
        })
        .collect();
    match ways.as_mut_slice() {
        [only] => {
            all.push(RouteAttribute::Oif(only.interface_index));
            all.append(&mut only.attributes);
        }
        _ => all.push(RouteAttribute::MultiPath(ways)),
    }
    message.attributes = all;
    message
}

fn empty(family: AddressFamily) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = family;
    message.header.table = RouteHeader::RT_TABLE_MAIN;
    message.header.protocol = RouteProtocol::Static;
    message.header.scope = RouteScope::Universe;
    message.header.kind = RouteType::Unicast;
    message
}

/// Where a way on leads beside its device.
fn way(nexthop: &Nexthop, family: Family, index: impl Fn(&str) -> u32) -> Vec<RouteAttribute> {
    let gateway = nexthop.via.map(|address_| match (family, address_) {
        (Family::V4, IpAddr::V6(_)) => RouteAttribute::Via(via(address_)),
        (Family::V4 | Family::V6, _) => RouteAttribute::Gateway(address(address_)),
    });
    let realms = nexthop.realms.map(|it| RouteAttribute::Realm(realms(it)));
    let encap = nexthop.encap.iter().flat_map(|it| encap::attributes(it, &index));
    gateway.into_iter().chain(realms).chain(encap).collect()
}

fn address(address: IpAddr) -> RouteAddress {
    match address {
        IpAddr::V4(address) => RouteAddress::Inet(address),
        IpAddr::V6(address) => RouteAddress::Inet6(address),
    }
}

fn via(address: IpAddr) -> RouteVia {
    match address {
        IpAddr::V4(address) => RouteVia::Inet(address),
        IpAddr::V6(address) => RouteVia::Inet6(address),
    }
}

pub(super) fn protocol(protocol: Option<Protocol>) -> RouteProtocol {
    protocol.map_or(RouteProtocol::Static, |protocol| RouteProtocol::from(protocol.number()))
}

/// Who put a route there, as a topology says it. What `ip` adds is `boot` where nothing is said, what
/// a lab adds is `static`.
pub(super) fn read_protocol(protocol: RouteProtocol) -> Option<Protocol> {
    Protocol::new(protocol.into())
}

fn scope(scope: Scope) -> RouteScope {
    match scope {
        Scope::Global => RouteScope::Universe,
        Scope::Site => RouteScope::Site,
        Scope::Link => RouteScope::Link,
        Scope::Host => RouteScope::Host,
    }
}

/// The scope that the kernel shows; `None` for one that no route of a lab can have.
#[expect(clippy::wildcard_enum_match_arm, reason = "no lab has others")]
pub(super) fn read_scope(scope: RouteScope) -> Option<Scope> {
    match scope {
        RouteScope::Universe => Some(Scope::Global),
        RouteScope::Site => Some(Scope::Site),
        RouteScope::Link => Some(Scope::Link),
        RouteScope::Host => Some(Scope::Host),
        _ => None,
    }
}

/// Realms as both routes and rules have them.
pub(super) fn realms(realms: Realms) -> RouteRealm {
    RouteRealm { source: realms.source, destination: realms.destination }
}

/// The realms that the kernel shows.
pub(super) fn read_realms(realms: RouteRealm) -> Realms {
    Realms { source: realms.source, destination: realms.destination }
}

/// `RTAX_CC_ALGO`.
const CONGESTION: u32 = 16;

fn metrics(attributes: &Attributes) -> Vec<RouteMetric> {
    let mut lock = 0;
    let mut all = Vec::new();
    if let Some(Congestion { name, locked }) = &attributes.congestion {
        lock |= u32::from(*locked) << CONGESTION;
        all.push(RouteMetric::CcAlgo(name.clone()));
    }
    for (metric, Value { number, locked }) in &attributes.metrics {
        let (bit, attribute) = match metric {
            Metric::Mtu => (2, RouteMetric::Mtu(*number)),
            Metric::Window => (3, RouteMetric::Window(*number)),
            Metric::Rtt => (4, RouteMetric::Rtt(*number)),
            Metric::Rttvar => (5, RouteMetric::RttVar(*number)),
            Metric::Ssthresh => (6, RouteMetric::SsThresh(*number)),
            Metric::Cwnd => (7, RouteMetric::Cwnd(*number)),
            Metric::Advmss => (8, RouteMetric::Advmss(*number)),
            Metric::Reordering => (9, RouteMetric::Reordering(*number)),
            Metric::Hoplimit => (10, RouteMetric::Hoplimit(*number)),
            Metric::Initcwnd => (11, RouteMetric::InitCwnd(*number)),
            Metric::Features => (12, RouteMetric::Features(*number)),
            Metric::RtoMin => (13, RouteMetric::RtoMin(*number)),
            Metric::Initrwnd => (14, RouteMetric::InitRwnd(*number)),
            Metric::Quickack => (15, RouteMetric::QuickAck(*number)),
            Metric::FastopenNoCookie => (17, RouteMetric::FastopenNoCookie(*number)),
        };
        lock |= u32::from(*locked) << bit;
        all.push(attribute);
    }
    if lock != 0 {
        all.push(RouteMetric::Lock(lock));
    }
    all
}

/// Reads what the kernel shows of what TCP and path MTU discovery are told.
#[expect(clippy::wildcard_enum_match_arm, reason = "the others are read apart")]
pub(super) fn read_metrics(shown: &[RouteMetric], attributes: &mut Attributes) {
    let lock = shown.iter().find_map(|metric| {
        let RouteMetric::Lock(lock) = metric else { return None };
        Some(*lock)
    });
    let lock = lock.unwrap_or(0);
    let read = |metric: &RouteMetric| {
        let (bit, metric, number) = match metric {
            RouteMetric::Mtu(number) => (2, Metric::Mtu, *number),
            RouteMetric::Window(number) => (3, Metric::Window, *number),
            RouteMetric::Rtt(number) => (4, Metric::Rtt, *number),
            RouteMetric::RttVar(number) => (5, Metric::Rttvar, *number),
            RouteMetric::SsThresh(number) => (6, Metric::Ssthresh, *number),
            RouteMetric::Cwnd(number) => (7, Metric::Cwnd, *number),
            RouteMetric::Advmss(number) => (8, Metric::Advmss, *number),
            RouteMetric::Reordering(number) => (9, Metric::Reordering, *number),
            RouteMetric::Hoplimit(number) => (10, Metric::Hoplimit, *number),
            RouteMetric::InitCwnd(number) => (11, Metric::Initcwnd, *number),
            RouteMetric::Features(number) => (12, Metric::Features, *number),
            RouteMetric::RtoMin(number) => (13, Metric::RtoMin, *number),
            RouteMetric::InitRwnd(number) => (14, Metric::Initrwnd, *number),
            RouteMetric::QuickAck(number) => (15, Metric::Quickack, *number),
            RouteMetric::FastopenNoCookie(number) => (17, Metric::FastopenNoCookie, *number),
            _ => return None,
        };
        Some((metric, Value { number, locked: lock >> bit & 1 == 1 }))
    };
    attributes.metrics = shown.iter().filter_map(read).collect();
    attributes.congestion = shown.iter().find_map(|metric| {
        let RouteMetric::CcAlgo(name) = metric else { return None };
        Some(Congestion { name: name.clone(), locked: lock >> CONGESTION & 1 == 1 })
    });
}

/// The destination that stands for all addresses.
pub(super) fn default(family: Family) -> IpNet {
    match family {
        Family::V4 => IpNet::V4(ipnet::Ipv4Net::default()),
        Family::V6 => IpNet::V6(ipnet::Ipv6Net::default()),
    }
}
