//! The tables of a lab and the steps between them: the graph that packets move in.
//!
//! Shortest paths are searched here and not by petgraph, whose searches keep their distances in hash
//! maps: a lab of a thousand routers asks for tens of millions of them.

use super::interface::InterfaceKind;
use super::lab::{Lab, MAIN};
use super::layout::{Context, Layout, Port, compiled};
use crate::document::{DeviceName, Routing};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};

/// The place of a context in a [`Network`].
pub(super) type Place = usize;

/// How far nobody is.
pub(super) const FAR: u32 = u32::MAX;

/// Every context with its steps.
pub(super) struct Network {
    pub stations: Vec<Station>,
    place_of: HashMap<Context, Place>,
    /// The compiled VPNs by name: the tables at the provider's edge, in the nodes' order.
    pub vpns: BTreeMap<DeviceName, Vec<Place>>,
    /// By place: who steps here, and at what cost; hosts, which only ever send, left out.
    into: Vec<Vec<(Place, u32)>>,
}

/// A context as packets see it.
pub(super) struct Station {
    pub context: Context,
    pub domain: Option<usize>,
    /// Whether packets pass through on their way inside a site.
    pub through: bool,
    /// Whether packets leave a site here: the table of a compiled VPN at the provider's edge.
    pub border: bool,
    /// The VPN of a border.
    pub vpn: Option<DeviceName>,
    /// Its number among those of its domain that others look for a way to; hosts have none.
    pub number: u32,
    pub steps: Vec<Step>,
}

/// A step to a neighbour.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub to: Place,
    pub cost: u32,
    /// The port that packets leave through, and the one they come to.
    pub out: Port,
    pub far: Port,
}

impl Network {
    /// The network of a lab. Hosts are stepped to only where `wanted` says that they are somebody's
    /// destination beside their links.
    pub fn of(
        lab: &Lab,
        layout: &Layout,
        routing: Routing,
        wanted: impl Fn(Context) -> bool,
    ) -> Self {
        let mut place_of = HashMap::new();
        let mut stations = Vec::new();
        for context in &layout.contexts {
            let node = &lab[context.node];
            let border = context.table != MAIN && compiled(routing, node.role);
            place_of.insert(*context, stations.len());
            stations.push(Station {
                context: *context,
                domain: layout.domain(*context),
                through: node.forwarding && !border,
                border,
                vpn: None,
                number: FAR,
                steps: Vec::new(),
            });
        }
        let mut counts: HashMap<Option<usize>, u32> = HashMap::new();
        for station in &mut stations {
            if station.through || station.border || wanted(station.context) {
                let count = counts.entry(station.domain).or_default();
                station.number = *count;
                *count += 1;
            }
        }
        let mut vpns: BTreeMap<DeviceName, Vec<Place>> = BTreeMap::new();
        for (place, station) in stations.iter_mut().enumerate().filter(|(_, it)| it.border) {
            let vrfs = &lab[station.context.node].vrfs;
            if let Some(vrf) = vrfs.iter().find(|vrf| vrf.table == station.context.table) {
                vpns.entry(vrf.name.clone()).or_default().push(place);
                station.vpn = Some(vrf.name.clone());
            }
        }
        let mut network = Self { into: vec![Vec::new(); stations.len()], stations, place_of, vpns };
        for segment in &layout.segments {
            let ends: Vec<(Port, Place)> = segment
                .ports
                .iter()
                // A link that is down is no way, though it keeps its addresses.
                .filter(|(node, interface)| lab.carries(*node, *interface))
                .filter(|port| routes(lab, **port))
                .map(|port| (*port, network.place_of[&layout.context(*port)]))
                .collect();
            let goals: Vec<(Port, Place)> = ends
                .iter()
                .copied()
                .filter(|(_, place)| network.stations[*place].number != FAR)
                .collect();
            for (out, from) in &ends {
                for (far, to) in goals.iter().filter(|(far, _)| far.0 != out.0) {
                    let cost = cost(lab, *out);
                    network.stations[*from].steps.push(Step {
                        to: *to,
                        cost,
                        out: *out,
                        far: *far,
                    });
                    if network.stations[*from].through || network.stations[*from].border {
                        network.into[*to].push((*from, cost));
                    }
                }
            }
        }
        network
    }

    /// The place of a context.
    pub fn place(&self, context: Context) -> Place {
        self.place_of[&context]
    }

    /// How far everybody who is not a host is from `goal` inside its site, written into `distances`
    /// at [`Station::number`].
    pub fn distances(&self, goals: impl IntoIterator<Item = Place>, distances: &mut [u32]) {
        let number = |place: Place| self.stations[place].number as usize;
        let mut open = BinaryHeap::new();
        for goal in goals {
            distances[number(goal)] = 0;
            open.push(Reverse((0u32, goal)));
        }
        while let Some(Reverse((distance, place))) = open.pop() {
            let is_goal = distance == 0;
            if distance > distances[number(place)] || !(is_goal || self.stations[place].through) {
                continue;
            }
            for (from, cost) in &self.into[place] {
                let through = distance.saturating_add(*cost);
                let known = &mut distances[number(*from)];
                if through < *known {
                    *known = through;
                    open.push(Reverse((through, *from)));
                }
            }
        }
    }

    /// The steps from a place that lead nearest to a goal, as numbers of [`Station::steps`], and how
    /// far it then is. `distance` gives everybody's distance to the goal, and 0 at the goal itself.
    pub fn nearest(
        &self,
        from: Place,
        distance: impl Fn(Place) -> u32,
        steps: &mut Vec<u32>,
    ) -> u32 {
        steps.clear();
        let mut best = FAR;
        for (number, step) in self.stations[from].steps.iter().enumerate() {
            let rest = distance(step.to);
            // Who does not forward is the goal itself or no way.
            if rest == FAR || (rest > 0 && !self.stations[step.to].through) {
                continue;
            }
            let whole = rest.saturating_add(step.cost);
            if whole < best {
                best = whole;
                steps.clear();
            }
            if whole == best {
                steps.push(number as u32);
            }
        }
        best
    }
}

/// Whether packets are routed at a port: a bridge without addresses, say, only joins others.
fn routes(lab: &Lab, (node, interface): Port) -> bool {
    let interface = &lab[node].interfaces[interface.0];
    matches!(interface.kind, InterfaceKind::Veth { .. }) || !interface.addresses.is_empty()
}

/// What it costs to leave through a port: what its link does, a VLAN's that of the interface beneath,
/// and what has no link as much as a link of which nothing is said.
pub(super) fn cost(lab: &Lab, (node, interface): Port) -> u32 {
    match lab[node].interfaces[interface.0].kind {
        InterfaceKind::Veth { link, .. } => lab.links[link].cost,
        InterfaceKind::Vlan { parent, .. } | InterfaceKind::Macvlan { parent, .. } => {
            cost(lab, (node, parent))
        }
        InterfaceKind::Bridge { .. }
        | InterfaceKind::Dummy
        | InterfaceKind::Vxlan { .. }
        | InterfaceKind::Ifb => 1,
    }
}
