//! The routes that the file leaves out: the shortest ways to everything in each routing domain, in as
//! few routes as say the same, and those of VPNs.

use super::destinations::{self, Destinations};
use super::lab::{Lab, MAIN, Nexthop, Route};
use super::layout::Layout;
use super::network::{Network, Place};
use super::reach::{Reach, Reached, Way, Ways};
use super::summary::{Leaf, Tree};
use super::vpn::{self, Core};
use crate::diagnostic::{Diagnostics, Spanned};
use crate::document::{Routing, Vpn};
use crate::iproute::RouteKind;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use petgraph::algo::tarjan_scc;
use petgraph::graph::DiGraph;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// The metric of a VPN's second choice. IPv6 gives 1024 to routes that say none.
const SPARE: u32 = 4096;

/// The routes that a context gets, the ways still by their numbers.
struct Table {
    place: Place,
    ways: Ways,
    routes: Vec<(IpNet, u16)>,
    spare: Vec<(IpNet, u16)>,
    /// For each family in which all routes leave by one way: that way.
    one_way: [Option<u16>; 2],
}

/// Adds the routes and labels of a lab where the file has none of its own. Returns the graph that they
/// follow.
pub(super) fn fill(
    layout: &Layout,
    options: Vpn,
    lab: &mut Lab,
    errors: &mut Diagnostics,
) -> (Network, Core) {
    let destinations = destinations::all(lab, layout, Routing::Auto);
    let wanted = destinations::wanted(&destinations);
    let network = Network::of(lab, layout, Routing::Auto, |context| wanted.contains(&context));
    vpn::hold_apart(lab, layout, &network, &destinations, errors);
    let core = Core::of(lab, layout, &network, errors);
    core.label(lab, &network, options.php.is_none_or(|php| php.value));

    let importers = vpn::importers(lab, &network);
    let reaches = reaches(&network, &destinations, &importers);
    let mut filled = Vec::new();
    for reach in reaches.values() {
        let mut tables = Vec::new();
        for place in &reach.places {
            let mut table = table(lab, layout, &network, reach, *place);
            let imported =
                vpn::imported(lab, layout, &network, &reaches, &core, *place, &mut table.ways);
            // What the context knows itself is no import, though it came round by another table.
            let known =
                |net: IpNet| reach.destinations.trees.iter().any(|tree| tree.leaf(net).is_some());
            table.routes.extend(imported.into_iter().filter(|(net, _)| !known(*net)));
            tables.push(table);
        }
        default_routes(&network, &mut tables);
        for table in &tables {
            routes(lab, &network, &core, table, &mut filled);
        }
    }
    filled.sort_by_key(|(place, _)| *place);
    for (place, routes) in filled {
        let node = network.stations[place].context.node;
        lab[node].routes.extend(routes.into_iter().map(Spanned::filled));
    }
    (network, core)
}

fn reaches<'a>(
    network: &'a Network,
    destinations: &'a BTreeMap<usize, Destinations>,
    importers: &[Place],
) -> BTreeMap<usize, Reach<'a>> {
    let mut places: BTreeMap<usize, Vec<Place>> = BTreeMap::new();
    for (place, station) in network.stations.iter().enumerate() {
        if let Some(domain) = station.domain {
            places.entry(domain).or_default().push(place);
        }
    }
    let domain_of = |place: &Place| network.stations[*place].domain;
    places
        .into_iter()
        .filter_map(|(domain, places)| {
            let importers: Vec<Place> =
                importers.iter().copied().filter(|it| domain_of(it) == Some(domain)).collect();
            let destinations = destinations.get(&domain)?;
            Some((domain, Reach::of(network, destinations, places, &importers)))
        })
        .collect()
}

fn table(lab: &Lab, layout: &Layout, network: &Network, reach: &Reach<'_>, place: Place) -> Table {
    let station = &network.stations[place];
    let mut table = Table {
        place,
        ways: Ways::default(),
        routes: Vec::new(),
        spare: Vec::new(),
        one_way: [None, None],
    };
    if station.steps.is_empty() && !station.border {
        return table;
    }
    let destinations = reach.destinations;
    let context = station.context;
    let own = destinations::own(lab, layout, context);
    let written: HashSet<IpNet> = destinations::written(lab, context, false).into_iter().collect();
    let sends_only = !station.through && !station.border;
    if let ([step], true, true) = (&station.steps[..], sends_only, written.is_empty())
        && (network.stations[step.to].through || network.stations[step.to].border)
    {
        // Whatever is not on its own link is behind the one neighbour.
        let only = table.ways.number(Way::Steps(vec![0]));
        let families =
            defaults().into_iter().filter(|it| own.iter().any(|net| of_one_family(net, it)));
        table.routes.extend(families.map(|default| (default, only)));
        return table;
    }
    let reached = reach.reached(place, &mut table.ways);
    let mut leaves: Vec<Leaf> = Vec::with_capacity(destinations.class_of.len());
    leaves.extend(destinations.class_of.iter().map(|class| match reached[*class] {
        Reached::Never => Leaf::Hole,
        Reached::Here => Leaf::Own,
        Reached::Inside(way) | Reached::Beyond(way) => Leaf::Way(way),
    }));
    let way_out = reach.way_out(place, &mut table.ways);
    for (family, (tree, default)) in destinations.trees.iter().zip(defaults()).enumerate() {
        let kept = own.iter().chain(&written).filter_map(|net| tree.leaf(*net));
        kept.for_each(|leaf| leaves[leaf] = Leaf::Own);
        let all_out = match (way_out, sends_only) {
            _ if written.contains(&default) || tree.len() == 0 => None,
            (Some(way), _) => Some(way),
            (None, true) => tree.common(&leaves),
            (None, false) => None,
        };
        let mut routes = tree.routes(&leaves, all_out);
        routes.extend(all_out.map(|way| (default, way)));
        if spoilt(tree, &routes, &written) {
            routes = plain(tree, &leaves);
        }
        // What a VRF does not know ends in it.
        if context.table == MAIN {
            table.one_way[family] = one_way(tree, &leaves, &written, &routes);
        }
        table.routes.extend(routes);
    }
    if station.border {
        table.spare = spare(reach, place, &reached, &mut table.ways);
    }
    table
}

/// Whether a summary covers a route of the file's that is meant for more than the summary knows.
fn spoilt(tree: &Tree, routes: &[(IpNet, u16)], written: &HashSet<IpNet>) -> bool {
    let mut summaries = routes.iter().filter(|(net, _)| tree.leaf(*net).is_none());
    let strangers: Vec<&IpNet> = written.iter().filter(|net| tree.leaf(**net).is_none()).collect();
    summaries.any(|(net, _)| strangers.iter().any(|stranger| net.contains(*stranger)))
}

/// A route for each prefix.
fn plain(tree: &Tree, leaves: &[Leaf]) -> Vec<(IpNet, u16)> {
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
    routes: &[(IpNet, u16)],
) -> Option<u16> {
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
) -> Vec<(IpNet, u16)> {
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
    reach.destinations.trees.iter().flat_map(|tree| tree.routes(&leaves, None)).collect()
}

/// Gives a default route to a table all of whose routes leave one way, unless those that it would
/// send everything to send everything back.
fn default_routes(network: &Network, tables: &mut [Table]) {
    for (family, default) in defaults().into_iter().enumerate() {
        let mut graph = DiGraph::<usize, ()>::new();
        let mut node_of = BTreeMap::new();
        for (place, table) in tables.iter().enumerate() {
            if table.one_way[family].is_some() {
                node_of.insert(table.place, graph.add_node(place));
            }
        }
        for table in tables.iter() {
            let Some(Way::Steps(steps)) = table.one_way[family].map(|way| table.ways.get(way))
            else {
                continue;
            };
            for step in steps {
                let to = network.stations[table.place].steps[*step as usize].to;
                if let Some(to) = node_of.get(&to) {
                    graph.add_edge(node_of[&table.place], *to, ());
                }
            }
        }
        let circles: BTreeSet<usize> = tarjan_scc(&graph)
            .into_iter()
            .filter(|circle| circle.len() > 1)
            .flatten()
            .map(|node| graph[node])
            .collect();
        for (place, table) in tables.iter_mut().enumerate() {
            let Some(way) = table.one_way[family].filter(|_| !circles.contains(&place)) else {
                continue;
            };
            table.routes.retain(|(net, _)| !of_one_family(net, &default));
            table.routes.push((default, way));
        }
    }
}

fn of_one_family(net: &IpNet, other: &IpNet) -> bool {
    net.addr().is_ipv4() == other.addr().is_ipv4()
}

fn defaults() -> [IpNet; 2] {
    [IpNet::V4(Ipv4Net::default()), IpNet::V6(Ipv6Net::default())]
}

/// The routes of a table as the kernel gets them, but for those that the file has itself.
fn routes(
    lab: &Lab,
    network: &Network,
    core: &Core,
    table: &Table,
    filled: &mut Vec<(Place, Vec<Route>)>,
) {
    let context = network.stations[table.place].context;
    let written: HashSet<IpNet> = destinations::written(lab, context, false).into_iter().collect();
    let first = table.routes.iter().map(|route| (route, None));
    let spare = table.spare.iter().map(|route| (route, Some(SPARE)));
    let mut ways_on: HashMap<(u16, bool), Arc<[Nexthop]>> = HashMap::new();
    let mut routes: Vec<Route> = first
        .chain(spare)
        .filter(|((net, _), metric)| metric.is_some() || !written.contains(net))
        .filter_map(|((net, way), metric)| {
            let (kind, nexthops) = match table.ways.get(*way) {
                Way::Main => (RouteKind::Throw, Arc::default()),
                on @ (Way::Steps(_) | Way::Core(_) | Way::Vrf(_)) => {
                    let v4 = net.addr().is_ipv4();
                    let nexthops = ways_on.entry((*way, v4)).or_insert_with(|| {
                        nexthops(lab, network, core, table.place, on, v4).into()
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
    routes
        .dedup_by(|next, kept| (next.destination, next.metric) == (kept.destination, kept.metric));
    filled.push((table.place, routes));
}

fn nexthops(
    lab: &Lab,
    network: &Network,
    core: &Core,
    place: Place,
    way: &Way,
    v4: bool,
) -> Vec<Nexthop> {
    let station = &network.stations[place];
    match way {
        Way::Steps(steps) => {
            let steps = steps.iter().map(|step| station.steps[*step as usize]);
            steps
                .filter_map(|step| {
                    let near = &lab[step.out.0].interfaces[step.out.1.0];
                    let far = &lab[step.far.0].interfaces[step.far.1.0];
                    let gateways = far.addresses.iter().map(|address| address.value.addr());
                    let mut gateways = gateways.filter(|address| address.is_ipv4() == v4);
                    let via = gateways.next()?;
                    // One on a common subnet is the better gateway; the kernel takes another one
                    // only where it is told that the link has it.
                    let shared = |address: &_| near.holds(address);
                    let common = std::iter::once(via).chain(gateways).find(shared);
                    let (via, onlink) = (common.unwrap_or(via), common.is_none());
                    let dev = near.name.clone();
                    Some(Nexthop { via: Some(via), onlink, ..Nexthop::to(dev) })
                })
                .collect()
        }
        Way::Core(edges) => edges
            .iter()
            .flat_map(|edge| core.nexthops(lab, network, station.context.node, *edge, v4))
            .collect(),
        Way::Vrf(vrf) => {
            vec![Nexthop::to(vrf.clone())]
        }
        Way::Main => Vec::new(),
    }
}
