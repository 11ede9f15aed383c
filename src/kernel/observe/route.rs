//! Routes that the kernel did not make by itself.

use super::Devices;
use crate::compile::{LabelNexthop, LabelRoute, Nexthop, Route};
use crate::document::DeviceName;
use crate::iproute::{IncomingLabel, Label, RouteKind};
use crate::kernel::{SendError, Socket};
use crate::plan::Op;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use rtnetlink::packet_route::route::{
    MplsLabel, RouteAddress, RouteAttribute, RouteFlags, RouteLwTunnelEncap, RouteMessage,
    RouteMplsIpTunnel, RouteNextHop, RouteNextHopFlags, RouteProtocol, RouteType, RouteVia,
};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// The metric that the kernel gives an IPv6 route without one.
const METRIC6: u32 = 1024;
/// The table of addresses of the namespace's own.
const LOCAL: u32 = 255;

/// Reads a namespace's routes of all three families into `ops`.
pub(super) fn read(
    namespace: &str,
    socket: &mut Socket,
    devices: &Devices,
    ops: &mut BTreeSet<Op>,
) -> Result<(), SendError> {
    for family in [AddressFamily::Inet, AddressFamily::Inet6, AddressFamily::Mpls] {
        let mut request = RouteMessage::default();
        request.header.address_family = family;
        let answers = match socket.dump(RouteNetlinkMessage::GetRoute(request)) {
            // A kernel without MPLS knows no such routes.
            Err(SendError::Refused { .. }) if family == AddressFamily::Mpls => continue,
            answers => answers?,
        };
        for answer in answers {
            let RouteNetlinkMessage::NewRoute(message) = answer else { continue };
            if message.header.protocol == RouteProtocol::Kernel
                || message.header.flags.contains(RouteFlags::Cloned)
            {
                continue;
            }
            let namespace = namespace.to_owned();
            if family == AddressFamily::Mpls {
                let route = label_route(&message, devices);
                ops.extend(route.map(|route| Op::LabelRoute { namespace, route }));
            } else {
                let route = ip_route(&message, devices).filter(|route| route.table != LOCAL);
                ops.extend(route.map(|route| Op::Route { namespace, route }));
            }
        }
    }
    Ok(())
}

/// What a route, or one way on of several, says of where packets go.
#[derive(Default)]
struct Way {
    via: Option<IpAddr>,
    device: Option<u32>,
    labels: Vec<Label>,
}

impl Way {
    fn take(&mut self, attribute: &RouteAttribute) {
        match attribute {
            RouteAttribute::Gateway(RouteAddress::Inet(via)) => self.via = Some((*via).into()),
            RouteAttribute::Gateway(RouteAddress::Inet6(via)) => self.via = Some((*via).into()),
            RouteAttribute::Via(RouteVia::Inet(via)) => self.via = Some((*via).into()),
            RouteAttribute::Via(RouteVia::Inet6(via)) => self.via = Some((*via).into()),
            RouteAttribute::Oif(index) => self.device = Some(*index),
            RouteAttribute::NewDestination(labels) => self.labels = stack(labels),
            RouteAttribute::Encap(encaps) => {
                for encap in encaps {
                    if let RouteLwTunnelEncap::Mpls(RouteMplsIpTunnel::Destination(labels)) = encap
                    {
                        self.labels = stack(labels);
                    }
                }
            }
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
        Some(LabelNexthop { swap: self.labels, via: self.via, dev })
    }

    fn plain(self, devices: &Devices, weight: u16, onlink: bool) -> Option<Nexthop> {
        let dev = self.device(devices)?;
        Some(Nexthop { via: self.via, dev, weight, onlink, encap: self.labels })
    }
}

fn stack(labels: &[MplsLabel]) -> Vec<Label> {
    labels.iter().filter_map(|label| Label::new(label.label)).collect()
}

fn label_route(message: &RouteMessage, devices: &Devices) -> Option<LabelRoute> {
    let mut label = None;
    let mut way = Way::default();
    let mut nexthops = Vec::new();
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Destination(RouteAddress::Mpls(incoming)) => {
                label = IncomingLabel::new(incoming.label);
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
    Some(LabelRoute { label: label?, nexthops })
}

fn ip_route(message: &RouteMessage, devices: &Devices) -> Option<Route> {
    let kind = match message.header.kind {
        RouteType::Unicast => RouteKind::Unicast,
        RouteType::Unreachable => RouteKind::Unreachable,
        RouteType::BlackHole => RouteKind::Blackhole,
        RouteType::Prohibit => RouteKind::Prohibit,
        RouteType::Throw => RouteKind::Throw,
        _ => return None,
    };
    let v4 = message.header.address_family == AddressFamily::Inet;
    let mut route = Route {
        kind,
        destination: match v4 {
            true => IpNet::V4(Ipv4Net::default()),
            false => IpNet::V6(Ipv6Net::default()),
        },
        table: u32::from(message.header.table),
        metric: None,
        source: None,
        nexthops: Vec::new(),
    };
    let length = message.header.destination_prefix_length;
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
            RouteAttribute::Priority(metric) => {
                route.metric = (v4 || *metric != METRIC6).then_some(*metric);
            }
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
    if kind == RouteKind::Unicast && route.nexthops.is_empty() {
        let onlink = message.header.flags.contains(RouteFlags::Onlink);
        route.nexthops.extend(way.plain(devices, 1, onlink));
    }
    Some(route)
}
