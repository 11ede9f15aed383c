//! Which tables are joined by links, so that packets can come from one to another without a router in between.

use crate::compile::Lab;
use crate::forward::{Ingress, Network};
use petgraph::unionfind::UnionFind;
use std::collections::{HashMap, HashSet};

/// The number of the domain of each namespace without and with each of its VRFs, as far as it has interfaces there.
pub(super) fn of<'a>(
    lab: &'a Lab,
    network: &Network<'a>,
) -> HashMap<(&'a str, Option<&'a str>), usize> {
    let mut places = HashMap::new();
    let mut joined = Vec::new();
    let mut seen: HashSet<Ingress> = HashSet::new();
    for start in lab.nodes.iter().flat_map(|node| network.ingresses(&node.namespace)) {
        if seen.contains(&start) {
            continue;
        }
        let mut place = |ingress: &Ingress| {
            let next = places.len();
            *places.entry(network.whereabouts(ingress)).or_insert(next)
        };
        let own = place(&start);
        for other in network.on_link(&start) {
            joined.push((own, place(&other)));
            seen.insert(other);
        }
    }
    let mut domains = UnionFind::new(places.len());
    for (one, other) in joined {
        domains.union(one, other);
    }
    places.into_iter().map(|(place, number)| (place, domains.find(number))).collect()
}
