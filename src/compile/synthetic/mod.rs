//! The checks of a file that has none: who must reach whom, and who must not.
//!
//! They say what the drawing and the VRFs promise, and nothing that cannot hold: a pair is checked only
//! where the compiler's own routes lead from one to the other, and a `!>` stands only beside a `->` of
//! the same sender. Their number is bounded. What is left out is drawn evenly, so that every endpoint
//! and every pair of VPNs is in the sample, and the same file always gets the same checks.

mod borders;
mod census;
mod endpoint;
mod mesh;
mod neighbours;
mod policy;

use super::check::{Arrow, Check, Expect, Target};
use super::checks::Reader;
use super::family::IpFamily;
use super::lab::{Lab, NodeId, Sample};
use super::layout::Layout;
use super::network::Network;
use super::parts::Parts;
use crate::diagnostic::Diagnostic;
use crate::document::{Counter, Role};
use endpoint::Endpoint;
use mesh::Mesh;
use neighbours::Neighbours;
use policy::ReachabilityPolicy;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// How many checks of a kind are made at the most; past that they are a sample. Only what puts every
/// endpoint and every pair of VPNs into it may go beyond.
const MOST: usize = 1000;

/// The checks of a lab that the compiler routes, whose probes are counted, and what was left out of them.
///
/// # Errors
/// There would be more probes than the limit allows.
pub(super) fn checks(
    lab: &Lab,
    layout: &Layout,
    network: &Network,
    parts: &Parts,
    mut probes: Counter<'_>,
) -> Result<(Vec<Check>, Option<Sample>), Diagnostic> {
    let reader = Reader::of(lab, layout);
    let endpoints = endpoint::all(lab, layout, network, parts);
    let policy = ReachabilityPolicy::of(lab, layout);
    let mesh = Mesh::of(&endpoints);
    let senders = mesh.senders();
    let mut neighbours = Neighbours::new(&endpoints, senders.iter().copied());
    let (near, possible_near) = mesh.draw(&mut neighbours);
    let imported = |from: usize, to: usize, address: IpAddr| {
        let (from, to) = (&endpoints[from], &endpoints[to]);
        to.addresses.iter().filter(|(known, _)| *known == address).any(|(_, there)| {
            there
                .iter()
                .any(|there| from.parts.iter().any(|here| parts.share_a_gate(*here, *there)))
        })
    };
    let is_imported = |from: usize, to: usize| {
        endpoints[to].addresses.iter().any(|(address, _)| imported(from, to, *address))
    };
    let (far, possible_far) =
        borders::draw(Arrow::Reaches, &endpoints, &policy, &senders, is_imported, &mut neighbours);
    let owned: BTreeSet<(usize, IpAddr)> = endpoints
        .iter()
        .flat_map(|it| it.addresses.iter().map(|(address, _)| (it.domain, *address)))
        .collect();
    let missing = |from: usize, to: usize| {
        let (from, to) = (&endpoints[from], &endpoints[to]);
        from.missing(&reader, to, |address| owned.contains(&(from.domain, address)))
    };
    let (apart, possible_apart) = borders::draw(
        Arrow::Misses,
        &endpoints,
        &policy,
        &senders,
        |from, to| endpoints[from].node != endpoints[to].node && !missing(from, to).is_empty(),
        &mut neighbours,
    );

    let mut checks = Vec::new();
    let mut add = |more: Vec<Check>| {
        probes.add(more.iter().map(Check::probes).sum())?;
        checks.extend(more);
        Ok(())
    };
    let mut reached: BTreeSet<(usize, IpAddr)> = BTreeSet::new();
    for (from, to) in &near {
        let (near, far) = (&endpoints[*from], &endpoints[*to]);
        let more = near.reaching(&reader, far, |address| near.reaches(far, address));
        let addresses = more.iter().flat_map(|check| check.to.addresses());
        reached.extend(addresses.map(|address| (*to, *address)));
        add(more)?;
    }
    for (from, to) in &far {
        let is_reached = |address| imported(*from, *to, address);
        add(endpoints[*from].reaching(&reader, &endpoints[*to], is_reached))?;
    }
    for (from, to, address) in further_addresses(&endpoints, &senders, &near, &reached) {
        if neighbours.reach_address(from, to, address) {
            add(endpoints[from].reaching_address(&reader, address).into_iter().collect())?;
        }
    }
    for (from, to) in &apart {
        add(missing(*from, *to))?;
    }
    checks.sort_by_key(|check| (check.from.node, check.expect == Expect::Lost));
    let sample = Sample {
        chosen: near.len() + far.len() + apart.len(),
        of: possible_near + possible_far + possible_apart,
        unchecked: unchecked(lab, parts, &checks),
        between: between(&endpoints),
    };
    let is_whole =
        sample.chosen >= sample.of && sample.unchecked.is_empty() && sample.between.is_empty();
    Ok((checks, (!is_whole).then_some(sample)))
}

/// A host's address that no check is about yet, with whoever can reach it: a place of each among the
/// endpoints.
fn further_addresses(
    endpoints: &[Endpoint],
    senders: &BTreeSet<usize>,
    pairs: &BTreeSet<(usize, usize)>,
    reached: &BTreeSet<(usize, IpAddr)>,
) -> Vec<(usize, usize, IpAddr)> {
    let mut partners: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (from, to) in pairs.iter().filter(|(_, to)| endpoints[*to].is_host) {
        partners.entry(*to).or_default().push(*from);
    }
    let mut further = Vec::new();
    for (to, known) in partners {
        for (address, _) in &endpoints[to].addresses {
            let mut from = known.iter().chain(senders);
            let from = from.find(|from| {
                let from = &endpoints[**from];
                from.node != endpoints[to].node && from.reaches(&endpoints[to], *address)
            });
            if !reached.contains(&(to, *address))
                && let Some(from) = from
            {
                further.push((*from, to, *address));
            }
        }
    }
    further.truncate(MOST);
    further
}

/// The hosts at which parts of the network end that have nothing else in common.
fn between(endpoints: &[Endpoint]) -> Vec<NodeId> {
    let ends_parts = |endpoint: &&Endpoint| {
        let of = |family| endpoint.parts.iter().filter(|part| part.0 == family).count();
        endpoint.is_host && IpFamily::BOTH.into_iter().any(|family| of(family) > 1)
    };
    endpoints.iter().filter(ends_parts).map(|endpoint| endpoint.node).collect()
}

/// The hosts that the compiler routes and no check is about.
fn unchecked(lab: &Lab, parts: &Parts, checks: &[Check]) -> Vec<NodeId> {
    let mut checked: BTreeSet<NodeId> = checks.iter().map(|check| check.from.node).collect();
    checked.extend(checks.iter().filter_map(|check| match check.to {
        Target::Node { node, .. } => Some(node),
        Target::Address(_) | Target::OnLink { .. } => None,
    }));
    let hosts = (0..lab.nodes.len()).map(NodeId).filter(|id| lab[*id].role == Role::Host);
    hosts.filter(|id| parts.is_routed(*id) && !checked.contains(id)).collect()
}
