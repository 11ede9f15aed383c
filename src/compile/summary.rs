//! The fewest routes that say exactly the same.
//!
//! A table is a tree of prefixes with a way at each. Going up, a prefix learns which ways would save
//! routes below it; going down, it takes one if its parent's is none of them (the scheme of Draves,
//! King, Venkatachary and Zill). A prefix stands for its parts only where they fill it, so that what
//! had no route still has none, and two routers never point at each other for it.

use ipnet::IpNet;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// What a node of the tree says of one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaf {
    /// Nobody is sent there.
    Hole,
    /// The kernel has a better route itself, so that nothing can go wrong here.
    Own,
    /// The way of this number.
    Way(u32),
}

/// How many ways a prefix remembers; with more than these at hand the summary may be longer, and
/// is as right.
const KEPT: usize = 4;

/// Up to this many prefixes a summary has no exceptions: a shorter prefix says one thing of all of
/// its parts, and nothing of what the kernel routes itself.
const READABLE: usize = 256;

/// The ways that would save routes.
#[derive(Debug, Clone, Copy)]
enum Savers {
    Nothing,
    Anything,
    Some { ways: [u32; KEPT], count: u8 },
}

/// The prefixes of one family in one routing domain.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// Children stand before their parents.
    nodes: Vec<Node>,
    /// The node of each prefix that was put in.
    of_prefix: BTreeMap<IpNet, usize>,
}

#[derive(Debug)]
struct Node {
    net: IpNet,
    children: [Option<usize>; 2],
    /// The place of its prefix among those that were put in.
    leaf: Option<usize>,
    /// Whether its two children fill it.
    full: bool,
}

impl Tree {
    /// The tree of prefixes, each with a place by which a table says its leaf; in any order, each
    /// once.
    pub fn of(mut prefixes: Vec<(IpNet, usize)>) -> Self {
        prefixes.sort_unstable_by_key(|(net, _)| (bits(*net), net.prefix_len()));
        let mut tree = Self::default();
        if !prefixes.is_empty() {
            tree.grow(&prefixes);
        }
        tree.of_prefix = tree
            .nodes
            .iter()
            .enumerate()
            .filter(|(_, node)| node.leaf.is_some())
            .map(|(place, node)| (node.net, place))
            .collect();
        tree
    }

    /// How many prefixes were put in.
    pub fn len(&self) -> usize {
        self.of_prefix.len()
    }

    /// The place of a prefix that was put in.
    pub fn leaf(&self, net: IpNet) -> Option<usize> {
        self.nodes[*self.of_prefix.get(&net)?].leaf
    }

    /// Every prefix that was put in, with its place.
    pub fn leaves(&self) -> impl Iterator<Item = (IpNet, usize)> {
        self.nodes.iter().filter_map(|node| Some((node.net, node.leaf?)))
    }

    /// Grows a tree from sorted prefixes; depth is bounded by an address's length.
    fn grow(&mut self, prefixes: &[(IpNet, usize)]) -> usize {
        let (first, last) = (prefixes[0].0, prefixes[prefixes.len() - 1].0);
        let width = first.max_prefix_len();
        let unlike = (bits(first) ^ bits(last)).leading_zeros() as u8;
        let common = unlike.min(first.prefix_len()).min(width);
        let net = IpNet::new(first.addr(), common).expect("no longer than an address").trunc();
        let (leaf, rest) = match first.prefix_len() == common {
            true => (Some(prefixes[0].1), &prefixes[1..]),
            false => (None, prefixes),
        };
        let middle = rest.partition_point(|(net, _)| !bit(*net, common));
        let children = [&rest[..middle], &rest[middle..]]
            .map(|side| (!side.is_empty()).then(|| self.grow(side)));
        let full = children.iter().all(|child| {
            child.is_some_and(|child| self.nodes[child].net.prefix_len() == common + 1)
        });
        self.nodes.push(Node { net, children, leaf, full });
        self.nodes.len() - 1
    }

    /// The routes of a table whose leaves are these, by their places: prefixes with the way that
    /// each takes. With a `default` way every hole may be sent that way.
    pub fn routes(&self, leaves: &[Leaf], default: Option<u32>) -> Vec<(IpNet, u32)> {
        // In a table that can be read as a whole a summary stands for what it says and nothing else.
        let thrifty = self.len() > READABLE;
        let mut savers = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let own = node.leaf.map(|leaf| leaves[leaf]);
            let hole = if default.is_some() { Savers::Anything } else { Savers::Nothing };
            savers.push(match (own, node.children) {
                (Some(Leaf::Way(way)), _) => Savers::one(way),
                (Some(Leaf::Own), _) if thrifty => Savers::Anything,
                (Some(Leaf::Own), _) => Savers::Nothing,
                (Some(Leaf::Hole), _) => hole,
                (None, [Some(low), Some(high)]) if node.full || default.is_some() => {
                    Savers::both(savers[low], savers[high], thrifty)
                }
                (None, _) => hole,
            });
        }
        let mut routes = Vec::new();
        let Some(root) = self.nodes.len().checked_sub(1) else { return routes };
        let mut open = vec![(root, default)];
        while let Some((place, mut inherited)) = open.pop() {
            let node = &self.nodes[place];
            if let Some(way) = savers[place].wanted(inherited) {
                routes.push((node.net, way));
                inherited = Some(way);
            }
            // What the kernel has a route for itself is not sent with anything larger.
            if node.leaf.is_some_and(|leaf| leaves[leaf] == Leaf::Own) {
                inherited = None;
            }
            open.extend(node.children.iter().rev().flatten().map(|child| (*child, inherited)));
        }
        routes
    }

    /// The way that the whole table could take by default, where some could: one that saves most.
    pub fn common(&self, leaves: &[Leaf]) -> Option<u32> {
        let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
        for (_, leaf) in self.leaves() {
            match leaves[leaf] {
                Leaf::Way(way) => *counts.entry(way).or_default() += 1,
                Leaf::Hole | Leaf::Own => {}
            }
        }
        let most = counts.values().max().copied()?;
        counts.into_iter().find(|(_, count)| *count == most).map(|(way, _)| way)
    }
}

impl Savers {
    fn one(way: u32) -> Self {
        Savers::Some { ways: [way; KEPT], count: 1 }
    }

    /// What saves below both: the ways that save on both sides, else those of either.
    fn both(low: Self, high: Self, thrifty: bool) -> Self {
        match (low, high) {
            (Savers::Nothing, _) | (_, Savers::Nothing) => Savers::Nothing,
            (Savers::Some { .. }, Savers::Some { .. })
                if !thrifty && low.ways().ne(high.ways()) =>
            {
                Savers::Nothing
            }
            (Savers::Anything, other) | (other, Savers::Anything) => other,
            (Savers::Some { .. }, Savers::Some { .. }) => {
                let mut common = low.ways().filter(|way| high.ways().any(|other| other == *way));
                let mut kept = [0; KEPT];
                let mut count = 0;
                let mut keep = |way| {
                    if count < KEPT {
                        kept[count] = way;
                        count += 1;
                    }
                };
                match common.next() {
                    Some(first) => std::iter::once(first).chain(common).for_each(&mut keep),
                    None => low.ways().chain(high.ways()).for_each(&mut keep),
                }
                Savers::Some { ways: kept, count: count as u8 }
            }
        }
    }

    fn ways(&self) -> impl Iterator<Item = u32> + '_ {
        let kept: &[u32] = match self {
            Savers::Nothing | Savers::Anything => &[],
            Savers::Some { ways, count } => &ways[..usize::from(*count)],
        };
        kept.iter().copied()
    }

    /// The way that a prefix has to take, given the one it would take anyway.
    fn wanted(&self, inherited: Option<u32>) -> Option<u32> {
        let first = self.ways().next()?;
        let kept = inherited.is_some_and(|inherited| self.ways().any(|way| way == inherited));
        (!kept).then_some(first)
    }
}

/// An address as a number whose highest bit is the address's.
fn bits(net: IpNet) -> u128 {
    match net.addr() {
        IpAddr::V4(address) => u128::from(u32::from(address)) << 96,
        IpAddr::V6(address) => u128::from(address),
    }
}

fn bit(net: IpNet, place: u8) -> bool {
    bits(net) >> (127 - place) & 1 == 1
}
