//! Building a network from resources: those of a plan, or those that were observed.

use super::derive;
use super::device::{Address, Device, DeviceIndex, DeviceKind, NodeIndex, PortVlan};
use super::evidence::Evidence;
use super::network::{Network, OwnRoute};
use super::node::{Node, RuleEntry};
use super::table::{Entry, EntryTarget};
use crate::compile::{LOCAL, Route, Rule};
use crate::diagnostic::Span;
use crate::iproute::{Chance, Leads, Loss, NeighbourEntry, RuleAction, Share};
use crate::link::LowerDevice;
use crate::plan::{Action, Key, Plan, Qdisc, Resource, State};
use ipnet::IpNet;
use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

impl<'a> Network<'a> {
    /// What there is when a plan has been carried out where nothing was.
    pub fn of_plan(plan: &'a Plan) -> Self {
        let mut there: Vec<Option<(&Resource, Span)>> = Vec::with_capacity(plan.steps().len());
        let mut places = BTreeMap::new();
        let mut deleted: HashMap<&str, [bool; 2]> = HashMap::new();
        for step in plan.steps() {
            match &step.action {
                Action::Add(resource) | Action::Replace { resource, before: _ } => {
                    if let Some(earlier) = places.insert(resource.key(), there.len()) {
                        there[earlier] = None;
                    }
                    there.push(Some((resource, step.span)));
                }
                Action::Delete(resource) => {
                    if let Some(earlier) = places.remove(&resource.key()) {
                        there[earlier] = None;
                    } else if let Resource::Rule { namespace, rule } = resource
                        && is_local(rule)
                    {
                        deleted.entry(namespace).or_default()[usize::from(!rule.v4)] = true;
                    }
                }
            }
        }
        Self::new(there.into_iter().flatten(), |namespace| {
            Some(deleted.get(namespace).copied().unwrap_or_default().map(|is| !is))
        })
    }

    /// What was observed. Of several addresses that are equally good as the source of a packet the kernel
    /// takes the one of the older device, which a state does not tell: [`Network::of_standing`] knows more.
    pub fn of_state(state: &'a State) -> Self {
        let resources = state.resources.iter().map(|resource| (resource, Span::NONE));
        Self::new(resources, |_| Some([false; 2]))
    }

    /// What was observed of a lab that was built by a plan, in the order of the plan.
    pub fn of_standing(state: &'a State, plan: &Plan) -> Self {
        Self::new(in_order(&state.resources, plan), |_| Some([false; 2]))
    }

    /// [`Network::of_standing`], where the kernel's own rules were observed too, and which of its routes for
    /// addresses it lacks.
    pub fn with_own_rules(
        resources: impl IntoIterator<Item = &'a Resource>,
        lacking: impl IntoIterator<Item = &'a Resource>,
        plan: &Plan,
    ) -> Self {
        let mut network = Self::default();
        network.lacking.extend(lacking.into_iter().filter_map(own_route));
        network.filled(in_order(resources, plan), |_| None)
    }

    /// What these resources make. `local_rule` says of IPv4 and IPv6 whether a namespace has the kernel's
    /// own rule for the local table, beside the rules among the resources; nothing where all of its rules are.
    fn new(
        resources: impl Iterator<Item = (&'a Resource, Span)>,
        local_rule: impl Fn(&str) -> Option<[bool; 2]>,
    ) -> Self {
        Self::default().filled(resources, local_rule)
    }

    fn filled(
        self,
        resources: impl Iterator<Item = (&'a Resource, Span)>,
        local_rule: impl Fn(&str) -> Option<[bool; 2]>,
    ) -> Self {
        let resources: Vec<(&Resource, Span)> = resources.collect();
        let mut network = self;
        for (resource, span) in &resources {
            network.add_namespace(resource, *span);
        }
        for (resource, span) in &resources {
            network.add_devices(resource, *span);
        }
        for (resource, _) in &resources {
            network.join_devices(resource);
        }
        for (resource, span) in &resources {
            network.add_state(resource, *span);
        }
        derive::complete(&mut network);
        for node in &mut network.nodes {
            node.complete_rules(local_rule(node.namespace));
        }
        network.receivers = network.devices.iter().map(|_| OnceLock::new()).collect();
        network
    }

    fn add_namespace(&mut self, resource: &'a Resource, span: Span) {
        let Resource::Namespace { namespace } = resource else { return };
        let (node, lo) = (NodeIndex(self.nodes.len()), DeviceIndex(self.devices.len()));
        let evidence = Evidence::Resource { resource, span };
        self.devices.push(Device::new(node, "lo", DeviceKind::Loopback, evidence));
        self.nodes.push(Node::new(namespace, lo));
        self.by_name.insert(namespace, node);
    }

    fn add_device(
        &mut self,
        namespace: &str,
        name: &'a str,
        kind: DeviceKind<'a>,
        evidence: Evidence<'a>,
    ) -> Option<&mut Device<'a>> {
        let node = self.node(namespace)?;
        let index = DeviceIndex(self.devices.len());
        let device = Device::new(node, name, kind, evidence);
        self.nodes[node.0].has_vrfs |= device.is_vrf();
        self.nodes[node.0].devices.insert(name, index);
        self.devices.push(device);
        self.devices.last_mut()
    }

    fn add_devices(&mut self, resource: &'a Resource, span: Span) {
        let evidence = Evidence::Resource { resource, span };
        if let Resource::Veth { ends } = resource {
            if ends.iter().any(|end| self.node(&end.namespace).is_none()) {
                return;
            }
            let first = self.devices.len();
            for (end, peer) in ends.iter().zip([first + 1, first]) {
                let kind = DeviceKind::Veth(DeviceIndex(peer));
                if let Some(device) = self.add_device(&end.namespace, &end.name, kind, evidence) {
                    (device.mtu, device.mac) = (end.mtu, end.mac);
                }
            }
        } else if let Resource::Device { namespace, device: said } = resource {
            let kind = DeviceKind::Other(&said.kind);
            if let Some(device) = self.add_device(namespace, &said.name, kind, evidence) {
                (device.mtu, device.mac) = (said.mtu, said.mac);
            }
        }
    }

    /// What ties devices to each other.
    fn join_devices(&mut self, resource: &'a Resource) {
        if let Resource::Device { namespace, device } = resource {
            let parent = match device.kind.description().lower {
                LowerDevice::Parent => device.lower.as_deref(),
                LowerDevice::None | LowerDevice::Underlay | LowerDevice::Socket => None,
            };
            let parent = parent.and_then(|parent| self.device(namespace, parent));
            let own = self.device(namespace, &device.name);
            if let (Some(own), Some(parent)) = (own, parent) {
                self.devices[own.0].parent = Some(parent);
                self.devices[parent.0].children.push(own);
            }
        } else if let Resource::Master { namespace, port, master } = resource
            && let Some(port) = self.device(namespace, port)
            && let Some(master) = self.device(namespace, master)
        {
            self.devices[port.0].master = Some(master);
            self.devices[master.0].ports.push(port);
        }
    }

    /// All that needs the devices.
    fn add_state(&mut self, resource: &'a Resource, span: Span) {
        let evidence = Evidence::Resource { resource, span };
        let Some(at) = self.node(resource.namespace()) else { return };
        let index = |device: &str| self.nodes[at.0].devices.get(device).copied();
        match resource {
            Resource::Namespace { .. }
            | Resource::Veth { .. }
            | Resource::Device { .. }
            | Resource::Master { .. }
            | Resource::NoOffload { .. }
            | Resource::EtcFile { .. }
            | Resource::Wireguard { .. }
            | Resource::Fdb { .. } => {}
            Resource::Command { .. } => self.nodes[at.0].has_programs = true,
            Resource::Sysctl { key, value, .. } => {
                self.nodes[at.0].settings.set(key, value, evidence);
            }
            Resource::BridgeVlan { device, own, vlan, .. } => {
                let Some(device) = index(device) else { return };
                let device = &mut self.devices[device.0];
                let vlans = if *own { &mut device.own_vlans } else { &mut device.vlans };
                let carried = PortVlan { pvid: vlan.pvid, untagged: vlan.untagged };
                vlans.extend(vlan.ids().map(|id| (id, carried)));
            }
            Resource::BridgePort { device, port, .. } => {
                let Some(device) = index(device) else { return };
                self.devices[device.0].flags = Some(port);
            }
            Resource::Mtu { device, mtu, .. } => {
                let Some(device) = index(device) else { return };
                self.devices[device.0].mtu = Some(*mtu);
            }
            Resource::Qdisc { device, qdisc, .. } => {
                let Some(device) = index(device) else { return };
                if loses_all(qdisc) {
                    self.devices[device.0].lossy = Some(evidence);
                }
            }
            Resource::Up { device, .. } => {
                let Some(device) = index(device) else { return };
                self.devices[device.0].up = Some(evidence);
            }
            Resource::Address { device, address, peer, .. } => {
                let Some(device) = index(device) else { return };
                let addr = address.addr();
                self.devices[device.0].addresses.push(Address {
                    address: addr,
                    connected: peer.unwrap_or(*address).trunc(),
                    is_host_scope: addr.is_loopback(),
                    evidence,
                });
            }
            Resource::Neighbour { neighbour, .. } => {
                let Some(device) = index(neighbour.dev.as_str()) else { return };
                let (node, key) = (&mut self.nodes[at.0], (device, neighbour.address));
                match neighbour.entry {
                    NeighbourEntry::Static { lladdr, router: _ } => {
                        node.neighbours.insert(key, (lladdr, evidence));
                    }
                    NeighbourEntry::Proxy => {
                        node.proxies.insert(key);
                    }
                }
            }
            Resource::Rule { rule, .. } => {
                let priority = rule.priority.unwrap_or(0);
                self.nodes[at.0].rules.push(RuleEntry { rule, priority, evidence });
            }
            Resource::NexthopObject { object, .. } => match object.leads {
                Leads::Blackhole { .. } => {
                    self.nodes[at.0].blackholes.insert(object.id);
                }
                Leads::Way { .. } | Leads::Group { .. } => {}
            },
            Resource::Ruleset { .. } => self.nodes[at.0].ruleset = Some(evidence),
            Resource::Route { route, .. } => self.add_route(at, route, evidence),
            Resource::MplsRoute { route, .. } => {
                self.nodes[at.0].mpls.insert(route.label.number(), (route, evidence));
            }
        }
    }

    fn add_route(&mut self, at: NodeIndex, route: &'a Route, evidence: Evidence<'a>) {
        let v4 = matches!(route.destination, IpNet::V4(_));
        let default = Route::default_metric(route.destination);
        let entry = Entry {
            kind: route.kind,
            metric: route.metric.unwrap_or(default),
            tos: route.attributes.tos.filter(|tos| v4 && *tos != 0),
            source: route.source,
            leads: EntryTarget::Said(route),
            evidence,
        };
        self.nodes[at.0].table(v4, route.table).insert(route.destination, entry);
    }
}

/// Resources in the order of a plan, and behind them those that it does not make.
fn in_order<'a>(
    resources: impl IntoIterator<Item = &'a Resource>,
    plan: &Plan,
) -> impl Iterator<Item = (&'a Resource, Span)> {
    let built = plan.resources().enumerate();
    let places: BTreeMap<Key<'_>, usize> = built.map(|(at, it)| (it.key(), at)).collect();
    let mut resources: Vec<&Resource> = resources.into_iter().collect();
    resources.sort_by_key(|it| places.get(&it.key()).copied().unwrap_or(usize::MAX));
    resources.into_iter().map(|resource| (resource, Span::NONE))
}

/// What tells a route apart that the kernel makes for an address.
fn own_route(resource: &Resource) -> Option<OwnRoute<'_>> {
    let Resource::Route { namespace, route } = resource else { return None };
    let device = route.nexthops.first()?.dev.as_str();
    Some((namespace, device, route.kind, route.destination))
}

fn is_local(rule: &Rule) -> bool {
    matches!(rule.action, RuleAction::Lookup(LOCAL))
}

/// Whether nothing that leaves by a queue arrives.
fn loses_all(qdisc: &Qdisc) -> bool {
    let Qdisc::Netem(netem) = qdisc else { return false };
    matches!(netem.loss, Some(Loss::Random(Chance { share: Share::ALL, .. })))
}
