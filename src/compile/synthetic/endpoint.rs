//! Who sends and who is sent to: the tables of a lab that have addresses.

use crate::compile::check::{Arrival, Arrow, Check, Expect, Goal, Place};
use crate::compile::checks::Reader;
use crate::compile::family::IpFamily;
use crate::compile::lab::{InterfaceId, Lab, MAIN, NodeId};
use crate::compile::layout::{Context, Layout, Port};
use crate::compile::network::Network;
use crate::compile::parts::{Part, Parts};
use crate::compile::segment;
use crate::diagnostic::Text;
use crate::document::{DeviceName, Role};
use crate::iproute::is_link_local;
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// A table of a node, as the sender or the target of checks.
pub(super) struct Endpoint {
    pub(super) node: NodeId,
    pub(super) vrf: Option<DeviceName>,
    pub(super) domain: usize,
    pub(super) is_host: bool,
    /// Whether the node has all its addresses in this table, so that its name says no other.
    is_whole_node: bool,
    /// Its addresses, in the node's order, with the parts in which they are reached.
    pub(super) addresses: Vec<(IpAddr, BTreeSet<Part>)>,
    /// The parts that it sends into.
    pub(super) parts: BTreeSet<Part>,
    /// The LANs that it is on, by their places in [`Parts::segments`], and its subnets there.
    pub(super) lans: BTreeSet<usize>,
    pub(super) lan_nets: Vec<IpNet>,
    /// The bridges behind whose isolated ports it is, and which of the ports.
    isolated: BTreeSet<(Port, usize)>,
}

/// The endpoints of a lab: all of its tables that send into a part and have an address there.
pub(super) fn all(lab: &Lab, layout: &Layout, network: &Network, parts: &Parts) -> Vec<Endpoint> {
    let mut lan_of = BTreeMap::new();
    for (number, segment) in parts.segments.iter().enumerate() {
        if segment.ports.len() > 2 {
            lan_of.extend(segment.ports.iter().map(|port| (*port, number)));
        }
    }
    let isolated = segment::isolated(lab);
    let addressed: Vec<BTreeSet<u32>> =
        (0..lab.nodes.len()).map(|place| addressed(lab, layout, NodeId(place))).collect();
    let endpoint = |context: &Context| {
        let Context { node: id, table } = *context;
        let node = &lab[id];
        let is_host = match node.role {
            Role::Switch => return None,
            Role::Host => true,
            Role::Router | Role::Ce | Role::Pe | Role::P => false,
        };
        let mut found = Endpoint {
            node: id,
            vrf: layout.vrf(lab, *context).map(|vrf| vrf.name.clone()),
            domain: layout.domain(*context)?,
            is_host,
            is_whole_node: addressed[id.0].iter().all(|other| *other == table),
            addresses: Vec::new(),
            parts: parts.of_table(network.place(*context)).collect(),
            lans: BTreeSet::new(),
            lan_nets: Vec::new(),
            isolated: BTreeSet::new(),
        };
        for place in layout.ports(*context) {
            let (port, interface) = ((id, *place), &node.interfaces[place.0]);
            found.isolated.extend(isolated.get(&port).into_iter().flatten());
            for net in interface.addresses.iter().map(|address| address.value.net) {
                let address = net.addr();
                let Some(part) = parts.of_port(port, address) else { continue };
                found.parts.insert(part);
                if let Some(lan) = lan_of.get(&port) {
                    found.lans.insert(*lan);
                    found.lan_nets.push(net);
                }
                if is_routed(address) {
                    found.addresses.push((address, BTreeSet::from([part])));
                }
            }
        }
        let own = layout.vrf(lab, *context).into_iter().flat_map(|vrf| &vrf.addresses);
        let on_lo = node.loopback.iter().filter(|_| table == MAIN);
        for address in own.chain(on_lo).map(|address| address.value.addr()) {
            if is_routed(address) {
                let own = found.parts.iter().copied();
                let own = own.filter(|(family, _)| *family == IpFamily::of(address)).collect();
                found.addresses.push((address, own));
            }
        }
        found.parts.retain(|part| found.addresses.iter().any(|(_, parts)| parts.contains(part)));
        (!found.parts.is_empty() && !found.addresses.is_empty()).then_some(found)
    };
    layout.contexts.iter().filter_map(endpoint).collect()
}

/// The tables of a node that have addresses.
fn addressed(lab: &Lab, layout: &Layout, id: NodeId) -> BTreeSet<u32> {
    let node = &lab[id];
    let ports = node.interfaces.iter().enumerate();
    let ports = ports.filter(|(_, interface)| !interface.addresses.is_empty());
    let ports = ports.map(|(place, _)| layout.context((id, InterfaceId(place))).table);
    let vrfs = node.vrfs.iter().filter(|vrf| !vrf.addresses.is_empty()).map(|vrf| vrf.table);
    ports.chain(vrfs).chain((!node.loopback.is_empty()).then_some(MAIN)).collect()
}

/// Whether a packet from another link can be sent to an address.
fn is_routed(address: IpAddr) -> bool {
    !(is_link_local(address) || address.is_loopback())
}

impl Endpoint {
    /// Whether a check can name it and nothing else with it.
    pub(super) fn has_name(&self) -> bool {
        self.vrf.is_some() || self.is_whole_node
    }

    /// As a check writes it.
    fn place(&self, lab: &Lab) -> Place {
        let vrf = self.vrf.as_ref().map(|vrf| Text::filled(vrf.as_str()));
        Place { node: Text::filled(lab[self.node].name.as_str()), vrf }
    }

    /// Whether packets to an address of another arrive, and their answers here.
    pub(super) fn reaches(&self, other: &Endpoint, address: IpAddr) -> bool {
        let mut there = other.addresses.iter();
        there.any(|(known, parts)| *known == address && !parts.is_disjoint(&self.parts))
    }

    /// Whether both have a part in common.
    pub(super) fn is_near(&self, other: &Endpoint) -> bool {
        self.node != other.node
            && !self.is_apart(other)
            && other.addresses.iter().any(|(_, parts)| !parts.is_disjoint(&self.parts))
    }

    /// Whether a bridge keeps the two apart.
    fn is_apart(&self, other: &Endpoint) -> bool {
        let theirs = &other.isolated;
        self.isolated
            .iter()
            .any(|(bridge, port)| theirs.iter().any(|(its, other)| bridge == its && port != other))
    }

    /// The checks that this one reaches another: by its name where the addresses that stand for it are
    /// `reached`, else by the first of each family that is.
    pub(super) fn reaching(
        &self,
        reader: &Reader<'_>,
        other: &Endpoint,
        reached: impl Fn(IpAddr) -> bool,
    ) -> Vec<Check> {
        let named = self.check(reader, Goal::Place(other.place(reader.lab())), Arrow::Reaches);
        match named {
            Some(check) if check.to.addresses().iter().all(|address| reached(*address)) => {
                vec![check]
            }
            Some(_) | None => {
                let addresses = || other.addresses.iter().map(|(address, _)| *address);
                let first = |v4: bool| {
                    addresses().find(|address| address.is_ipv4() == v4 && reached(*address))
                };
                let firsts = [first(true), first(false)].into_iter().flatten();
                firsts.filter_map(|address| self.reaching_address(reader, address)).collect()
            }
        }
    }

    /// The check that this one reaches an address.
    pub(super) fn reaching_address(&self, reader: &Reader<'_>, address: IpAddr) -> Option<Check> {
        self.check(reader, Goal::Address(address), Arrow::Reaches)
    }

    /// The checks that nothing of this one arrives at another. Where a name would say addresses of
    /// another table too, one of each family says less: that no answer comes. Then it has to be one
    /// that nobody in the sender's domain has, where addresses may be the same: `is_near` says so.
    pub(super) fn missing(
        &self,
        reader: &Reader<'_>,
        other: &Endpoint,
        is_near: impl Fn(IpAddr) -> bool,
    ) -> Vec<Check> {
        if other.has_name() {
            let named = self.check(reader, Goal::Place(other.place(reader.lab())), Arrow::Misses);
            return named.into_iter().collect();
        }
        let sends = |v4: bool| self.addresses.iter().any(|(address, _)| address.is_ipv4() == v4);
        let foreign = || {
            let addresses = other.addresses.iter().map(|(address, _)| *address);
            addresses.filter(|address| sends(address.is_ipv4()) && !is_near(*address))
        };
        let firsts = [true, false].map(|v4| foreign().find(|address| address.is_ipv4() == v4));
        firsts
            .into_iter()
            .flatten()
            .filter_map(|address| self.check(reader, Goal::Address(address), Arrow::Misses))
            .collect()
    }

    fn check(&self, reader: &Reader<'_>, to: Goal, arrow: Arrow) -> Option<Check> {
        let expect = match arrow {
            Arrow::Reaches => Expect::Arrives(Arrival::default()),
            Arrow::Misses => Expect::Lost,
        };
        let check = reader.between(self.place(reader.lab()), to, expect)?;
        Some(Check { span: reader.lab()[self.node].span, ..check })
    }
}
