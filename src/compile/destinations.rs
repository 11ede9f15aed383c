//! What is routed to: every subnet, loopback and segment of a routing domain, and who takes its packets.

use super::family::IpFamily;
use super::lab::{Encap, InterfaceId, Lab, MAIN, Nexthop, NodeId, Route};
use super::layout::{Context, Layout, Port, compiled};
use super::region;
use super::segment::Segment;
use super::summary::Tree;
use crate::document::{Address, Routing};
use crate::iproute::RouteKind;
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The destinations of one routing domain.
#[derive(Debug, Default)]
pub(super) struct Destinations {
    /// The prefixes of both families; a leaf of either is a place in [`Destinations::class_of`].
    pub trees: [Tree; 2],
    /// The class of each prefix.
    pub class_of: Vec<usize>,
    /// Who takes the packets to the prefixes of each class.
    pub classes: Vec<Class>,
    /// The subnets in whose place the addresses of the nodes on them are destinations.
    by_address: BTreeMap<IpNet, Vec<IpNet>>,
}

/// Who takes the packets to some prefixes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Class {
    /// One of these, whichever is nearest.
    pub owners: Vec<Context>,
    /// The routers that written routes of the owners hand the packets to: nothing leads from there to
    /// an owner, who would hand them back.
    pub behind: Vec<Context>,
}

/// The destinations of each routing domain, by its number; overlapping prefixes of different
/// domains are different destinations.
pub(super) fn all(
    lab: &Lab,
    layout: &Layout,
    routes: &WrittenRoutes,
    routing: Routing,
) -> BTreeMap<usize, Destinations> {
    let mut owners: BTreeMap<(usize, IpNet), BTreeSet<Context>> = BTreeMap::new();
    for context in &layout.contexts {
        let Some(domain) = layout.domain(*context) else { continue };
        for net in attached(lab, layout, *context).into_iter().chain(routes.segments(lab, *context))
        {
            owners.entry((domain, net)).or_default().insert(*context);
        }
    }
    let by_address = by_address(lab, layout, &mut owners);
    // What is written at the provider's edge is known to the whole VPN.
    let mut edges: BTreeMap<(usize, IpNet), [BTreeSet<Context>; 2]> = BTreeMap::new();
    for context in layout.contexts.iter().filter(|context| context.table != MAIN) {
        let Some(domain) = layout.domain(*context) else { continue };
        if !compiled(routing, lab[context.node].role) {
            continue;
        }
        for net in routes.prefixes(lab, *context, true) {
            let [edges, behind] = edges.entry((domain, net)).or_default();
            edges.insert(*context);
            behind.extend(routes.handed_to(lab, layout, *context, net));
        }
    }
    let large = large(lab, layout);
    let mut nets: BTreeMap<usize, Vec<(IpNet, Class)>> = BTreeMap::new();
    for ((domain, net), [edges, behind]) in edges {
        if !owners.contains_key(&(domain, net)) {
            let [owners, behind] = [edges, behind].map(|all| all.into_iter().collect());
            nets.entry(domain).or_default().push((net, Class { owners, behind }));
        }
    }
    for ((domain, net), owners) in owners {
        let routers = owners.iter().filter(|owner| lab[owner.node].forwarding).copied();
        let mut routers: Vec<Context> = routers.collect();
        // Between two routers of a large network lies nobody else, and whoever sends to an end of
        // their link may as well send to the first of them, as to all else that it has.
        let shared = net.prefix_len() < net.max_prefix_len();
        if let (Some(rank), [near, far], 2, true) =
            (large.get(&domain), &routers[..], owners.len(), shared)
        {
            let first = if rank.get(near) <= rank.get(far) { *near } else { *far };
            routers = vec![first];
        }
        let owners = if routers.is_empty() { owners.into_iter().collect() } else { routers };
        nets.entry(domain).or_default().push((net, Class { owners, behind: Vec::new() }));
    }
    let mut all: BTreeMap<usize, Destinations> =
        nets.into_iter().map(|(domain, nets)| (domain, Destinations::of(nets))).collect();
    for ((domain, net), addresses) in by_address {
        all.entry(domain).or_default().by_address.insert(net, addresses);
    }
    all
}

/// Puts the addresses of those on a subnet in its place where none of them forwards: the others there
/// cannot be reached over it.
fn by_address(
    lab: &Lab,
    layout: &Layout,
    owners: &mut BTreeMap<(usize, IpNet), BTreeSet<Context>>,
) -> BTreeMap<(usize, IpNet), Vec<IpNet>> {
    let shared = |net: &IpNet| net.prefix_len() < net.max_prefix_len();
    let ends_there = |owners: &BTreeSet<Context>| !owners.iter().any(|it| lab[it.node].forwarding);
    let subnets = owners.extract_if(.., |(_, net), owners| shared(net) && ends_there(owners));
    let subnets: Vec<_> = subnets.collect();
    let mut by_address: BTreeMap<(usize, IpNet), Vec<IpNet>> = BTreeMap::new();
    // The addresses of each context by their subnets.
    let mut held: HashMap<Context, HashMap<IpNet, Vec<IpNet>>> = HashMap::new();
    for ((domain, net), contexts) in subnets {
        for context in contexts {
            let held = held.entry(context).or_insert_with(|| {
                let mut held: HashMap<IpNet, Vec<IpNet>> = HashMap::new();
                for address in
                    addresses(lab, layout, context, |port| lab.carries(context.node, port))
                {
                    held.entry(address.trunc()).or_default().push(address.addr().into());
                }
                held
            });
            for address in held.remove(&net).into_iter().flatten() {
                owners.entry((domain, address)).or_default().insert(context);
                by_address.entry((domain, net)).or_default().push(address);
            }
        }
    }
    by_address
}

/// The ranks of routers in those domains that are large.
fn large(lab: &Lab, layout: &Layout) -> HashMap<usize, HashMap<Context, usize>> {
    let mut parts: HashMap<usize, (Vec<Context>, Vec<&Segment>)> = HashMap::new();
    for context in &layout.contexts {
        if let Some(domain) = layout.domain(*context) {
            parts.entry(domain).or_default().0.push(*context);
        }
    }
    for segment in &layout.segments {
        let port = segment.ports.first();
        if let Some(domain) = port.and_then(|port| layout.domain(layout.context(*port))) {
            parts.entry(domain).or_default().1.push(segment);
        }
    }
    parts
        .into_iter()
        .filter_map(|(domain, (contexts, segments))| {
            Some((domain, region::ranks(lab, layout, &contexts, &segments)?))
        })
        .collect()
}

impl Destinations {
    fn of(mut nets: Vec<(IpNet, Class)>) -> Self {
        nets.sort_by_key(|(net, _)| *net);
        let mut made = Self::default();
        let mut known: HashMap<Class, usize> = HashMap::new();
        let mut prefixes = [Vec::new(), Vec::new()];
        for (net, class) in nets {
            let class = *known.entry(class).or_insert_with_key(|class| {
                made.classes.push(class.clone());
                made.classes.len() - 1
            });
            prefixes[IpFamily::of(net.addr()).index()].push((net, made.class_of.len()));
            made.class_of.push(class);
        }
        made.trees = prefixes.map(Tree::of);
        made
    }

    /// The destinations that a subnet is.
    pub fn of_subnet<'a>(&'a self, net: &'a IpNet) -> &'a [IpNet] {
        self.by_address.get(net).map_or(std::slice::from_ref(net), Vec::as_slice)
    }
}

/// The subnets and addresses of a context itself.
pub(super) fn own(lab: &Lab, layout: &Layout, context: Context) -> Vec<IpNet> {
    of_ports(lab, layout, context, |_| true)
}

/// Those of them that the context has a part in: a subnet behind a port that is down has left it.
pub(super) fn attached(lab: &Lab, layout: &Layout, context: Context) -> Vec<IpNet> {
    of_ports(lab, layout, context, |port| lab.carries(context.node, port))
}

fn of_ports(
    lab: &Lab,
    layout: &Layout,
    context: Context,
    counts: impl Fn(InterfaceId) -> bool,
) -> Vec<IpNet> {
    let addresses = addresses(lab, layout, context, counts).into_iter();
    addresses
        .flat_map(|address| [Some(address.net), address.peer])
        .flatten()
        .map(|net| net.trunc())
        .collect()
}

/// The addresses of a context, those of its interfaces where they count.
fn addresses(
    lab: &Lab,
    layout: &Layout,
    context: Context,
    counts: impl Fn(InterfaceId) -> bool,
) -> Vec<Address> {
    let node = &lab[context.node];
    let ports = layout.ports(context).iter().filter(|place| counts(**place));
    let on_interfaces = ports.flat_map(|place| &node.interfaces[place.0].addresses);
    let on_lo = node.loopback.iter().filter(|_| context.table == MAIN);
    let on_vrf = layout.vrf(lab, context).into_iter().flat_map(|vrf| &vrf.addresses);
    on_interfaces
        .chain(on_lo)
        .chain(on_vrf)
        .map(|address| address.value)
        .filter(|address| !address.addr().is_loopback())
        .collect()
}

/// The places of the routes that the file has for each context, in its order.
pub(super) struct WrittenRoutes(HashMap<Context, Vec<usize>>);

impl WrittenRoutes {
    /// Those of a lab whose tables are not filled yet.
    pub fn of(lab: &Lab) -> Self {
        let mut places: HashMap<Context, Vec<usize>> = HashMap::new();
        for (node, written) in lab.nodes.iter().enumerate() {
            for (place, route) in written.routes.iter().enumerate() {
                let context = Context { node: NodeId(node), table: route.value.table };
                places.entry(context).or_default().push(place);
            }
        }
        Self(places)
    }

    /// Those of a context.
    pub fn at<'a>(&self, lab: &'a Lab, context: Context) -> impl Iterator<Item = &'a Route> {
        let places = self.0.get(&context).into_iter().flatten();
        places.map(move |place| &lab[context.node].routes[*place].value)
    }

    /// Their prefixes; `plain` leaves out those that push labels and those that go nowhere.
    pub fn prefixes(&self, lab: &Lab, context: Context, plain: bool) -> Vec<IpNet> {
        self.at(lab, context)
            .filter(|route| {
                let labelled = route.nexthops.iter().any(|nexthop| nexthop.encap.is_some());
                !plain || (route.kind == RouteKind::Unicast && !labelled)
            })
            .map(|route| route.destination)
            .collect()
    }

    /// The segments among them: what is done with their packets stands there.
    fn segments(&self, lab: &Lab, context: Context) -> impl Iterator<Item = IpNet> {
        let is_segment =
            |nexthop: &Nexthop| nexthop.encap.as_ref().and_then(Encap::local).is_some();
        let routes = self.at(lab, context);
        routes.filter(move |it| it.nexthops.iter().any(is_segment)).map(|it| it.destination)
    }

    /// The routers that a route hands packets to.
    pub fn handed_to(
        &self,
        lab: &Lab,
        layout: &Layout,
        context: Context,
        net: IpNet,
    ) -> Vec<Context> {
        let node = &lab[context.node];
        let routes = self.at(lab, context).filter(|route| route.destination == net);
        let nexthops = routes.flat_map(|route| route.nexthops.iter());
        nexthops
            .filter(|nexthop| nexthop.encap.is_none())
            .filter_map(|nexthop| {
                let out = (context.node, node.interface(nexthop.dev.as_str())?);
                let has = |(node, port): &&Port| {
                    let addresses = &lab[*node].interfaces[port.0].addresses;
                    addresses.iter().any(|address| Some(address.value.addr()) == nexthop.via)
                };
                Some(layout.context(*layout.segment(out)?.ports.iter().find(has)?))
            })
            .filter(|gateway| lab[gateway.node].forwarding)
            .collect()
    }
}

/// The hosts that packets are sent to beside their links: those with addresses of their own that no
/// router has a part in.
pub(super) fn wanted(destinations: &BTreeMap<usize, Destinations>) -> BTreeSet<Context> {
    let classes = destinations.values().flat_map(|it| &it.classes);
    classes.flat_map(|class| &class.owners).copied().collect()
}

/// The main context of a node.
pub(super) fn main_of(node: NodeId) -> Context {
    Context { node, table: MAIN }
}
