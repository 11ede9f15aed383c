//! A lab as steps.

use super::state::{LOCAL_RULE, OWN_RULES};
use super::{Action, Device, Plan, PlanError, Qdisc, Resource, Step, VethEnd};
use crate::compile::{
    Interface, InterfaceId, InterfaceKind, Lab, Link, Nexthop, NexthopObject, Node, NodeId, Route,
    Rule,
};
use crate::diagnostic::{Span, Spanned};
use crate::document::{Address, Traffic};
use crate::iproute::Leads;
use crate::link::{self, ETHERNET_MTU, Kind, KindName, Wireguard};
use std::collections::{BTreeSet, HashSet};

/// The steps that make a lab where nothing is yet.
///
/// First all namespaces with what must be set before an interface is there, then all devices where
/// they stay, then each node's interfaces in one run, so that it can be sent at once, and last each
/// node's routes. Commands come when all of that is there. An interface goes into its VRF before it comes up and gets addresses after: the
/// kernel cycles an interface that is up, and loses its routes. Routes wait for all interfaces: the
/// kernel takes no IPv6 gateway on a link whose far end is still down.
///
/// # Errors
/// A step needs what the lab does not have.
pub fn lower(lab: &Lab) -> Result<Plan, PlanError> {
    lower_part(lab, &(0..lab.nodes.len()).map(NodeId).collect())
}

/// The steps of [`lower`] for some of a lab's nodes, in full, with the links that they are at. Of the
/// nodes at the far ends there are the namespaces alone.
///
/// # Errors
/// As [`lower`].
pub fn lower_part(lab: &Lab, part: &BTreeSet<NodeId>) -> Result<Plan, PlanError> {
    let mut steps = Vec::new();
    let at = |link: &Link| link.ends.iter().any(|(node, _)| part.contains(node));
    let links: Vec<&Link> = lab.links.iter().filter(|link| at(link)).collect();
    let far = links.iter().flat_map(|link| link.ends).map(|(node, _)| node);
    for id in part.iter().copied().chain(far).collect::<BTreeSet<_>>() {
        let node = &lab[id];
        let namespace = node.namespace.clone();
        steps.push(Step::add(Resource::Namespace { namespace }, node.span));
        if part.contains(&id) {
            sysctls(&mut steps, node, &node.early_sysctls);
        }
    }
    for link in links {
        let ends = link.ends.map(|(node, interface)| {
            let interface = &lab[node].interfaces[interface.0];
            VethEnd {
                namespace: lab[node].namespace.clone(),
                name: interface.name.to_string(),
                mtu: interface.mtu.map(|mtu| mtu.value),
                mac: interface.mac.map(|mac| mac.value),
            }
        });
        steps.push(Step::add(Resource::Veth { ends }, link.span));
    }
    let nodes = || part.iter().map(|id| &lab[*id]);
    for node in nodes() {
        devices(&mut steps, node);
    }
    for node in nodes() {
        mtus(&mut steps, node);
        inner_devices(&mut steps, node);
        sysctls(&mut steps, node, &node.late_sysctls);
        for interface in node.interfaces.iter().filter(|interface| !interface.offload.value) {
            let device = interface.name.to_string();
            let resource = Resource::NoOffload { namespace: node.namespace.clone(), device };
            steps.push(Step::add(resource, interface.offload.span.or(interface.span)));
        }
        files(&mut steps, node);
        interfaces(&mut steps, node);
        neighbours(&mut steps, node);
    }
    for node in nodes() {
        routes(&mut steps, node);
    }
    for node in nodes() {
        told(&mut steps, node);
    }
    for node in nodes() {
        programs(&mut steps, node);
    }
    Plan::new(steps)
}

fn sysctls(steps: &mut Vec<Step>, node: &Node, sysctls: &[Spanned<crate::compile::Sysctl>]) {
    steps.extend(sysctls.iter().map(|sysctl| {
        let resource = Resource::Sysctl {
            namespace: node.namespace.clone(),
            key: sysctl.value.key.clone(),
            value: sysctl.value.value.clone(),
            optional: sysctl.value.is_optional(),
        };
        Step::add(resource, sysctl.span)
    }));
}

/// Files that programs read, and rules that know interfaces and must be there before one is up.
fn files(steps: &mut Vec<Step>, node: &Node) {
    let namespace = || node.namespace.clone();
    for (path, content) in &node.etc {
        let (path, text) = (path.value.clone(), content.text.value.clone());
        let resource = Resource::EtcFile { namespace: namespace(), path, text };
        steps.push(Step::add(resource, content.text.span));
    }
    if let Some(content) = &node.nft {
        let ruleset = content.text.value.clone();
        let resource = Resource::Ruleset { namespace: namespace(), ruleset };
        steps.push(Step::add(resource, content.text.span));
    }
}

fn devices(steps: &mut Vec<Step>, node: &Node) {
    let mut push = |device, span| {
        steps.push(Step::add(Resource::Device { namespace: node.namespace.clone(), device }, span));
    };
    for vrf in &node.vrfs {
        let kind = Kind::Vrf(link::Vrf { table: vrf.table });
        let (name, mtu) = (vrf.name.to_string(), vrf.mtu.map(|mtu| mtu.value));
        push(Device { name, kind, lower: None, mtu, mac: None }, vrf.span);
    }
    for (device, span) in own_devices(node).filter(|(device, _)| !device.is_made_inside()) {
        push(device, span);
    }
}

/// The MTUs that bridges keep whatever those of their ports.
fn mtus(steps: &mut Vec<Step>, node: &Node) {
    for interface in node.interfaces.iter().filter(|interface| interface.kind.is_bridge()) {
        let Some(mtu) = interface.mtu else { continue };
        let (namespace, device) = (node.namespace.clone(), interface.name.to_string());
        let resource = Resource::Mtu { namespace, device, mtu: mtu.value };
        steps.push(Step::add(resource, mtu.span.or(interface.span)));
    }
}

/// The MTU that a device is made with. One of a bridge's is said afterwards: the kernel takes the least
/// of the ports' unless it was told to change it, and to say what it has already changes nothing.
fn first_mtu(interface: &Interface) -> Option<u32> {
    let mtu = interface.mtu.map(|mtu| mtu.value);
    match interface.kind.is_bridge() {
        true => mtu.filter(|mtu| *mtu == ETHERNET_MTU).map(|_| ANOTHER_MTU),
        false => mtu,
    }
}

/// An MTU that is not the kernel's own.
const ANOTHER_MTU: u32 = 1280;

/// The devices that are made from inside their namespace, parents first.
fn inner_devices(steps: &mut Vec<Step>, node: &Node) {
    for (device, span) in own_devices(node).filter(|(device, _)| device.is_made_inside()) {
        steps.push(Step::add(Resource::Device { namespace: node.namespace.clone(), device }, span));
    }
}

/// The devices of a node that no link makes, each behind its parent.
fn own_devices(node: &Node) -> impl Iterator<Item = (Device, Span)> {
    node.lower_first().into_iter().filter_map(|id| {
        let interface = &node.interfaces[id.0];
        let InterfaceKind::Device { kind, lower } = &interface.kind else { return None };
        let device = Device {
            name: interface.name.to_string(),
            kind: kind.made(),
            lower: lower.as_ref().map(|lower| node.lower_name(lower).to_string()),
            mtu: first_mtu(interface),
            mac: interface.mac.map(|mac| mac.value),
        };
        Some((device, interface.span))
    })
}

/// What devices are told apart from their making. WireGuard speaks to its peers at once, and if nothing
/// leads to them yet not again for some seconds.
fn told(steps: &mut Vec<Step>, node: &Node) {
    for interface in &node.interfaces {
        let wireguard = interface.kind.of_device().and_then(Kind::as_wireguard);
        if let Some(settings) = wireguard.and_then(Wireguard::settings) {
            let (namespace, device) = (node.namespace.clone(), interface.name.to_string());
            let resource = Resource::Wireguard { namespace, device, settings };
            steps.push(Step::add(resource, interface.span));
        }
    }
}

fn interfaces(steps: &mut Vec<Step>, node: &Node) {
    let namespace = || node.namespace.clone();
    let up = |device: &str| Resource::Up { namespace: namespace(), device: device.to_owned() };
    let address = |device: &str, address: Address| Resource::Address {
        namespace: namespace(),
        device: device.to_owned(),
        address: address.net,
        peer: address.peer,
    };
    steps.push(Step::add(up("lo"), node.span));
    if node.local_rule.value != LOCAL_RULE {
        for own in OWN_RULES.iter() {
            let rule = |rule: Rule| Resource::Rule { namespace: namespace(), rule };
            let moved = Rule { priority: Some(node.local_rule.value), ..own.clone() };
            let span = node.local_rule.span.or(node.span);
            steps.push(Step::add(rule(moved), span));
            steps.push(Step { action: Action::Delete(rule(own.clone())), span });
        }
    }
    let mut push = |resource, span| steps.push(Step::add(resource, span));
    for interface in &node.interfaces {
        if let Some(master) = &interface.master {
            let resource = Resource::Master {
                namespace: namespace(),
                port: interface.name.to_string(),
                master: master.value.to_string(),
            };
            push(resource, master.span.or(interface.span));
        }
    }
    for interface in &node.interfaces {
        if let Some(port) = &interface.bridge_port {
            let (device, said) = (interface.name.to_string(), port.value.clone());
            let resource = Resource::BridgePort { namespace: namespace(), device, port: said };
            push(resource, port.span.or(interface.span));
        }
        let own = interface.kind.is_bridge();
        for vlans in &interface.vlans {
            for vlan in vlans.value.each() {
                let device = interface.name.to_string();
                let resource = Resource::BridgeVlan { namespace: namespace(), device, own, vlan };
                push(resource, vlans.span.or(interface.span));
            }
        }
        for entry in &interface.fdb {
            let device = interface.name.to_string();
            let resource = Resource::Fdb { namespace: namespace(), device, entry: entry.value };
            push(resource, entry.span.or(interface.span));
        }
    }
    queues(steps, node);
    let mut push = |resource, span| steps.push(Step::add(resource, span));
    for vrf in node.vrfs.iter().filter(|vrf| vrf.up) {
        push(up(vrf.name.as_str()), vrf.span);
    }
    // A bridge or bond comes up before its ports, another lower device before what is stacked on it.
    let (masters, others): (Vec<_>, Vec<_>) = node
        .lower_first()
        .into_iter()
        .filter(|id| node.comes_up(*id))
        .partition(|id| node.interfaces[id.0].kind.has_ports());
    let masters = masters.into_iter().rev();
    for interface in masters.chain(others).map(|id| &node.interfaces[id.0]) {
        push(up(interface.name.as_str()), interface.span);
    }
    for id in risen(node) {
        let interface = &node.interfaces[id.0];
        let action = Action::Delete(up(interface.name.as_str()));
        steps.push(Step { action, span: interface.span });
    }
    let mut push = |resource, span| steps.push(Step::add(resource, span));
    for loopback in &node.loopback {
        push(address("lo", loopback.value), loopback.span);
    }
    for vrf in &node.vrfs {
        for on_vrf in &vrf.addresses {
            push(address(vrf.name.as_str(), on_vrf.value), on_vrf.span);
        }
    }
    for interface in &node.interfaces {
        for on_interface in &interface.addresses {
            push(address(interface.name.as_str(), on_interface.value), on_interface.span);
        }
    }
}

/// The queues of devices, with their classes and filters.
fn queues(steps: &mut Vec<Step>, node: &Node) {
    let vrfs = node.vrfs.iter();
    let vrfs = vrfs.map(|vrf| (&vrf.name, vrf.span, &vrf.netem, &vrf.tbf, &vrf.traffic));
    let others = node.interfaces.iter();
    let others = others.map(|it| (&it.name, it.span, &it.netem, &it.tbf, &it.traffic));
    for (device, span, netem, tbf, traffic) in vrfs.chain(others) {
        let mut qdisc = |qdisc, own: Span| {
            let (namespace, device) = (node.namespace.clone(), device.to_string());
            let resource = Resource::Qdisc { namespace, device, qdisc };
            steps.push(Step::add(resource, own.or(span)));
        };
        // Packets wait, then leave at the rate, as in tc-netem(8): the other way round, the bucket's own
        // queue would hold nothing, and its `limit` would mean nothing.
        if let Some(netem) = netem {
            qdisc(Qdisc::Netem(netem.value.clone()), netem.span);
        }
        if let Some(tbf) = tbf {
            let behind_netem = netem.is_some();
            qdisc(Qdisc::Tbf { tbf: tbf.value.clone(), behind_netem }, tbf.span);
        }
        let behind = u8::from(netem.is_some()) + u8::from(tbf.is_some());
        let Traffic { qdisc: leaf, classes, filters, police } = traffic;
        if let Some(leaf) = leaf {
            qdisc(Qdisc::Leaf { leaf: leaf.value, behind }, leaf.span);
        }
        for class in classes.iter().flatten() {
            qdisc(Qdisc::Class { class: class.value, behind }, class.span);
        }
        for (prio, filter) in (1..).zip(filters.iter().flatten()) {
            qdisc(Qdisc::Filter { filter: filter.value, prio, behind }, filter.span);
        }
        if let Some(police) = police {
            qdisc(Qdisc::Ingress, police.span);
            qdisc(Qdisc::Police(police.value), police.span);
        }
    }
}

/// What is known of the links of devices that are up.
fn neighbours(steps: &mut Vec<Step>, node: &Node) {
    let up = node.neighbours.iter().filter(|it| node.is_up(&it.value.dev));
    steps.extend(up.map(|it| {
        let (namespace, neighbour) = (node.namespace.clone(), it.value.clone());
        Step::add(Resource::Neighbour { namespace, neighbour }, it.span)
    }));
}

/// The VLANs that are to be down and that the kernel brings up with the device below.
fn risen(node: &Node) -> impl Iterator<Item = InterfaceId> {
    let ids = (0..node.interfaces.len()).map(InterfaceId);
    ids.filter(|id| {
        let interface = &node.interfaces[id.0];
        let is_vlan = interface.kind.of_device().is_some_and(|it| it.name() == KindName::Vlan);
        let parent = interface.kind.parent();
        is_vlan && !interface.up && parent.is_some_and(|parent| node.comes_up(parent))
    })
}

fn programs(steps: &mut Vec<Step>, node: &Node) {
    for (number, command) in (1..).zip(&node.run) {
        let resource = Resource::Command {
            namespace: node.namespace.clone(),
            node: node.name.to_string(),
            number,
            line: command.line.value.clone(),
            vrf: command.vrf.as_ref().map(|vrf| vrf.value.to_string()),
        };
        steps.push(Step::add(resource, command.line.span));
    }
}

fn routes(steps: &mut Vec<Step>, node: &Node) {
    let namespace = || node.namespace.clone();
    // What is on a link may hold the gateways of the others, and an object is made before the routes
    // that name it.
    let (on_link, others): (Vec<_>, Vec<_>) =
        node.routes.iter().partition(|route| route.value.is_on_link());
    let objects = objects(node);
    let made: HashSet<u32> = objects.iter().map(|object| object.value.id).collect();
    let route = |route: &Spanned<Route>| {
        let resource =
            Resource::Route { namespace: namespace(), route: present(node, &made, &route.value)? };
        Some(Step::add(resource, route.span))
    };
    steps.extend(on_link.into_iter().filter_map(route));
    steps.extend(objects.iter().map(|object| {
        let (namespace, value) = (namespace(), object.value.clone());
        Step::add(Resource::NexthopObject { namespace, object: value }, object.span)
    }));
    steps.extend(others.into_iter().filter_map(route));
    let mut push = |resource, span| steps.push(Step::add(resource, span));
    for rule in &node.rules {
        let resource = Resource::Rule { namespace: namespace(), rule: rule.value.clone() };
        push(resource, rule.span);
    }
    for route in &node.label_routes {
        push(
            Resource::MplsRoute { namespace: namespace(), route: route.value.clone() },
            route.span,
        );
    }
}

/// The nexthop objects over interfaces that are up, members before their groups: the kernel has no
/// others.
fn objects(node: &Node) -> Vec<Spanned<NexthopObject>> {
    let mut made: Vec<Spanned<NexthopObject>> = Vec::new();
    let mut ids = HashSet::new();
    for object in &node.nexthops {
        let mut object = object.clone();
        let there = match &mut object.value.leads {
            Leads::Way { way, .. } => node.is_up(&way.dev),
            Leads::Blackhole { .. } => true,
            Leads::Group { members, .. } => {
                members.retain(|(id, _)| ids.contains(id));
                !members.is_empty()
            }
        };
        if there {
            ids.insert(object.value.id);
            made.push(object);
        }
    }
    made
}

/// A route over those of its interfaces that are up. What leads over others alone waits until one is:
/// the kernel has no such routes.
fn present(node: &Node, objects: &HashSet<u32>, route: &Route) -> Option<Route> {
    let all = &route.nexthops;
    let up: Vec<&Nexthop> = all.iter().filter(|nexthop| node.is_up(&nexthop.dev)).collect();
    let nexthops: std::sync::Arc<[_]> = match &up[..] {
        up if up.len() == all.len() => all.clone(),
        // The kernel keeps no weight of the only one that is left.
        [only] if route.object.is_none() => [Nexthop { weight: 1, ..(*only).clone() }].into(),
        up => up.iter().map(|nexthop| (*nexthop).clone()).collect(),
    };
    let there = match route.object {
        Some(id) => objects.contains(&id),
        None => nexthops.is_empty() == all.is_empty(),
    };
    there.then(|| Route { nexthops, ..route.clone() })
}
