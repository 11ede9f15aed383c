//! Which source address the kernel gives to what a node sends, and which sources it takes in.

use super::device::{DeviceIndex, NodeIndex};
use super::evidence::{Absent, Evidence, KernelFact};
use super::lookup::{Flow, Found, Lead};
use super::network::Network;
use super::outcome::DropReason;
use super::packet::{Packet, Protocol};
use crate::iproute::RouteKind;
use std::cmp::Reverse;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

impl<'a> Network<'a> {
    /// The source of a packet of a node's own.
    pub(super) fn source_for(
        &self,
        at: NodeIndex,
        destination: IpAddr,
        found: &Found<'a>,
        vrf: Option<DeviceIndex>,
    ) -> Option<IpAddr> {
        if found.kind == RouteKind::Local {
            return Some(found.source.unwrap_or(destination));
        }
        let (lead, _) = found.nexthops.first()?;
        // A route that leads out of the packet's VRF gives it no address of the other side.
        let elsewhere = vrf.filter(|vrf| self.vrf_of(lead.device) != Some(*vrf));
        match (destination, elsewhere, found.source) {
            (IpAddr::V4(_), Some(vrf), _) => {
                let any = Ipv4Addr::UNSPECIFIED.into();
                // Of a VRF without addresses the packet is sent with none.
                self.ipv4_source(at, vrf, any).or(Some(any))
            }
            (IpAddr::V6(to), Some(vrf), _) => self.ipv6_source(at, Some(vrf), to),
            (_, None, Some(source)) => Some(source),
            (IpAddr::V4(_), None, None) => {
                let own = self.ipv4_source(at, lead.device, lead.via.unwrap_or(destination));
                own.or(Some(Ipv4Addr::UNSPECIFIED.into()))
            }
            (IpAddr::V6(to), None, None) => self.ipv6_source(at, Some(lead.device), to),
        }
    }

    /// As `inet_select_addr` has it: one of the device, on the link of the gateway if there is one; else
    /// one of the VRF device, or of any device in the same VRF, whether or not it is up.
    pub(super) fn ipv4_source(
        &self,
        at: NodeIndex,
        out: DeviceIndex,
        via: IpAddr,
    ) -> Option<IpAddr> {
        let usable = |device: DeviceIndex| {
            let addresses = self.devices[device.0].addresses.iter();
            addresses.filter(|own| own.address.is_ipv4() && !own.is_host_scope)
        };
        let on_link = usable(out).find(|own| own.connected.contains(&via));
        if let Some(own) = on_link.or_else(|| usable(out).next()) {
            return Some(own.address);
        }
        let vrf = self.vrf_of(out);
        let first = vrf.unwrap_or(self.nodes[at.0].lo);
        let mut others: Vec<DeviceIndex> = self.nodes[at.0].devices.values().copied().collect();
        others.sort_unstable();
        std::iter::once(first)
            .chain(others.into_iter().filter(|device| self.vrf_of(*device) == vrf))
            .find_map(|device| usable(device).next().map(|own| own.address))
    }

    /// As RFC 6724 has it, but for what needs more than addresses. Where it is not known through which device the
    /// packet leaves, it leaves in no VRF.
    pub(super) fn ipv6_source(
        &self,
        at: NodeIndex,
        out: Option<DeviceIndex>,
        to: Ipv6Addr,
    ) -> Option<IpAddr> {
        let vrf = out.and_then(|out| self.vrf_of(out));
        let mut devices: Vec<DeviceIndex> = self.nodes[at.0].devices.values().copied().collect();
        devices.sort_unstable();
        // An interface that is down lends its addresses too.
        let candidates = devices.iter().filter(|device| self.vrf_of(**device) == vrf);
        let is_link = |address: &Ipv6Addr| address.is_unicast_link_local();
        let candidates = candidates.flat_map(|device| {
            // Of one device the kernel has the last one first.
            let own = self.devices[device.0].addresses.iter().rev();
            own.filter_map(move |own| match own.address {
                IpAddr::V6(address) if !address.is_loopback() => {
                    Some((*device, address, own.connected.prefix_len()))
                }
                IpAddr::V6(_) | IpAddr::V4(_) => None,
            })
        });
        candidates
            .filter(|(device, address, _)| !is_link(address) || Some(*device) == out)
            .min_by_key(|(device, address, length)| {
                let common = (u128::from(*address) ^ u128::from(to)).leading_zeros();
                let common = common.min(u32::from(*length));
                (
                    *address != to,
                    is_link(address) != is_link(&to),
                    Some(*device) != out,
                    label(*address) != label(to),
                    Reverse(common),
                )
            })
            .map(|(_, address, _)| IpAddr::V6(address))
            .or_else(|| {
                // What the kernel has made of the MAC address is on no list.
                is_link(&to).then_some(IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0)))
            })
    }

    /// The sources that an ICMP error can have about what came in through a device, each with its share of
    /// flows; none without a way back.
    pub(super) fn error_sources(
        &self,
        packet: &Packet,
        through: DeviceIndex,
        vrf: Option<DeviceIndex>,
    ) -> Vec<(Option<IpAddr>, f64)> {
        let at = self.devices[through.0].node;
        let flow = self.error_flow(at, packet.source, packet.tos, vrf);
        if self.has_error_source_by_route(at, packet, vrf) {
            let Ok(found) = self.own_route(at, &flow) else { return vec![(None, 1.0)] };
            let by_way = self.sources_by_way(at, packet.source, &found, vrf);
            return by_way.into_iter().map(|(source, share, _)| (source, share)).collect();
        }
        let source = match packet.source {
            // What came in through a port of a VRF is the VRF device's by then.
            IpAddr::V4(_) => {
                let inbound = self.vrf_of(through).unwrap_or(through);
                self.ipv4_source(at, inbound, packet.source)
            }
            IpAddr::V6(_) if self.is_own(at, packet.destination, vrf) => Some(packet.destination),
            IpAddr::V6(to) => self.ipv6_source(at, Some(through), to),
        };
        let is_sent = self.own_route(at, &Flow { source, ..flow }).is_ok();
        vec![(source.filter(|_| is_sent), 1.0)]
    }

    /// Whether an ICMP error gets its source from its route, which is looked up without one. One of IPv4 does, unless
    /// a setting says otherwise. One of IPv6 comes from whom the packet was sent to, if that is an own address in the
    /// same VRF, else from where it came in, unless the route back in the main table says another source.
    pub(super) fn has_error_source_by_route(
        &self,
        at: NodeIndex,
        packet: &Packet,
        vrf: Option<DeviceIndex>,
    ) -> bool {
        if packet.is_v4() {
            return !self.nodes[at.0].settings.errors_use_inbound();
        }
        let in_main = self.error_flow(at, packet.source, packet.tos, None);
        let back = || self.route(at, &in_main);
        !self.is_own(at, packet.destination, vrf) && back().is_ok_and(|it| it.source.is_some())
    }

    /// By what the way back of an ICMP error is looked up that has no source yet.
    pub(super) fn error_flow(
        &self,
        at: NodeIndex,
        destination: IpAddr,
        tos: u8,
        vrf: Option<DeviceIndex>,
    ) -> Flow {
        Flow {
            destination,
            source: None,
            iif: self.nodes[at.0].lo,
            oif: None,
            near: None,
            vrf,
            tos,
            mark: 0,
            protocol: Some(Protocol::Error.number(destination.is_ipv4())),
            ports: None,
        }
    }

    /// Whether a node has an address in a VRF, or beside all of them.
    fn is_own(&self, at: NodeIndex, address: IpAddr, vrf: Option<DeviceIndex>) -> bool {
        let mut owners = self.owners.get(&address).into_iter().flatten();
        owners.any(|it| self.devices[it.0].node == at && self.vrf_of(*it) == vrf)
    }

    /// The sources that a packet can have by the ways of a route, each with its share and its ways.
    pub(super) fn sources_by_way(
        &self,
        at: NodeIndex,
        destination: IpAddr,
        found: &Found<'a>,
        vrf: Option<DeviceIndex>,
    ) -> Vec<(Option<IpAddr>, f64, Found<'a>)> {
        if found.nexthops.is_empty() {
            return vec![(self.source_for(at, destination, found, vrf), 1.0, found.clone())];
        }
        let mut all: Vec<(Option<IpAddr>, f64, Found<'a>)> = Vec::new();
        for (lead, share) in &found.nexthops {
            let one = Found { nexthops: vec![(*lead, *share)], ..found.clone() };
            let source = self.source_for(at, destination, &one, vrf);
            match all.iter_mut().find(|other| other.0 == source) {
                Some((_, whole, same)) => {
                    *whole += share;
                    same.nexthops.push((*lead, *share));
                }
                None => all.push((source, *share, one)),
            }
        }
        for (_, whole, found) in &mut all {
            found.nexthops.iter_mut().for_each(|(_, share)| *share /= *whole);
        }
        all
    }

    /// Whether a node takes a packet's source in from a device, as `fib_validate_source` has it. IPv6
    /// does not ask.
    pub(super) fn validate_source(
        &self,
        packet: &Packet,
        device: DeviceIndex,
        out: Option<DeviceIndex>,
    ) -> Result<(), (DropReason, Vec<Evidence<'a>>)> {
        let IpAddr::V4(source) = packet.source else { return Ok(()) };
        let this = &self.devices[device.0];
        let node = &self.nodes[this.node.0];
        let martian = |evidence| Err((DropReason::MartianSource, vec![evidence]));
        if source.is_multicast() || source.is_broadcast() || source.is_unspecified() {
            return martian(Evidence::Kernel(KernelFact::Loopback));
        }
        if source.is_loopback() && !this.is_loopback() && !this.is_vrf() {
            return martian(Evidence::Kernel(KernelFact::Loopback));
        }
        let filter = node.settings.rp_filter(this.name);
        let takes_own = node.settings.accept_local(this.name);
        if filter.value == 0 && out != Some(device) && !node.has_custom_rules {
            let owners = self.owners.get(&packet.source).into_iter().flatten();
            let own = owners.copied().find(|owner| self.devices[owner.0].node == this.node);
            return match own {
                Some(own) if !takes_own => martian(self.evidence_of(own, packet.source)),
                Some(_) | None => Ok(()),
            };
        }
        let flow = Flow {
            destination: packet.source,
            source: Some(packet.destination),
            // It is looked up as if it came in where the packet goes out, and in that VRF.
            iif: out.unwrap_or(node.lo),
            oif: None,
            near: None,
            vrf: self.vrf_of(device).or_else(|| out.and_then(|out| self.vrf_of(out))),
            tos: packet.tos,
            mark: if node.settings.src_valid_mark(this.name) { packet.mark } else { 0 },
            protocol: Some(packet.protocol.number(true)),
            ports: packet.protocol.ports().map(|(sport, dport)| (dport, sport)),
        };
        let refused = |evidence: Vec<Evidence<'a>>| {
            let all = std::iter::once(filter.evidence).chain(evidence).collect();
            Err((DropReason::SourceInvalid, all))
        };
        let found = match self.route(this.node, &flow) {
            Ok(found) => found,
            Err(_) if filter.value == 0 => return Ok(()),
            Err(refusal) => return refused(refusal.evidence),
        };
        match found.kind {
            RouteKind::Unicast => {}
            RouteKind::Local if takes_own => {}
            RouteKind::Local
            | RouteKind::Broadcast
            | RouteKind::Multicast
            | RouteKind::Anycast
            | RouteKind::Unreachable
            | RouteKind::Blackhole
            | RouteKind::Prohibit
            | RouteKind::Throw => return martian(found.evidence[1]),
        }
        let uses = |(lead, _): &(Lead<'a>, f64)| {
            lead.device == device || self.devices[lead.device.0].master == Some(device)
        };
        if filter.value != 1 || found.nexthops.iter().any(uses) {
            return Ok(());
        }
        refused(found.evidence.to_vec())
    }

    fn evidence_of(&self, device: DeviceIndex, address: IpAddr) -> Evidence<'a> {
        let own = self.devices[device.0].addresses.iter().find(|own| own.address == address);
        own.map_or(Evidence::Absent(Absent::Source), |own| own.evidence)
    }
}

/// The label of an address in the policy table of RFC 6724, section 2.1, as far as labs have such
/// addresses.
fn label(address: Ipv6Addr) -> u8 {
    match address.segments()[0] {
        first if first & 0xfe00 == 0xfc00 => 13,
        0x2002 => 2,
        0x2001 if address.segments()[1] == 0 => 5,
        _ => 1,
    }
}
