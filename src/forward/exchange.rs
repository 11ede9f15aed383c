//! The questions that are put to a network: what becomes of a packet, and of its answer.

use super::device::{DeviceIndex, NodeIndex};
use super::evidence::{Absent, Evidence};
use super::flight::Flight;
use super::lookup::{Flow, Found, Refusal, RefusalReason};
use super::network::Network;
use super::outcome::{DropReason, End, Exchange, Outcome, Outcomes, Unmodelled};
use super::packet::{Packet, Probe, Protocol};
use super::walk::{Origin, Walk, Ways};
use crate::iproute::is_link_local;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

/// The bytes of an ICMP error, at the least: those of a header and of a piece of what it is about.
pub(super) const ERROR_SIZE: u32 = 56;

impl<'a> Network<'a> {
    /// All that becomes of a probe.
    pub fn send(&self, probe: &Probe<'_>) -> Outcomes<'a> {
        self.send_by(probe, Ways::Each)
    }

    fn send_by(&self, probe: &Probe<'_>, ways: Ways) -> Outcomes<'a> {
        let mut walk = Walk { ways, ..Walk::new(self) };
        match self.prepare(probe) {
            Ok((at, binding, packets)) => {
                for Sent { packet, share, found } in packets {
                    let mut flight = Flight { share, ..Flight::new(packet) };
                    flight.arrive(self.nodes[at.0].namespace, None);
                    match found {
                        Some(found) => walk.leave(flight, at, Ok(found), Origin::Socket),
                        None => walk.originate(flight, at, binding, Origin::Socket),
                    }
                }
            }
            Err(outcome) => walk.outcomes.push(*outcome),
        }
        walk.finish()
    }

    /// All that becomes of a probe and of the answers to it.
    pub fn exchange(&self, probe: &Probe<'_>) -> Vec<Exchange<'a>> {
        self.exchange_by(probe, Ways::Each)
    }

    /// [`Network::exchange`], where many ways that meet again need not be told one by one.
    pub fn exchange_by(&self, probe: &Probe<'_>, ways: Ways) -> Vec<Exchange<'a>> {
        // Many ways may lead to one place, from where the answers are the same.
        let mut known: Vec<(Answer, Arc<Outcomes<'a>>)> = Vec::new();
        let silence = Arc::new(Outcomes::new());
        let exchange = |request: Outcome<'a>| {
            let reply = match self.answer(&request) {
                None => Arc::clone(&silence),
                Some(answer) => match known.iter().find(|(other, _)| *other == answer) {
                    Some((_, reply)) => Arc::clone(reply),
                    None => {
                        let reply = Arc::new(self.walk_of(&answer, ways));
                        known.push((answer, Arc::clone(&reply)));
                        reply
                    }
                },
            };
            Exchange { request, reply }
        };
        self.send_by(probe, ways).into_iter().map(exchange).collect()
    }

    /// The packets that a socket sends, where they leave from, and what it is bound to.
    fn prepare(
        &self,
        probe: &Probe<'_>,
    ) -> Result<(NodeIndex, Binding, Vec<Sent<'a>>), Box<Outcome<'a>>> {
        let mut packet = Packet {
            source: probe.source.unwrap_or(probe.destination),
            destination: probe.destination,
            protocol: probe.protocol,
            length: Packet::header(probe.destination) + probe.protocol.header() + probe.size,
            df: probe.df,
            ttl: 0,
            tos: probe.tos,
            mark: probe.mark,
            labels: Vec::new(),
        };
        let ended = |packet, end, evidence| {
            let (hops, aside) = (Vec::new(), BTreeSet::new());
            Box::new(Outcome { end, share: 1.0, hops, aside, evidence, packet })
        };
        let refused = |packet, reason, evidence| ended(packet, End::Refused { reason }, evidence);
        let Some(at) = self.node(probe.namespace) else {
            let evidence = vec![Evidence::Absent(Absent::Device)];
            return Err(refused(packet, DropReason::NoDevice, evidence));
        };
        let binding = match probe.device.map(|device| self.device(probe.namespace, device)) {
            None => (None, None, None),
            Some(None) => {
                let evidence = vec![Evidence::Absent(Absent::Device)];
                return Err(refused(packet, DropReason::NoDevice, evidence));
            }
            Some(Some(device)) => match self.devices[device.0].is_vrf() {
                true => (Some(device), None, None),
                false => (self.vrf_of(device), Some(device), None),
            },
        };
        let node = &self.nodes[at.0];
        packet.ttl = probe.ttl.unwrap_or_else(|| {
            let out = binding.1.unwrap_or(node.lo);
            node.settings.ttl(packet.is_v4(), self.devices[out.0].name)
        });
        if let Some(source) = probe.source {
            packet.source = source;
            return Ok((at, binding, vec![Sent { packet, share: 1.0, found: None }]));
        }
        let unknown = |packet, why, evidence| {
            ended(packet, End::Unknown { at: node.namespace, why }, evidence)
        };
        let flow = Flow { source: None, oif: binding.1, ..Flow::of(&packet, node.lo, binding.0) };
        let found = match self.own_route(at, &flow) {
            Ok(found) => found,
            Err(refusal) => match self.ask_again(at, &flow, refusal) {
                Ok(source) => {
                    let packet = Packet { source, ..packet };
                    return Ok((at, binding, vec![Sent { packet, share: 1.0, found: None }]));
                }
                Err(Refusal { reason, evidence }) => {
                    return Err(match reason.silent() {
                        Err(why) => unknown(packet, why, evidence),
                        Ok(reason) => refused(packet, reason, evidence),
                    });
                }
            },
        };
        // An IPv4 socket with ports is connected, and asks again when it has a source.
        let asks_again = packet.is_v4() && packet.protocol.ports().is_some();
        let mut sent = Vec::new();
        for (source, share, found) in self.sources_by_way(at, packet.destination, &found, binding.0)
        {
            let Some(source) = source else {
                let vrf = binding.0.or_else(|| {
                    found.nexthops.first().and_then(|(lead, _)| self.vrf_of(lead.device))
                });
                if !packet.is_v4() && self.may_send_link_local(at, vrf) {
                    let why = Unmodelled::LinkLocalSource;
                    return Err(unknown(packet, why, found.evidence.to_vec()));
                }
                return Err(refused(packet, DropReason::NoSource, found.evidence.to_vec()));
            };
            let packet = Packet { source, ..packet.clone() };
            let found = Some(found).filter(|_| !asks_again);
            sent.push(Sent { packet, share, found });
        }
        Ok((at, binding, sent))
    }

    /// The source with which a packet has a route that has none without: of IPv6 one is chosen all the same, and the
    /// route is looked up with it (`ip6_dst_lookup_tail`).
    fn ask_again(
        &self,
        at: NodeIndex,
        flow: &Flow,
        refusal: Refusal<'a>,
    ) -> Result<IpAddr, Refusal<'a>> {
        let (Ok(_), IpAddr::V6(to)) = (refusal.reason.silent(), flow.destination) else {
            return Err(refusal);
        };
        match self.ipv6_source(at, flow.vrf, to) {
            Some(source) => {
                let flow = Flow { source: Some(source), ..*flow };
                self.own_route(at, &flow).map(|_| source)
            }
            None if self.nodes[at.0].minds_ipv6_sources()
                && self.may_send_link_local(at, flow.vrf) =>
            {
                let reason = RefusalReason::Unknown(Unmodelled::LinkLocalSource);
                Err(Refusal { reason, ..refusal })
            }
            None => Err(refusal),
        }
    }

    /// Whether what leaves in a VRF has an address of the kernel's own where it has no other one.
    fn may_send_link_local(&self, at: NodeIndex, vrf: Option<DeviceIndex>) -> bool {
        let node = &self.nodes[at.0];
        node.devices.values().any(|it| {
            let device = &self.devices[it.0];
            let has_one = device.up.is_some() && !node.settings.disable_ipv6(device.name);
            has_one && self.vrf_of(*it) == vrf && !device.is_vrf() && !device.is_loopback()
        })
    }

    /// The answer to a packet that was taken in or refused.
    fn answer(&self, request: &Outcome<'a>) -> Option<Answer> {
        let (namespace, source, protocol, bound) = match &request.end {
            End::Delivered { namespace, vrf, device } => {
                let packet = &request.packet;
                let link = is_link_local(packet.destination).then_some(*device);
                // An IPv6 echo is rather answered where it came in.
                let echo = packet.protocol == Protocol::Echo && !packet.is_v4() && vrf.is_none();
                let near = Some(*device).filter(|_| echo);
                let bound = (self.replies_in(namespace, *vrf, packet), link, near);
                (*namespace, packet.destination, packet.protocol.reversed(), bound)
            }
            End::Rejected { by, vrf, error } => {
                (*by, error.source?, Protocol::Error, (*vrf, None, None))
            }
            End::Refused { .. } | End::Dropped { .. } | End::Loop { .. } | End::Unknown { .. } => {
                return None;
            }
        };
        let at = self.node(namespace)?;
        let is_error = protocol == Protocol::Error;
        let find = |name: Option<&str>| name.and_then(|name| self.device(namespace, name));
        let binding = (find(bound.0), find(bound.1), find(bound.2));
        let node = &self.nodes[at.0];
        let lo = self.devices[node.lo.0].name;
        let destination = request.packet.source;
        let header = Packet::header(destination);
        let length = match protocol {
            Protocol::Error => header + ERROR_SIZE,
            Protocol::Tcp { .. } => header + protocol.header(),
            Protocol::Echo | Protocol::Udp { .. } => request.packet.length,
        };
        let packet = Packet {
            source,
            destination,
            protocol,
            length,
            df: false,
            ttl: node.settings.ttl(destination.is_ipv4(), lo),
            // What a server sends has the type of service that its socket gives it.
            tos: match protocol {
                Protocol::Echo | Protocol::Error => request.packet.tos,
                Protocol::Udp { .. } | Protocol::Tcp { .. } => 0,
            },
            mark: 0,
            labels: Vec::new(),
        };
        let by_route = is_error && self.has_error_source_by_route(at, &request.packet, binding.0);
        Some(Answer { at, binding, packet, by_route })
    }

    /// The VRF in which what was taken in is answered. An IPv6 echo that came in through a VRF is answered
    /// where the interface is that has the address (`icmp6_iif`).
    fn replies_in(
        &self,
        namespace: &str,
        vrf: Option<&'a str>,
        packet: &Packet,
    ) -> Option<&'a str> {
        let echo = packet.protocol == Protocol::Echo && !packet.is_v4();
        let (Some(vrf), true) = (vrf, echo) else { return vrf };
        let at = self.node(namespace);
        let owners = self.owners.get(&packet.destination).into_iter().flatten();
        let own = owners.filter(|owner| Some(self.devices[owner.0].node) == at);
        let name = |device: DeviceIndex| self.devices[device.0].name;
        let vrfs: Vec<_> = own.map(|owner| self.vrf_of(*owner).map(name)).collect();
        let is_inside = vrfs.is_empty() || vrfs.contains(&Some(vrf));
        if is_inside { Some(vrf) } else { vrfs[0] }
    }

    /// What becomes of an answer.
    fn walk_of(&self, answer: &Answer, ways: Ways) -> Outcomes<'a> {
        let mut walk = Walk { ways, ..Walk::new(self) };
        let mut flight = Flight::new(answer.packet.clone());
        flight.arrive(self.nodes[answer.at.0].namespace, None);
        match self.route_of(answer) {
            Some(found) => walk.leave(flight, answer.at, Ok(found), Origin::Socket),
            None => walk.originate(flight, answer.at, answer.binding, Origin::Socket),
        }
        walk.finish()
    }

    /// The route that gave an answer its source.
    fn route_of(&self, answer: &Answer) -> Option<Found<'a>> {
        let Answer { at, binding: (vrf, ..), packet, by_route } = answer;
        let flow = self.error_flow(*at, packet.destination, packet.tos, *vrf);
        let found = by_route.then(|| self.own_route(*at, &flow))?.ok()?;
        let by_way = self.sources_by_way(*at, packet.destination, &found, *vrf);
        let own = by_way.into_iter().find(|(source, ..)| *source == Some(packet.source));
        own.map(|(.., found)| found)
    }
}

/// What a node sends because of what came to it.
#[derive(PartialEq)]
struct Answer {
    at: NodeIndex,
    binding: Binding,
    packet: Packet,
    /// Whether it is an error that goes by the route that gave it its source.
    by_route: bool,
}

/// A packet of a socket's, with the part of all flows that have its source, and the ways of the route by
/// which it was chosen, where it takes one of these.
struct Sent<'a> {
    packet: Packet,
    share: f64,
    found: Option<Found<'a>>,
}

/// What a socket is bound to, a VRF and an interface, and the interface that it prefers.
pub(super) type Binding = (Option<DeviceIndex>, Option<DeviceIndex>, Option<DeviceIndex>);
