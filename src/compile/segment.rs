//! Which interfaces share a wire: links, switches and bridges, their VLANs, and tunnels that carry
//! frames, all followed to their ends.

use super::interface::InterfaceKind;
use super::lab::{InterfaceId, Lab, NodeId};
use super::layout::Port;
use crate::document::{MacvlanMode, Role};
use petgraph::unionfind::UnionFind;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

/// The ports that reach each other without a router between them, in the links' order.
#[derive(Debug)]
pub(super) struct Segment {
    pub ports: Vec<Port>,
    /// Whether it is one link without a switch.
    pub point_to_point: bool,
}

/// Frames at an interface, those with a tag apart from those without. A bridge that minds VLANs has
/// an inside, where each VLAN has its number as tag, and no frame has none.
type Frames = (NodeId, InterfaceId, Side, Option<u16>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Side {
    Wire,
    Inside,
}

/// The segments of a lab: those of links first, in the file's order.
pub(super) fn all(lab: &Lab) -> Vec<Segment> {
    let mut wires = Wires::of(lab);
    for (place, node) in lab.nodes.iter().enumerate() {
        for interface in (0..node.interfaces.len()).map(InterfaceId) {
            wires.join_interface(lab, (NodeId(place), interface));
        }
    }
    wires.join_tunnels(lab);
    let linked = lab.links.iter().flat_map(|link| link.ends);
    let others = lab.nodes.iter().enumerate().flat_map(|(place, node)| {
        let interfaces = node.interfaces.iter().enumerate();
        let others = interfaces.filter(|(_, it)| !matches!(it.kind, InterfaceKind::Veth { .. }));
        others.map(move |(interface, _)| (NodeId(place), InterfaceId(interface)))
    });
    let mut segments: Vec<Segment> = Vec::new();
    let mut place_of: HashMap<usize, usize> = HashMap::new();
    for port in linked.chain(others).filter(|port| has_addresses(lab, *port)) {
        let root = wires.root(port);
        let segment = *place_of.entry(root).or_insert_with(|| {
            segments.push(Segment { ports: Vec::new(), point_to_point: false });
            segments.len() - 1
        });
        segments[segment].ports.push(port);
    }
    for segment in &mut segments {
        segment.point_to_point = match &segment.ports[..] {
            [one, other] => lab.peer(one.0, one.1) == Some(*other),
            _ => false,
        };
    }
    segments
}

/// Whether an interface can have addresses: no port of a bridge can, nor anything in a switch.
fn has_addresses(lab: &Lab, (node, interface): Port) -> bool {
    let node = &lab[node];
    let kind = node.interfaces[interface.0].kind;
    node.role != Role::Switch && node.bridge_of(interface).is_none() && kind != InterfaceKind::Ifb
}

struct Wires {
    /// The tags that anybody has, and none.
    tags: Vec<Option<u16>>,
    places: HashMap<Frames, usize>,
    joined: UnionFind<usize>,
}

impl Wires {
    fn of(lab: &Lab) -> Self {
        let interfaces = || lab.nodes.iter().flat_map(|node| &node.interfaces);
        let mut tags: BTreeSet<u16> = BTreeSet::new();
        for interface in interfaces() {
            if let InterfaceKind::Vlan { id, .. } = interface.kind {
                tags.insert(id);
            }
            // What only passes through needs no number: both of its ends have one.
            let ends = interface.vlans.iter().filter(|vlan| vlan.value.untagged || vlan.value.pvid);
            tags.extend(ends.flat_map(|vlan| vlan.value.ids()));
        }
        let tags: Vec<Option<u16>> =
            std::iter::once(None).chain(tags.into_iter().map(Some)).collect();
        let size = 2 * interfaces().count() * tags.len();
        Self { tags, places: HashMap::new(), joined: UnionFind::new(size) }
    }

    fn place(&mut self, frames: Frames) -> usize {
        let next = self.places.len();
        *self.places.entry(frames).or_insert(next)
    }

    fn join(&mut self, one: Frames, other: Frames) {
        let (one, other) = (self.place(one), self.place(other));
        self.joined.union(one, other);
    }

    fn root(&mut self, (node, interface): Port) -> usize {
        let place = self.place((node, interface, Side::Wire, None));
        self.joined.find(place)
    }

    /// Joins the frames of two interfaces, whatever their tags.
    fn join_all(&mut self, one: Port, other: Port) {
        for tag in self.tags.clone() {
            self.join((one.0, one.1, Side::Wire, tag), (other.0, other.1, Side::Wire, tag));
        }
    }

    /// Joins an interface with what it rests on, is a port of, or is linked to.
    fn join_interface(&mut self, lab: &Lab, port: Port) {
        let (node, id) = port;
        let interface = &lab[node].interfaces[id.0];
        let wire = |id: InterfaceId, tag| (node, id, Side::Wire, tag);
        match interface.kind {
            InterfaceKind::Veth { link, end: 0 } => self.join_all(port, lab.links[link].ends[1]),
            InterfaceKind::Vlan { id: tag, parent } => {
                self.join(wire(id, None), wire(parent, Some(tag)));
            }
            InterfaceKind::Macvlan { parent, mode } => match mode {
                MacvlanMode::Bridge | MacvlanMode::Vepa | MacvlanMode::Private => {
                    self.join(wire(id, None), wire(parent, None));
                }
                MacvlanMode::Passthru => self.join_all(port, (node, parent)),
            },
            InterfaceKind::Veth { .. }
            | InterfaceKind::Bridge { .. }
            | InterfaceKind::Dummy
            | InterfaceKind::Vxlan { .. }
            | InterfaceKind::Ifb => {}
        }
        let bridge = lab[node].bridge_of(id);
        let minds = |bridge: InterfaceId| {
            let kind = lab[node].interfaces[bridge.0].kind;
            kind == InterfaceKind::Bridge { vlan_filtering: true }
        };
        match bridge {
            Some(bridge) if minds(bridge) => self.join_vlans(lab, port, bridge),
            Some(bridge) => self.join_all(port, (node, bridge)),
            None if minds(id) => self.join_vlans(lab, port, id),
            None => {}
        }
    }

    /// Joins a port, or the bridge as a port of itself, with the VLANs inside its bridge.
    fn join_vlans(&mut self, lab: &Lab, (node, id): Port, bridge: InterfaceId) {
        for vlan in &lab[node].interfaces[id.0].vlans {
            for tag in vlan.value.ids() {
                let outside = (!vlan.value.untagged).then_some(tag);
                if self.tags.contains(&Some(tag)) {
                    let inside = (node, bridge, Side::Inside, Some(tag));
                    self.join((node, id, Side::Wire, outside), inside);
                }
            }
        }
    }

    /// Joins tunnels that name each other's nodes.
    fn join_tunnels(&mut self, lab: &Lab) {
        let mut owners: BTreeMap<IpAddr, NodeId> = BTreeMap::new();
        for (place, node) in lab.nodes.iter().enumerate() {
            let on_interfaces = node.interfaces.iter().flat_map(|interface| &interface.addresses);
            for address in node.loopback.iter().chain(on_interfaces) {
                owners.insert(address.value.addr(), NodeId(place));
            }
        }
        let mut tunnels: Vec<(Port, u32, NodeId)> = Vec::new();
        for (place, node) in lab.nodes.iter().enumerate() {
            for (interface, made) in node.interfaces.iter().enumerate() {
                let InterfaceKind::Vxlan { id, remote, .. } = made.kind else { continue };
                let port = (NodeId(place), InterfaceId(interface));
                tunnels.extend(owners.get(&remote).map(|far| (port, id, *far)));
            }
        }
        for (one, id, far) in &tunnels {
            for (other, other_id, back) in &tunnels {
                if id == other_id && other.0 == *far && one.0 == *back && one < other {
                    self.join_all(*one, *other);
                }
            }
        }
    }
}
