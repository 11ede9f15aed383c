//! Who takes a packet on a link.

use super::device::{DeviceIndex, NodeIndex};
use super::evidence::{Absent, Evidence};
use super::lookup::{Flow, LINK_LOCAL, Lead};
use super::network::Network;
use super::packet::{Packet, Protocol};
use crate::iproute::RouteKind;
use std::net::{IpAddr, Ipv6Addr};

/// Stands for the groups that searches are sent to.
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// Who takes packets to an address on a link.
#[derive(Debug, Clone)]
pub(super) enum Neighbour<'a> {
    /// The device that they come to, and what says so.
    At(DeviceIndex, Evidence<'a>),
    /// Several answer for it.
    Several,
    /// The owner is there and is not heard, but is known all the same once it has asked.
    Silent,
    /// Nobody answers.
    Nobody(Evidence<'a>),
    /// The link has a part that the model does not know.
    Unknown,
    /// They are sent to a MAC address that nobody has.
    NobodyAt(Evidence<'a>),
}

impl<'a> Network<'a> {
    /// Who takes packets from a source to an address that leave through a device.
    pub(super) fn neighbour(
        &self,
        device: DeviceIndex,
        source: IpAddr,
        address: IpAddr,
    ) -> Neighbour<'a> {
        let out = &self.devices[device.0];
        let node = &self.nodes[out.node.0];
        if !out.running {
            return Neighbour::Nobody(Evidence::Absent(Absent::Carrier));
        }
        let receivers = self.receivers(device);
        if let Some((mac, evidence)) = node.neighbours.get(&(device, address)) {
            let has = |index: &&DeviceIndex| self.devices[index.0].mac == Some(mac.0);
            let said = receivers.devices.iter().find(has).copied();
            // A MAC address that is the kernel's choice cannot be told: it is the owner's, or nobody's.
            return match said {
                Some(to) => Neighbour::At(to, *evidence),
                None => Neighbour::NobodyAt(*evidence),
            };
        }
        let owners = self.owners.get(&address).map_or(&[] as &[_], Vec::as_slice);
        let asker = self.asker(device, source, address);
        let owning: Vec<NodeIndex> = owners.iter().map(|it| self.devices[it.0].node).collect();
        let answering: Vec<DeviceIndex> = receivers
            .devices
            .iter()
            .copied()
            .filter(|receiver| {
                let at = self.devices[receiver.0].node;
                let may =
                    owning.contains(&at) || self.nodes[at.0].answers_for_others(*receiver, self);
                // A search from an own address is not answered, but in another VRF, where it is a
                // stranger's.
                let is_own = at == out.node && self.vrf_of(*receiver) == self.vrf_of(device);
                !is_own && may && self.answers(*receiver, asker, address)
            })
            .collect();
        // An answer has to come back.
        let comes = |it: &&DeviceIndex| {
            let back = self.receivers(**it);
            back.devices.contains(&device) || !back.is_complete
        };
        let (answering, lost): (Vec<_>, Vec<_>) = answering.into_iter().partition(|it| comes(&it));
        let mut nodes: Vec<_> = answering.iter().map(|it| self.devices[it.0].node).collect();
        nodes.sort_unstable();
        nodes.dedup();
        // What says that somebody else has an own address is not believed.
        let is_own = !address.is_ipv4() && out.addresses.iter().any(|own| own.address == address);
        let is_unheard = is_own || !self.hears(device, asker, address);
        match (&answering[..], nodes.len()) {
            ([_, ..], _) if is_unheard => Neighbour::Silent,
            ([], _) if !receivers.is_complete => Neighbour::Unknown,
            ([], _) if !lost.is_empty() => {
                let lossy = lost.iter().find_map(|it| self.devices[it.0].lossy);
                Neighbour::Nobody(lossy.unwrap_or(Evidence::Absent(Absent::Neighbour)))
            }
            ([], _)
                if receivers.devices.iter().any(|receiver| owners.contains(receiver))
                    && address.is_ipv4() =>
            {
                Neighbour::Silent
            }
            // Who asks is known without having answered.
            ([], _)
                if owners.iter().any(|owner| self.receivers(*owner).devices.contains(&device)) =>
            {
                Neighbour::Silent
            }
            ([], _) => Neighbour::Nobody(Evidence::Absent(Absent::Neighbour)),
            ([first, ..], 1) => {
                // Of several interfaces of one node, the one with the address is as good as any.
                let own = answering.iter().find(|it| owners.contains(it)).unwrap_or(first);
                Neighbour::At(*own, self.owned(*own, address))
            }
            _ => Neighbour::Several,
        }
    }

    /// What gives a device, or its node, an address.
    fn owned(&self, device: DeviceIndex, address: IpAddr) -> Evidence<'a> {
        let node = self.devices[device.0].node;
        let owners = self.owners.get(&address).into_iter().flatten();
        let mut of_node = owners.filter(|owner| self.devices[owner.0].node == node);
        let has = |owner: &DeviceIndex| {
            let addresses = &self.devices[owner.0].addresses;
            addresses.iter().find(|own| own.address == address).map(|own| own.evidence)
        };
        of_node.find_map(has).unwrap_or(Evidence::Absent(Absent::Neighbour))
    }

    /// The source of an ARP request for an address (`arp_solicit`): that of the packet, where it is the
    /// node's own, else one of the device.
    fn asker(&self, device: DeviceIndex, source: IpAddr, address: IpAddr) -> Option<IpAddr> {
        let at = self.devices[device.0].node;
        let owners = self.owners.get(&source).into_iter().flatten();
        let mut own = owners.filter(|owner| self.devices[owner.0].node == at);
        match own.any(|owner| self.vrf_of(*owner) == self.vrf_of(device)) {
            true => Some(source),
            false if address.is_ipv4() => self.ipv4_source(at, device, address),
            false => None,
        }
    }

    /// Whether a node takes in the answer to its search. Of IPv6 that is a packet, and routed as others are.
    fn hears(&self, device: DeviceIndex, asker: Option<IpAddr>, address: IpAddr) -> bool {
        address.is_ipv4() || self.takes_search(device, address, asker)
    }

    /// Whether a message of an IPv6 search is routed to the node itself. The search goes to a group, and the answer to
    /// the source of the search, which is link-local where nothing is said. What is for the link is not looked up by
    /// the rules where it comes in through a port of a VRF.
    fn takes_search(&self, device: DeviceIndex, source: IpAddr, to: Option<IpAddr>) -> bool {
        let vrf = self.vrf_of(device);
        let destination = to.unwrap_or(LINK_LOCAL.into());
        if vrf.is_some() && (to.is_none() || destination.is_multicast()) {
            return true;
        }
        let flow = Flow {
            destination,
            source: Some(source),
            iif: device,
            oif: None,
            near: None,
            vrf,
            tos: 0,
            mark: 0,
            protocol: Some(Protocol::Error.number(false)),
            ports: None,
        };
        let found = self.route(self.devices[device.0].node, &flow);
        found.is_ok_and(|found| found.kind == RouteKind::Local)
    }

    /// Whether a node answers a search for an address that came in through a device. IPv6 answers for
    /// what the device itself has; IPv4 for what it routes to itself, if it takes in packets from there.
    fn answers(&self, device: DeviceIndex, asker: Option<IpAddr>, address: IpAddr) -> bool {
        let this = &self.devices[device.0];
        let node = &self.nodes[this.node.0];
        if node.proxies.contains(&(device, address)) {
            return true;
        }
        if !address.is_ipv4() {
            // To who asks from an own address, the answer does not leave the node.
            let asking = asker.and_then(|asker| self.owners.get(&asker)).into_iter().flatten();
            let is_here = |owner: &DeviceIndex| {
                self.devices[owner.0].node == this.node
                    && self.vrf_of(*owner) == self.vrf_of(device)
            };
            let source = asker.unwrap_or(LINK_LOCAL.into());
            return this.addresses.iter().any(|own| own.address == address)
                && self.takes_search(device, source, Some(ALL_NODES.into()))
                && !asking.copied().any(|owner| is_here(&owner));
        }
        let flow = Flow {
            destination: address,
            source: asker,
            iif: device,
            oif: None,
            near: None,
            vrf: self.vrf_of(device),
            tos: 0,
            mark: 0,
            protocol: None,
            ports: None,
        };
        let proxies = node.settings.proxy_arp(this.name);
        let request = asker.map(|source| Packet {
            source,
            destination: address,
            protocol: Protocol::Error,
            length: 0,
            df: false,
            ttl: 1,
            tos: 0,
            mark: 0,
            labels: Vec::new(),
        });
        if request.is_some_and(|it| self.validate_source(&it, device, None).is_err()) {
            return false;
        }
        match self.route(this.node, &flow) {
            Ok(found) => match found.kind {
                RouteKind::Local => true,
                RouteKind::Unicast => {
                    let is_elsewhere = |(lead, _): &(Lead<'_>, f64)| lead.device != device;
                    proxies
                        && node.settings.forwarding(true, this.name).value != 0
                        && found.nexthops.iter().all(is_elsewhere)
                }
                RouteKind::Broadcast
                | RouteKind::Multicast
                | RouteKind::Anycast
                | RouteKind::Unreachable
                | RouteKind::Blackhole
                | RouteKind::Prohibit
                | RouteKind::Throw => false,
            },
            Err(_) => false,
        }
    }
}

impl super::node::Node<'_> {
    /// Whether it may answer for addresses that it does not have.
    fn answers_for_others(&self, device: DeviceIndex, network: &Network<'_>) -> bool {
        !self.proxies.is_empty() || self.settings.proxy_arp(network.devices[device.0].name)
    }
}
