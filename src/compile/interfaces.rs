//! Nodes with their interfaces, named.

use super::allocations::{Allocations, End};
use super::bridges::BRIDGE;
use super::interface::{Interface, InterfaceKind};
use super::lab::{InterfaceId, Lab, Link, Node, NodeId};
use super::options::Options;
use super::{Draft, WantedVrf, devices, queues};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span, Spanned, Text};
use crate::document::{DeviceName, EndVrf, Role};
use crate::link;
use crate::topology::ByName;
use crate::topology::{self, Topology};
use petgraph::graph::NodeIndex;
use std::collections::{BTreeSet, HashSet};

/// The lab's nodes with their interfaces: those of links, in the links' order, then others.
pub(super) fn build(
    topology: &Topology,
    roles: &[Role],
    options: &Options,
    errors: &mut Diagnostics,
) -> Draft {
    let mut draft = Draft {
        lab: Lab {
            name: topology.name.clone(),
            netns: topology.netns.value.clone(),
            nodes: Vec::new(),
            links: Vec::new(),
            checks: Vec::new(),
            sample: None,
            allocations: Allocations::default(),
        },
        unaddressed: BTreeSet::new(),
        without_labels: BTreeSet::new(),
        wanted_vrfs: Vec::new(),
        kept_ends: Vec::new(),
    };
    let mut names = Vec::new();
    for index in topology.graph.node_indices() {
        let node = &topology.graph[index];
        let namespace = namespace(topology, node, errors);
        draft.lab.nodes.push(empty(node, roles[index.index()], namespace));
        names.push(Names { taken: taken(topology, index), next: 0 });
    }
    draft.kept_ends = options.kept_allocations.ends(topology);
    let kept = topology.graph.edge_weights().zip(&draft.kept_ends).map(|(link, kept)| {
        [0, 1].map(|end| {
            let topology::End { node, interface: None, .. } = &link.ends[end] else { return None };
            let kept = kept[end].as_ref().filter(|kept| !kept.is_named)?;
            names[node.index()].take(&kept.interface).then(|| kept.interface.clone())
        })
    });
    let kept: Vec<[Option<DeviceName>; 2]> = kept.collect();
    for (edge, kept) in topology.graph.edge_indices().zip(kept) {
        let link = &topology.graph[edge];
        let place = draft.lab.links.len();
        let ends = [0, 1].map(|end| {
            let written = &link.ends[end];
            let id = NodeId(written.node.index());
            let name = match &written.interface {
                Some(name) => name.clone(),
                None => {
                    let name = kept[end].clone().unwrap_or_else(|| names[id.0].next_free());
                    Spanned::new(name, Span::NONE)
                }
            };
            let kind = InterfaceKind::Veth { link: place, end };
            (id, add_end(&mut draft, topology, written, name, kind, errors))
        });
        draft.lab.links.push(Link { span: link.span, ends, cost: link.cost });
        let chosen = [0, 1].map(|end| {
            let node = &draft.lab[ends[end].0];
            End {
                node: node.name.clone(),
                interface: node.interfaces[ends[end].1.0].name.clone(),
                is_named: link.ends[end].interface.is_some(),
                addresses: Vec::new(),
            }
        });
        draft.lab.allocations.links.push(chosen);
    }
    for index in topology.graph.node_indices() {
        devices::add(&mut draft, NodeId(index.index()), &topology.graph[index], errors);
    }
    for (node, interface) in &options.failed_links {
        let Some(node) = draft.lab.node(node.as_str()) else { continue };
        if let Some(id) = draft.lab[node].interface(interface.as_str()) {
            draft.lab[node].interfaces[id.0].up = false;
        }
    }
    draft
}

fn empty(node: &topology::Node, role: Role, namespace: String) -> Node {
    let mut interfaces = ByName::default();
    if role == Role::Switch {
        let stp = node.stp.is_some_and(|stp| stp.value);
        let name = DeviceName::new(BRIDGE).expect("a bridge's name is a device's name");
        let bridge = link::Kind::Bridge(link::Bridge::plain(stp));
        interfaces.push(Interface::plain(name, node.name.span, InterfaceKind::device(bridge)));
    }
    Node {
        name: node.name.value.clone(),
        span: node.name.span,
        namespace,
        role,
        forwarding: node.forwarding.map_or(role.forwards(), |forwarding| forwarding.value),
        loopback: node.loopback.clone().unwrap_or_default(),
        vrfs: ByName::default(),
        interfaces,
        nexthops: Vec::new(),
        tables: node.tables.iter().map(|(name, table)| (name.value.clone(), table.value)).collect(),
        routes: Vec::new(),
        rules: Vec::new(),
        label_routes: Vec::new(),
        neighbours: Vec::new(),
        local_rule: Spanned::filled(0),
        early_sysctls: Vec::new(),
        late_sysctls: Vec::new(),
        nft: node.nft.clone(),
        etc: node.etc.clone(),
        run: Vec::new(),
    }
}

/// The name of a node's namespace, which is a file's name. A pattern has the node's name in it, so that
/// no two get one.
fn namespace(topology: &Topology, node: &topology::Node, errors: &mut Diagnostics) -> String {
    let pattern = &topology.netns;
    let name = pattern
        .as_str()
        .replace("{lab}", topology.name.as_str())
        .replace("{node}", node.name.value.as_str());
    if name.is_empty() || name.len() > 255 || name.starts_with('.') || name.contains('/') {
        errors.push(
            Diagnostic::error(Code::BadName, format!("a namespace cannot be named `{name}`"))
                .at(pattern.span.or(node.name.span), "a file's name, 1 to 255 bytes, without `/`"),
        );
    }
    name
}

/// The device names of a node that the file gives, which no interface without a name may get.
fn taken(topology: &Topology, index: NodeIndex) -> HashSet<String> {
    let node = &topology.graph[index];
    let ends = topology.graph.edges(index).flat_map(|edge| edge.weight().ends.iter());
    ends.filter(|end| end.node == index)
        .filter_map(|end| end.interface.as_ref())
        .chain(node.interfaces.iter().map(|interface| &interface.name))
        .chain(node.vrfs.iter().map(|vrf| &vrf.name))
        .map(|name| name.value.to_string())
        .collect()
}

/// The names of a node's devices, and the number with which a search for a free one goes on.
struct Names {
    taken: HashSet<String>,
    next: u32,
}

impl Names {
    /// Takes a name that was chosen before, if it is free.
    fn take(&mut self, name: &DeviceName) -> bool {
        self.taken.insert(name.to_string())
    }

    fn next_free(&mut self) -> DeviceName {
        loop {
            let name = format!("eth{}", self.next);
            self.next += 1;
            if self.taken.insert(name.clone()) {
                return DeviceName::new(name).expect("ethN is a device's name");
            }
        }
    }
}

/// Adds the interface of a link's end: what the link says of it, and what its node says.
fn add_end(
    draft: &mut Draft,
    topology: &Topology,
    end: &topology::End,
    name: Spanned<DeviceName>,
    kind: InterfaceKind,
    errors: &mut Diagnostics,
) -> InterfaceId {
    let id = NodeId(end.node.index());
    let node = &topology.graph[end.node];
    let at_node = node.interfaces.named(name.value.as_str());
    let written = at_node.map(|interface| &interface.written);
    let is_port = draft.lab[id].role == Role::Switch;
    let from_link = &end.written;

    let place = InterfaceId(draft.lab[id].interfaces.len());
    let addresses = one(
        end.addresses.as_ref(),
        written.and_then(|written| written.addresses.as_ref()),
        // An empty list has no place of its own.
        |addresses| addresses.first().map_or(Span::NONE, |address| address.span),
        [at_node.map_or(Span::NONE, |at_node| at_node.name.span), name.span.or(end.span)],
        "addresses",
        errors,
    );
    if let (true, Some(address)) = (is_port, addresses.and_then(|addresses| addresses.first())) {
        errors.push(
            Diagnostic::error(Code::BadValue, "a port of a switch has no addresses")
                .at(address.span, "this end is a port")
                .help("give the address to a node at the switch"),
        );
    }
    if addresses.is_none() && !is_port {
        draft.unaddressed.insert((id, place));
    }
    let at_node_vrf = written.and_then(|written| written.vrf.as_ref());
    match (&from_link.vrf, at_node_vrf) {
        (None, None) => {}
        (Some(EndVrf::WherePossible(vrf)), None) => draft.want(id, place, vrf, false),
        (Some(EndVrf::Here(vrf)), None) | (None, Some(vrf)) => draft.want(id, place, vrf, true),
        (Some(said @ (EndVrf::WherePossible(link) | EndVrf::Here(link))), Some(vrf)) => {
            if link.value != vrf.value {
                errors.push(
                    Diagnostic::error(
                        Code::VrfConflict,
                        format!("interface `{}` is in two VRFs", name.value),
                    )
                    .at(vrf.span, format!("in `{vrf}` here"))
                    .beside(link.span, format!("and in `{link}` here")),
                );
            }
            draft.want(id, place, vrf, matches!(said, EndVrf::Here(_)));
        }
    }
    let flag = |link: Option<Spanned<bool>>, node: Option<Spanned<bool>>| {
        node.or(link).map(|flag| flag.value)
    };
    let mpls = flag(from_link.mpls, written.and_then(|written| written.mpls));
    if mpls == Some(false) {
        draft.without_labels.insert((id, place));
    }
    let interface = Interface {
        vlans: Vec::new(),
        fdb: Vec::new(),
        bridge_port: None,
        span: name.span.or(end.span),
        name: name.value,
        kind,
        master: is_port.then(|| {
            Spanned::filled(DeviceName::new(BRIDGE).expect("a bridge's name is a device's name"))
        }),
        addresses: addresses.cloned().unwrap_or_default(),
        mtu: written.and_then(|written| written.mtu).or(from_link.mtu),
        mac: one(
            from_link.mac.as_ref(),
            written.and_then(|written| written.mac.as_ref()),
            |mac| mac.span,
            [Span::NONE; 2],
            "mac",
            errors,
        )
        .copied(),
        mpls: mpls == Some(true),
        netem: written.and_then(|written| written.netem.clone()).or(from_link.netem.clone()),
        tbf: written.and_then(|written| written.tbf.clone()).or(from_link.tbf.clone()),
        traffic: queues::completed(
            written.map(|it| it.traffic.clone()).unwrap_or_default().or(&from_link.traffic),
            errors,
        ),
        offload: written
            .and_then(|written| written.offload)
            .or(from_link.offload)
            .unwrap_or(Spanned::filled(true)),
        up: flag(from_link.up, written.and_then(|written| written.up)).unwrap_or(true),
    };
    draft.lab[id].interfaces.push(interface);
    place
}

/// What one of two places says, and an error where both do; `names` are the places of the interface
/// itself under its node and at its link.
fn one<'a, T>(
    link: Option<&'a T>,
    node: Option<&'a T>,
    span: impl Fn(&T) -> Span,
    names: [Span; 2],
    what: &str,
    errors: &mut Diagnostics,
) -> Option<&'a T> {
    if let (Some(link), Some(node)) = (link, node) {
        errors.push(
            Diagnostic::error(Code::DuplicateKey, format!("duplicate `{what}` of one interface"))
                .at(span(node).or(names[0]), "under the node")
                .beside(span(link).or(names[1]), "and at the link"),
        );
    }
    link.or(node)
}

impl Draft {
    pub(super) fn want(&mut self, node: NodeId, interface: InterfaceId, vrf: &Text, here: bool) {
        self.wanted_vrfs.push(WantedVrf { node, interface, vrf: vrf.clone(), here });
    }
}
