//! The routes that the kernel makes by itself for addresses. It makes them when an address is added or its device
//! comes up, and not again where somebody deletes one.

use crate::compile::{LOCAL, MAIN, Nexthop, Route};
use crate::document::DeviceName;
use crate::iproute::{Attributes, Protocol, RouteKind};
use crate::kernel::{Namespace, SendError, Socket, Worker};
use crate::link::Kind;
use crate::plan::{Plan, Resource, State};
use ipnet::IpNet;
use rtnetlink::packet_route::link::{LinkAttribute, LinkMessage};
use rtnetlink::packet_route::route::{RouteAddress, RouteAttribute, RouteMessage, RouteType};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io;
use std::net::IpAddr;

/// The metric of a subnet's route of IPv6.
const SUBNET_METRIC: u32 = 256;

/// A route that the kernel has made for an address of a plan, and that is not there any more.
#[derive(Debug, Clone)]
pub struct LackingRoute {
    /// The address.
    pub address: Resource,
    /// The route.
    pub route: Resource,
}

/// The routes that the kernel lacks for the addresses of a plan, in a state that was observed.
///
/// # Errors
/// A namespace cannot be read. One that is not there is no error.
pub fn lacking_routes(
    plan: &Plan,
    state: &State,
    worker: &mut Worker,
) -> io::Result<Vec<LackingRoute>> {
    let planned: BTreeSet<&Resource> = plan.resources().collect();
    let devices = Devices::of(state);
    let mut by_namespace: BTreeMap<&str, Vec<LackingRoute>> = BTreeMap::new();
    for address in state.resources.iter().filter(|it| planned.contains(it)) {
        let routes = devices.routes(address).into_iter();
        let routes = routes.map(|route| LackingRoute { address: address.clone(), route });
        by_namespace.entry(address.namespace()).or_default().extend(routes);
    }
    let mut lacking = Vec::new();
    for (name, mut routes) in by_namespace.into_iter().filter(|(_, routes)| !routes.is_empty()) {
        let namespace = match Namespace::open(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            namespace => namespace?,
        };
        worker.enter(&namespace)?;
        let there = own_routes(&mut Socket::open()?)?;
        routes.retain(|it| place(&it.route).is_some_and(|place| !there.contains(&place)));
        lacking.extend(routes);
    }
    Ok(lacking)
}

/// The devices of a state that decide in which tables the routes of addresses are.
struct Devices<'a> {
    up: HashSet<(&'a str, &'a str)>,
    masters: HashMap<(&'a str, &'a str), &'a str>,
    tables: HashMap<(&'a str, &'a str), u32>,
}

impl<'a> Devices<'a> {
    fn of(state: &'a State) -> Self {
        let mut devices =
            Self { up: HashSet::new(), masters: HashMap::new(), tables: HashMap::new() };
        for resource in &state.resources {
            let at = resource.namespace();
            if let Resource::Up { device, .. } = resource {
                devices.up.insert((at, device));
            } else if let Resource::Master { port, master, .. } = resource {
                devices.masters.insert((at, port), master);
            } else if let Resource::Device { device, .. } = resource
                && let Kind::Vrf(vrf) = &device.kind
            {
                devices.tables.insert((at, &device.name), vrf.table);
            }
        }
        devices
    }

    /// The routes of an address: to itself, and to its subnet where that is a link. What is down has none that
    /// matter.
    fn routes(&self, resource: &Resource) -> Vec<Resource> {
        let Resource::Address { namespace, device, address, peer } = resource else {
            return Vec::new();
        };
        let place = (namespace.as_str(), device.as_str());
        let own = address.addr();
        let name = DeviceName::new(device.as_str());
        let Some(name) = name.filter(|_| self.up.contains(&place) && !own.is_loopback()) else {
            return Vec::new();
        };
        let master = self.masters.get(&place).map_or(place, |master| (place.0, *master));
        let table = self.tables.get(&master).copied();
        let subnet = peer.unwrap_or(*address).trunc();
        let is_link = device != "lo" && (peer.is_some() || subnet != IpNet::from(own));
        let route = |kind, destination, table, metric: Option<u32>| {
            let route = Route {
                kind,
                destination,
                table,
                metric: metric.filter(|_| own.is_ipv6()),
                source: Some(own).filter(|_| own.is_ipv4()),
                attributes: Attributes {
                    protocol: Some(Protocol::KERNEL),
                    ..Attributes::default()
                },
                object: None,
                nexthops: [Nexthop::to(name.clone())].into(),
            };
            Resource::Route { namespace: namespace.clone(), route }
        };
        let local = route(RouteKind::Local, IpNet::from(own), table.unwrap_or(LOCAL), None);
        let link = route(RouteKind::Unicast, subnet, table.unwrap_or(MAIN), Some(SUBNET_METRIC));
        std::iter::once(local).chain(Some(link).filter(|_| is_link)).collect()
    }
}

/// What tells a route of the kernel's own apart: its device, whether it leads to the node itself, and its
/// destination.
type Place = (String, bool, IpNet);

fn place(resource: &Resource) -> Option<Place> {
    let Resource::Route { route, .. } = resource else { return None };
    let device = route.nexthops.first()?.dev.to_string();
    Some((device, route.kind == RouteKind::Local, route.destination))
}

/// The routes that the kernel itself has made in the namespace of a socket.
#[expect(clippy::wildcard_enum_match_arm, reason = "the kernel shows more than is asked")]
fn own_routes(socket: &mut Socket) -> Result<HashSet<Place>, SendError> {
    let links = socket.dump(RouteNetlinkMessage::GetLink(LinkMessage::default()))?;
    let devices: HashMap<u32, String> = links.into_iter().filter_map(named).collect();
    let mut places = HashSet::new();
    for family in [AddressFamily::Inet, AddressFamily::Inet6] {
        let mut request = RouteMessage::default();
        request.header.address_family = family;
        let request = RouteNetlinkMessage::GetRoute(request);
        for answer in socket.dump_some(request, super::route::is_kernels_own)? {
            let RouteNetlinkMessage::NewRoute(message) = answer else { continue };
            let is_local = match message.header.kind {
                RouteType::Local => true,
                RouteType::Unicast => false,
                _ => continue,
            };
            let (mut device, mut destination) = (None, None);
            for attribute in &message.attributes {
                match attribute {
                    RouteAttribute::Oif(index) => device = devices.get(index),
                    RouteAttribute::Destination(RouteAddress::Inet(to)) => {
                        destination = Some(IpAddr::from(*to));
                    }
                    RouteAttribute::Destination(RouteAddress::Inet6(to)) => {
                        destination = Some(IpAddr::from(*to));
                    }
                    _ => {}
                }
            }
            if let (Some(device), Some(to)) = (device, destination)
                && let Ok(to) = IpNet::new(to, message.header.destination_prefix_length)
            {
                places.insert((device.clone(), is_local, to));
            }
        }
    }
    Ok(places)
}

/// The number of a link, and its name.
fn named(link: RouteNetlinkMessage) -> Option<(u32, String)> {
    let RouteNetlinkMessage::NewLink(link) = link else { return None };
    let name = link.attributes.into_iter().find_map(|attribute| {
        let LinkAttribute::IfName(name) = attribute else { return None };
        Some(name)
    });
    Some((link.header.index, name?))
}
