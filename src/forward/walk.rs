//! The walk of a packet: what a node does with what it sends, and with what it sends on.

use super::device::{DeviceIndex, DeviceKind, NodeIndex};
use super::evidence::{Absent, Evidence};
use super::exchange::Binding;
use super::flight::Flight;
use super::lookup::{Flow, Found, Lead, Refusal};
use super::neighbour::Neighbour;
use super::network::{Hook, Network, Passage};
use super::outcome::{DropReason, End, IcmpError, IcmpKind, Outcome, Outcomes, Unmodelled};
use super::packet::{Protocol, StackEntry};
use super::segment::Squeeze;
use crate::compile::Encap;
use crate::iproute::RouteKind;
use crate::link::Kind;
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};

/// How many outcomes a packet may have.
const MAX_OUTCOMES: usize = 256;
/// How often a packet may pass a device inside a namespace before it comes to another one.
const MAX_INNER: u8 = 16;
/// How many namespaces a packet may come to. A time to live ends it before, but for labels that one node
/// pushes in pairs and another pops: the lower one keeps its own.
const MAX_HOPS: usize = 512;

/// What is done with equal ways of a packet that meet again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ways {
    /// Each is followed to its end.
    Each,
    /// They are one from there on, and the hops before are those of the first.
    Merged,
}

/// A walk, with the outcomes that were found.
pub(super) struct Walk<'n, 'a> {
    pub network: &'n Network<'a>,
    pub outcomes: Outcomes<'a>,
    /// What comes in through a device and has not been looked at. A packet that runs in a circle comes to
    /// hundreds of nodes, so that one may not be looked at inside of another.
    pub arriving: VecDeque<(Flight<'a>, DeviceIndex)>,
    /// Whether packets pass whatever their source.
    pub any_source: bool,
    /// What is done with ways that meet again.
    pub ways: Ways,
}

/// How a packet comes to leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// A socket of the node sends it.
    Socket,
    /// The node forwards what came in through a device.
    Forwarded(DeviceIndex),
    /// It was sent through a VRF device.
    Vrf(DeviceIndex),
}

impl<'n, 'a> Walk<'n, 'a> {
    pub(super) fn new(network: &'n Network<'a>) -> Self {
        Self {
            network,
            outcomes: Vec::new(),
            arriving: VecDeque::new(),
            any_source: false,
            ways: Ways::Each,
        }
    }

    /// Goes on until nothing is under way.
    pub(super) fn finish(mut self) -> Outcomes<'a> {
        while let Some((flight, device)) = self.arriving.pop_front() {
            self.take_in(flight, device);
        }
        self.outcomes
    }

    pub(super) fn end(
        &mut self,
        flight: Flight<'a>,
        end: End<'a>,
        evidence: impl IntoIterator<Item = Evidence<'a>>,
    ) {
        let Flight { packet, share, hops, aside, inner: _, is_cut: _ } = flight;
        let evidence = evidence.into_iter().collect();
        self.outcomes.push(Outcome { end, share, hops, aside, evidence, packet });
    }

    pub(super) fn drop(
        &mut self,
        flight: Flight<'a>,
        at: NodeIndex,
        reason: DropReason,
        evidence: impl IntoIterator<Item = Evidence<'a>>,
    ) {
        let at = self.network.nodes[at.0].namespace;
        self.end(flight, End::Dropped { at, reason }, evidence);
    }

    pub(super) fn unknown(&mut self, flight: Flight<'a>, at: NodeIndex, why: Unmodelled) {
        let node = &self.network.nodes[at.0];
        let evidence = node.ruleset.filter(|_| why == Unmodelled::Ruleset);
        self.end(flight, End::Unknown { at: node.namespace, why }, evidence);
    }

    /// A node has a packet of its own to send: from a socket, or through a VRF device.
    pub(super) fn originate(
        &mut self,
        flight: Flight<'a>,
        at: NodeIndex,
        (vrf, oif, near): Binding,
        origin: Origin,
    ) {
        let network = self.network;
        let flow = Flow { oif, near, ..Flow::of(&flight.packet, network.nodes[at.0].lo, vrf) };
        // What is in the queue of a VRF device is bound to nothing.
        let found = match origin {
            Origin::Socket => network.own_route(at, &flow),
            Origin::Vrf(_) | Origin::Forwarded(_) => network.route(at, &flow),
        };
        self.leave(flight, at, found, origin);
    }

    /// A packet of a node's own leaves by what was found for it.
    pub(super) fn leave(
        &mut self,
        flight: Flight<'a>,
        at: NodeIndex,
        found: Result<Found<'a>, Refusal<'a>>,
        origin: Origin,
    ) {
        let network = self.network;
        let node = &network.nodes[at.0];
        let packet = &flight.packet;
        if !network.knows_ruleset(at, packet.is_v4()) {
            return self.unknown(flight, at, Unmodelled::Ruleset);
        }
        if packet.destination.is_multicast() {
            return self.unknown(flight, at, Unmodelled::Multicast);
        }
        // To no address is to the node itself.
        if packet.destination == IpAddr::V4(Ipv4Addr::UNSPECIFIED) {
            return self.deliver(flight, node.lo, []);
        }
        let found = match found {
            Ok(found) => found,
            Err(refusal) => return self.refused(flight, at, origin, refusal),
        };
        let Some(mut flight) = self.filter(flight, at, Hook::Output, origin) else { return };
        flight.note(found.evidence);
        match found.kind {
            RouteKind::Local | RouteKind::Anycast => {
                let vrf = found.nexthops.first().and_then(|(lead, _)| network.vrf_of(lead.device));
                let inside = vrf.unwrap_or(node.lo);
                if let Some(flight) = self.queue(flight, inside) {
                    self.deliver(flight, inside, found.evidence);
                }
            }
            RouteKind::Broadcast | RouteKind::Multicast => {
                self.unknown(flight, at, Unmodelled::Multicast);
            }
            RouteKind::Unicast if network.discards(&flight.packet, &found) => {
                let through = match origin {
                    Origin::Socket => node.lo,
                    Origin::Vrf(through) | Origin::Forwarded(through) => through,
                };
                let kind = (IcmpKind::NetUnreachable, None);
                self.reject(flight, (through, node.lo), kind, found.evidence);
            }
            RouteKind::Unicast => self.split(flight, at, &found.nexthops, origin),
            RouteKind::Unreachable
            | RouteKind::Blackhole
            | RouteKind::Prohibit
            | RouteKind::Throw => {
                self.drop(flight, at, DropReason::NoRoute, found.evidence);
            }
        }
    }

    fn refused(&mut self, flight: Flight<'a>, at: NodeIndex, origin: Origin, refusal: Refusal<'a>) {
        let Refusal { reason, evidence } = refusal;
        match (reason.silent(), origin) {
            (Err(why), _) => self.unknown(flight, at, why),
            (Ok(reason), Origin::Socket) => self.end(flight, End::Refused { reason }, evidence),
            (Ok(reason), Origin::Vrf(_) | Origin::Forwarded(_)) => {
                self.drop(flight, at, reason, evidence);
            }
        }
    }

    /// Each nexthop takes its share.
    pub(super) fn split(
        &mut self,
        flight: Flight<'a>,
        at: NodeIndex,
        leads: &[(Lead<'a>, f64)],
        origin: Origin,
    ) {
        let Some(((last, share), others)) = leads.split_last() else { return };
        let all = self.outcomes.len() + self.arriving.len() + leads.len();
        if !others.is_empty() && all > MAX_OUTCOMES {
            return self.unknown(flight, at, Unmodelled::TooManyOutcomes);
        }
        let whole = flight.share;
        for (lead, share) in others {
            let part = Flight { share: whole * share, ..flight.clone() };
            self.emit(part, at, *lead, origin);
        }
        self.emit(Flight { share: whole * share, ..flight }, at, *last, origin);
    }

    /// A packet leaves by a nexthop.
    fn emit(&mut self, mut flight: Flight<'a>, at: NodeIndex, lead: Lead<'a>, origin: Origin) {
        let network = self.network;
        let device = &network.devices[lead.device.0];
        let settings = &network.nodes[at.0].settings;
        let pushed: Vec<StackEntry> = match lead.encap {
            None => Vec::new(),
            Some(Encap::Mpls { labels, ttl }) => {
                let ttl = match ttl {
                    Some(0) => flight.packet.ttl,
                    Some(ttl) => *ttl,
                    None if settings.ttl_propagate().value != 0 => flight.packet.ttl,
                    None => settings.label_ttl(),
                };
                labels.iter().map(|label| StackEntry { label: label.number(), ttl }).collect()
            }
            Some(Encap::Seg6(_) | Encap::Seg6local(_) | Encap::Ip(_) | Encap::Ip6(_)) => {
                return self.unknown(flight, at, Unmodelled::Encapsulation);
            }
        };
        // The MTU of a route counts instead of the device's, also where it is forwarded by and not locked.
        let (mtu, said) = lead.mtu.unwrap_or((device.mtu.unwrap_or(u32::MAX), device.evidence));
        let room = mtu.saturating_sub(4 * pushed.len() as u32);
        if flight.packet.length > room {
            let is_router = origin != Origin::Socket;
            if flight.packet.df || is_router && !flight.packet.is_v4() {
                let evidence = [said];
                return match origin {
                    Origin::Socket => {
                        let reason = DropReason::MtuTooSmall;
                        self.end(flight, End::Refused { reason }, evidence);
                    }
                    Origin::Forwarded(through) | Origin::Vrf(through) => {
                        // An IPv4 packet that came in does not reach the device that it leaves through.
                        let is_held = origin == Origin::Forwarded(through) && flight.packet.is_v4();
                        let holder = if is_held { through } else { lead.device };
                        let kind = (IcmpKind::FragNeeded, Some(room));
                        self.reject(flight, (through, holder), kind, evidence);
                    }
                };
            }
        }
        if let Origin::Forwarded(_) = origin {
            let Some(passed) = self.filter(flight, at, Hook::Forward, origin) else { return };
            flight = passed;
        }
        if flight.packet.length > room {
            flight.packet.length = room;
            flight.is_cut = true;
        }
        flight.packet.labels = pushed;
        // What a node itself sends out of a port of a VRF goes through the queue of the VRF device before.
        let vrf = network.vrf_of(lead.device).filter(|_| origin == Origin::Socket);
        let queued = match vrf {
            Some(vrf) => self.queue(flight, vrf),
            None => Some(flight),
        };
        if let Some(flight) = queued {
            self.transmit(flight, at, lead, origin);
        }
    }

    /// What is left of a packet behind the queue of a device.
    fn queue(&mut self, flight: Flight<'a>, device: DeviceIndex) -> Option<Flight<'a>> {
        let this = &self.network.devices[device.0];
        let (reason, evidence) = match (this.up, this.lossy) {
            (None, _) => (DropReason::LinkDown, Evidence::Absent(Absent::Device)),
            (Some(_), Some(lossy)) => (DropReason::Impaired, lossy),
            (Some(_), None) => return Some(flight),
        };
        self.drop(flight, this.node, reason, [evidence]);
        None
    }

    /// A packet, with its labels, is given to a device.
    pub(super) fn transmit(
        &mut self,
        mut flight: Flight<'a>,
        at: NodeIndex,
        lead: Lead<'a>,
        origin: Origin,
    ) {
        let network = self.network;
        let device = &network.devices[lead.device.0];
        if let Some(hop) = flight.hops.last_mut() {
            hop.out.push(device.name);
        }
        // Where the neighbour is not known, the search for it is lost, and a router says so.
        let Some(mut flight) = self.queue(flight, lead.device) else { return };
        flight.inner += 1;
        if flight.inner > MAX_INNER || flight.hops.len() > MAX_HOPS {
            let at = network.nodes[at.0].namespace;
            return self.end(flight, End::Loop { at }, [device.evidence]);
        }
        match device.kind {
            DeviceKind::Loopback => return self.take_in(flight, lead.device),
            DeviceKind::Other(Kind::Vrf(_)) if flight.packet.labels.is_empty() => {
                let vrf = lead.device;
                return self.originate(flight, at, (Some(vrf), None, None), Origin::Vrf(vrf));
            }
            DeviceKind::Other(Kind::Dummy(_) | Kind::Ifb(_)) => {
                return self.drop(flight, at, DropReason::DropsAll, [device.evidence]);
            }
            DeviceKind::Veth(_) | DeviceKind::Other(_) => {}
        }
        if !device.is_ethernet() {
            return self.unknown(flight, at, Unmodelled::DeviceKind);
        }
        // An IPv6 route may push labels towards an IPv4 gateway.
        let next = lead.via.unwrap_or(flight.packet.destination).to_canonical();
        if !network.knows_ruleset(at, next.is_ipv4()) {
            return self.unknown(flight, at, Unmodelled::Ruleset);
        }
        match network.neighbour(lead.device, flight.packet.source, next) {
            Neighbour::At(to, evidence) => {
                flight.note([evidence]);
                let there = &network.devices[to.0];
                if !network.knows_ruleset(there.node, next.is_ipv4()) {
                    return self.unknown(flight, there.node, Unmodelled::Ruleset);
                }
                match network.squeeze(lead.device, to, &flight.packet) {
                    Squeeze::Passes => {}
                    Squeeze::Drops(narrow) => {
                        let narrow = &network.devices[narrow.0];
                        let reason = DropReason::FrameTooLong;
                        return self.drop(flight, narrow.node, reason, [narrow.evidence]);
                    }
                    Squeeze::Unknown(port) => {
                        let at = network.devices[port.0].node;
                        return self.unknown(flight, at, Unmodelled::BridgeFragments);
                    }
                }
                let namespace = network.nodes[there.node.0].namespace;
                flight.packet.mark = 0;
                flight.arrive(namespace, Some(there.name));
                self.arrive(flight, to);
            }
            Neighbour::Several => self.unknown(flight, at, Unmodelled::SeveralOwners),
            Neighbour::Silent => self.unknown(flight, at, Unmodelled::SilentOwner),
            Neighbour::Unknown => self.unknown(flight, at, Unmodelled::DeviceKind),
            Neighbour::NobodyAt(evidence) => {
                self.drop(flight, at, DropReason::NeighbourUnresolved, [evidence]);
            }
            Neighbour::Nobody(evidence) => match origin {
                Origin::Forwarded(through) | Origin::Vrf(through)
                    if flight.packet.labels.is_empty() =>
                {
                    let kind = (IcmpKind::HostUnreachable, None);
                    self.reject(flight, (through, lead.device), kind, [evidence]);
                }
                Origin::Socket | Origin::Forwarded(_) | Origin::Vrf(_) => {
                    self.drop(flight, at, DropReason::NeighbourUnresolved, [evidence]);
                }
            },
        }
    }

    /// A packet is on its way to a device.
    fn arrive(&mut self, flight: Flight<'a>, to: DeviceIndex) {
        let is_same = |other: &&mut (Flight<'a>, DeviceIndex)| {
            other.1 == to && other.0.is_cut == flight.is_cut && other.0.packet == flight.packet
        };
        let met = match self.ways {
            Ways::Each => None,
            Ways::Merged => self.arriving.iter_mut().find(is_same),
        };
        match met {
            Some((first, _)) => first.merge(flight),
            None => self.arriving.push_back((flight, to)),
        }
    }

    /// A packet comes in through a device.
    pub(super) fn take_in(&mut self, flight: Flight<'a>, device: DeviceIndex) {
        let at = self.network.devices[device.0].node;
        if !self.network.knows_ruleset(at, flight.packet.is_v4()) {
            return self.unknown(flight, at, Unmodelled::Ruleset);
        }
        match flight.packet.labels.first().copied() {
            Some(top) => self.switch(flight, device, top),
            None => self.input(flight, device),
        }
    }

    /// A packet comes to the ruleset of a node; what is left of it goes on.
    fn filter(
        &mut self,
        flight: Flight<'a>,
        at: NodeIndex,
        hook: Hook,
        origin: Origin,
    ) -> Option<Flight<'a>> {
        let network = self.network;
        match network.filter(at, hook, &flight.packet, flight.is_cut) {
            Passage::Accepted => return Some(flight),
            Passage::Unknown => self.unknown(flight, at, Unmodelled::Ruleset),
            Passage::Dropped => {
                let (reason, evidence) = (DropReason::Filtered, network.nodes[at.0].ruleset);
                match origin {
                    Origin::Socket => self.end(flight, End::Refused { reason }, evidence),
                    Origin::Forwarded(_) | Origin::Vrf(_) => {
                        self.drop(flight, at, reason, evidence);
                    }
                }
            }
        }
        None
    }

    pub(super) fn deliver(
        &mut self,
        flight: Flight<'a>,
        device: DeviceIndex,
        evidence: impl IntoIterator<Item = Evidence<'a>>,
    ) {
        let network = self.network;
        let this = &network.devices[device.0];
        let through = Origin::Forwarded(device);
        let Some(flight) = self.filter(flight, this.node, Hook::Input, through) else { return };
        let vrf = network.vrf_of(device).map(|vrf| network.devices[vrf.0].name);
        let namespace = network.nodes[this.node.0].namespace;
        self.end(flight, End::Delivered { namespace, vrf, device: this.name }, evidence);
    }

    /// A node refuses what came in through a device with an ICMP error. The way back is looked up in the VRF
    /// of `holder`, the device that has the packet by then.
    pub(super) fn reject(
        &mut self,
        flight: Flight<'a>,
        (through, holder): (DeviceIndex, DeviceIndex),
        (kind, mtu): (IcmpKind, Option<u32>),
        evidence: impl IntoIterator<Item = Evidence<'a>>,
    ) {
        let network = self.network;
        let at = network.devices[through.0].node;
        // Nobody answers an ICMP error with another.
        if flight.packet.protocol == Protocol::Error {
            let reason = match kind {
                IcmpKind::TimeExceeded => DropReason::TtlExceeded,
                IcmpKind::FragNeeded => DropReason::MtuTooSmall,
                IcmpKind::Prohibited => DropReason::Prohibited,
                IcmpKind::HostUnreachable => DropReason::NeighbourUnresolved,
                IcmpKind::NetUnreachable
                | IcmpKind::ProtocolUnreachable
                | IcmpKind::PortUnreachable => DropReason::NoRoute,
            };
            return self.drop(flight, at, reason, evidence);
        }
        let holding = network.vrf_of(holder);
        let sources = network.error_sources(&flight.packet, through, holding);
        let by = network.nodes[at.0].namespace;
        let vrf = holding.map(|vrf| network.devices[vrf.0].name);
        let evidence: Vec<Evidence<'a>> = evidence.into_iter().collect();
        for (source, share) in sources {
            let part = Flight { share: flight.share * share, ..flight.clone() };
            let error = IcmpError { kind, mtu, source };
            self.end(part, End::Rejected { by, vrf, error }, evidence.iter().copied());
        }
    }
}
