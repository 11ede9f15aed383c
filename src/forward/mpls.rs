//! What a node does with a labelled packet that comes in, as `mpls_forward` has it.

use super::device::{DeviceIndex, NodeIndex};
use super::evidence::{Absent, Evidence, KernelFact};
use super::flight::Flight;
use super::lookup::Lead;
use super::outcome::{DropReason, Unmodelled};
use super::packet::StackEntry;
use super::walk::{Origin, Walk};
use crate::compile::LabelNexthop;
use crate::iproute::Label;

/// The labels that pop to the namespace's own IP, of IPv4 and IPv6.
const EXPLICIT_NULLS: [u32; 2] = [0, 2];

impl<'a> Walk<'_, 'a> {
    pub(super) fn switch(&mut self, mut flight: Flight<'a>, device: DeviceIndex, top: StackEntry) {
        let network = self.network;
        let this = &network.devices[device.0];
        let (at, node) = (this.node, &network.nodes[this.node.0]);
        let input = node.settings.mpls_input(this.name);
        if input.value == 0 {
            return self.drop(flight, at, DropReason::MplsInputOff, [input.evidence]);
        }
        let labels = node.settings.platform_labels();
        if top.label >= labels.value {
            return self.drop(flight, at, DropReason::PlatformLabels, [labels.evidence]);
        }
        let is_null = EXPLICIT_NULLS.contains(&top.label);
        let (nexthops, propagate, evidence): (&[LabelNexthop], _, _) =
            match node.mpls.get(&top.label) {
                Some((route, evidence)) => (&route.nexthops, route.ttl_propagate, *evidence),
                None if is_null => (&[], None, Evidence::Kernel(KernelFact::ExplicitNull)),
                None if node.has_programs => {
                    return self.unknown(flight, at, Unmodelled::Programs);
                }
                None => {
                    let evidence = [Evidence::Absent(Absent::MplsRoute)];
                    return self.drop(flight, at, DropReason::LabelUnknown, evidence);
                }
            };
        flight.note([evidence]);
        if top.ttl <= 1 {
            return self.drop(flight, at, DropReason::TtlExceeded, [evidence]);
        }
        flight.packet.labels.remove(0);
        let ttl = top.ttl - 1;
        let propagates = propagate.unwrap_or(node.settings.ttl_propagate().value != 0);
        if is_null && nexthops.is_empty() {
            pop(&mut flight, ttl, propagates);
            let lead = Lead { device: node.lo, via: None, encap: None, mtu: None };
            return self.transmit(flight, at, lead, Origin::Forwarded(device));
        }
        let ways: Vec<(&LabelNexthop, DeviceIndex)> = nexthops
            .iter()
            .filter_map(|nexthop| Some((nexthop, *node.devices.get(nexthop.dev.as_str())?)))
            .collect();
        // Of several, those that are down are passed over; the only one is not.
        let alive: Vec<_> =
            ways.iter().filter(|(_, out)| network.devices[out.0].running).copied().collect();
        let Some((last, others)) = alive.split_last() else {
            return self.drop(flight, at, DropReason::LinkDown, [evidence]);
        };
        flight.share /= alive.len() as f64;
        for (nexthop, out) in others {
            let part = flight.clone();
            self.relabel(part, (at, device), (nexthop, *out), (ttl, propagates), evidence);
        }
        self.relabel(flight, (at, device), *last, (ttl, propagates), evidence);
    }

    /// One way on: with other labels, or without the one that was popped.
    fn relabel(
        &mut self,
        mut flight: Flight<'a>,
        (at, device): (NodeIndex, DeviceIndex),
        (nexthop, out): (&'a LabelNexthop, DeviceIndex),
        (ttl, propagates): (u8, bool),
        evidence: Evidence<'a>,
    ) {
        let network = self.network;
        let mtu = network.devices[out.0].mtu.unwrap_or(u32::MAX);
        let is_last = flight.packet.labels.is_empty();
        if nexthop.swap.is_empty() && is_last {
            pop(&mut flight, ttl, propagates);
        }
        let entry = |label: &Label| StackEntry { label: label.number(), ttl };
        flight.packet.labels.splice(0..0, nexthop.swap.iter().map(entry));
        if flight.packet.labelled_length() > mtu {
            let evidence = [evidence, network.devices[out.0].evidence];
            return self.drop(flight, at, DropReason::MtuTooSmall, evidence);
        }
        let this = &network.devices[out.0];
        let is_inner = this.is_vrf() || this.is_loopback();
        if !is_inner && nexthop.via.is_none() {
            // The frame has the MAC address of the device itself.
            return self.drop(flight, at, DropReason::NoGateway, [evidence]);
        }
        if this.is_vrf() && !flight.packet.labels.is_empty() {
            return self.unknown(flight, at, Unmodelled::Encapsulation);
        }
        let lead = Lead { device: out, via: nexthop.via, encap: None, mtu: None };
        self.transmit(flight, at, lead, Origin::Forwarded(device));
    }
}

/// The packet below the last label gets the label's TTL, or loses one of its own.
fn pop(flight: &mut Flight<'_>, ttl: u8, propagates: bool) {
    let packet = &mut flight.packet;
    packet.ttl = if propagates { ttl } else { packet.ttl.saturating_sub(1) };
}
