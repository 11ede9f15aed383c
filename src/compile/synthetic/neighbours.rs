//! How many entries the checks of a lab fill in the kernel's neighbour tables.

use super::endpoint::Endpoint;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// How many entries checks may fill on LANs: half of what a kernel keeps by default for all its
/// namespaces together (`gc_thresh3`). Past its limit a kernel loses packets.
const LIMIT: usize = 512;

/// How many more than each endpoint needs once, where these alone come near the limit.
const MARGIN: usize = 128;

/// Whom an endpoint on a LAN sends to there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Neighbour {
    /// Another endpoint; of the two the one with the lower place stands first.
    Endpoint(usize),
    /// Its router.
    Gateway,
    /// An address that no endpoint there has, or not as its first.
    Address(IpAddr),
}

/// The neighbours that the chosen checks need. Links are not counted: their two ends are neighbours
/// whatever is checked.
pub(super) struct Neighbours<'a> {
    endpoints: &'a [Endpoint],
    /// Who has an address on a LAN.
    owners: BTreeMap<(usize, IpAddr), usize>,
    pairs: BTreeSet<(usize, Neighbour)>,
    /// Endpoints on LANs that no check is sent from yet. Each needs one entry at the least, half of
    /// those of a pair.
    waiting: BTreeSet<usize>,
    /// How many entries there may be, those that `waiting` needs included.
    limit: usize,
}

impl<'a> Neighbours<'a> {
    /// Those of no check yet, where each of `senders` is to send one.
    pub(super) fn new(endpoints: &'a [Endpoint], senders: impl Iterator<Item = usize>) -> Self {
        let on_lan = |place: &usize| !endpoints[*place].lans.is_empty();
        let waiting: BTreeSet<usize> = senders.filter(on_lan).collect();
        let limit = LIMIT.max(waiting.len() + MARGIN);
        let mut owners = BTreeMap::new();
        for (place, endpoint) in endpoints.iter().enumerate() {
            for lan in &endpoint.lans {
                let addresses = endpoint.addresses.iter();
                owners.extend(addresses.map(|(address, _)| ((*lan, *address), place)));
            }
        }
        Self { endpoints, owners, pairs: BTreeSet::new(), waiting, limit }
    }

    /// Takes in a check whose probe and answer arrive, if there is room for it or it has to be.
    pub(super) fn reach(&mut self, from: usize, to: usize, is_needed: bool) -> bool {
        let (near, far) = (&self.endpoints[from], &self.endpoints[to]);
        let new = match near.lans.is_disjoint(&far.lans) {
            false => BTreeSet::from([pair(from, to)]),
            true => [from, to]
                .into_iter()
                .filter(|end| !self.endpoints[*end].lans.is_empty())
                .map(|end| (end, Neighbour::Gateway))
                .collect(),
        };
        self.take(from, new, is_needed)
    }

    /// Takes in a check whose probe must not arrive, if there is room for it or it has to be.
    pub(super) fn miss(&mut self, from: usize, to: usize, is_needed: bool) -> bool {
        let (near, far) = (&self.endpoints[from], &self.endpoints[to]);
        if near.lans.is_empty() {
            return true;
        }
        let new = far.addresses.iter().filter_map(|(address, _)| {
            // What another domain has may look like a neighbour, for the same addresses are here.
            if near.lan_nets.iter().all(|net| !net.contains(address)) {
                return Some((from, Neighbour::Gateway));
            }
            match near.lans.iter().find_map(|lan| self.owners.get(&(*lan, *address))) {
                Some(own) if *own == from => None,
                Some(owner) => Some(pair(from, *owner)),
                None => Some((from, Neighbour::Address(*address))),
            }
        });
        self.take(from, new.collect(), is_needed)
    }

    /// Takes in a check of one more address of an endpoint, if there is room for it.
    pub(super) fn reach_address(&mut self, from: usize, to: usize, address: IpAddr) -> bool {
        let (near, far) = (&self.endpoints[from], &self.endpoints[to]);
        let neighbour = match near.lans.is_disjoint(&far.lans) {
            false => Neighbour::Address(address),
            true if near.lans.is_empty() => return true,
            true => Neighbour::Gateway,
        };
        self.take(from, BTreeSet::from([(from, neighbour)]), false)
    }

    fn take(
        &mut self,
        from: usize,
        mut new: BTreeSet<(usize, Neighbour)>,
        is_needed: bool,
    ) -> bool {
        new.retain(|pair| !self.pairs.contains(pair));
        let before = 2 * self.pairs.len() + self.waiting.len();
        let after = before + 2 * new.len() - usize::from(self.waiting.contains(&from));
        if after > self.limit.max(before) && !is_needed {
            return false;
        }
        self.pairs.extend(new);
        self.waiting.remove(&from);
        true
    }
}

fn pair(one: usize, other: usize) -> (usize, Neighbour) {
    (one.min(other), Neighbour::Endpoint(one.max(other)))
}
