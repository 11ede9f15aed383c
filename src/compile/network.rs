//! The tables of a lab and the steps between them: the graph that packets move in.
//!
//! IPv4 and IPv6 have the same stations and each its own steps: a link leads on in a family where its
//! far end has an address to send to.
//!
//! Shortest paths are searched here and in [`super::shortest`], and not by petgraph, whose searches
//! keep their distances in hash maps: a lab of a thousand routers asks for tens of millions of them.

use super::destinations::WrittenRoutes;
use super::family::IpFamily;
use super::lab::{Lab, MAIN};
use super::layout::{Context, Layout, Port, compiled};
use crate::diagnostic::Diagnostic;
use crate::document::{Address, Counter, DeviceName, Routing};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::net::IpAddr;

/// The place of a context in a [`Network`].
pub(super) type Place = usize;

/// How far nobody is. Costs have 32 bits, so that no sum of those on a path comes near.
pub(super) const FAR: u64 = u64::MAX;

/// The number of a station that nobody looks for a way to.
const NOBODY: u32 = u32::MAX;

/// Every context with its steps.
pub(super) struct Network {
    pub stations: Vec<Station>,
    place_of: HashMap<Context, Place>,
    /// The compiled VPNs by name: the tables at the provider's edge, in the nodes' order.
    pub vpns: BTreeMap<DeviceName, Vec<Place>>,
    /// The routes that the file has for each context.
    pub written: WrittenRoutes,
    /// By family and place: who steps here, and at what cost; hosts, which only ever send, left out.
    into: [Vec<Vec<(Place, u32)>>; 2],
    /// By family and place: whom those who take packets on step to.
    onto: [Vec<Vec<Hop>>; 2],
}

/// A step as a search sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hop {
    pub to: Place,
    /// The number of the station there, and whether packets pass through it.
    pub number: u32,
    pub through: bool,
    pub cost: u32,
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
    /// The numbers of the steps to those who take packets on.
    onward: Vec<u32>,
    /// Those of the steps to all others, who take their own packets alone, behind their places.
    last: Vec<(Place, u32)>,
}

/// A step to a neighbour.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub to: Place,
    pub cost: u32,
    /// The port that packets leave through, and the one they come to.
    pub out: Port,
    pub far: Port,
    /// Which families have a gateway there.
    families: [bool; 2],
}

impl Hop {
    /// That of a step.
    pub fn along(network: &Network, step: &Step) -> Self {
        let Station { number, through, .. } = network.stations[step.to];
        Self { to: step.to, number, through, cost: step.cost }
    }
}

impl Step {
    /// Whether packets of a family can take it.
    pub fn carries(&self, family: IpFamily) -> bool {
        self.families[family.index()]
    }
}

impl Station {
    /// Whether others look for a way to it.
    pub fn is_numbered(&self) -> bool {
        self.number != NOBODY
    }

    /// The steps in a family that can be the first to a goal, with their numbers.
    fn steps_toward(&self, goal: Place, family: IpFamily) -> impl Iterator<Item = (u32, &Step)> {
        let begin = self.last.partition_point(|(to, _)| *to < goal);
        let last = self.last[begin..].iter().take_while(move |(to, _)| *to == goal);
        let numbers = self.onward.iter().copied().chain(last.map(|(_, number)| *number));
        let steps = numbers.map(|number| (number, &self.steps[number as usize]));
        steps.filter(move |(_, step)| step.carries(family))
    }

    /// Its steps in a family, with their numbers.
    pub fn steps_of(&self, family: IpFamily) -> impl Iterator<Item = (u32, &Step)> {
        let steps = self.steps.iter().enumerate().filter(move |(_, step)| step.carries(family));
        steps.map(|(number, step)| (number as u32, step))
    }
}

impl Network {
    /// The network of a lab, as far as the limits allow. Hosts are stepped to only where `wanted` says that they are somebody's
    /// destination beside their links.
    pub fn of(
        lab: &Lab,
        layout: &Layout,
        written: WrittenRoutes,
        routing: Routing,
        wanted: impl Fn(Context) -> bool,
        mut neighbours: Counter<'_>,
    ) -> Result<Self, Diagnostic> {
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
                number: NOBODY,
                steps: Vec::new(),
                onward: Vec::new(),
                last: Vec::new(),
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
            if let Some(vrf) = layout.vrf(lab, station.context) {
                vpns.entry(vrf.name.clone()).or_default().push(place);
                station.vpn = Some(vrf.name.clone());
            }
        }
        let into = [(); 2].map(|()| vec![Vec::new(); stations.len()]);
        let onto = [(); 2].map(|()| vec![Vec::new(); stations.len()]);
        let mut network = Self { into, onto, stations, place_of, vpns, written };
        for segment in &layout.segments {
            let ends: Vec<(Port, Place)> = segment
                .ports
                .iter()
                // A link that is down is no way, though it keeps its addresses.
                .filter(|(node, interface)| lab.carries(*node, *interface))
                .filter(|port| routes(lab, **port) && !is_around_itself(lab, layout, **port))
                .map(|port| (*port, network.place_of[&layout.context(*port)]))
                .collect();
            let goals: Vec<(Port, Place)> = ends
                .iter()
                .copied()
                .filter(|(_, place)| network.stations[*place].is_numbered())
                .collect();
            neighbours.add(ends.len().saturating_sub(1) * goals.len())?;
            for (out, from) in &ends {
                for (far, to) in goals.iter().filter(|(_, to)| to != from) {
                    let cost = cost(lab, *out);
                    let families = IpFamily::BOTH.map(|it| gateway(lab, *out, *far, it).is_some());
                    let step = Step { to: *to, cost, out: *out, far: *far, families };
                    let hop = Hop::along(&network, &step);
                    let station = &mut network.stations[*from];
                    let (passes, on) = (station.through, station.through || station.border);
                    let number = station.steps.len() as u32;
                    match hop.through {
                        true => station.onward.push(number),
                        false => station.last.push((*to, number)),
                    }
                    station.steps.push(step);
                    for family in IpFamily::BOTH.into_iter().filter(|it| on && step.carries(*it)) {
                        network.into[family.index()][*to].push((*from, cost));
                        if passes {
                            network.onto[family.index()][*from].push(hop);
                        }
                    }
                }
            }
        }
        network.stations.iter_mut().for_each(|station| station.last.sort_unstable());
        Ok(network)
    }

    /// The place of a context.
    pub fn place(&self, context: Context) -> Place {
        self.place_of[&context]
    }

    /// Whom a place that packets pass through hands those of a family on to.
    pub fn hops(&self, place: Place, family: IpFamily) -> &[Hop] {
        &self.onto[family.index()][place]
    }

    /// How far everybody who is not a host is from the nearest of `goals` inside its site, written into
    /// `distances` at [`Station::number`]. Nobody goes through a `closed` place, or from there.
    pub fn distances(
        &self,
        goals: impl IntoIterator<Item = Place>,
        closed: &[Place],
        family: IpFamily,
        distances: &mut [u64],
    ) {
        let number = |place: Place| self.stations[place].number as usize;
        let mut open = BinaryHeap::new();
        for goal in goals {
            distances[number(goal)] = 0;
            open.push(Reverse((0u64, goal)));
        }
        while let Some(Reverse((distance, place))) = open.pop() {
            let is_goal = distance == 0;
            if distance > distances[number(place)] || !(is_goal || self.stations[place].through) {
                continue;
            }
            let into = self.into[family.index()][place].iter();
            for (from, cost) in into.filter(|(from, _)| !closed.contains(from)) {
                let through = distance + u64::from(*cost);
                let known = &mut distances[number(*from)];
                if through < *known {
                    *known = through;
                    open.push(Reverse((through, *from)));
                }
            }
        }
    }

    /// The steps from a place that lead nearest to some goals, as numbers of [`Station::steps`] in
    /// their order, and how far it then is. `distance` gives everybody's distance to the nearest
    /// goal, and 0 at a goal itself.
    pub fn nearest(
        &self,
        from: Place,
        family: IpFamily,
        distance: impl Fn(Place) -> u64,
        steps: &mut Vec<u32>,
    ) -> u64 {
        self.nearest_of(self.stations[from].steps_of(family), distance, steps)
    }

    /// [`Network::nearest`] to one goal. On a large LAN it looks at routers alone.
    pub fn nearest_to(
        &self,
        goal: Place,
        from: Place,
        family: IpFamily,
        distance: impl Fn(Place) -> u64,
        steps: &mut Vec<u32>,
    ) -> u64 {
        let best = self.nearest_of(self.stations[from].steps_toward(goal, family), distance, steps);
        steps.sort_unstable();
        best
    }

    fn nearest_of<'s>(
        &self,
        possible: impl Iterator<Item = (u32, &'s Step)>,
        distance: impl Fn(Place) -> u64,
        steps: &mut Vec<u32>,
    ) -> u64 {
        steps.clear();
        let mut best = FAR;
        for (number, step) in possible {
            let rest = distance(step.to);
            // Who does not forward is the goal itself or no way.
            if rest == FAR || (rest > 0 && !self.stations[step.to].through) {
                continue;
            }
            let whole = rest + u64::from(step.cost);
            if whole < best {
                best = whole;
                steps.clear();
            }
            if whole == best {
                steps.push(number);
            }
        }
        best
    }
}

/// The address of a port that packets from another one on its wire are sent to, and whether the kernel
/// has to be told that it is on that wire. One on a common subnet is the better gateway; hosts take one
/// that several routers have, so that either serves, and routers one that tells them apart. What the
/// node has itself leads nowhere.
pub(super) fn gateway(
    lab: &Lab,
    near: Port,
    far: Port,
    family: IpFamily,
) -> Option<(IpAddr, bool)> {
    let here = &lab[near.0];
    let near = &here.interfaces[near.1.0];
    let own = |address: &Address| address.anycast && here.has(address.addr());
    let table = here.vrf_of(near).map(|vrf| vrf.table);
    let is_elsewhere = |address: &Address| {
        let mut others = here.interfaces.iter().filter(|it| it.name != near.name);
        others.any(|it| it.holds(&address.addr()) && here.vrf_of(it).map(|vrf| vrf.table) == table)
    };
    let far = lab[far.0].interfaces[far.1.0].addresses.iter().map(|address| address.value);
    let far = far.filter(|address| family.has(address.net) && !own(address));
    let (via, onlink) = far
        .map(|address| (address, !near.holds(&address.addr())))
        .filter(|(address, onlink)| !(*onlink && family == IpFamily::V6 && is_elsewhere(address)))
        .min_by_key(|(address, onlink)| (*onlink, address.anycast == here.forwarding))?;
    Some((via.addr(), onlink))
}

/// Whether a tunnel's outer packets are routed where the packets inside are: the shortest way to its far
/// end would lead into the tunnel.
fn is_around_itself(lab: &Lab, layout: &Layout, port: Port) -> bool {
    let underlay = lab[port.0].underlay(port.1);
    underlay.is_some_and(|table| table == layout.context(port).table)
}

/// Whether packets are routed at a port: a bridge without addresses, say, only joins others.
fn routes(lab: &Lab, (node, interface): Port) -> bool {
    let interface = &lab[node].interfaces[interface.0];
    interface.kind.link().is_some() || !interface.addresses.is_empty()
}

/// What it costs to leave through a port: what its link does, a VLAN's that of the interface beneath,
/// and what has no link as much as a link of which nothing is said.
pub(super) fn cost(lab: &Lab, (node, interface): Port) -> u32 {
    let kind = &lab[node].interfaces[interface.0].kind;
    match (kind.link(), kind.parent()) {
        (Some(link), _) => lab.links[link].cost,
        (None, Some(parent)) => cost(lab, (node, parent)),
        (None, None) => 1,
    }
}
