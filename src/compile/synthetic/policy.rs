//! Which routing domains must reach each other, and which must not.

use crate::compile::check::Arrow;
use crate::compile::lab::{Lab, MAIN, NodeId, Route};
use crate::compile::layout::{Context, Layout};
use crate::document::DeviceName;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What the file says of packets between domains. A domain with a VRF in it is a VPN.
pub(super) struct ReachabilityPolicy {
    /// The names of the VRFs in each domain that has some.
    pub(super) vpns: BTreeMap<usize, BTreeSet<DeviceName>>,
    /// Who imports from whom, and whether everywhere that it could.
    pub(super) imports: BTreeMap<(usize, usize), bool>,
    /// The VPNs and the domains of main tables that are at one node, and so could leak.
    pub(super) neighbours: BTreeSet<(usize, usize)>,
}

impl ReachabilityPolicy {
    /// The policy of a lab.
    pub(super) fn of(lab: &Lab, layout: &Layout) -> Self {
        let mut members: BTreeMap<&DeviceName, BTreeSet<usize>> = BTreeMap::new();
        let mut vpns: BTreeMap<usize, BTreeSet<DeviceName>> = BTreeMap::new();
        let mut vrfs = Vec::new();
        let mut neighbours = BTreeSet::new();
        for id in (0..lab.nodes.len()).map(NodeId) {
            let main = layout.domain(Context { node: id, table: MAIN });
            for vrf in &lab[id].vrfs {
                let Some(domain) = layout.domain(Context { node: id, table: vrf.table }) else {
                    continue;
                };
                members.entry(&vrf.name).or_default().insert(domain);
                vpns.entry(domain).or_default().insert(vrf.name.clone());
                neighbours.extend(main.map(|main| (domain, main)));
                vrfs.push((domain, main, vrf));
            }
        }
        let mut imports: BTreeMap<(usize, usize), bool> = BTreeMap::new();
        for (domain, main, vrf) in &vrfs {
            let vpns = vrf.imports.vpns.iter().filter_map(|vpn| members.get(&vpn.value)).flatten();
            let main = main.iter().filter(|_| vrf.imports.main);
            for other in vpns.chain(main) {
                imports.entry((*domain, *other)).or_insert(true);
            }
        }
        // How many VRFs a domain has, and how many of them import each other one.
        let mut count: HashMap<usize, usize> = HashMap::new();
        let mut importing: HashMap<(usize, usize), usize> = HashMap::new();
        for (domain, _, vrf) in &vrfs {
            *count.entry(*domain).or_default() += 1;
            let named = vrf.imports.vpns.iter().filter_map(|vpn| members.get(&vpn.value)).flatten();
            for other in named.collect::<BTreeSet<_>>() {
                *importing.entry((*domain, *other)).or_default() += 1;
            }
        }
        for (pair, everywhere) in &mut imports {
            *everywhere = importing.get(pair) == count.get(&pair.0);
        }
        for leak in (0..lab.nodes.len()).map(NodeId).flat_map(|id| leaks(lab, layout, id)) {
            imports.entry(leak).or_insert(false);
        }
        Self { vpns, imports, neighbours }
    }

    /// Whether no domain is a VPN.
    pub(super) fn has_no_vpn(&self) -> bool {
        self.vpns.is_empty()
    }

    /// Whether two domains are VPNs of which no two VRFs have the same name.
    pub(super) fn are_unlike(&self, one: usize, other: usize) -> bool {
        let both = self.vpns.get(&one).zip(self.vpns.get(&other));
        both.is_some_and(|(one, other)| one.is_disjoint(other))
    }

    /// What must become of a packet from one domain to another, where that is clear. Where routes are
    /// imported one way alone, packets arrive and no answer comes back: no check says that, and only
    /// the other way is clear.
    pub(super) fn between(&self, from: usize, to: usize) -> Option<Arrow> {
        if from == to {
            return Some(Arrow::Reaches);
        }
        let is_isolated = match (self.vpns.get(&from), self.vpns.get(&to)) {
            // Parts of one VPN that nothing joins are not kept apart on purpose.
            (Some(_), Some(_)) => self.are_unlike(from, to),
            (Some(_), None) => self.neighbours.contains(&(from, to)),
            (None, Some(_)) => self.neighbours.contains(&(to, from)),
            (None, None) => false,
        };
        match (self.imports.get(&(from, to)), self.imports.get(&(to, from))) {
            (None, _) if is_isolated => Some(Arrow::Misses),
            (Some(true), Some(true)) => Some(Arrow::Reaches),
            (None | Some(_), _) => None,
        }
    }
}

/// The domains that the file's own routes lead between at a node: a route of one table whose device
/// belongs to another, or one that ends the lookup in its table, so that main's comes next.
fn leaks(lab: &Lab, layout: &Layout, id: NodeId) -> Vec<(usize, usize)> {
    let node = &lab[id];
    let domain = |table: u32| layout.domain(Context { node: id, table });
    let table_of = |device: &DeviceName| match node.vrf(device.as_str()) {
        Some(vrf) => Some(vrf.table),
        None => {
            let interface = node.interface(device.as_str())?;
            Some(node.table_of(&node.interfaces[interface.0]))
        }
    };
    let written = node.routes.iter().filter(|route| !route.span.is_none());
    let mut leaks = Vec::new();
    for Route { table, kind, nexthops, .. } in written.map(|route| &route.value) {
        let mut tables: Vec<u32> = nexthops.iter().filter_map(|it| table_of(&it.dev)).collect();
        if *kind == crate::iproute::RouteKind::Throw {
            tables.push(MAIN);
        }
        for other in tables.into_iter().filter(|other| other != table) {
            leaks.extend(domain(*table).zip(domain(other)).filter(|(from, to)| from != to));
        }
    }
    leaks
}
