//! Who is checked to reach whom: pairs within each part of the lab.

use super::MOST;
use super::endpoint::Endpoint;
use super::neighbours::Neighbours;
use crate::compile::parts::Part;
use std::collections::{BTreeMap, BTreeSet};

/// Endpoints of one part, each of which reaches every other.
type Community = Vec<usize>;

/// The pairs within parts: every pair while there are few, and beyond that each endpoint with others
/// at distances from far to near, so that every endpoint sends to somebody.
pub(super) struct Mesh<'a> {
    endpoints: &'a [Endpoint],
    communities: Vec<Community>,
    /// Hosts without another host, each with the routers around it.
    lone: Vec<(usize, usize)>,
}

impl<'a> Mesh<'a> {
    /// The hosts of each part, or its routers where it has no host.
    pub(super) fn of(endpoints: &'a [Endpoint]) -> Self {
        let mut members: BTreeMap<Part, [Vec<usize>; 2]> = BTreeMap::new();
        for (place, endpoint) in endpoints.iter().enumerate() {
            for part in &endpoint.parts {
                members.entry(*part).or_default()[usize::from(endpoint.is_host)].push(place);
            }
        }
        let mut communities: BTreeSet<Community> = BTreeSet::new();
        let mut lone: BTreeSet<(usize, usize)> = BTreeSet::new();
        for [routers, hosts] in members.into_values() {
            match hosts[..] {
                [] => communities.insert(routers),
                [host] => {
                    lone.extend(routers.into_iter().map(|router| (host, router)));
                    true
                }
                [..] => communities.insert(hosts),
            };
        }
        Self {
            endpoints,
            communities: communities.into_iter().collect(),
            lone: lone.into_iter().collect(),
        }
    }

    /// The endpoints that send something.
    pub(super) fn senders(&self) -> BTreeSet<usize> {
        let lone = self.lone.iter().filter(|pair| self.is_near(**pair)).map(|(host, _)| *host);
        let others = self.communities.iter().flat_map(|all| {
            all.iter().copied().filter(|from| all.iter().any(|to| self.is_near((*from, *to))))
        });
        lone.chain(others).collect()
    }

    /// The chosen pairs, and how many there could be.
    pub(super) fn draw(
        &self,
        neighbours: &mut Neighbours<'_>,
    ) -> (BTreeSet<(usize, usize)>, usize) {
        let among = self.communities.iter().map(|all| all.len() * (all.len() - 1));
        let possible = self.lone.len() + among.sum::<usize>();
        let candidates = self.candidates(possible <= MOST);
        // An endpoint of two parts may stand in a pair twice.
        let possible = if possible <= MOST { candidates.len() } else { possible };
        let mut pairs: BTreeSet<(usize, usize)> = BTreeSet::new();
        for pair in candidates {
            if pairs.len() < MOST
                && !pairs.contains(&pair)
                && neighbours.reach(pair.0, pair.1, false)
            {
                pairs.insert(pair);
            }
        }
        let mut silent = self.senders();
        pairs.iter().for_each(|(from, _)| {
            silent.remove(from);
        });
        for pair in self.among(&silent) {
            neighbours.reach(pair.0, pair.1, true);
            pairs.insert(pair);
        }
        (pairs, possible)
    }

    /// The pairs that are tried, each once, in the order in which they are.
    fn candidates(&self, with_all: bool) -> Vec<(usize, usize)> {
        let distances: Vec<Vec<usize>> =
            self.communities.iter().map(|all| distances(all.len(), with_all)).collect();
        let rounds = distances.iter().map(Vec::len).max().unwrap_or(0);
        let mut candidates = self.lone.clone();
        for round in 0..rounds {
            for (all, distances) in self.communities.iter().zip(&distances) {
                let Some(distance) = distances.get(round) else { continue };
                let other = |at: usize| all[(at + distance) % all.len()];
                candidates.extend((0..all.len()).map(|at| (all[at], other(at))));
            }
        }
        let mut seen = BTreeSet::new();
        candidates.retain(|pair| self.is_near(*pair) && seen.insert(*pair));
        // What goes through a router says more than what stays on one LAN.
        let lans = |place: usize| &self.endpoints[place].lans;
        candidates.sort_by_key(|(from, to)| !lans(*from).is_disjoint(lans(*to)));
        candidates
    }

    /// Pairs in which each of some endpoints sends, to one on the same LAN where it can.
    fn among(&self, silent: &BTreeSet<usize>) -> Vec<(usize, usize)> {
        let mut pairs = Vec::new();
        let mut served: BTreeSet<usize> = BTreeSet::new();
        for all in &self.communities {
            let before = pairs.len();
            let is_waiting = |place: &usize| silent.contains(place) && !served.contains(place);
            let mut waiting: Vec<usize> = all.iter().copied().filter(is_waiting).collect();
            waiting.sort_by_key(|place| self.endpoints[*place].lans.first().copied());
            for two in waiting.chunks(2) {
                match *two {
                    [one, other] if self.is_near((one, other)) && self.is_near((other, one)) => {
                        pairs.extend([(one, other), (other, one)]);
                    }
                    _ => pairs.extend(two.iter().filter_map(|one| {
                        let mut others = all.iter().map(|other| (*one, *other));
                        others.find(|pair| self.is_near(*pair))
                    })),
                }
            }
            served.extend(pairs[before..].iter().map(|(from, _)| *from));
        }
        let lone = self.lone.iter().filter(|(host, _)| silent.contains(host));
        pairs.extend(lone.filter(|pair| self.is_near(**pair) && served.insert(pair.0)));
        pairs
    }

    fn is_near(&self, (from, to): (usize, usize)) -> bool {
        self.endpoints[from].is_near(&self.endpoints[to])
    }
}

/// The distances at which the members of a circle are paired: half of it, a quarter and so on, and
/// then all others, if all pairs are wanted.
fn distances(count: usize, with_all: bool) -> Vec<usize> {
    let halves = std::iter::successors(Some(count / 2), |distance| Some(distance / 2));
    let mut distances: Vec<usize> = halves.take_while(|distance| *distance > 0).collect();
    if with_all {
        let others: Vec<usize> = (1..count).filter(|it| !distances.contains(it)).collect();
        distances.extend(others);
    }
    distances
}
