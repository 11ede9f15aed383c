//! One step of a packet at a time, for questions about many packets at once: whoever asks keeps what was seen, and
//! no place is looked at twice.

use super::device::DeviceIndex;
use super::exchange::ERROR_SIZE;
use super::flight::Flight;
use super::lookup::Lead;
use super::network::Network;
use super::outcome::{Hop, Outcomes};
use super::packet::{Packet, Protocol, StackEntry};
use super::walk::{Origin, Walk};
use crate::compile::Nexthop;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where a packet comes in, and with which labels.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ingress {
    device: DeviceIndex,
    /// The labels, the outermost first.
    pub labels: Vec<u32>,
}

/// What one node does with a packet.
#[derive(Debug)]
pub struct Step<'a> {
    /// Where the packet comes in next, and by what this node sends it there.
    pub onward: Vec<(Ingress, Hop<'a>)>,
    /// What else becomes of it here.
    pub ends: Outcomes<'a>,
}

impl<'a> Network<'a> {
    /// Where packets without labels can come into a namespace: its interfaces that are up, but for ports of bridges
    /// and bonds.
    pub fn ingresses(&self, namespace: &str) -> Vec<Ingress> {
        let devices = self.node(namespace).map(|at| &self.nodes[at.0].devices);
        let mut open: Vec<DeviceIndex> =
            devices.into_iter().flat_map(|it| it.values().copied()).collect();
        open.retain(|device| {
            let this = &self.devices[device.0];
            let is_port = this.master.is_some_and(|master| !self.devices[master.0].is_vrf());
            this.running && !this.is_vrf() && !this.is_loopback() && !is_port
        });
        open.sort_unstable();
        open.into_iter().map(|device| Ingress { device, labels: Vec::new() }).collect()
    }

    /// Where packets come in that are a VRF's, or no VRF's, whichever interface they come through.
    pub fn inside(&self, namespace: &str, vrf: Option<&str>) -> Option<Ingress> {
        let device = self.device(namespace, vrf.unwrap_or("lo"))?;
        Some(Ingress { device, labels: Vec::new() })
    }

    /// The first interface of a namespace that takes in packets with labels.
    pub fn label_ingress(&self, namespace: &str) -> Option<Ingress> {
        let node = &self.nodes[self.node(namespace)?.0];
        let takes_labels =
            |it: &Ingress| node.settings.mpls_input(self.devices[it.device.0].name).value != 0;
        self.ingresses(namespace).into_iter().find(takes_labels)
    }

    /// The namespace that a packet comes into, and the VRF device that has it there.
    pub fn whereabouts(&self, ingress: &Ingress) -> (&'a str, Option<&'a str>) {
        let vrf = self.vrf_of(ingress.device).map(|vrf| self.devices[vrf.0].name);
        (self.nodes[self.devices[ingress.device.0].node.0].namespace, vrf)
    }

    /// The name of the interface that a packet comes in through.
    pub fn interface(&self, ingress: &Ingress) -> &'a str {
        self.devices[ingress.device.0].name
    }

    /// Where frames for all come in that leave through an interface.
    pub fn on_link(&self, ingress: &Ingress) -> Vec<Ingress> {
        let receivers = self.receivers(ingress.device).devices.iter();
        receivers.map(|device| Ingress { device: *device, labels: Vec::new() }).collect()
    }

    /// What a node does with a packet to an address that comes in here. Neither its source nor its time to live stops
    /// it.
    pub fn step(&self, ingress: &Ingress, destination: IpAddr) -> Step<'a> {
        let mut walk = Walk { any_source: true, ..Walk::new(self) };
        let mut flight = Flight::new(any_packet(destination, &ingress.labels));
        let this = &self.devices[ingress.device.0];
        flight.arrive(self.nodes[this.node.0].namespace, Some(this.name));
        walk.take_in(flight, ingress.device);
        Step::of(walk)
    }

    /// What a node does with a packet to an address that a socket of it sends, whatever its source.
    pub fn sent(&self, namespace: &'a str, destination: IpAddr) -> Step<'a> {
        let mut walk = Walk { any_source: true, ..Walk::new(self) };
        if let Some(at) = self.node(namespace) {
            let mut flight = Flight::new(any_packet(destination, &[]));
            flight.arrive(namespace, None);
            walk.originate(flight, at, (None, None, None), Origin::Socket);
        }
        Step::of(walk)
    }

    /// What a node does with a packet to an address that it sends out by a nexthop, whatever its source.
    pub fn by_nexthop(
        &self,
        namespace: &'a str,
        nexthop: &'a Nexthop,
        destination: IpAddr,
    ) -> Step<'a> {
        let mut walk = Walk { any_source: true, ..Walk::new(self) };
        let out = self.node(namespace).zip(self.device(namespace, nexthop.dev.as_str()));
        if let Some((at, device)) = out {
            let mut flight = Flight::new(any_packet(destination, &[]));
            flight.arrive(namespace, None);
            let lead = Lead { device, via: nexthop.via, encap: nexthop.encap.as_ref(), mtu: None };
            walk.split(flight, at, &[(lead, 1.0)], Origin::Socket);
        }
        Step::of(walk)
    }
}

impl<'a> Step<'a> {
    fn of(walk: Walk<'_, 'a>) -> Self {
        let onward = walk.arriving.into_iter().filter_map(|(flight, device)| {
            let labels = flight.packet.labels.iter().map(|entry| entry.label).collect();
            Some((Ingress { device, labels }, flight.hops.into_iter().next()?))
        });
        Self { onward: onward.collect(), ends: walk.outcomes }
    }
}

/// A packet to an address from nobody. It is an ICMP error, so that no other one is sent about it.
fn any_packet(destination: IpAddr, labels: &[u32]) -> Packet {
    let source = match destination {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let ttl = u8::MAX;
    Packet {
        source,
        destination,
        protocol: Protocol::Error,
        length: Packet::header(destination) + ERROR_SIZE,
        df: false,
        ttl,
        tos: 0,
        mark: 0,
        labels: labels.iter().map(|label| StackEntry { label: *label, ttl }).collect(),
    }
}
