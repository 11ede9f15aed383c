//! Routes that the kernel did not make by itself.

use super::Devices;
use crate::compile::{LabelNexthop, LabelRoute, Nexthop, NexthopObject, Route};
use crate::document::DeviceName;
use crate::iproute::{Attributes, IncomingLabel, Label, Preference, Realms, RouteKind};
use crate::kernel::nexthop::NexthopMessage;
use crate::kernel::{SendError, Socket, encap, route};
use crate::plan::{Family, Resource};
use ipnet::IpNet;
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteLwEnCapType, RouteLwTunnelEncap, RouteMessage,
    RouteMplsTtlPropagation, RouteNextHop, RouteNextHopFlags, RoutePreference, RouteProtocol,
    RouteType, RouteVia,
};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

/// Reads a namespace's routes of all three families into `resources`.
pub(super) fn read(
    namespace: &str,
    socket: &mut Socket,
    devices: &Devices,
    resources: &mut BTreeSet<Resource>,
) -> Result<(), SendError> {
    let objects = objects(socket, devices)?;
    let nexthops = NexthopObject::nexthops(objects.iter());
    for family in [AddressFamily::Inet, AddressFamily::Inet6, AddressFamily::Mpls] {
        let mut request = RouteMessage::default();
        request.header.address_family = family;
        let request = RouteNetlinkMessage::GetRoute(request);
        let answers = match socket.dump_some(request, |bytes| !is_kernels_own(bytes)) {
            // A kernel without MPLS knows no such routes.
            Err(SendError::Refused { .. }) if family == AddressFamily::Mpls => continue,
            answers => answers?,
        };
        for answer in answers {
            let RouteNetlinkMessage::NewRoute(message) = answer else { continue };
            let namespace = namespace.to_owned();
            if family == AddressFamily::Mpls {
                let route = label_route(&message, devices);
                resources.extend(route.map(|route| Resource::MplsRoute { namespace, route }));
            } else {
                let route = ip_route(&message, devices, &nexthops);
                resources.extend(route.map(|route| Resource::Route { namespace, route }));
            }
        }
    }
    let namespace = || namespace.to_owned();
    resources.extend(
        objects
            .into_iter()
            .map(|object| Resource::NexthopObject { namespace: namespace(), object }),
    );
    Ok(())
}

/// Whether a route, of which these are the bytes (`struct rtmsg`), is one that the kernel made by itself.
pub(super) fn is_kernels_own(bytes: &[u8]) -> bool {
    let flags = bytes.get(8..12).and_then(|flags| flags.try_into().ok()).map(u32::from_ne_bytes);
    let is_cloned =
        flags.is_some_and(|flags| RouteFlags::from_bits_retain(flags).contains(RouteFlags::Cloned));
    bytes.get(5) == Some(&RouteProtocol::Kernel.into()) || is_cloned
}

fn objects(socket: &mut Socket, devices: &Devices) -> Result<Vec<NexthopObject>, SendError> {
    let device = |index| DeviceName::new(devices.get(&index)?.as_str());
    match socket.dump(NexthopMessage::all()) {
        // A kernel without nexthop objects knows no such question.
        Err(SendError::Refused { .. }) => Ok(Vec::new()),
        shown => Ok(shown?.iter().filter_map(|message| message.read(device)).collect()),
    }
}

/// What a route, or one way on of several, says of where packets go.
#[derive(Default)]
struct Way {
    via: Option<IpAddr>,
    device: Option<u32>,
    swap: Vec<Label>,
    encap: (RouteLwEnCapType, Vec<RouteLwTunnelEncap>),
    realms: Option<Realms>,
}

impl Way {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the kernel shows more than is asked")]
    fn take(&mut self, attribute: &RouteAttribute) {
        match attribute {
            RouteAttribute::Gateway(RouteAddress::Inet(via)) => self.via = Some((*via).into()),
            RouteAttribute::Gateway(RouteAddress::Inet6(via)) => self.via = Some((*via).into()),
            RouteAttribute::Via(RouteVia::Inet(via)) => self.via = Some((*via).into()),
            RouteAttribute::Via(RouteVia::Inet6(via)) => self.via = Some((*via).into()),
            RouteAttribute::Realm(realms) => self.realms = Some(route::read_realms(*realms)),
            RouteAttribute::Oif(index) => self.device = Some(*index),
            RouteAttribute::NewDestination(labels) => self.swap = encap::labels(labels),
            RouteAttribute::EncapType(kind) => self.encap.0 = *kind,
            RouteAttribute::Encap(parts) => self.encap.1.clone_from(parts),
            _ => {}
        }
    }

    fn of(nexthop: &RouteNextHop) -> Self {
        let mut way = Self { device: Some(nexthop.interface_index), ..Self::default() };
        nexthop.attributes.iter().for_each(|attribute| way.take(attribute));
        way
    }

    fn device(&self, devices: &Devices) -> Option<DeviceName> {
        DeviceName::new(devices.get(&self.device?)?.as_str())
    }

    fn labelled(self, devices: &Devices) -> Option<LabelNexthop> {
        let dev = self.device(devices)?;
        Some(LabelNexthop { swap: self.swap, via: self.via, dev })
    }

    fn plain(self, devices: &Devices, weight: u16, onlink: bool) -> Option<Nexthop> {
        let dev = self.device(devices)?;
        let device = |index| DeviceName::new(devices.get(&index)?.as_str());
        let encap = encap::read(self.encap.0, &self.encap.1, device);
        Some(Nexthop { via: self.via, dev, weight, onlink, encap, realms: self.realms })
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the kernel shows more than is asked")]
fn label_route(message: &RouteMessage, devices: &Devices) -> Option<LabelRoute> {
    let mut label = None;
    let mut ttl_propagate = None;
    let mut way = Way::default();
    let mut nexthops = Vec::new();
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Destination(RouteAddress::Mpls(incoming)) => {
                label = IncomingLabel::new(incoming.label);
            }
            RouteAttribute::TtlPropagate(RouteMplsTtlPropagation::Enabled) => {
                ttl_propagate = Some(true);
            }
            RouteAttribute::TtlPropagate(RouteMplsTtlPropagation::Disabled) => {
                ttl_propagate = Some(false);
            }
            RouteAttribute::MultiPath(several) => {
                nexthops = several
                    .iter()
                    .filter_map(|nexthop| Way::of(nexthop).labelled(devices))
                    .collect();
            }
            other => way.take(other),
        }
    }
    nexthops.extend(way.labelled(devices));
    let protocol = route::read_protocol(message.header.protocol);
    Some(LabelRoute { label: label?, ttl_propagate, protocol, nexthops })
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the kernel shows more than is asked")]
fn ip_route(
    message: &RouteMessage,
    devices: &Devices,
    objects: &HashMap<u32, Arc<[Nexthop]>>,
) -> Option<Route> {
    let kind = match message.header.kind {
        RouteType::Unicast => RouteKind::Unicast,
        RouteType::Local => RouteKind::Local,
        RouteType::Broadcast => RouteKind::Broadcast,
        RouteType::Multicast => RouteKind::Multicast,
        RouteType::Anycast => RouteKind::Anycast,
        RouteType::Unreachable => RouteKind::Unreachable,
        RouteType::BlackHole => RouteKind::Blackhole,
        RouteType::Prohibit => RouteKind::Prohibit,
        RouteType::Throw => RouteKind::Throw,
        _ => return None,
    };
    let header = &message.header;
    let v4 = header.address_family == AddressFamily::Inet;
    let mut route = Route {
        kind,
        destination: route::default(if v4 { Family::V4 } else { Family::V6 }),
        table: u32::from(header.table),
        metric: None,
        source: None,
        attributes: Attributes {
            tos: Some(header.tos).filter(|tos| v4 && *tos != 0),
            protocol: route::read_protocol(header.protocol),
            ..Attributes::default()
        },
        object: None,
        nexthops: Arc::default(),
    };
    let length = header.destination_prefix_length;
    let mut way = Way::default();
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Destination(RouteAddress::Inet(address)) => {
                route.destination = IpNet::new((*address).into(), length).ok()?;
            }
            RouteAttribute::Destination(RouteAddress::Inet6(address)) => {
                route.destination = IpNet::new((*address).into(), length).ok()?;
            }
            RouteAttribute::Table(table) => route.table = *table,
            RouteAttribute::Priority(metric) => route.metric = Some(*metric),
            RouteAttribute::Metrics(metrics) => {
                route::read_metrics(metrics, &mut route.attributes);
            }
            RouteAttribute::Preference(RoutePreference::Low) => {
                route.attributes.preference = Some(Preference::Low);
            }
            RouteAttribute::Preference(RoutePreference::High) => {
                route.attributes.preference = Some(Preference::High);
            }
            RouteAttribute::NhId(id) => route.object = Some(*id),
            RouteAttribute::PrefSource(RouteAddress::Inet(source)) => {
                route.source = Some((*source).into());
            }
            RouteAttribute::PrefSource(RouteAddress::Inet6(source)) => {
                route.source = Some((*source).into());
            }
            RouteAttribute::MultiPath(several) => {
                route.nexthops = several
                    .iter()
                    .filter_map(|nexthop| {
                        let onlink = nexthop.flags.contains(RouteNextHopFlags::Onlink);
                        Way::of(nexthop).plain(devices, u16::from(nexthop.hops) + 1, onlink)
                    })
                    .collect();
            }
            other => way.take(other),
        }
    }
    let default = Route::default_metric(route.destination);
    route.metric = route.metric.filter(|metric| *metric != default);
    if let Some(id) = route.object {
        // The kernel also shows the ways of the object, and one that drops as a route that does.
        route.kind = RouteKind::Unicast;
        route.nexthops = objects.get(&id).cloned().unwrap_or_default();
    } else if kind.leads_on() && route.nexthops.is_empty() {
        let onlink = header.flags.contains(RouteFlags::Onlink);
        route.nexthops = way.plain(devices, 1, onlink).into_iter().collect();
    }
    if v4 {
        let scope = route::read_scope(header.scope);
        route.attributes.scope = scope.filter(|scope| *scope != route.default_scope());
    }
    Some(route)
}
