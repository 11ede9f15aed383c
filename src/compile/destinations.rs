//! What is routed to: every subnet and loopback of a routing domain, and who takes its packets.

use super::lab::{InterfaceId, Lab, MAIN, NodeId};
use super::layout::{Context, Layout, compiled};
use super::region;
use super::segment::Segment;
use super::summary::Tree;
use crate::document::Routing;
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
    /// Who takes the packets to a prefix of a class: one of these, whichever is nearest.
    pub classes: Vec<Vec<Context>>,
}

/// The destinations of each routing domain, by its number; overlapping prefixes of different
/// domains are different destinations.
pub(super) fn all(lab: &Lab, layout: &Layout, routing: Routing) -> BTreeMap<usize, Destinations> {
    let mut owners: BTreeMap<(usize, IpNet), BTreeSet<Context>> = BTreeMap::new();
    for context in &layout.contexts {
        let Some(domain) = layout.domain(*context) else { continue };
        for net in own(lab, layout, *context) {
            owners.entry((domain, net)).or_default().insert(*context);
        }
    }
    // What is written at the provider's edge is known to the whole VPN.
    for context in layout.contexts.iter().filter(|context| context.table != MAIN) {
        let Some(domain) = layout.domain(*context) else { continue };
        if !compiled(routing, lab[context.node].role) {
            continue;
        }
        for net in written(lab, *context, true) {
            owners.entry((domain, net)).or_insert_with(|| BTreeSet::from([*context]));
        }
    }
    let large = large(lab, layout);
    let mut nets: BTreeMap<usize, Vec<(IpNet, Vec<Context>)>> = BTreeMap::new();
    for ((domain, net), owners) in owners {
        let routers = owners.iter().filter(|owner| lab[owner.node].forwarding).copied();
        let mut routers: Vec<Context> = routers.collect();
        // Between two routers of a large network lies nobody else, and whoever sends to an end of
        // their link may as well send to the first of them, as to all else that it has.
        if let (Some(rank), [near, far], 2) = (large.get(&domain), &routers[..], owners.len()) {
            let first = if rank.get(near) <= rank.get(far) { *near } else { *far };
            routers = vec![first];
        }
        let owners = if routers.is_empty() { owners.into_iter().collect() } else { routers };
        nets.entry(domain).or_default().push((net, owners));
    }
    nets.into_iter().map(|(domain, nets)| (domain, Destinations::of(nets))).collect()
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
    fn of(nets: Vec<(IpNet, Vec<Context>)>) -> Self {
        let mut made = Self::default();
        let mut known: HashMap<Vec<Context>, usize> = HashMap::new();
        let mut prefixes = [Vec::new(), Vec::new()];
        for (net, owners) in nets {
            let class = match known.get(&owners) {
                Some(class) => *class,
                None => {
                    known.insert(owners.clone(), made.classes.len());
                    made.classes.push(owners);
                    made.classes.len() - 1
                }
            };
            prefixes[usize::from(net.addr().is_ipv6())].push((net, made.class_of.len()));
            made.class_of.push(class);
        }
        made.trees = prefixes.map(Tree::of);
        made
    }
}

/// The subnets and addresses of a context itself.
pub(super) fn own(lab: &Lab, layout: &Layout, context: Context) -> Vec<IpNet> {
    let node = &lab[context.node];
    let at = |place: usize| layout.context((context.node, InterfaceId(place)));
    let on_interfaces = node
        .interfaces
        .iter()
        .enumerate()
        .filter(|(place, _)| at(*place) == context)
        .flat_map(|(_, interface)| &interface.addresses);
    let on_lo = node.loopback.iter().filter(|_| context.table == MAIN);
    let on_vrfs = node.vrfs.iter().filter(|vrf| vrf.table == context.table);
    on_interfaces
        .chain(on_lo)
        .chain(on_vrfs.flat_map(|vrf| &vrf.addresses))
        .filter(|address| !address.value.addr().is_loopback())
        .map(|address| address.value.trunc())
        .collect()
}

/// The prefixes of the file's routes in a table; `plain` leaves out those that push labels and those
/// that go nowhere.
pub(super) fn written(lab: &Lab, context: Context, plain: bool) -> Vec<IpNet> {
    let routes = lab[context.node].routes.iter().map(|route| &route.value);
    routes
        .filter(|route| route.table == context.table)
        .filter(|route| {
            let labelled = route.nexthops.iter().any(|nexthop| nexthop.encap.is_some());
            !plain || (route.kind == RouteKind::Unicast && !labelled)
        })
        .map(|route| route.destination)
        .collect()
}

/// The hosts that packets are sent to beside their links: those with addresses of their own that no
/// router has a part in.
pub(super) fn wanted(destinations: &BTreeMap<usize, Destinations>) -> BTreeSet<Context> {
    destinations.values().flat_map(|it| &it.classes).flatten().copied().collect()
}

/// The main context of a node.
pub(super) fn main_of(node: NodeId) -> Context {
    Context { node, table: MAIN }
}
