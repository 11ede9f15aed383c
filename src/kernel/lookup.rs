//! What the kernel itself says: which way it would send a packet, which interfaces it has.
//!
//! A lookup runs the kernel's own routing code, the check of the source included, without sending
//! anything, so it explains a loss without a trace.

use super::{SendError, Socket, Worker};
use ipnet::IpNet;
use nix::errno::Errno;
use nix::net::if_::if_nameindex;
use rtnetlink::packet_route::route::{
    MplsLabel, RouteAddress, RouteAttribute, RouteFlags, RouteLwTunnelEncap, RouteMessage,
    RouteMplsIpTunnel, RouteType, RouteVia,
};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Of the flags of a route that is answered: it was learnt from a redirect (`linux/in_route.h`).
const RTCF_REDIRECTED: u32 = 0x0004_0000;

/// A socket to ask the kernel for routes of one namespace.
#[derive(Debug)]
pub struct Lookup(Socket);

/// A question: where would a packet to this address go?
#[derive(Debug, Clone, Copy)]
pub struct RouteQuery {
    /// To whom.
    pub destination: IpAddr,
    /// From whom, where that is to be said.
    pub source: Option<IpAddr>,
    /// Where it comes from.
    pub origin: Origin,
    /// Its protocol's number and its ports, the source first, where rules may go by them.
    pub flow: Option<(u8, Option<(u16, u16)>)>,
    /// Its type of service or traffic class.
    pub tos: u8,
    /// Its mark.
    pub mark: u32,
}

/// Where a packet comes from, as far as a lookup cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// From this machine itself.
    Here,
    /// From this machine, out of a device: that of a VRF means a lookup in that VRF.
    Bound(u32),
    /// It comes in through this interface.
    Interface(u32),
}

/// What the kernel would do with a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// Whether it is for this machine itself.
    pub local: bool,
    /// In which table the route is.
    pub table: Option<u32>,
    /// The index of the interface it leaves through.
    pub interface: Option<u32>,
    /// The next router.
    pub gateway: Option<IpAddr>,
    /// The labels it leaves with, the outermost first.
    pub labels: Vec<u32>,
    /// The source address that the kernel gives it.
    pub source: Option<IpAddr>,
    /// Whether it is as an ICMP redirect said, and not as the tables say.
    pub redirected: bool,
}

/// The route that a lookup finds, as it stands in its table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// What it leads to.
    pub destination: IpNet,
    /// Its table.
    pub table: Option<u32>,
}

/// An interface as the kernel has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterfaceState {
    /// Its index.
    pub index: u32,
    /// Its hardware address, where it has one of Ethernet.
    pub mac: Option<[u8; 6]>,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

impl Lookup {
    /// Opens one in the namespace of the running thread.
    ///
    /// # Errors
    /// What the kernel answers.
    pub fn open() -> io::Result<Self> {
        Socket::open().map(Self)
    }

    /// `ip route get`.
    ///
    /// # Errors
    /// What the kernel answers; the number says why there is no way.
    pub fn route(&mut self, query: RouteQuery) -> Result<Way, Errno> {
        Ok(Way::read(&self.ask(query.message(RouteFlags::empty()))?))
    }

    /// `ip route get … fibmatch`: the route of its table by which [`Lookup::route`] goes.
    ///
    /// # Errors
    /// What the kernel answers.
    pub fn matched(&mut self, query: RouteQuery) -> Result<Match, Errno> {
        let answer = self.ask(query.message(RouteFlags::FibMatch))?;
        Match::read(&answer, query.destination).ok_or(Errno::EPROTO)
    }

    /// `ip -f mpls route get`: where a packet with this outermost label would go.
    ///
    /// # Errors
    /// What the kernel answers.
    pub fn label(&mut self, label: u32) -> Result<Way, Errno> {
        let mut message = RouteMessage::default();
        message.header.address_family = AddressFamily::Mpls;
        message.header.destination_prefix_length = 20;
        let label = MplsLabel { label, traffic_class: 0, bottom_of_stack: true, ttl: 0 };
        message.attributes.push(RouteAttribute::Destination(RouteAddress::Mpls(label)));
        Ok(Way::read(&self.ask(message)?))
    }

    fn ask(&mut self, route: RouteMessage) -> Result<RouteMessage, Errno> {
        match self.0.ask(RouteNetlinkMessage::GetRoute(route)) {
            Ok(RouteNetlinkMessage::NewRoute(answer)) => Ok(answer),
            Ok(_) => Err(Errno::EPROTO),
            Err(SendError::Refused { refusal, .. }) => Err(refusal.errno),
            Err(SendError::Io(error)) => {
                Err(error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))
            }
        }
    }
}

impl RouteQuery {
    fn message(self, flags: RouteFlags) -> RouteMessage {
        let mut message = RouteMessage::default();
        // IPv6 always answers with the table, and refuses to be asked for it.
        let (family, length, own) = match self.destination {
            IpAddr::V4(_) => (AddressFamily::Inet, 32, RouteFlags::LookupTable),
            IpAddr::V6(_) => (AddressFamily::Inet6, 128, RouteFlags::empty()),
        };
        message.header.address_family = family;
        message.header.destination_prefix_length = length;
        message.header.flags = flags | own;
        message.header.tos = self.tos;
        if self.mark != 0 {
            message.attributes.push(RouteAttribute::Mark(self.mark));
        }
        message.attributes.push(RouteAttribute::Destination(self.destination.into()));
        if let Some(source) = self.source {
            message.header.source_prefix_length = length;
            message.attributes.push(RouteAttribute::Source(source.into()));
        }
        match self.origin {
            Origin::Here => {}
            Origin::Bound(device) => message.attributes.push(RouteAttribute::Oif(device)),
            Origin::Interface(port) => message.attributes.push(RouteAttribute::Iif(port)),
        }
        if let Some((protocol, ports)) = self.flow {
            message.attributes.push(RouteAttribute::IpProto(protocol));
            if let Some((from, to)) = ports {
                message.attributes.push(RouteAttribute::Sport(from));
                message.attributes.push(RouteAttribute::Dport(to));
            }
        }
        message
    }
}

impl Match {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the kernel shows more than is asked")]
    fn read(message: &RouteMessage, asked: IpAddr) -> Option<Self> {
        let mut destination = match asked {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let mut table = Some(message.header.table.into());
        for attribute in &message.attributes {
            match attribute {
                RouteAttribute::Destination(RouteAddress::Inet(it)) => destination = (*it).into(),
                RouteAttribute::Destination(RouteAddress::Inet6(it)) => destination = (*it).into(),
                RouteAttribute::Table(number) => table = Some(*number),
                _ => {}
            }
        }
        let length = message.header.destination_prefix_length;
        Some(Self { destination: IpNet::new(destination, length).ok()?, table })
    }
}

impl Way {
    fn read(message: &RouteMessage) -> Self {
        let mut way = Self {
            local: message.header.kind == RouteType::Local,
            table: None,
            interface: None,
            gateway: None,
            labels: Vec::new(),
            source: None,
            redirected: message.header.flags.bits() & RTCF_REDIRECTED != 0,
        };
        for attribute in &message.attributes {
            way.take(attribute);
        }
        way
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the kernel shows more than is asked")]
    fn take(&mut self, attribute: &RouteAttribute) {
        match attribute {
            RouteAttribute::Table(table) => self.table = Some(*table),
            RouteAttribute::Oif(interface) => self.interface = Some(*interface),
            RouteAttribute::Gateway(RouteAddress::Inet(address)) => {
                self.gateway = Some((*address).into());
            }
            RouteAttribute::Gateway(RouteAddress::Inet6(address)) => {
                self.gateway = Some((*address).into());
            }
            RouteAttribute::PrefSource(RouteAddress::Inet(it)) => self.source = Some((*it).into()),
            RouteAttribute::PrefSource(RouteAddress::Inet6(it)) => self.source = Some((*it).into()),
            RouteAttribute::Via(RouteVia::Inet(address)) => self.gateway = Some((*address).into()),
            RouteAttribute::Via(RouteVia::Inet6(address)) => self.gateway = Some((*address).into()),
            RouteAttribute::NewDestination(labels) => self.labels = numbers(labels),
            RouteAttribute::Encap(encap) => {
                for part in encap {
                    if let RouteLwTunnelEncap::Mpls(RouteMplsIpTunnel::Destination(labels)) = part {
                        self.labels = numbers(labels);
                    }
                }
            }
            RouteAttribute::MultiPath(nexthops) => {
                if let Some(first) = nexthops.first() {
                    self.interface = Some(first.interface_index);
                    first.attributes.iter().for_each(|attribute| self.take(attribute));
                }
            }
            _ => {}
        }
    }
}

fn numbers(labels: &[MplsLabel]) -> Vec<u32> {
    labels.iter().map(|label| label.label).collect()
}

/// The interfaces of the namespace that the worker is in, by name.
///
/// # Errors
/// What the kernel answers.
pub fn interfaces(_in_namespace: &Worker) -> io::Result<BTreeMap<String, InterfaceState>> {
    let mut interfaces: BTreeMap<String, InterfaceState> = if_nameindex()?
        .iter()
        .map(|interface| {
            let state =
                InterfaceState { index: interface.index(), mac: None, addresses: Vec::new() };
            (interface.name().to_string_lossy().into_owned(), state)
        })
        .collect();
    for entry in nix::ifaddrs::getifaddrs()? {
        let Some(state) = interfaces.get_mut(&entry.interface_name) else { continue };
        let Some(address) = entry.address else { continue };
        state.mac = state.mac.or(address.as_link_addr().and_then(|link| link.addr()));
        let v4: Option<IpAddr> = address.as_sockaddr_in().map(|it| it.ip().into());
        let v6: Option<IpAddr> = address.as_sockaddr_in6().map(|it| it.ip().into());
        state.addresses.extend(v4.or(v6));
    }
    Ok(interfaces)
}
