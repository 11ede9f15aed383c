//! What a file leaves out of its WireGuard interfaces: keys, ports, where peers are and what is sent to them.

mod allowed;
mod interfaces;
mod underlay;

pub(super) use interfaces::Interfaces;

use super::allocations::Allocations;
use super::interface::Interface;
use super::lab::{InterfaceId, Lab, Nexthop, NodeId, Route};
use super::layout::{Layout, Port};
use super::lookup::table_number;
use super::prefixes::Prefixes;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span, Spanned, Text};
use crate::iproute::Table;
use crate::link::{Kind, Peer, PeerName, PresharedKey, PrivateKey, PublicKey, Wireguard};
use crate::topology::{TableNames, Topology};
use allowed::Routed;
use interfaces::all;
use ipnet::IpNet;
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use underlay::Underlay;

/// The port of the first interface of a node; further ones have the next ones.
const FIRST_PORT: u16 = 51820;
/// No routes are made of what is allowed.
const OFF: &str = "off";

fn at(lab: &Lab, (node, interface): Port) -> &Wireguard {
    let kind = lab[node].interfaces[interface.0].kind.of_device();
    kind.and_then(Kind::as_wireguard).expect("a port of this list is a WireGuard interface")
}

/// Adds routes to what the file allows of its peers, as wg-quick does.
pub(super) fn routes(topology: &Topology, lab: &mut Lab, errors: &mut Diagnostics) {
    let ports: Vec<Port> = all(lab).collect();
    for ports in ports.chunk_by(|one, other| one.0 == other.0) {
        let id = ports[0].0;
        let written = &topology.graph[petgraph::graph::NodeIndex::new(id.0)];
        let routes = lab[id].routes.iter().map(|route| &route.value);
        let mut there: HashSet<(u32, IpNet)> =
            routes.map(|route| (route.table, route.destination)).collect();
        for port in ports {
            let made = routes_of(lab, *port, &written.tables, &there);
            let made = errors.keep(made).unwrap_or_default();
            there.extend(made.iter().map(|route| (route.table, route.destination)));
            lab[id].routes.extend(made.into_iter().map(Spanned::filled));
        }
    }
}

/// Those of one interface, but for what is on its subnets and in routes that are there already.
fn routes_of(
    lab: &Lab,
    port: Port,
    tables: &TableNames,
    there: &HashSet<(u32, IpNet)>,
) -> Result<Vec<Route>, Diagnostic> {
    let (wireguard, node) = (at(lab, port), &lab[port.0]);
    let interface = &node.interfaces[port.1.0];
    let table = match &wireguard.table {
        Some(table) if table.as_str() == OFF => return Ok(Vec::new()),
        Some(table) => Some(table_number(node, tables, &Table::parse(table.clone()))?),
        None => None,
    };
    // A default would lead the outer packets into the tunnel too, unless another table has it.
    let allowed = wireguard.peers.iter().flat_map(|peer| peer.allowed_ips.iter().flatten());
    let allowed = allowed.filter(|net| table.is_some() || net.prefix_len() > 0);
    let table = table.unwrap_or_else(|| node.table_of(interface));
    let subnets: Prefixes<()> = interface.addresses.iter().map(|own| (own.value.net, ())).collect();
    let is_there = |net: &IpNet| subnets.contain(net.addr()) || there.contains(&(table, *net));
    let nets: BTreeSet<IpNet> = allowed.copied().filter(|net| !is_there(net)).collect();
    let made = nets.into_iter().map(|net| {
        let route = Route::unicast(net, vec![Nexthop::to(interface.name.clone())]);
        Route { table, ..route }
    });
    Ok(made.collect())
}

/// Completes every interface.
pub(super) fn fill(kept: &Allocations, layout: &Layout, lab: &mut Lab, errors: &mut Diagnostics) {
    let ports: Vec<Port> = all(lab).collect();
    let mut taken = Taken::of(kept, lab, &ports);
    for port in &ports {
        own(lab, *port, &mut taken, errors);
    }
    let filler = Filler::of(layout, lab);
    let mut filled = Vec::with_capacity(ports.len());
    for ports in ports.chunk_by(|one, other| one.0 == other.0) {
        let routed = Routed::of(&lab[ports[0].0]);
        for port in ports {
            filled.push((*port, filler.peers(*port, &routed, errors)));
        }
    }
    for ((node, interface), peers) in filled {
        if let Some(wireguard) = lab[node].interfaces[interface.0].kind.as_wireguard_mut() {
            wireguard.peers = peers;
            wireguard.table = Some(Text::filled(OFF));
        }
    }
}

/// The ports that the interfaces of each node listen on.
struct Taken {
    /// The first interface of each.
    first: HashMap<(NodeId, u16), InterfaceId>,
    /// What was chosen before and is free.
    kept: HashMap<Port, u16>,
    /// Those below it, from [`FIRST_PORT`] on, are taken.
    free: HashMap<NodeId, u16>,
}

impl Taken {
    fn of(allocations: &Allocations, lab: &Lab, ports: &[Port]) -> Self {
        let mut first = HashMap::new();
        for (node, interface) in ports {
            if let Some(port) = at(lab, (*node, *interface)).listen_port {
                first.entry((*node, port)).or_insert(*interface);
            }
        }
        let mut kept = HashMap::new();
        let unsaid = ports.iter().filter(|port| at(lab, **port).listen_port.is_none());
        for (node, interface) in unsaid {
            let of_node = allocations.of(&lab[*node].name);
            let name = &lab[*node].interfaces[interface.0].name;
            let Some(port) = of_node.and_then(|it| it.listen_ports.get(name)) else { continue };
            if let Entry::Vacant(free) = first.entry((*node, *port)) {
                free.insert(*interface);
                kept.insert((*node, *interface), *port);
            }
        }
        Self { first, kept, free: HashMap::new() }
    }

    /// Takes the port that an interface had before, or the first that is free at its node; none where all
    /// are taken.
    fn take(&mut self, (node, interface): Port) -> Option<u16> {
        if let Some(port) = self.kept.get(&(node, interface)) {
            return Some(*port);
        }
        let from = self.free.get(&node).copied().unwrap_or(FIRST_PORT);
        let port = (from..=u16::MAX).find(|port| !self.first.contains_key(&(node, *port)))?;
        self.first.insert((node, port), interface);
        self.free.insert(node, port);
        Some(port)
    }
}

/// Gives an interface its key and its port.
fn own(lab: &mut Lab, port: Port, taken: &mut Taken, errors: &mut Diagnostics) {
    let (lab_name, node) = (lab.name.clone(), &lab[port.0]);
    let interface = &node.interfaces[port.1.0];
    let said = at(lab, port).listen_port;
    let first = said.and_then(|said| taken.first.get(&(port.0, said)));
    if let Some(first) = first.filter(|first| **first != port.1) {
        errors.push(
            Diagnostic::error(Code::BadValue, "two WireGuard interfaces listen on one port")
                .at(interface.span, "this one")
                .beside(node.interfaces[first.0].span, "and this one")
                .note("the kernel answers EADDRINUSE when the second comes up"),
        );
    }
    let name = interface.name.clone();
    let chosen = if said.is_none() { taken.take(port) } else { None };
    let derived =
        PrivateKey::derived(lab_name.as_str(), node.name.as_str(), interface.name.as_str());
    if let Some(chosen) = chosen {
        lab.chosen(port.0).listen_ports.insert(name, chosen);
    }
    if let Some(wireguard) = lab[port.0].interfaces[port.1.0].kind.as_wireguard_mut() {
        wireguard.listen_port = said.or(chosen);
        wireguard.private_key.get_or_insert(derived);
    }
}

/// What completes the peers of interfaces.
struct Filler<'a> {
    lab: &'a Lab,
    interfaces: Interfaces<'a>,
    underlay: Underlay<'a>,
    keys: HashMap<Port, PublicKey>,
    /// The key that an interface shares with another one, or with whoever has a public key, by the place among its
    /// peers; of several the first.
    shared: HashMap<(Port, PeerId), (usize, Option<PresharedKey>)>,
    /// The interfaces with peers that are known by their keys.
    with_keys: HashSet<Port>,
}

/// Who a peer is.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum PeerId {
    Interface(Port),
    Key(PublicKey),
}

impl<'a> Filler<'a> {
    fn of(layout: &'a Layout, lab: &'a Lab) -> Self {
        let interfaces = Interfaces::of(lab);
        let public = |port: Port| Some((port, at(lab, port).private_key?.public()));
        let mut shared = HashMap::new();
        let mut with_keys = HashSet::new();
        for port in interfaces.ports() {
            for (place, peer) in at(lab, port).peers.iter().enumerate() {
                let id = match peer.name {
                    PeerName::Key(key) => {
                        with_keys.insert(port);
                        Some(PeerId::Key(key))
                    }
                    PeerName::Node(..) => {
                        interfaces.find(port, peer).ok().flatten().map(PeerId::Interface)
                    }
                };
                if let Some(id) = id {
                    shared.entry((port, id)).or_insert((place, peer.preshared_key));
                }
            }
        }
        let keys = interfaces.ports().filter_map(public).collect();
        let underlay = Underlay::of(layout, lab, interfaces.ports());
        Self { lab, interfaces, underlay, keys, shared, with_keys }
    }

    fn interface(&self, (node, id): Port) -> &'a Interface {
        &self.lab[node].interfaces[id.0]
    }

    /// The peers of an interface, complete.
    fn peers(&self, port: Port, routed: &Routed, errors: &mut Diagnostics) -> Vec<Peer> {
        let (lab, wireguard) = (self.lab, at(self.lab, port));
        let alone = wireguard.peers.len() == 1;
        let own = self.keys.get(&port).copied();
        let mut seen = BTreeSet::new();
        let mut filled = HashSet::new();
        let mut peers = Vec::with_capacity(wireguard.peers.len());
        for peer in &wireguard.peers {
            let Some(far) = errors.keep(self.interfaces.find(port, peer)) else { continue };
            let mut peer = peer.clone();
            if let Some(far) = far {
                errors.keep(self.mutual(port, far, &peer.name));
                peer.key = self.keys.get(&far).copied();
                let shared = errors.keep(self.shared(port, far, &peer));
                peer.preshared_key = shared.flatten();
                let interface = self.interface(far);
                if let PeerName::Node(_, said) = &mut peer.name {
                    said.get_or_insert_with(|| Text::filled(interface.name.as_str()));
                }
                let listens = at(lab, far).listen_port.unwrap_or(FIRST_PORT);
                let endpoint = || Some(SocketAddr::new(self.underlay.address(port, far)?, listens));
                peer.endpoint = peer.endpoint.or_else(endpoint);
                let of_peer = interface.addresses.iter().map(|address| address.value.addr());
                let of_peer: BTreeSet<IpAddr> = of_peer.collect();
                let span = peer.span;
                peer.allowed_ips.get_or_insert_with(|| {
                    filled.insert(span);
                    routed.allowed(self.interface(port), &of_peer, alone)
                });
            }
            // An interface that names itself was told of it above.
            if peer.key.is_some() && peer.key == own && far != Some(port) {
                let title = format!("a peer of `{}` has its own key", lab[port.0].name);
                errors.push(
                    Diagnostic::error(Code::BadValue, title)
                        .at(peer.span, "this one")
                        .beside(self.interface(port).span, "the interface")
                        .note("the kernel takes no such peer, and says nothing"),
                );
            }
            if let Some(key) = peer.key
                && !seen.insert(key)
            {
                let title = format!("two peers of `{}` have one key", lab[port.0].name);
                errors.push(
                    Diagnostic::error(Code::BadValue, title)
                        .at(self.interface(port).span, "of this interface")
                        .note("the kernel takes them for one"),
                );
            }
            peers.push(peer);
        }
        allowed_once(self.interface(port), &peers, &filled, routed, errors);
        peers
    }

    /// Refuses a peer that does not know of it.
    fn mutual(&self, port: Port, far: Port, name: &PeerName) -> Result<(), Diagnostic> {
        let (here, there) = (&self.lab[port.0].name, &self.lab[far.0].name);
        let span = match name {
            PeerName::Node(name, _) => name.span,
            PeerName::Key(_) => return Ok(()),
        };
        if port == far {
            let title = format!("`{here}` is its own peer");
            return Err(Diagnostic::error(Code::BadValue, title).at(span, "the interface itself"));
        }
        if self.with_keys.contains(&far) || self.interfaces.names(far, port) {
            return Ok(());
        }
        let title = format!("`{there}` is a peer of `{here}`, and `{here}` is none of `{there}`");
        Err(Diagnostic::error(Code::BadValue, title)
            .at(span, "it answers nobody who is not among its peers")
            .beside(self.interface(far).span, "this interface")
            .help(format!("add `{here}` to its `peers`")))
    }

    /// The key that two peers share: either may say it for both.
    fn shared(
        &self,
        port: Port,
        far: Port,
        peer: &Peer,
    ) -> Result<Option<PresharedKey>, Diagnostic> {
        let key = self.keys.get(&port).map(|key| PeerId::Key(*key));
        let back = key.into_iter().chain([PeerId::Interface(port)]);
        let back = back.filter_map(|id| self.shared.get(&(far, id)));
        let theirs = back.min_by_key(|(place, _)| *place).and_then(|(_, theirs)| *theirs);
        match (peer.preshared_key, theirs) {
            // The other one is not told of it again.
            (Some(ours), Some(theirs)) if ours != theirs && port < far => {
                let title = "two peers have different preshared keys";
                Err(Diagnostic::error(Code::BadValue, title)
                    .at(self.interface(port).span, "of this interface")
                    .beside(self.interface(far).span, "and of this one"))
            }
            (ours, theirs) => Ok(ours.or(theirs)),
        }
    }
}

/// Refuses two peers that are allowed one network: the kernel gives it to the last. What `filled` peers are
/// allowed follows from routes.
fn allowed_once(
    interface: &Interface,
    peers: &[Peer],
    filled: &HashSet<Span>,
    routed: &Routed<'_>,
    errors: &mut Diagnostics,
) {
    let mut first: HashMap<IpNet, &Peer> = HashMap::new();
    for peer in peers {
        for net in peer.allowed_ips.iter().flatten() {
            let Some(other) = first.insert(*net, peer) else { continue };
            let title = format!("two peers of `{}` are allowed {net}", interface.name);
            let error = Diagnostic::error(Code::BadValue, title)
                .at(peer.span, "this one")
                .beside(other.span, "and this one")
                .note("the kernel gives a network to one peer, the last that it is told of");
            let both_filled = [peer, other].iter().all(|peer| filled.contains(&peer.span));
            let route = routed.equal_cost(interface, net).filter(|_| both_filled);
            errors.push(match route {
                Some(route) => error
                    .beside(route, "the route")
                    .note(format!("the route to {net} has both as equal-cost nexthops"))
                    .help("write the `allowed-ips` of both, with the network at one of them, or let one path cost more"),
                None => error,
            });
        }
    }
}
