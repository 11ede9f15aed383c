//! What a node does with an IP packet that comes in: takes it, forwards it, or not.

use super::device::DeviceIndex;
use super::evidence::Evidence;
use super::flight::Flight;
use super::lookup::{Flow, Found, RefusalReason};
use super::outcome::{DropReason, IcmpKind, Unmodelled};
use super::packet::Packet;
use super::walk::{Origin, Walk};
use crate::iproute::RouteKind;
use std::net::IpAddr;

impl<'a> Walk<'_, 'a> {
    pub(super) fn input(&mut self, mut flight: Flight<'a>, device: DeviceIndex) {
        let network = self.network;
        let this = &network.devices[device.0];
        let (at, node) = (this.node, &network.nodes[this.node.0]);
        let (packet, v4) = (&flight.packet, flight.packet.is_v4());
        if packet.destination.is_multicast() {
            return self.unknown(flight, at, Unmodelled::Multicast);
        }
        let flow = Flow::of(packet, device, network.vrf_of(device));
        let forwarding = node.settings.forwarding(v4, this.name);
        let found = match network.route(at, &flow) {
            Ok(found) => found,
            Err(refusal) => {
                // IPv4 says nothing where it does not forward.
                if v4 && forwarding.value == 0 {
                    let evidence = [forwarding.evidence];
                    return self.drop(flight, at, DropReason::NotForwarding, evidence);
                }
                let kind = match refusal.reason {
                    RefusalReason::Unknown(why) => return self.unknown(flight, at, why),
                    RefusalReason::Blackhole => {
                        return self.drop(flight, at, DropReason::Blackhole, refusal.evidence);
                    }
                    RefusalReason::HostUnreachable if v4 => IcmpKind::HostUnreachable,
                    RefusalReason::NoRoute
                    | RefusalReason::HostUnreachable
                    | RefusalReason::NetUnreachable => IcmpKind::NetUnreachable,
                    RefusalReason::Prohibited => IcmpKind::Prohibited,
                };
                return self.reject(flight, (device, device), (kind, None), refusal.evidence);
            }
        };
        flight.note(found.evidence);
        match found.kind {
            RouteKind::Local | RouteKind::Anycast => {
                match self.validate(&flight.packet, device, None) {
                    Ok(()) => self.deliver(flight, device, found.evidence),
                    Err((reason, evidence)) => self.drop(flight, at, reason, evidence),
                }
            }
            RouteKind::Broadcast | RouteKind::Multicast => {
                self.unknown(flight, at, Unmodelled::Multicast);
            }
            RouteKind::Unicast if network.discards(&flight.packet, &found) => {
                let kind = (IcmpKind::NetUnreachable, None);
                self.reject(flight, (device, device), kind, found.evidence);
            }
            RouteKind::Unicast if forwarding.value == 0 => {
                self.drop(flight, at, DropReason::NotForwarding, [forwarding.evidence]);
            }
            RouteKind::Unicast => self.forward(flight, device, found),
            RouteKind::Unreachable
            | RouteKind::Blackhole
            | RouteKind::Prohibit
            | RouteKind::Throw => {
                self.drop(flight, at, DropReason::MartianDestination, found.evidence);
            }
        }
    }

    fn forward(&mut self, mut flight: Flight<'a>, device: DeviceIndex, found: Found<'a>) {
        let network = self.network;
        let at = network.devices[device.0].node;
        let out = found.nexthops.first().map(|(lead, _)| lead.device);
        if let Err((reason, evidence)) = self.validate(&flight.packet, device, out) {
            return self.drop(flight, at, reason, evidence);
        }
        if flight.packet.ttl <= 1 {
            let evidence: [Evidence<'a>; 0] = [];
            return self.reject(flight, (device, device), (IcmpKind::TimeExceeded, None), evidence);
        }
        if let IpAddr::V6(source) = flight.packet.source
            && source.is_unicast_link_local()
        {
            return self.drop(flight, at, DropReason::MartianSource, found.evidence);
        }
        flight.packet.ttl -= 1;
        self.split(flight, at, &found.nexthops, Origin::Forwarded(device));
    }

    /// Whether a node takes in the source of a packet.
    fn validate(
        &self,
        packet: &Packet,
        device: DeviceIndex,
        out: Option<DeviceIndex>,
    ) -> Result<(), (DropReason, Vec<Evidence<'a>>)> {
        match self.any_source {
            true => Ok(()),
            false => self.network.validate_source(packet, device, out),
        }
    }
}
