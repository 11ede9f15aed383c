//! Ends that fare alike: what becomes of a packet to or from one of them becomes of it to or from the others.
//!
//! A network is asked about pairs of ends, of which there are many and which differ little. Two addresses are
//! treated alike if every namespace but their own finds the same route for both, where a port to the one counts as
//! the same as a port like it to the other; and two namespaces that do nothing but send through one interface are
//! alike if they do so by the same settings and routes. Whatever tells two addresses apart, a prefix of a route or
//! of a rule, an address in a ruleset, a neighbour entry, tells their ends apart, so that what is alike by this
//! may have been told apart for nothing, and what differs is never taken for the same.

use super::asked::{of_device, of_namespace};
use super::device::{DeviceIndex, DeviceKind, NodeIndex};
use super::evidence::Evidence;
use super::network::Network;
use super::node::{Node, is_of_kernel};
use super::table::{Entry, EntryTarget};
use crate::compile::{Nexthop, Route};
use crate::document::DeviceName;
use crate::iproute::RouteKind;
use crate::plan::Resource;
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;

/// What tells one address from another.
#[derive(Debug, Default)]
struct Marks {
    prefixes: HashSet<IpNet>,
    lengths: BTreeSet<u8>,
}

/// What of a namespace is asked about an address that is another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// All that its tables say.
    Whole,
    /// The routes that the file says, but for the default.
    Routes,
    /// Nothing: it is an end itself.
    Nothing,
}

/// What is found out once about a network whose ends are told apart.
#[derive(Debug)]
struct Sorter<'n, 'a> {
    network: &'n Network<'a>,
    marks: Marks,
    asked: Vec<Asked>,
    ports: HashMap<DeviceIndex, u64>,
    said: HashMap<*const Route, u64>,
}

/// The prefixes that have an address, and the other namespaces that have it themselves.
type Place = (Vec<IpNet>, Vec<NodeIndex>);

impl<'a> Network<'a> {
    /// Gives the ends of a network numbers: those with the same number fare alike. An end is a namespace, the
    /// VRF device that its sockets are bound to, and the addresses by which it is meant.
    pub fn alike<'e>(
        &self,
        ends: impl Iterator<Item = (&'e str, Option<&'e str>, &'e [IpAddr])>,
    ) -> Vec<u64> {
        let mut sorter = Sorter::of(self);
        let mut treatments: HashMap<(Place, u64), u64> = HashMap::new();
        let mut ids: BTreeMap<Vec<u64>, u64> = BTreeMap::new();
        let number = |(namespace, vrf, addresses): (&str, Option<&str>, &[IpAddr])| {
            let own = self.node(namespace);
            let mut key: Vec<u64> = vec![sorter.manner(own, vrf)];
            for address in addresses {
                let (prefixes, others) = self.place(own, *address, &sorter.marks);
                // Who has the same address is another one.
                key.push(hash(&others));
                let place = ((prefixes, others), sorter.owner_port(own, *address));
                let treatment = treatments.entry(place);
                key.push(*treatment.or_insert_with(|| sorter.treatment(own, *address)));
            }
            let next = ids.len() as u64;
            *ids.entry(key).or_insert(next)
        };
        ends.map(number).collect()
    }

    /// All that tells addresses apart.
    fn marks(&self) -> Marks {
        let mut marks = Marks::default();
        let mut add = |net: IpNet| {
            marks.lengths.insert(net.prefix_len());
            marks.prefixes.insert(net.trunc());
        };
        for node in &self.nodes {
            for (destination, entries) in node.tables.values().flat_map(|table| table.all()) {
                if entries.iter().any(|entry| entry.kind != RouteKind::Local) {
                    add(destination);
                }
            }
            for rule in &node.rules {
                rule.rule.from.into_iter().chain(rule.rule.to).for_each(&mut add);
            }
            let neighbours = node.neighbours.keys().chain(&node.proxies);
            neighbours.for_each(|(_, address)| add(IpNet::from(*address)));
            if let Some(Evidence::Resource {
                resource: Resource::Ruleset { ruleset, .. }, ..
            }) = node.ruleset
            {
                addresses(&format!("{ruleset:?}")).for_each(&mut add);
            }
        }
        marks
    }

    fn place(&self, own: Option<NodeIndex>, address: IpAddr, marks: &Marks) -> Place {
        let most = if address.is_ipv4() { 32 } else { 128 };
        let lengths = marks.lengths.iter().filter(|length| **length <= most);
        let nets = lengths.filter_map(|length| Some(IpNet::new(address, *length).ok()?.trunc()));
        let nets = nets.filter(|net| marks.prefixes.contains(net)).collect();
        let owners = self.owners.get(&address).into_iter().flatten();
        let owners = owners.map(|device| self.devices[device.0].node);
        (nets, owners.filter(|node| Some(*node) != own).collect())
    }
}

impl<'a> Network<'a> {
    /// Whether all ways of a route can be gone.
    fn is_running(&self, node: &Node<'a>, entry: &Entry<'a>) -> bool {
        let runs = |device: &DeviceIndex| self.devices[device.0].running;
        match entry.leads {
            EntryTarget::Device(device) => runs(&device),
            EntryTarget::Said(route) => {
                let mut ways = route.nexthops.iter();
                ways.all(|way| node.devices.get(way.dev.as_str()).is_some_and(runs))
            }
        }
    }

    /// Whom a nexthop leads to, whichever address that has.
    fn gateway(&self, nexthop: &Nexthop) -> String {
        let owners = nexthop.via.and_then(|via| self.owners.get(&via)).into_iter().flatten();
        let owners: Vec<NodeIndex> = owners.map(|it| self.devices[it.0].node).collect();
        format!("{owners:?} {} {:?}", nexthop.via.is_some(), nexthop.encap)
    }

    /// The one interface of a namespace that does nothing but send and take in through it.
    fn plain_port(&self, at: NodeIndex) -> Option<DeviceIndex> {
        let node = &self.nodes[at.0];
        let mut devices = node.devices.values().filter(|device| **device != node.lo);
        let (port, None) = (*devices.next()?, devices.next()) else { return None };
        let this = &self.devices[port.0];
        let is_plain = matches!(this.kind, DeviceKind::Veth(_))
            && node.ruleset.is_none()
            && !node.has_programs
            && node.neighbours.is_empty()
            && node.proxies.is_empty()
            && node.mpls.is_empty()
            && node.settings.forwarding(true, this.name).value == 0
            && node.settings.forwarding(false, this.name).value == 0
            && node.rules.iter().all(|it| is_of_kernel(it.rule) || is_kernels(it.evidence));
        is_plain.then_some(port)
    }
}

impl<'n, 'a> Sorter<'n, 'a> {
    fn of(network: &'n Network<'a>) -> Self {
        let nodes = (0..network.nodes.len()).map(NodeIndex);
        let is_asked = |at: NodeIndex| match network.plain_port(at) {
            None => Asked::Whole,
            // What ends do with their own packets is part of their manner, but for single destinations.
            Some(_) => {
                let tables = network.nodes[at.0].tables.values();
                let mut entries = tables.flat_map(|table| table.all());
                let is_telling = |(destination, entries): (IpNet, &[Entry<'_>])| {
                    destination.prefix_len() > 0
                        && entries.iter().any(|it| matches!(it.leads, EntryTarget::Said(_)))
                };
                if entries.any(is_telling) { Asked::Routes } else { Asked::Nothing }
            }
        };
        let asked = nodes.map(is_asked).collect();
        let marks = network.marks();
        Self { network, marks, asked, ports: HashMap::new(), said: HashMap::new() }
    }

    /// The port behind which an address is, so that addresses behind unlike ports are told apart.
    fn owner_port(&mut self, own: Option<NodeIndex>, address: IpAddr) -> u64 {
        let network = self.network;
        let devices = network.owners.get(&address).into_iter().flatten().copied();
        let own = devices.filter(|device| Some(network.devices[device.0].node) == own);
        hash(&own.map(|device| self.attachment(device)).collect::<Vec<u64>>())
    }

    /// What all namespaces but its own do with a packet to an address.
    fn treatment(&mut self, own: Option<NodeIndex>, address: IpAddr) -> u64 {
        let mut hasher = DefaultHasher::new();
        let network = self.network;
        for (place, node) in network.nodes.iter().enumerate() {
            let asked = self.asked[place];
            if Some(NodeIndex(place)) == own || asked == Asked::Nothing {
                continue;
            }
            let is_telling = |(length, entry): &(u8, &Entry<'_>)| {
                asked == Asked::Whole
                    || (*length > 0 && matches!(entry.leads, EntryTarget::Said(_)))
            };
            let minds_lengths = node.rules.iter().any(|it| it.rule.suppress_prefixlength.is_some());
            let tables = node.tables.iter().filter(|((v4, _), _)| *v4 == address.is_ipv4());
            for ((_, number), table) in tables.collect::<BTreeMap<_, _>>() {
                for (length, entry) in table.matching(address).filter(is_telling) {
                    let length = minds_lengths.then_some(length);
                    (place, number, length, entry.tos, self.leads(entry)).hash(&mut hasher);
                    // What comes behind is not looked at but for another type of service, or where it is dead.
                    let is_last = entry.tos.is_none() && entry.kind != RouteKind::Throw;
                    if is_last && !minds_lengths && network.is_running(node, entry) {
                        break;
                    }
                }
            }
        }
        hasher.finish()
    }

    /// Where a route leads, as far as it is the same for ends that are alike.
    fn leads(&mut self, entry: &Entry<'_>) -> u64 {
        match entry.leads {
            EntryTarget::Device(device) => hash(&(entry.kind, self.port(device))),
            EntryTarget::Said(route) => {
                let said =
                    || format!("{:?} {:?} {:?}", route.kind, route.nexthops, route.attributes);
                *self.said.entry(std::ptr::from_ref(route)).or_insert_with(|| hash(&said()))
            }
        }
    }

    /// What a port does, whichever it is.
    fn port(&mut self, device: DeviceIndex) -> u64 {
        let network = self.network;
        *self.ports.entry(device).or_insert_with(|| {
            let this = &network.devices[device.0];
            let node = &network.nodes[this.node.0];
            let is_it = |name: &Option<DeviceName>| {
                name.as_ref().is_some_and(|name| name.as_str() == this.name)
            };
            let is_named = node.rules.iter().any(|it| is_it(&it.rule.iif) || is_it(&it.rule.oif));
            let is_veth = matches!(this.kind, DeviceKind::Veth(_));
            if !is_veth || is_named || node.ruleset.is_some() {
                return hash(&("another", device));
            }
            let settings = of_device(&node.settings, this.name).into_iter().map(|it| it.1);
            let settings: Vec<u32> = settings.collect();
            let bridge = (format!("{:?}", this.vlans), format!("{:?}", this.flags));
            let state = (this.running, this.mtu, this.master, this.lossy.is_some());
            hash(&(this.node, state, bridge, settings))
        })
    }

    /// The link that a device is on: of one with two ends the port at the other, else all that hear it.
    fn attachment(&mut self, device: DeviceIndex) -> u64 {
        let DeviceKind::Veth(peer) = self.network.devices[device.0].kind else {
            return hash(&("another", device));
        };
        let lan = match &self.network.receivers(device).devices[..] {
            [] | [_] => BTreeSet::new(),
            hearing => hearing.iter().copied().chain([device]).collect(),
        };
        hash(&(self.port(peer), lan))
    }

    /// How a namespace sends and takes in: the same of all that do nothing but that through one interface.
    fn manner(&mut self, at: Option<NodeIndex>, vrf: Option<&str>) -> u64 {
        let network = self.network;
        let port = at.and_then(|at| network.plain_port(at)).filter(|_| vrf.is_none());
        let (Some(at), Some(port)) = (at, port) else { return hash(&(at, vrf)) };
        let (node, this) = (&network.nodes[at.0], &network.devices[port.0]);
        let of_port = of_device(&node.settings, this.name).into_iter().map(|it| it.1);
        let settings = of_port.chain(of_namespace(&node.settings).into_iter().map(|it| it.1));
        let settings: Vec<u32> = settings.collect();
        let mut routes = BTreeSet::new();
        for ((v4, table), all) in &node.tables {
            for (destination, entries) in all.all() {
                for entry in entries {
                    let EntryTarget::Said(route) = entry.leads else { continue };
                    let gateways: Vec<String> =
                        route.nexthops.iter().map(|it| network.gateway(it)).collect();
                    let said = (route.kind, route.metric, &route.attributes, gateways);
                    routes.insert(format!("{v4} {table} {destination} {said:?}"));
                }
            }
        }
        // All of them are the kernel's own, and which are there counts.
        let rules: Vec<(u32, bool)> =
            node.rules.iter().map(|it| (it.priority, it.rule.v4)).collect();
        let state = (this.running, this.mtu, this.lossy.is_some(), this.addresses.len());
        hash(&(self.attachment(port), state, settings, rules, routes))
    }
}

fn is_kernels(evidence: Evidence<'_>) -> bool {
    matches!(evidence, Evidence::Kernel(_))
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// The addresses and prefixes that a text names, in whatever language.
fn addresses(text: &str) -> impl Iterator<Item = IpNet> {
    let words =
        text.split(|it: char| !(it.is_ascii_alphanumeric() || matches!(it, '.' | ':' | '/')));
    words.filter_map(|word| {
        word.parse::<IpNet>().ok().or_else(|| word.parse::<IpAddr>().ok().map(IpNet::from))
    })
}
