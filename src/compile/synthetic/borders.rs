//! Pairs of endpoints of two routing domains: those that must not reach each other, and those of VPNs
//! that import each other.

use super::MOST;
use super::census::{Census, Size};
use super::endpoint::Endpoint;
use super::neighbours::Neighbours;
use super::policy::ReachabilityPolicy;
use crate::compile::check::Arrow;
use std::collections::{BTreeMap, BTreeSet};

/// How many pairs of domains get a check at the most.
const MOST_DOMAINS: usize = 10_000;

/// The endpoints of a domain that stand for it: its hosts, or its routers where it has no host.
struct Group {
    senders: Vec<usize>,
    targets: Vec<usize>,
    has_hosts: bool,
}

/// A pair of domains in one direction.
struct Border<'a> {
    from: &'a Group,
    to: &'a Group,
    /// How many steps stand between the two in the order of domains.
    distance: usize,
}

/// The chosen pairs over all borders that have this arrow, and how many there could be. `senders` are
/// the endpoints of which another check shows that they can send.
pub(super) fn draw(
    arrow: Arrow,
    endpoints: &[Endpoint],
    policy: &ReachabilityPolicy,
    senders: &BTreeSet<usize>,
    mut is_possible: impl FnMut(usize, usize) -> bool,
    neighbours: &mut Neighbours<'_>,
) -> (BTreeSet<(usize, usize)>, usize) {
    let groups = groups(endpoints, senders);
    let sizes: BTreeMap<usize, Size> =
        groups.iter().map(|(domain, group)| (*domain, group.size())).collect();
    let census = match policy.has_no_vpn() {
        // Networks without a VPN neither reach nor miss each other on purpose.
        true => Census::default(),
        false => Census::of(&sizes, policy, arrow),
    };
    let possible = census.pairs;
    let borders = borders(&groups, policy, arrow, census.borders.min(MOST_DOMAINS));
    let longest = borders.iter().map(Border::possible).max().unwrap_or(0);
    let mut pairs = BTreeSet::new();
    let mut tried = 0;
    for round in 0..longest {
        let before = pairs.len();
        for border in borders.iter().filter(|it| round < it.possible()) {
            let is_first = round == 0;
            let (from, to) = border.pair(round, groups.len());
            if (pairs.len() >= MOST && !is_first) || !is_possible(from, to) {
                continue;
            }
            tried += 1;
            let has_room = match arrow {
                Arrow::Reaches => neighbours.reach(from, to, is_first),
                Arrow::Misses => neighbours.miss(from, to, is_first),
            };
            if has_room {
                pairs.insert((from, to));
            }
        }
        if possible > MOST && pairs.len() == before {
            break;
        }
    }
    // Where all were tried, those that cannot be are known.
    (pairs, if possible <= MOST { tried } else { possible })
}

fn groups(endpoints: &[Endpoint], senders: &BTreeSet<usize>) -> BTreeMap<usize, Group> {
    let mut members: BTreeMap<usize, [Vec<usize>; 2]> = BTreeMap::new();
    for (place, endpoint) in endpoints.iter().enumerate() {
        members.entry(endpoint.domain).or_default()[usize::from(endpoint.is_host)].push(place);
    }
    let group = |(domain, [routers, hosts]): (usize, [Vec<usize>; 2])| {
        let has_hosts = !hosts.is_empty();
        let members = if has_hosts { hosts } else { routers };
        // Whose name says the whole of it is the better target.
        let named = members.iter().copied().filter(|place| endpoints[*place].has_name());
        let named: Vec<usize> = named.collect();
        let sending = members.iter().copied().filter(|place| senders.contains(place));
        let senders = sending.collect();
        let targets = if named.is_empty() { members } else { named };
        (domain, Group { senders, targets, has_hosts })
    };
    members.into_iter().map(group).collect()
}

/// The first `count` borders with an arrow: those of neighbouring domains first.
fn borders<'a>(
    groups: &'a BTreeMap<usize, Group>,
    policy: &ReachabilityPolicy,
    arrow: Arrow,
    count: usize,
) -> Vec<Border<'a>> {
    let domains: Vec<(usize, &Group)> = groups.iter().map(|(it, group)| (*it, group)).collect();
    let places = domains.len();
    let place = |domain: usize| domains.binary_search_by_key(&domain, |(it, _)| *it).ok();
    let pairs: Box<dyn Iterator<Item = (usize, usize)>> = match arrow {
        Arrow::Misses => Box::new((1..places).flat_map(|it| (0..places).map(move |at| (it, at)))),
        // Only what imports reaches another, and few do.
        Arrow::Reaches => {
            let imports = policy.imports.keys().filter_map(|(from, to)| {
                let (from, to) = (place(*from)?, place(*to)?);
                (from != to).then_some(((to + places - from) % places, from))
            });
            Box::new(imports.collect::<BTreeSet<(usize, usize)>>().into_iter())
        }
    };
    let border = |(distance, at): (usize, usize)| {
        let ((near, from), (far, to)) = (domains[at], domains[(at + distance) % places]);
        let has_arrow = policy.between(near, far) == Some(arrow) && !from.senders.is_empty();
        has_arrow.then_some(Border { from, to, distance })
    };
    pairs.filter_map(border).take(count).collect()
}

impl Group {
    fn size(&self) -> Size {
        let (senders, targets) = (self.senders.len(), self.targets.len());
        Size { senders, targets, has_hosts: self.has_hosts }
    }
}

impl Border<'_> {
    /// How many pairs there could be.
    fn possible(&self) -> usize {
        self.from.size().pairs(self.to.size())
    }

    /// The pair of a round. Each member of the larger group has its turn before any has a second one,
    /// and each partner of a group begins with another of its members.
    fn pair(&self, round: usize, groups: usize) -> (usize, usize) {
        let (senders, targets) = (&self.from.senders, &self.to.targets);
        let longer = senders.len().max(targets.len());
        let (lap, turn) = (round / longer, round % longer);
        let (sender, target) = match senders.len() == longer {
            true => (turn, turn + lap),
            false => (turn + lap, turn),
        };
        let begin = |members: usize| (self.distance - 1) * members / (groups - 1);
        let of =
            |members: &[usize], at: usize| members[(at + begin(members.len())) % members.len()];
        (of(senders, sender), of(targets, target))
    }
}
