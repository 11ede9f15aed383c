//! Which interfaces share a wire: links, switches and bridges, their VLANs, and tunnels that carry
//! frames, all followed to their ends.

use super::id::Port;
use super::interface::InterfaceKind;
use super::lab::{InterfaceId, Lab, Node, NodeId};
use super::wireguard::Interfaces;
use crate::document::Role;
use crate::iproute::{FdbEntry, Vlan};
use crate::link::{Carries, Kind, KindName, Medium, PortFlag};
use petgraph::unionfind::UnionFind;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

/// The ports that reach each other without a router between them, in the links' order.
#[derive(Debug, Default)]
pub(super) struct Segment {
    pub ports: Vec<Port>,
    /// Whether it is one link without a switch.
    pub point_to_point: bool,
    /// The first two nodes on it that forward packets.
    routers: Vec<NodeId>,
}

impl Segment {
    /// Whether a node other than this one forwards packets there.
    pub fn has_router_beside(&self, node: NodeId) -> bool {
        self.routers.iter().any(|router| *router != node)
    }
}

/// Frames at an interface, those with a tag apart from those without. A bridge that minds VLANs has
/// an inside, where each VLAN has its number as tag, and no frame has none.
pub(super) type Frames = (NodeId, InterfaceId, Side, Option<u16>);

/// Where frames are seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Side {
    Wire,
    Inside,
    /// At a VXLAN of several networks, of the one of this number.
    Vni(u32),
}

/// Two places with the same frames.
#[derive(Debug, Clone, Copy)]
pub(super) struct Joint {
    pub ends: [Frames; 2],
    /// The bridge that forwards from one to the other, one of whose ports is the first.
    pub bridge: Option<Port>,
    /// Whether frames go back the way they came. What leaves a bridge without a tag does so from
    /// every VLAN that is untagged at the port, and what comes in is of one VLAN only.
    pub both_ways: bool,
}

/// An end of a tunnel.
type End = (Port, Side);

/// The segments of a lab: those of links first, in the file's order.
pub(super) fn all(lab: &Lab) -> Vec<Segment> {
    joined(lab, |_| true)
}

/// The segments as frames cross them: what is down joins nothing.
pub(super) fn live(lab: &Lab) -> Vec<Segment> {
    let is_up = |(node, interface, ..): Frames| lab.carries(node, interface);
    joined(lab, |joint| joint.ends.into_iter().all(is_up))
}

/// The segments that some joints make.
fn joined(lab: &Lab, is_joint: impl Fn(&Joint) -> bool) -> Vec<Segment> {
    let mut wires = Wires::new();
    joints(lab, &mut |joint| {
        if is_joint(&joint) {
            wires.join(joint.ends);
        }
    });
    let linked = lab.links.iter().flat_map(|link| link.ends);
    let others = lab.nodes.iter().enumerate().flat_map(|(place, node)| {
        let interfaces = node.interfaces.iter().enumerate();
        let others = interfaces.filter(|(_, it)| it.kind.link().is_none());
        others.map(move |(interface, _)| (NodeId(place), InterfaceId(interface)))
    });
    let mut segments: Vec<Segment> = Vec::new();
    let mut place_of: HashMap<usize, usize> = HashMap::new();
    let passed: Vec<_> = lab.nodes.iter().map(Node::passed_through).collect();
    let hears = |(node, interface): &Port| !passed[node.0].contains_key(interface);
    for port in linked.chain(others).filter(|port| hears(port) && has_addresses(lab, *port)) {
        let root = wires.root((port.0, port.1, Side::Wire, None));
        let segment = *place_of.entry(root).or_insert_with(|| {
            segments.push(Segment::default());
            segments.len() - 1
        });
        let Segment { ports, routers, .. } = &mut segments[segment];
        ports.push(port);
        if lab[port.0].forwarding && routers.len() < 2 && !routers.contains(&port.0) {
            routers.push(port.0);
        }
    }
    for segment in &mut segments {
        segment.point_to_point = match &segment.ports[..] {
            [one, other] => {
                lab.peer(one.0, one.1) == Some(*other)
                    || [one, other].iter().all(|it| is_ip_tunnel(lab, **it))
            }
            _ => false,
        };
    }
    segments
}

/// Whether an interface is one end of a tunnel that carries no frames.
fn is_ip_tunnel(lab: &Lab, (node, interface): Port) -> bool {
    let kind = lab[node].interfaces[interface.0].kind.of_device();
    kind.is_some_and(|kind| match (kind.medium(), kind.description().carries) {
        (Medium::Tunnel { .. }, Carries::Ip | Carries::Ipv4 | Carries::Ipv6)
        | (Medium::Peers, _) => true,
        (Medium::Tunnel { .. }, Carries::Nothing | Carries::Ethernet) => false,
        (
            Medium::Alone
            | Medium::Bridge { .. }
            | Medium::Bond
            | Medium::Tagged(_)
            | Medium::Untagged
            | Medium::Whole,
            _,
        ) => false,
    })
}

/// Whether an interface whose frames are its own can have addresses: no port of a bridge can, nor anything
/// in a switch.
fn has_addresses(lab: &Lab, (node, interface): Port) -> bool {
    let node = &lab[node];
    let kind = node.interfaces[interface.0].kind.of_device();
    let carries = kind.is_none_or(|kind| kind.description().carries != Carries::Nothing);
    node.role != Role::Switch && node.bridge_of(interface).is_none() && carries
}

/// The bridges at which interfaces are behind isolated ports, each with a number that those behind the
/// same port share: of two that have different ones neither hears the other.
pub(super) fn isolated(lab: &Lab) -> BTreeMap<Port, Vec<(Port, usize)>> {
    let mut isolating: BTreeMap<Port, Vec<Port>> = BTreeMap::new();
    for (place, node) in lab.nodes.iter().enumerate() {
        for (id, interface) in node.interfaces.iter().enumerate() {
            let port = interface.bridge_port.as_ref();
            if port.is_some_and(|port| port.value.is(PortFlag::Isolated))
                && let Some(bridge) = node.bridge_of(InterfaceId(id))
            {
                let port = (NodeId(place), InterfaceId(id));
                isolating.entry((NodeId(place), bridge)).or_default().push(port);
            }
        }
    }
    let mut isolated: BTreeMap<Port, Vec<(Port, usize)>> = BTreeMap::new();
    for (bridge, ports) in isolating {
        let mut wires = Wires::new();
        joints(lab, &mut |joint| {
            if joint.bridge != Some(bridge) {
                wires.join(joint.ends.map(|(node, id, ..)| (node, id, Side::Wire, None)));
            }
        });
        let mut root = |(node, id): Port| wires.root((node, id, Side::Wire, None));
        let behind: BTreeSet<usize> = ports.into_iter().map(&mut root).collect();
        for (place, node) in lab.nodes.iter().enumerate() {
            for id in (0..node.interfaces.len()).map(InterfaceId) {
                let root = root((NodeId(place), id));
                if behind.contains(&root) {
                    isolated.entry((NodeId(place), id)).or_default().push((bridge, root));
                }
            }
        }
    }
    isolated
}

/// Places that are joined to each other, directly or over others.
#[derive(Default)]
pub(super) struct Wires {
    places: HashMap<Frames, usize>,
    joined: UnionFind<usize>,
}

impl Wires {
    pub(super) fn new() -> Self {
        Self { places: HashMap::new(), joined: UnionFind::new_empty() }
    }

    fn place(&mut self, frames: Frames) -> usize {
        *self.places.entry(frames).or_insert_with(|| self.joined.new_set())
    }

    /// Joins two places; whether they were apart until then.
    pub(super) fn join(&mut self, [one, other]: [Frames; 2]) -> bool {
        let (one, other) = (self.place(one), self.place(other));
        self.joined.union(one, other)
    }

    /// What stands for all that a place is joined with.
    pub(super) fn root(&mut self, frames: Frames) -> usize {
        let place = self.place(frames);
        self.joined.find_mut(place)
    }
}

/// Goes through all joints of a lab, in the order of its nodes.
pub(super) fn joints(lab: &Lab, each: &mut impl FnMut(Joint)) {
    let mut walk = Walk { lab, tags: tags(lab), each };
    for (place, node) in lab.nodes.iter().enumerate() {
        for interface in (0..node.interfaces.len()).map(InterfaceId) {
            walk.interface((NodeId(place), interface));
        }
    }
    walk.tunnels();
    for [one, other] in Interfaces::of(lab).pairs() {
        walk.join_all(one, other, None);
    }
}

/// The tags that anybody has, and none.
fn tags(lab: &Lab) -> Vec<Option<u16>> {
    let mut tags: BTreeSet<u16> = BTreeSet::new();
    for interface in lab.nodes.iter().flat_map(|node| &node.interfaces) {
        if let Some(Medium::Tagged(id)) = interface.kind.of_device().map(Kind::medium) {
            tags.insert(id);
        }
        // What only passes through needs no number: both of its ends have one.
        let ends = interface.vlans.iter().filter(|vlan| vlan.value.untagged || vlan.value.pvid);
        tags.extend(ends.flat_map(|vlan| vlan.value.ids()));
    }
    std::iter::once(None).chain(tags.into_iter().map(Some)).collect()
}

struct Walk<'a, F> {
    lab: &'a Lab,
    tags: Vec<Option<u16>>,
    each: &'a mut F,
}

impl<F: FnMut(Joint)> Walk<'_, F> {
    fn join(&mut self, one: Frames, other: Frames) {
        (self.each)(Joint { ends: [one, other], bridge: None, both_ways: true });
    }

    /// Joins the frames of two interfaces, whatever their tags.
    fn join_all(&mut self, one: Port, other: Port, bridge: Option<Port>) {
        for tag in &self.tags {
            let ends = [one, other].map(|(node, id)| (node, id, Side::Wire, *tag));
            (self.each)(Joint { ends, bridge, both_ways: true });
        }
    }

    /// Joins the frames of two tunnels: of a VXLAN of several networks those without a tag, which the network
    /// says.
    fn join_tunnels(&mut self, one: End, other: End) {
        match (one.1, other.1) {
            (Side::Wire, Side::Wire) => self.join_all(one.0, other.0, None),
            (Side::Wire | Side::Inside | Side::Vni(_), _) => {
                let [one, other] = [one, other].map(|((node, id), side)| (node, id, side, None));
                self.join(one, other);
            }
        }
    }

    /// Joins an interface with what it rests on, is a port of, or is linked to.
    fn interface(&mut self, port: Port) {
        let lab = self.lab;
        let (node, id) = port;
        let interface = &lab[node].interfaces[id.0];
        let wire = |id: InterfaceId, tag| (node, id, Side::Wire, tag);
        match &interface.kind {
            InterfaceKind::Veth { link, end: 0 } => {
                self.join_all(port, lab.links[*link].ends[1], None);
            }
            InterfaceKind::Veth { .. } => {}
            InterfaceKind::Device { kind, .. } => match (kind.medium(), interface.kind.lower()) {
                (Medium::Tagged(tag), Some(lower)) => {
                    self.join(wire(id, None), wire(lower, Some(tag)));
                }
                (Medium::Untagged, Some(lower)) => self.join(wire(id, None), wire(lower, None)),
                (Medium::Whole, Some(lower)) => self.join_all(port, (node, lower), None),
                (Medium::Tagged(_) | Medium::Untagged | Medium::Whole, None)
                | (
                    Medium::Alone
                    | Medium::Bridge { .. }
                    | Medium::Bond
                    | Medium::Tunnel { .. }
                    | Medium::Peers,
                    _,
                ) => {}
            },
        }
        let bridge = lab[node].bridge_of(id);
        let minds = |bridge: InterfaceId| {
            let bridge = lab[node].interfaces[bridge.0].kind.as_bridge();
            bridge.is_some_and(|bridge| bridge.vlan_filtering)
        };
        match bridge {
            Some(bridge) if minds(bridge) => self.vlans(port, bridge),
            Some(bridge) => self.join_all(port, (node, bridge), Some((node, bridge))),
            None if minds(id) => self.vlans(port, id),
            None => {}
        }
    }

    /// Joins a port, or the bridge as a port of itself, with the VLANs inside its bridge.
    fn vlans(&mut self, (node, id): Port, bridge: InterfaceId) {
        for vlan in &self.lab[node].interfaces[id.0].vlans {
            let Vlan { untagged, pvid, .. } = vlan.value;
            for Vlan { first: tag, tunnel, .. } in vlan.value.each() {
                let outside = match tunnel {
                    Some(vni) => (node, id, Side::Vni(vni), None),
                    None => (node, id, Side::Wire, (!untagged).then_some(tag)),
                };
                if self.tags.binary_search(&Some(tag)).is_ok() {
                    let ends = [outside, (node, bridge, Side::Inside, Some(tag))];
                    let both_ways = !untagged || pvid;
                    (self.each)(Joint { ends, bridge: Some((node, bridge)), both_ways });
                }
            }
        }
    }

    /// Joins tunnels that name each other's nodes.
    fn tunnels(&mut self) {
        let lab = self.lab;
        // In several VRFs an address can have several.
        let mut owners: BTreeMap<IpAddr, BTreeSet<NodeId>> = BTreeMap::new();
        for (place, node) in lab.nodes.iter().enumerate() {
            let on_interfaces = node.interfaces.iter().flat_map(|interface| &interface.addresses);
            let on_vrfs = node.vrfs.iter().flat_map(|vrf| &vrf.addresses);
            for address in node.loopback.iter().chain(on_vrfs).chain(on_interfaces) {
                owners.entry(address.value.addr()).or_default().insert(NodeId(place));
            }
        }
        // A tunnel hands nothing on to another far end, so that a full mesh of them is one LAN and no
        // loop.
        let mut joined = Wires::new();
        let mut join = |one: End, other: End| {
            joined.join([one, other].map(|((node, id), side)| (node, id, side, None)))
        };
        let mut groups: BTreeMap<(u32, IpAddr), Port> = BTreeMap::new();
        // Tunnels that wait for one that leads back, by their number, where they are and lead to.
        let mut open: BTreeMap<(KindName, u32, NodeId, NodeId), Vec<End>> = BTreeMap::new();
        for (place, node) in lab.nodes.iter().enumerate() {
            for (interface, made) in node.interfaces.iter().enumerate() {
                let Some(kind) = made.kind.of_device() else { continue };
                let Medium::Tunnel { id, remote } = kind.medium() else { continue };
                if let Some(group) = remote.filter(IpAddr::is_multicast) {
                    let port = (NodeId(place), InterfaceId(interface));
                    match groups.insert((id, group), port) {
                        Some(other) if join((other, Side::Wire), (port, Side::Wire)) => {
                            self.join_all(other, port, None);
                        }
                        Some(_) | None => {}
                    }
                }
                let (name, port) = (kind.name(), (NodeId(place), InterfaceId(interface)));
                let tunnels = made.vlans.iter().flat_map(|vlan| vlan.value.each());
                let mut ends: Vec<(u32, Side)> =
                    tunnels.filter_map(|it| it.tunnel).map(|vni| (vni, Side::Vni(vni))).collect();
                if ends.is_empty() {
                    ends.push((id, Side::Wire));
                }
                for (id, side) in ends {
                    let of_vni = |entry: &FdbEntry| match side {
                        Side::Vni(vni) => entry.src_vni() == Some(vni),
                        Side::Wire | Side::Inside => true,
                    };
                    let entries = made.fdb.iter().map(|it| it.value).filter(of_vni);
                    let remotes = remote.into_iter().chain(entries.filter_map(|it| it.dst()));
                    let remotes: BTreeSet<IpAddr> = remotes.collect();
                    let far: BTreeSet<&NodeId> =
                        remotes.iter().filter_map(|remote| owners.get(remote)).flatten().collect();
                    for far in far {
                        for back in open.get(&(name, id, *far, port.0)).into_iter().flatten() {
                            if join(*back, (port, side)) {
                                self.join_tunnels(*back, (port, side));
                            }
                        }
                        open.entry((name, id, port.0, *far)).or_default().push((port, side));
                    }
                }
            }
        }
    }
}
