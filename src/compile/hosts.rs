//! The checks of a file that has none: which hosts must reach each other, and which must not.

use super::check::{Arrival, Arrow, Check, Expect};
use super::checks::between;
use super::lab::{Lab, NodeId, Sample};
use super::layout::{Context, Layout, Run};
use crate::diagnostic::Text;
use crate::document::{DeviceName, Role};
use std::collections::{BTreeMap, BTreeSet};

/// How many checks of a kind the compiler makes at the most; past that it takes a sample.
const MOST: usize = 1000;

/// Every host of a routing domain reaches every other, and none of another VPN: each pair while there
/// are few, and beyond that each host with others at growing distances behind it, so that every host
/// is in the sample.
pub(super) fn pairs(lab: &Lab, layout: &Layout) -> (Vec<Check>, Option<Sample>) {
    let peace = Peace::of(lab, layout);
    let hosts: Vec<(NodeId, usize)> = (0..lab.nodes.len())
        .map(NodeId)
        .filter(|id| match lab[*id].role {
            Role::Host => true,
            Role::Router | Role::Ce | Role::Pe | Role::P | Role::Switch => false,
        })
        .filter_map(|id| Some((id, layout.domain(super::destinations::main_of(id))?)))
        .collect();
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    for (_, domain) in &hosts {
        *counts.entry(*domain).or_default() += 1;
    }
    let mut all = [0, 0];
    for (from, here) in &counts {
        for (to, there) in &counts {
            let pairs = here * if from == to { there - 1 } else { *there };
            match peace.between(*from, *to) {
                Some(Arrow::Reaches) => all[0] += pairs,
                Some(Arrow::Misses) => all[1] += pairs,
                None => {}
            }
        }
    }
    let mut checks = Vec::new();
    for (arrow, of) in [(Arrow::Reaches, all[0]), (Arrow::Misses, all[1])] {
        checks.extend(chosen(&hosts, of, |from, to| {
            (peace.between(from.1, to.1) == Some(arrow))
                .then(|| between(lab, layout, from.0, to.0, expect(arrow)))
                .flatten()
        }));
    }
    checks.sort_by_key(|check| (check.from.node, check.expect == Expect::Lost));
    let of = all.iter().sum();
    let sample = all.iter().any(|all| *all > MOST).then_some(Sample { chosen: checks.len(), of });
    (checks, sample)
}

/// The checks of one kind, of which there could be `of`.
fn chosen(
    hosts: &[(NodeId, usize)],
    of: usize,
    check: impl Fn((NodeId, usize), (NodeId, usize)) -> Option<Check>,
) -> Vec<Check> {
    let mut checks = Vec::new();
    if of == 0 {
        return checks;
    }
    let count = hosts.len();
    let mut distance = 1;
    while distance < count && checks.len() < MOST.max(count) {
        for (place, from) in hosts.iter().enumerate() {
            checks.extend(check(*from, hosts[(place + distance) % count]));
        }
        distance += if of <= MOST { 1 } else { distance };
    }
    checks
}

/// What a check of two hosts expects.
fn expect(arrow: Arrow) -> Expect<Text> {
    match arrow {
        Arrow::Reaches => Expect::Arrives(Arrival::default()),
        Arrow::Misses => Expect::Lost,
    }
}

/// Which domains reach each other, and which must not.
struct Peace {
    /// Domains with a VPN in them.
    vpns: BTreeSet<usize>,
    /// Who imports from whom, and whether everywhere that it could.
    imports: BTreeMap<(usize, usize), bool>,
}

impl Peace {
    fn of(lab: &Lab, layout: &Layout) -> Self {
        let mut members: BTreeMap<&DeviceName, BTreeSet<usize>> = BTreeMap::new();
        let mut vrfs = Vec::new();
        for id in (0..lab.nodes.len()).map(NodeId) {
            for vrf in &lab[id].vrfs {
                let Some(domain) = layout.domain(Context { node: id, table: vrf.table }) else {
                    continue;
                };
                members.entry(&vrf.name).or_default().insert(domain);
                vrfs.push((domain, vrf));
            }
        }
        let mut imports: BTreeMap<(usize, usize), bool> = BTreeMap::new();
        for (domain, vrf) in &vrfs {
            for vpn in &vrf.imports.vpns {
                for other in members.get(&vpn.value).into_iter().flatten() {
                    imports.entry((*domain, *other)).or_insert(true);
                }
            }
        }
        for ((into, from), everywhere) in &mut imports {
            let tables = vrfs.iter().filter(|(domain, _)| domain == into);
            *everywhere = tables.clone().all(|(_, vrf)| {
                let mut named = vrf.imports.vpns.iter();
                named.any(|vpn| members.get(&vpn.value).is_some_and(|all| all.contains(from)))
            });
        }
        let is_vpn = |domain: &usize| match layout.run_of(*domain) {
            Run::Vpn(_) => true,
            Run::Core | Run::Plain => false,
        };
        let vpns = vrfs.iter().map(|(domain, _)| *domain).filter(is_vpn).collect();
        Self { vpns, imports }
    }

    /// What must become of a packet from one domain to another, where that is clear.
    fn between(&self, from: usize, to: usize) -> Option<Arrow> {
        if from == to {
            return Some(Arrow::Reaches);
        }
        if !(self.vpns.contains(&from) && self.vpns.contains(&to)) {
            return None;
        }
        match (self.imports.get(&(from, to)), self.imports.get(&(to, from))) {
            (None, None) => Some(Arrow::Misses),
            (Some(true), Some(true)) => Some(Arrow::Reaches),
            (Some(_), _) | (_, Some(_)) => None,
        }
    }
}
