//! The forwarding state of all namespaces.

mod filter;

use self::filter::Filter;
use super::device::{Device, DeviceIndex, NodeIndex};
use super::evidence::Evidence;
use super::node::Node;
use super::packet::Packet;
use super::segment::Narrow;
use super::table::{Entry, EntryTarget};
use crate::iproute::RouteKind;
use crate::plan::Resource;
use ipnet::IpNet;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::OnceLock;

pub(super) use self::filter::{Hook, Passage};

/// The forwarding state of namespaces, and of the links between them.
#[derive(Debug, Default)]
pub struct Network<'a> {
    pub(super) nodes: Vec<Node<'a>>,
    pub(super) devices: Vec<Device<'a>>,
    pub(super) by_name: HashMap<&'a str, NodeIndex>,
    /// The devices that have an address, of all namespaces.
    pub(super) owners: HashMap<IpAddr, Vec<DeviceIndex>>,
    /// The devices that get a frame which leaves through a device, for all on its link.
    pub(super) receivers: Vec<OnceLock<Receivers>>,
    /// The routes that the kernel makes for addresses and that somebody deleted.
    pub(super) lacking: HashSet<OwnRoute<'a>>,
    /// The rulesets of the nodes that have one.
    filters: OnceLock<HashMap<NodeIndex, Option<Filter>>>,
}

/// A route that the kernel makes for an address: its namespace and device, its kind and its destination.
pub(super) type OwnRoute<'a> = (&'a str, &'a str, RouteKind, IpNet);

/// The devices that get a frame for all on a link.
#[derive(Debug)]
pub(super) struct Receivers {
    /// In the order of their places.
    pub devices: Vec<DeviceIndex>,
    /// For each of them, what of all on the way there lets the shortest frames pass.
    pub narrowest: HashMap<DeviceIndex, Narrow>,
    /// Whether the link has no part, and no frames, that the model does not know.
    pub is_complete: bool,
}

impl<'a> Network<'a> {
    /// The namespace of this name.
    pub(super) fn node(&self, namespace: &str) -> Option<NodeIndex> {
        self.by_name.get(namespace).copied()
    }

    /// The device of this name in a namespace.
    pub(super) fn device(&self, namespace: &str, name: &str) -> Option<DeviceIndex> {
        let node = self.node(namespace)?;
        self.nodes[node.0].devices.get(name).copied()
    }

    /// The MTU of a device, by its namespace and name, where it is known.
    pub fn mtu(&self, namespace: &str, name: &str) -> Option<u32> {
        self.devices[self.device(namespace, name)?.0].mtu
    }

    /// The VRF device that a device is in: the one that it is, or that it is a port of.
    pub(super) fn vrf_of(&self, device: DeviceIndex) -> Option<DeviceIndex> {
        match self.devices[device.0].is_vrf() {
            true => Some(device),
            false => self.devices[device.0].master.filter(|it| self.devices[it.0].is_vrf()),
        }
    }

    /// The table of a device's own routes, where it is in a VRF.
    pub(super) fn vrf_table(&self, device: DeviceIndex) -> Option<u32> {
        self.vrf_of(device).and_then(|vrf| self.devices[vrf.0].vrf_table())
    }

    /// The ruleset of a node; inside, nothing where it cannot be read.
    fn ruleset(&self, at: NodeIndex) -> Option<&Option<Filter>> {
        let filters = self.filters.get_or_init(|| {
            let all = self.nodes.iter().enumerate();
            let read = all.filter_map(|(at, node)| match node.ruleset? {
                Evidence::Resource { resource: Resource::Ruleset { ruleset, .. }, .. } => {
                    Some((NodeIndex(at), Filter::read(ruleset)))
                }
                Evidence::Resource { .. } | Evidence::Kernel(_) | Evidence::Absent(_) => None,
            });
            read.collect()
        });
        filters.get(&at)
    }

    /// Whether it is known what the ruleset of a node does with packets of a family.
    pub(super) fn knows_ruleset(&self, at: NodeIndex, v4: bool) -> bool {
        let known = |filter: &Option<Filter>| filter.as_ref().is_some_and(|it| it.knows(v4));
        self.ruleset(at).is_none_or(known)
    }

    /// What the ruleset of a node does with a packet.
    pub(super) fn filter(
        &self,
        at: NodeIndex,
        hook: Hook,
        packet: &Packet,
        is_cut: bool,
    ) -> Passage {
        match self.ruleset(at) {
            None => Passage::Accepted,
            Some(None) => Passage::Unknown,
            Some(Some(filter)) => filter.judge(hook, packet, is_cut),
        }
    }

    /// Gives a device an address's route of the kernel's own.
    pub(super) fn add_own_route(
        &mut self,
        device: DeviceIndex,
        (kind, destination): (RouteKind, IpNet),
        (table, metric): (u32, u32),
        evidence: Evidence<'a>,
    ) {
        let v4 = matches!(destination, IpNet::V4(_));
        let leads = EntryTarget::Device(device);
        let entry = Entry { kind, metric, tos: None, source: None, leads, evidence };
        let Device { node, name, .. } = self.devices[device.0];
        if self.lacking.contains(&(self.nodes[node.0].namespace, name, kind, destination)) {
            return;
        }
        self.nodes[node.0].table(v4, table).insert(destination, entry);
    }
}
