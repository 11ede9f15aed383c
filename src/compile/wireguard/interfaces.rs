//! The WireGuard interfaces of a lab, and which of them are each other's peers.

use super::at;
use crate::compile::id::Port;
use crate::compile::interface::{Interface, InterfaceKind};
use crate::compile::lab::{InterfaceId, Lab, NodeId};
use crate::diagnostic::{Code, Diagnostic, Text, few};
use crate::link::{Kind, Peer, PeerName};
use std::collections::{BTreeMap, HashMap};

/// The WireGuard interfaces of a lab.
pub(in crate::compile) struct Interfaces<'a> {
    pub(super) lab: &'a Lab,
    nodes: HashMap<&'a str, NodeId>,
    of_node: BTreeMap<NodeId, Vec<InterfaceId>>,
    /// The interfaces of a node, the first, that have a node or its interface among their peers.
    naming: HashMap<(NodeId, &'a str, Option<&'a str>), Vec<InterfaceId>>,
}

impl<'a> Interfaces<'a> {
    pub fn of(lab: &'a Lab) -> Self {
        let mut of_node: BTreeMap<NodeId, Vec<InterfaceId>> = BTreeMap::new();
        let mut naming: HashMap<_, Vec<InterfaceId>> = HashMap::new();
        for port in all(lab) {
            of_node.entry(port.0).or_default().push(port.1);
            for (node, interface) in at(lab, port).peers.iter().filter_map(named) {
                let named = (port.0, node.as_str(), interface.map(Text::as_str));
                let naming = naming.entry(named).or_default();
                if naming.last() != Some(&port.1) {
                    naming.push(port.1);
                }
            }
        }
        // Most labs have none, and need no names either.
        let named = lab.nodes.iter().enumerate().filter(|_| !of_node.is_empty());
        let nodes = named.map(|(place, node)| (node.name.as_str(), NodeId(place))).collect();
        Self { lab, nodes, of_node, naming }
    }

    /// The interfaces that are each other's peers.
    pub fn pairs(&self) -> Vec<[Port; 2]> {
        let mut pairs = Vec::new();
        for port in self.ports() {
            for peer in &at(self.lab, port).peers {
                let far = self.find(port, peer).ok().flatten();
                pairs.extend(far.filter(|far| self.names(*far, port)).map(|far| [port, far]));
            }
        }
        pairs
    }

    pub(super) fn ports(&self) -> impl Iterator<Item = Port> {
        let of_node = self.of_node.iter();
        of_node.flat_map(|(node, ids)| ids.iter().map(|id| (*node, *id)))
    }

    /// Whether an interface has another one among its peers.
    pub(super) fn names(&self, port: Port, other: Port) -> bool {
        self.naming(port.0, other).any(|naming| naming.binary_search(&port.1).is_ok())
    }

    /// The interfaces of a node that have an interface among their peers: those that name it, and those that
    /// name its node alone.
    fn naming(&self, node: NodeId, other: Port) -> impl Iterator<Item = &[InterfaceId]> {
        let (name, interface) = (&self.lab[other.0].name, &self.interface(other).name);
        let keys = [Some(interface.as_str()), None].map(|it| (node, name.as_str(), it));
        keys.into_iter().filter_map(|key| self.naming.get(&key)).map(Vec::as_slice)
    }

    pub(super) fn interface(&self, (node, id): Port) -> &'a Interface {
        &self.lab[node].interfaces[id.0]
    }

    /// The interface that a peer of another one is; none where it is nobody's in the lab.
    pub(super) fn find(&self, from: Port, peer: &Peer) -> Result<Option<Port>, Diagnostic> {
        let Some((name, said)) = named(peer) else { return Ok(None) };
        let wrong = |title: String| Diagnostic::error(Code::BadValue, title).at(name.span, "");
        let Some(node) = self.nodes.get(name.as_str()).copied() else {
            let known = self.of_node.keys().map(|node| self.lab[*node].name.as_str());
            return Err(Diagnostic::error(Code::UnknownNode, format!("no node is named `{name}`"))
                .at(name.span, "not known")
                .help(format!("nodes with such interfaces are {}", few(known))));
        };
        let interfaces = self.of_node.get(&node).map(Vec::as_slice).unwrap_or_default();
        if let Some(said) = said {
            let found = self.lab[node].interface(said.as_str());
            return match found.filter(|id| interfaces.binary_search(id).is_ok()) {
                Some(id) => Ok(Some((node, id))),
                None => Err(Diagnostic::error(
                    Code::UnknownInterface,
                    format!("`{name}` has no WireGuard interface `{said}`"),
                )
                .at(said.span, "not known here")),
            };
        }
        let mut back = self.naming(node, from).flatten();
        let first = back.next();
        match (first.filter(|first| back.all(|other| other == *first)), interfaces) {
            (Some(one), _) => Ok(Some((node, *one))),
            (None, [one]) if first.is_none() => Ok(Some((node, *one))),
            (None, []) => Err(wrong(format!("`{name}` has no WireGuard interface"))),
            (None, [one, ..]) => {
                let one = &self.interface((node, *one)).name;
                Err(wrong(format!("`{name}` has several WireGuard interfaces"))
                    .help(format!("say which one: `{name}:{one}`")))
            }
        }
    }
}

/// The node that a peer is, and its interface where that is said.
fn named(peer: &Peer) -> Option<(&Text, Option<&Text>)> {
    match &peer.name {
        PeerName::Node(name, interface) => Some((name, interface.as_ref())),
        PeerName::Key(_) => None,
    }
}

/// Every WireGuard interface.
pub(super) fn all(lab: &Lab) -> impl Iterator<Item = Port> {
    lab.nodes.iter().enumerate().flat_map(|(place, node)| {
        let interfaces = node.interfaces.iter().enumerate();
        let is_one = |kind: &InterfaceKind| kind.of_device().and_then(Kind::as_wireguard).is_some();
        let own = interfaces.filter(move |(_, interface)| is_one(&interface.kind));
        own.map(move |(interface, _)| (NodeId(place), InterfaceId(interface)))
    })
}
