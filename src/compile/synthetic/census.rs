//! How many borders between routing domains there are, and how many pairs of endpoints over them: counted
//! without going through all, of which a provider's edge with thousands of VPNs has millions.

use super::policy::ReachabilityPolicy;
use crate::compile::check::Arrow;
use crate::document::DeviceName;
use std::collections::{BTreeMap, BTreeSet};

/// How large a domain is, as far as pairs with others go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Size {
    pub senders: usize,
    pub targets: usize,
    pub has_hosts: bool,
}

/// A number of borders, and of the pairs over them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Census {
    pub borders: usize,
    pub pairs: usize,
}

impl Size {
    /// How many pairs there could be with one that is sent to: all of two groups of hosts, and as many
    /// as show each host once where one is of routers.
    pub fn pairs(self, to: Self) -> usize {
        let (senders, targets) = (self.senders, to.targets);
        match (self.has_hosts, to.has_hosts) {
            (true, true) => senders * targets,
            (true, false) => senders,
            (false, true) => targets,
            (false, false) => senders.max(targets),
        }
    }

    /// The border with one that is sent to, where there is one.
    fn border(self, to: Self) -> Census {
        match self.senders {
            0 => Census::default(),
            _ => Census { borders: 1, pairs: self.pairs(to) },
        }
    }
}

impl Census {
    /// The borders with an arrow between domains of these sizes.
    pub fn of(sizes: &BTreeMap<usize, Size>, policy: &ReachabilityPolicy, arrow: Arrow) -> Self {
        let between = |(from, to): (usize, usize)| match (sizes.get(&from), sizes.get(&to)) {
            (Some(one), Some(other)) if policy.between(from, to) == Some(arrow) => {
                one.border(*other)
            }
            (Some(_), Some(_)) | (None, _) | (_, None) => Self::default(),
        };
        let imports = policy.imports.keys().copied().filter(|(from, to)| from != to);
        match arrow {
            Arrow::Reaches => imports.map(between).fold(Self::default(), Self::plus),
            Arrow::Misses => {
                let is_vpn = |domain: &usize| policy.vpns.contains_key(domain);
                // All VPNs are kept apart where nothing is imported, and each from its neighbours.
                let imported = imports.filter(|(from, to)| policy.are_unlike(*from, *to));
                let imported = imported
                    .filter_map(|(from, to)| Some(sizes.get(&from)?.border(*sizes.get(&to)?)));
                let others = policy.neighbours.iter().filter(|(_, main)| !is_vpn(main));
                let others = others.flat_map(|(vpn, main)| [(*vpn, *main), (*main, *vpn)]);
                let apart = unlike(sizes, policy);
                let apart = imported.fold(apart, Self::minus);
                others.map(between).fold(apart, Self::plus)
            }
        }
    }

    fn plus(self, other: Self) -> Self {
        Self { borders: self.borders + other.borders, pairs: self.pairs + other.pairs }
    }

    fn minus(self, other: Self) -> Self {
        Self { borders: self.borders - other.borders, pairs: self.pairs - other.pairs }
    }
}

/// How many domains there are of each size.
type Tally = BTreeMap<Size, usize>;

/// The borders between VPNs of which no two VRFs have the same name.
fn unlike(sizes: &BTreeMap<usize, Size>, policy: &ReachabilityPolicy) -> Census {
    let mut all = Tally::new();
    let mut alike: BTreeMap<&BTreeSet<DeviceName>, Tally> = BTreeMap::new();
    for (domain, names) in &policy.vpns {
        if let Some(size) = sizes.get(domain) {
            *all.entry(*size).or_default() += 1;
            *alike.entry(names).or_default().entry(*size).or_default() += 1;
        }
    }
    let mut with_name: BTreeMap<&DeviceName, Vec<&BTreeSet<DeviceName>>> = BTreeMap::new();
    for names in alike.keys() {
        names.iter().for_each(|name| with_name.entry(name).or_default().push(names));
    }
    let mut sharing: BTreeSet<(&BTreeSet<DeviceName>, &BTreeSet<DeviceName>)> = BTreeSet::new();
    for all in with_name.values() {
        sharing.extend(all.iter().flat_map(|one| all.iter().map(|other| (*one, *other))));
    }
    let sharing = sharing.into_iter().map(|(one, other)| product(&alike[one], &alike[other]));
    sharing.fold(product(&all, &all), Census::minus)
}

/// The borders from each domain of one tally to each of another.
fn product(from: &Tally, to: &Tally) -> Census {
    let pairs = from.iter().flat_map(|one| to.iter().map(move |other| (one, other)));
    pairs.fold(Census::default(), |sum, ((one, many), (other, more))| {
        let Census { borders, pairs } = one.border(*other);
        sum.plus(Census { borders: borders * many * more, pairs: pairs * many * more })
    })
}
