//! What a file leaves out of its WireGuard interfaces: keys, ports, where peers are and what is sent to them.

use super::interface::{Interface, InterfaceKind};
use super::lab::{InterfaceId, Lab, MAIN, Nexthop, NodeId, Route};
use super::layout::{Context, Layout, Port};
use super::routes::table_number;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Spanned, Text, few};
use crate::iproute::{RouteKind, Table};
use crate::link::{Kind, Peer, PeerName, PresharedKey, PrivateKey, Wireguard};
use crate::topology::Topology;
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};

/// The port of the first interface of a node; further ones have the next ones.
const FIRST_PORT: u16 = 51820;
/// No routes are made of what is allowed.
const OFF: &str = "off";

/// The WireGuard interfaces of a lab.
pub(super) struct Interfaces<'a> {
    lab: &'a Lab,
    nodes: HashMap<&'a str, NodeId>,
    of_node: BTreeMap<NodeId, Vec<InterfaceId>>,
}

impl<'a> Interfaces<'a> {
    pub fn of(lab: &'a Lab) -> Self {
        let mut of_node: BTreeMap<NodeId, Vec<InterfaceId>> = BTreeMap::new();
        for (node, interface) in all(lab) {
            of_node.entry(node).or_default().push(interface);
        }
        // Most labs have none, and need no names either.
        let named = lab.nodes.iter().enumerate().filter(|_| !of_node.is_empty());
        let nodes = named.map(|(place, node)| (node.name.as_str(), NodeId(place))).collect();
        Self { lab, nodes, of_node }
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

    fn ports(&self) -> impl Iterator<Item = Port> {
        let of_node = |(node, ids): (&NodeId, &'_ Vec<InterfaceId>)| {
            let node = *node;
            ids.clone().into_iter().map(move |id| (node, id))
        };
        self.of_node.iter().flat_map(of_node)
    }

    /// Whether an interface has another one among its peers.
    fn names(&self, port: Port, other: Port) -> bool {
        let node = &self.lab[other.0];
        let interface = &node.interfaces[other.1.0].name;
        at(self.lab, port).peers.iter().any(|peer| match &peer.name {
            PeerName::Node(name, said) => {
                let is_said = said.as_ref().is_none_or(|it| it.as_str() == interface.as_str());
                name.as_str() == node.name.as_str() && is_said
            }
            PeerName::Key(_) => false,
        })
    }

    /// The interface that a peer of another one is; none where it is nobody's in the lab.
    fn find(&self, from: Port, peer: &Peer) -> Result<Option<Port>, Diagnostic> {
        let (name, said) = match &peer.name {
            PeerName::Node(name, said) => (name, said),
            PeerName::Key(_) => return Ok(None),
        };
        let wrong = |title: String| Diagnostic::error(Code::BadValue, title).at(name.span, "");
        let Some(node) = self.nodes.get(name.as_str()).copied() else {
            let known = self.of_node.keys().map(|node| self.lab[*node].name.as_str());
            return Err(Diagnostic::error(Code::UnknownNode, format!("no node is named `{name}`"))
                .at(name.span, "not known")
                .help(format!("nodes with such interfaces are {}", few(known))));
        };
        let interfaces = self.of_node.get(&node).map(Vec::as_slice).unwrap_or_default();
        let word = |id: &InterfaceId| self.lab[node].interfaces[id.0].name.as_str();
        if let Some(said) = said {
            let found = interfaces.iter().find(|id| word(id) == said.as_str());
            return match found {
                Some(id) => Ok(Some((node, *id))),
                None => Err(Diagnostic::error(
                    Code::UnknownInterface,
                    format!("`{name}` has no WireGuard interface `{said}`"),
                )
                .at(said.span, "not known here")),
            };
        }
        let back: Vec<InterfaceId> =
            interfaces.iter().copied().filter(|id| self.names((node, *id), from)).collect();
        match (back.as_slice(), interfaces) {
            ([one], _) | ([], [one]) => Ok(Some((node, *one))),
            (_, []) => Err(wrong(format!("`{name}` has no WireGuard interface"))),
            _ => {
                let first = word(&interfaces[0]);
                Err(wrong(format!("`{name}` has several WireGuard interfaces"))
                    .help(format!("say which one: `{name}:{first}`")))
            }
        }
    }
}

/// Every WireGuard interface.
fn all(lab: &Lab) -> impl Iterator<Item = Port> {
    lab.nodes.iter().enumerate().flat_map(|(place, node)| {
        let interfaces = node.interfaces.iter().enumerate();
        let is_one = |kind: &InterfaceKind| kind.of_device().and_then(Kind::as_wireguard).is_some();
        let own = interfaces.filter(move |(_, interface)| is_one(&interface.kind));
        own.map(move |(interface, _)| (NodeId(place), InterfaceId(interface)))
    })
}

fn at(lab: &Lab, (node, interface): Port) -> &Wireguard {
    let kind = lab[node].interfaces[interface.0].kind.of_device();
    kind.and_then(Kind::as_wireguard).expect("a port of this list is a WireGuard interface")
}

/// Adds routes to what the file allows of its peers, as wg-quick does.
pub(super) fn routes(topology: &Topology, lab: &mut Lab, errors: &mut Diagnostics) {
    for port in all(lab).collect::<Vec<_>>() {
        let wireguard = at(lab, port);
        let written = &topology.graph[petgraph::graph::NodeIndex::new(port.0.0)];
        let node = &lab[port.0];
        let interface = &node.interfaces[port.1.0];
        let table = match &wireguard.table {
            Some(table) if table.as_str() == OFF => continue,
            Some(table) => {
                let number = table_number(node, &written.tables, &Table::parse(table.clone()));
                let Some(number) = errors.keep(number) else { continue };
                Some(number)
            }
            None => None,
        };
        // A default would lead the outer packets into the tunnel too, unless another table has it.
        let allowed = wireguard.peers.iter().flat_map(|peer| peer.allowed_ips.iter().flatten());
        let allowed = allowed.filter(|net| table.is_some() || net.prefix_len() > 0);
        let table = table.unwrap_or_else(|| node.table_of(interface));
        let is_there = |net: &IpNet| {
            interface.addresses.iter().any(|own| own.value.contains(&net.addr()))
                || node
                    .routes
                    .iter()
                    .any(|route| route.value.table == table && route.value.destination == *net)
        };
        let nets: BTreeSet<IpNet> = allowed.copied().filter(|net| !is_there(net)).collect();
        let name = interface.name.clone();
        let made = nets.into_iter().map(|net| {
            let route = Route::unicast(net, vec![Nexthop::to(name.clone())]);
            Spanned::filled(Route { table, ..route })
        });
        let made: Vec<_> = made.collect();
        lab[port.0].routes.extend(made);
    }
}

/// Completes every interface.
pub(super) fn fill(layout: &Layout, lab: &mut Lab, errors: &mut Diagnostics) {
    let ports: Vec<Port> = all(lab).collect();
    let mut taken = Taken::of(lab, &ports);
    for port in &ports {
        own(lab, *port, &mut taken, errors);
    }
    let interfaces = Interfaces::of(lab);
    let mut filled = Vec::with_capacity(ports.len());
    for port in ports {
        let peers = peers(layout, &interfaces, port, errors);
        filled.push((port, peers));
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
    /// Those below it, from [`FIRST_PORT`] on, are taken.
    free: HashMap<NodeId, u16>,
}

impl Taken {
    fn of(lab: &Lab, ports: &[Port]) -> Self {
        let mut first = HashMap::new();
        for (node, interface) in ports {
            if let Some(port) = at(lab, (*node, *interface)).listen_port {
                first.entry((*node, port)).or_insert(*interface);
            }
        }
        Self { first, free: HashMap::new() }
    }

    /// Takes the first port that is free at a node; none where all are taken.
    fn take(&mut self, (node, interface): Port) -> Option<u16> {
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
    let listen_port = said.or_else(|| taken.take(port));
    let derived =
        PrivateKey::derived(lab_name.as_str(), node.name.as_str(), interface.name.as_str());
    if let Some(wireguard) = lab[port.0].interfaces[port.1.0].kind.as_wireguard_mut() {
        wireguard.listen_port = listen_port;
        wireguard.private_key.get_or_insert(derived);
    }
}

/// The peers of an interface, complete.
fn peers(
    layout: &Layout,
    interfaces: &Interfaces<'_>,
    port: Port,
    errors: &mut Diagnostics,
) -> Vec<Peer> {
    let lab = interfaces.lab;
    let wireguard = at(lab, port);
    let alone = wireguard.peers.len() == 1;
    let own = wireguard.private_key.map(|key| key.public());
    let mut seen = BTreeSet::new();
    let mut peers = Vec::with_capacity(wireguard.peers.len());
    for peer in &wireguard.peers {
        let Some(far) = errors.keep(interfaces.find(port, peer)) else { continue };
        let mut peer = peer.clone();
        if let Some(far) = far {
            errors.keep(mutual(interfaces, port, far, &peer.name));
            let theirs = at(lab, far);
            peer.key = theirs.private_key.map(|key| key.public());
            let shared = errors.keep(shared(interfaces, port, far, &peer));
            peer.preshared_key = shared.flatten();
            let interface = &lab[far.0].interfaces[far.1.0];
            if let PeerName::Node(_, said) = &mut peer.name {
                said.get_or_insert_with(|| Text::filled(interface.name.as_str()));
            }
            let listens = theirs.listen_port.unwrap_or(FIRST_PORT);
            let address = || underlay_address(layout, lab, port, far);
            peer.endpoint = peer.endpoint.or_else(|| Some(SocketAddr::new(address()?, listens)));
            let of_peer = interface.addresses.iter().map(|address| address.value.addr());
            let of_peer: BTreeSet<IpAddr> = of_peer.collect();
            peer.allowed_ips.get_or_insert_with(|| allowed(lab, port, &of_peer, alone));
        }
        // An interface that names itself was told of it above.
        if peer.key.is_some() && peer.key == own && far != Some(port) {
            let title = format!("a peer of `{}` has its own key", lab[port.0].name);
            errors.push(
                Diagnostic::error(Code::BadValue, title)
                    .at(peer.span, "this one")
                    .beside(lab[port.0].interfaces[port.1.0].span, "the interface")
                    .note("the kernel takes no such peer, and says nothing"),
            );
        }
        if let Some(key) = peer.key
            && !seen.insert(key)
        {
            let title = format!("two peers of `{}` have one key", lab[port.0].name);
            let span = lab[port.0].interfaces[port.1.0].span;
            errors.push(
                Diagnostic::error(Code::BadValue, title)
                    .at(span, "of this interface")
                    .note("the kernel takes them for one"),
            );
        }
        peers.push(peer);
    }
    allowed_once(&lab[port.0].interfaces[port.1.0], &peers, errors);
    peers
}

/// Refuses two peers that are allowed one network: the kernel gives it to the last.
fn allowed_once(interface: &Interface, peers: &[Peer], errors: &mut Diagnostics) {
    let mut first: HashMap<IpNet, &Peer> = HashMap::new();
    for peer in peers {
        for net in peer.allowed_ips.iter().flatten() {
            let Some(other) = first.insert(*net, peer) else { continue };
            let title = format!("two peers of `{}` are allowed {net}", interface.name);
            errors.push(
                Diagnostic::error(Code::BadValue, title)
                    .at(peer.span, "this one")
                    .beside(other.span, "and this one")
                    .note("the kernel gives a network to one peer, the last that it is told of"),
            );
        }
    }
}

/// Refuses a peer that does not know of it.
fn mutual(
    interfaces: &Interfaces<'_>,
    port: Port,
    far: Port,
    name: &PeerName,
) -> Result<(), Diagnostic> {
    let lab = interfaces.lab;
    let (here, there) = (&lab[port.0].name, &lab[far.0].name);
    let span = match name {
        PeerName::Node(name, _) => name.span,
        PeerName::Key(_) => return Ok(()),
    };
    let by_key = at(lab, far).peers.iter().any(|peer| matches!(peer.name, PeerName::Key(_)));
    if port == far {
        let title = format!("`{here}` is its own peer");
        return Err(Diagnostic::error(Code::BadValue, title).at(span, "the interface itself"));
    }
    if by_key || interfaces.names(far, port) {
        return Ok(());
    }
    let title = format!("`{there}` is a peer of `{here}`, and `{here}` is none of `{there}`");
    Err(Diagnostic::error(Code::BadValue, title)
        .at(span, "it answers nobody who is not among its peers")
        .beside(lab[far.0].interfaces[far.1.0].span, "this interface")
        .help(format!("add `{here}` to its `peers`")))
}

/// The key that two peers share: either may say it for both.
fn shared(
    interfaces: &Interfaces<'_>,
    port: Port,
    far: Port,
    peer: &Peer,
) -> Result<Option<PresharedKey>, Diagnostic> {
    let lab = interfaces.lab;
    let own = at(lab, port).private_key.map(|key| key.public());
    let back = at(lab, far).peers.iter().find(|back| match back.name {
        PeerName::Node(..) => matches!(interfaces.find(far, back), Ok(Some(it)) if it == port),
        PeerName::Key(key) => Some(key) == own,
    });
    match (peer.preshared_key, back.and_then(|back| back.preshared_key)) {
        // The other one is not told of it again.
        (Some(ours), Some(theirs)) if ours != theirs && port < far => {
            let title = "two peers have different preshared keys";
            let (here, there) =
                (&lab[port.0].interfaces[port.1.0], &lab[far.0].interfaces[far.1.0]);
            Err(Diagnostic::error(Code::BadValue, title)
                .at(here.span, "of this interface")
                .beside(there.span, "and of this one"))
        }
        (ours, theirs) => Ok(ours.or(theirs)),
    }
}

/// What an interface sends to the peer with these addresses: packets to them, and what its node's routes
/// send over the interface to them; to an only peer, all that is sent over it.
fn allowed(lab: &Lab, port: Port, of_peer: &BTreeSet<IpAddr>, alone: bool) -> BTreeSet<IpNet> {
    let node = &lab[port.0];
    let interface = &node.interfaces[port.1.0];
    let routes = node.routes.iter().map(|route| &route.value);
    let routes = routes.filter(|route| route.kind == RouteKind::Unicast).filter(|route| {
        route.nexthops.iter().any(|nexthop| {
            let to_peer = nexthop.via.map_or(alone, |via| alone || of_peer.contains(&via));
            nexthop.dev == interface.name && to_peer
        })
    });
    let subnets = interface.addresses.iter().filter(|_| alone).map(|own| own.value.trunc());
    let addresses = of_peer.iter().map(|address| IpNet::from(*address));
    let all: BTreeSet<IpNet> =
        addresses.chain(subnets).chain(routes.map(|route| route.destination)).collect();
    let is_part = |net: &&IpNet| !all.iter().any(|other| other != *net && other.contains(*net));
    all.iter().filter(is_part).copied().collect()
}

/// The address at which a peer takes outer packets: of those that it has where its outer packets are
/// routed, one on a subnet of ours, else its loopback, else one on a link to another router.
fn underlay_address(layout: &Layout, lab: &Lab, near: Port, far: Port) -> Option<IpAddr> {
    let context = |port: Port| {
        let table = lab[port.0].underlay(port.1).unwrap_or(MAIN);
        Context { node: port.0, table }
    };
    let (here, there) = (context(near), context(far));
    if layout.domain(here) != layout.domain(there) {
        return None;
    }
    let ours: Vec<IpNet> = addresses(layout, lab, here).into_iter().map(|(net, _)| net).collect();
    let candidates = addresses(layout, lab, there).into_iter();
    let candidates = candidates
        .filter(|(net, _)| ours.iter().any(|own| own.addr().is_ipv4() == net.addr().is_ipv4()));
    let ranked = candidates.map(|(net, rank)| {
        let is_near = ours.iter().any(|own| own.contains(&net.addr()));
        (if is_near { 0 } else { rank }, net.addr().is_ipv6(), net.addr())
    });
    ranked.min_by_key(|(rank, v6, _)| (*rank, *v6)).map(|(.., address)| address)
}

/// The addresses that outer packets of a context can have, each with how far it is from being known
/// everywhere.
fn addresses(layout: &Layout, lab: &Lab, context: Context) -> Vec<(IpNet, u8)> {
    let node = &lab[context.node];
    let at_node = node.loopback.iter().filter(|_| context.table == MAIN);
    let vrfs = node.vrfs.iter().filter(|vrf| vrf.table == context.table);
    let at_node = at_node.chain(vrfs.flat_map(|vrf| &vrf.addresses));
    let mut all: Vec<(IpNet, u8)> = at_node.map(|address| (address.value.net, 1)).collect();
    for (place, interface) in node.interfaces.iter().enumerate() {
        let port = (context.node, InterfaceId(place));
        let is_tunnel = node.underlay(port.1).is_some();
        if is_tunnel || layout.context(port) != context || !lab.carries(port.0, port.1) {
            continue;
        }
        let mut others = layout.segment(port).into_iter().flat_map(|segment| &segment.ports);
        let to_router = others.any(|other| other.0 != port.0 && lab[other.0].forwarding);
        let rank = if to_router { 2 } else { 3 };
        all.extend(interface.addresses.iter().map(|address| (address.value.net, rank)));
    }
    all.retain(|(net, _)| !net.addr().is_loopback());
    all
}
