//! The routes that the file leaves out: the shortest ways to everything in each routing domain, in as
//! few routes as say the same, and those of VPNs.

use super::destinations::{self, Destinations, WrittenRoutes};
use super::family::IpFamily;
use super::lab::{Lab, MAIN, Nexthop, NodeId, Route};
use super::layout::Layout;
use super::network::{Network, Place, Station, Step, gateway};
use super::options::Options;
use super::reach::{Reach, Reached, Reaches, Way, Ways};
use super::summary::{Leaf, Tree};
use super::vpn::{self, Core};
use crate::diagnostic::{Diagnostic, Diagnostics, Spanned};
use crate::document::{Limits, Quantity, Routing};
use crate::iproute::RouteKind;
use crate::topology::Topology;
use ipnet::IpNet;
use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// The metric of a VPN's second choice. IPv6 gives 1024 to routes that say none.
const SPARE: u32 = 4096;

/// The routes that a context gets, the ways still by their numbers.
struct Table {
    place: Place,
    ways: Ways,
    routes: Vec<(IpNet, u32)>,
    spare: Vec<(IpNet, u32)>,
    /// For each family in which all routes leave by one way: that way.
    one_way: [Option<u32>; 2],
}

/// Adds the routes and labels of a lab where the file has none of its own. Returns the graph that they
/// follow.
///
/// # Errors
/// There would be more of something than the limits allow.
pub(super) fn fill(
    topology: &Topology,
    options: &Options,
    layout: &Layout,
    lab: &mut Lab,
    errors: &mut Diagnostics,
) -> Result<(Network, Core), Diagnostic> {
    let limits = &options.limits;
    let written = WrittenRoutes::of(lab);
    let destinations = destinations::all(lab, layout, &written, Routing::Auto);
    let wanted = destinations::wanted(&destinations);
    let neighbours = limits.counter(Quantity::Neighbours);
    let is_wanted = |context| wanted.contains(&context);
    let network = Network::of(lab, layout, written, Routing::Auto, is_wanted, neighbours)?;
    vpn::hold_apart(lab, layout, &network, &destinations, errors);
    let core = Core::of(&options.kept_allocations, lab, layout, &network, errors);
    let routed = |node: NodeId| topology.routing_at(NodeIndex::new(node.0));
    let php = topology.vpn.php.is_none_or(|php| php.value);
    core.label(lab, &network, php, |node| routed(node) == Routing::Auto);
    vpn::check_joined(lab, &network, &core, |node| routed(node) == Routing::Auto, errors);

    let importers = vpn::importers(lab, layout, &network);
    let reaches = reaches(&network, &core, &destinations, &importers, limits)?;
    let mut filled = Vec::new();
    let mut made = lab.nodes.iter().map(|node| node.routes.len()).sum();
    let mut done = 0;
    for domain in destinations.keys() {
        let both = IpFamily::BOTH.map(|family| &reaches[&(*domain, family)]);
        let source = Source { topology, lab, layout, network: &network, reaches: &reaches, both };
        let mut tables: Vec<Table> = Vec::with_capacity(both[0].places.len());
        for place in &both[0].places {
            let table = source.table(*place, &[]);
            (made, done) = (made + table.len(), done + 1);
            limits.hold_so_far(Quantity::Routes, made, Some((done, network.stations.len())))?;
            tables.push(table);
        }
        for (place, families) in source.circles(&tables) {
            let table = source.table(tables[place].place, &families);
            made = made + table.len() - tables[place].len();
            limits.hold_so_far(Quantity::Routes, made, Some((done, network.stations.len())))?;
            tables[place] = table;
        }
        for table in &mut tables {
            table.shorten();
            routes(lab, layout, &network, &core, table, &mut filled);
        }
    }
    filled.sort_by_key(|(place, _)| *place);
    for (place, routes) in filled {
        let node = network.stations[place].context.node;
        lab[node].routes.extend(routes.into_iter().map(Spanned::filled));
    }
    Ok((network, core))
}

fn reaches<'a>(
    network: &'a Network,
    core: &'a Core,
    destinations: &'a BTreeMap<usize, Destinations>,
    importers: &[Place],
    limits: &Limits,
) -> Result<Reaches<'a>, Diagnostic> {
    let mut places: BTreeMap<usize, Vec<Place>> = BTreeMap::new();
    for (place, station) in network.stations.iter().enumerate() {
        if let Some(domain) = station.domain {
            places.entry(domain).or_default().push(place);
        }
    }
    let mut reaches = Reaches::new();
    let mut paths = limits.counter(Quantity::Paths);
    for (domain, destinations) in destinations {
        let places = places.remove(domain).unwrap_or_default();
        let of_domain = |it: &Place| network.stations[*it].domain == Some(*domain);
        let importers: Vec<Place> = importers.iter().copied().filter(of_domain).collect();
        for family in IpFamily::BOTH {
            let places = places.clone();
            let reach =
                Reach::of(network, core, destinations, family, places, &importers, &mut paths)?;
            reaches.insert((*domain, family), reach);
        }
    }
    Ok(reaches)
}

/// What the tables of a routing domain are made from.
struct Source<'a> {
    topology: &'a Topology,
    lab: &'a Lab,
    layout: &'a Layout,
    network: &'a Network,
    reaches: &'a Reaches<'a>,
    /// The domain in both families.
    both: [&'a Reach<'a>; 2],
}

impl Source<'_> {
    /// The table of a context, without a default for all that it does not know in some families.
    fn table(&self, place: Place, without_default: &[IpFamily]) -> Table {
        let mut table = Table {
            place,
            ways: Ways::default(),
            routes: Vec::new(),
            spare: Vec::new(),
            one_way: [None, None],
        };
        for reach in self.both.into_iter().filter(|it| self.fills(place, it.family)) {
            self.learn(reach, !without_default.contains(&reach.family), &mut table);
            table.routes.extend(vpn::imported(
                self.lab,
                self.layout,
                self.network,
                self.reaches,
                place,
                reach,
                &mut table.ways,
            ));
        }
        table
    }

    /// Whether routes of a family are filled in at a place: not where the file does the routing, as it
    /// does where it has a default route and says nothing else. At the provider's edge a default leads
    /// to what is outside of a VPN, and the VPN's own sites are known beside it.
    fn fills(&self, place: Place, family: IpFamily) -> bool {
        let station = &self.network.stations[place];
        let node = NodeIndex::new(station.context.node.0);
        match (self.topology.graph[node].routing, self.topology.routing) {
            (Some(Routing::Auto), _) => true,
            (Some(Routing::None), _) | (None, Routing::None) => false,
            (None, Routing::Auto) => {
                let default = family.default_route();
                let mut routes = self.network.written.at(self.lab, station.context);
                let is_default =
                    |it: &Route| it.destination == default && it.kind == RouteKind::Unicast;
                station.border || !routes.any(is_default)
            }
        }
    }

    /// Adds the routes of a family.
    fn learn(&self, reach: &Reach<'_>, with_default: bool, table: &mut Table) {
        let (lab, layout, family) = (self.lab, self.layout, reach.family);
        let station = &self.network.stations[table.place];
        let mut steps = station.steps_of(family);
        let first = steps.next();
        if first.is_none() && !station.border {
            return;
        }
        let destinations = reach.destinations;
        let (tree, default) = (&destinations.trees[family.index()], family.default_route());
        let context = station.context;
        let written: HashSet<IpNet> =
            self.network.written.prefixes(lab, context, false).into_iter().collect();
        let sends_only = !station.through && !station.border;
        if let (Some((number, step)), None, true, true) =
            (first, steps.next(), sends_only, written.is_empty())
            && (self.network.stations[step.to].through || self.network.stations[step.to].border)
        {
            // Whatever is not on its own link is behind the one neighbour.
            if destinations::own(lab, layout, context).into_iter().any(|net| family.has(net)) {
                table.routes.push((default, table.ways.number(Way::Steps(vec![number]))));
            }
            return;
        }
        let shortest = reach.search(table.place);
        let reached = reach.reached(table.place, &shortest, &mut table.ways);
        let mut leaves: Vec<Leaf> = Vec::with_capacity(destinations.class_of.len());
        leaves.extend(destinations.class_of.iter().map(|class| match reached[*class] {
            Reached::Never => Leaf::Hole,
            Reached::Here => Leaf::Own,
            Reached::Inside(way) | Reached::Beyond(way) => Leaf::Way(way),
        }));
        let attached = destinations::attached(lab, layout, context);
        let attached = attached.iter().flat_map(|net| destinations.of_subnet(net));
        let kept = attached.chain(&written).filter_map(|net| tree.leaf(*net));
        kept.for_each(|leaf| leaves[leaf] = Leaf::Own);
        let all_out = match (reach.way_out(table.place, &shortest, &mut table.ways), sends_only) {
            _ if !with_default || written.contains(&default) || tree.len() == 0 => None,
            (Some(way), _) => Some(way),
            (None, true) => tree.common(&leaves).filter(|way| self.leads_on(station, table, *way)),
            (None, false) => None,
        };
        let mut routes = tree.routes(&leaves, all_out);
        routes.extend(all_out.map(|way| (default, way)));
        if spoilt(tree, &routes, &written) {
            routes = plain(tree, &leaves);
        }
        // What a VRF does not know ends in it.
        if context.table == MAIN && with_default && all_out.is_none() {
            table.one_way[family.index()] = one_way(tree, &leaves, &written, &routes)
                .filter(|way| self.leads_on(station, table, *way));
        }
        table.routes.extend(routes);
        if station.border {
            table.spare.extend(spare(reach, table.place, &reached, &mut table.ways));
        }
    }

    /// Whether a way leads to those who take packets on.
    fn leads_on(&self, station: &Station, table: &Table, way: u32) -> bool {
        match table.ways.get(way) {
            Way::Steps(steps) => steps.iter().all(|step| {
                let next = &self.network.stations[station.steps[*step as usize].to];
                next.through || next.border
            }),
            Way::Core(_) | Way::Vrf(_) | Way::Main => true,
        }
    }

    /// The tables whose default, made or to be made, would bring packets back to them, with the families.
    fn circles(&self, tables: &[Table]) -> BTreeMap<usize, Vec<IpFamily>> {
        let stations = &self.network.stations;
        let mut circles: BTreeMap<usize, Vec<IpFamily>> = BTreeMap::new();
        for family in IpFamily::BOTH {
            let mut graph = DiGraph::<usize, ()>::new();
            let node_of: BTreeMap<Place, NodeIndex> = tables
                .iter()
                .enumerate()
                // Who only sends hands nothing back.
                .filter(|(_, it)| stations[it.place].through || stations[it.place].border)
                .map(|(number, table)| (table.place, graph.add_node(number)))
                .collect();
            for table in tables {
                let Some(from) = node_of.get(&table.place) else { continue };
                for to in self.default_leads_to(table, family) {
                    if let Some(to) = node_of.get(&to) {
                        graph.add_edge(*from, *to, ());
                    }
                }
            }
            let rounds = tarjan_scc(&graph).into_iter().filter(|circle| circle.len() > 1);
            for node in rounds.flatten() {
                circles.entry(graph[node]).or_default().push(family);
            }
        }
        circles
    }

    /// Where a table's default leads to: the file's, or one that is filled in.
    fn default_leads_to(&self, table: &Table, family: IpFamily) -> Vec<Place> {
        let station = &self.network.stations[table.place];
        let default = family.default_route();
        if self.network.written.prefixes(self.lab, station.context, false).contains(&default) {
            let to =
                self.network.written.handed_to(self.lab, self.layout, station.context, default);
            return to.into_iter().map(|context| self.network.place(context)).collect();
        }
        let filled = table.routes.iter().find(|(net, _)| *net == default).map(|(_, way)| *way);
        match table.one_way[family.index()].or(filled).map(|way| table.ways.get(way)) {
            Some(Way::Steps(steps)) => {
                steps.iter().map(|step| station.steps[*step as usize].to).collect()
            }
            Some(Way::Core(edges)) => edges.clone(),
            Some(Way::Vrf(_) | Way::Main) | None => Vec::new(),
        }
    }
}

impl Table {
    /// How many routes are left of it after [`Table::shorten`].
    fn len(&self) -> usize {
        let kept = |net: &IpNet| self.one_way[IpFamily::of(net.addr()).index()].is_none();
        let kept = self.routes.iter().filter(|(net, _)| kept(net)).count();
        kept + self.one_way.iter().flatten().count() + self.spare.len()
    }

    /// Puts a default route in the place of routes that all leave one way.
    fn shorten(&mut self) {
        for family in IpFamily::BOTH {
            if let Some(way) = self.one_way[family.index()] {
                self.routes.retain(|(net, _)| !family.has(*net));
                self.routes.push((family.default_route(), way));
            }
        }
    }
}

/// Whether a summary covers a route of the file's that is meant for more than the summary knows.
fn spoilt(tree: &Tree, routes: &[(IpNet, u32)], written: &HashSet<IpNet>) -> bool {
    let mut summaries = routes.iter().filter(|(net, _)| tree.leaf(*net).is_none());
    let strangers: Vec<&IpNet> = written.iter().filter(|net| tree.leaf(**net).is_none()).collect();
    summaries.any(|(net, _)| strangers.iter().any(|stranger| net.contains(*stranger)))
}

/// A route for each prefix.
fn plain(tree: &Tree, leaves: &[Leaf]) -> Vec<(IpNet, u32)> {
    tree.leaves()
        .filter_map(|(net, leaf)| match leaves[leaf] {
            Leaf::Way(way) => Some((net, way)),
            Leaf::Hole | Leaf::Own => None,
        })
        .collect()
}

/// The way of all routes, where they are several, all take one, and the file says nothing else.
fn one_way(
    tree: &Tree,
    leaves: &[Leaf],
    written: &HashSet<IpNet>,
    routes: &[(IpNet, u32)],
) -> Option<u32> {
    let (_, first) = routes.first()?;
    let same = |leaf: Leaf| match leaf {
        Leaf::Way(way) => way == *first,
        Leaf::Own => true,
        Leaf::Hole => false,
    };
    let all =
        routes.len() > 1 && written.is_empty() && tree.leaves().all(|(_, leaf)| same(leaves[leaf]));
    all.then_some(*first)
}

/// What a border reaches over the core too, should its own site fail it.
fn spare(
    reach: &Reach<'_>,
    place: Place,
    reached: &[Reached],
    ways: &mut Ways,
) -> Vec<(IpNet, u32)> {
    let spare: Vec<Leaf> = reached
        .iter()
        .enumerate()
        .map(|(class, reached)| match reached {
            Reached::Inside(_) => match reach.over_core(place, class) {
                edges if edges.is_empty() => Leaf::Hole,
                edges => Leaf::Way(ways.number(Way::Core(edges))),
            },
            Reached::Here | Reached::Never | Reached::Beyond(_) => Leaf::Hole,
        })
        .collect();
    let class_of = &reach.destinations.class_of;
    let leaves: Vec<Leaf> = class_of.iter().map(|class| spare[*class]).collect();
    reach.destinations.trees[reach.family.index()].routes(&leaves, None)
}

/// The routes of a table as the kernel gets them, but for those that the file has itself.
fn routes(
    lab: &Lab,
    layout: &Layout,
    network: &Network,
    core: &Core,
    table: &Table,
    filled: &mut Vec<(Place, Vec<Route>)>,
) {
    let context = network.stations[table.place].context;
    let written: HashSet<IpNet> =
        network.written.prefixes(lab, context, false).into_iter().collect();
    // Where the port of a subnet is down, the kernel may hold its route to it all the same, unused.
    let attached = destinations::attached(lab, layout, context);
    let own = destinations::own(lab, layout, context);
    let cut = |net: &IpNet| own.contains(net) && !attached.contains(net);
    let first = table.routes.iter().map(|route| (route, cut(&route.0).then_some(SPARE)));
    let spare = table.spare.iter().map(|route| (route, Some(SPARE)));
    let mut ways_on: HashMap<(u32, IpFamily), Arc<[Nexthop]>> = HashMap::new();
    let mut routes: Vec<Route> = first
        .chain(spare)
        .filter(|((net, _), metric)| metric.is_some() || !written.contains(net))
        .filter_map(|((net, way), metric)| {
            let (kind, nexthops) = match table.ways.get(*way) {
                Way::Main => (RouteKind::Throw, Arc::default()),
                on @ (Way::Steps(_) | Way::Core(_) | Way::Vrf(_)) => {
                    let family = IpFamily::of(net.addr());
                    let nexthops = ways_on.entry((*way, family)).or_insert_with(|| {
                        nexthops(lab, network, core, table.place, on, family).into()
                    });
                    if nexthops.is_empty() {
                        return None;
                    }
                    (RouteKind::Unicast, Arc::clone(nexthops))
                }
            };
            let table = context.table;
            Some(Route { kind, table, metric, ..Route::unicast(*net, nexthops) })
        })
        .collect();
    routes.sort();
    // Summaries of several domains may be the same prefix.
    let mut seen = HashSet::new();
    routes.retain(|route| seen.insert((route.destination, route.metric)));
    filled.push((table.place, routes));
}

fn nexthops(
    lab: &Lab,
    network: &Network,
    core: &Core,
    place: Place,
    way: &Way,
    family: IpFamily,
) -> Vec<Nexthop> {
    let station = &network.stations[place];
    match way {
        Way::Steps(steps) => {
            let steps = steps.iter().map(|step| station.steps[*step as usize]);
            let nexthops = steps.filter_map(|Step { out, far, .. }| {
                let (via, onlink) = gateway(lab, out, far, family)?;
                let dev = lab[out.0].interfaces[out.1.0].name.clone();
                Some(Nexthop { via: Some(via), onlink, ..Nexthop::to(dev) })
            });
            // Routers with one address between them are one gateway.
            let mut known = BTreeSet::new();
            nexthops.filter(|it| known.insert((it.via, it.dev.clone()))).collect()
        }
        Way::Core(edges) => edges
            .iter()
            .flat_map(|edge| core.nexthops(lab, network, station.context.node, *edge, family))
            .collect(),
        Way::Vrf(vrf) => {
            vec![Nexthop::to(vrf.clone())]
        }
        Way::Main => Vec::new(),
    }
}
