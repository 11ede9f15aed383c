//! The order in which a large network's routers get their addresses: neighbours next to each other,
//! so that a region of the graph shares a prefix.

use super::lab::Lab;
use super::layout::{Context, Layout};
use super::segment::Segment;
use std::collections::{BTreeMap, HashMap, VecDeque};

/// Up to this many routers a network is of ordinary size, and keeps the file's order, in which what
/// is added at the end changes nothing before it.
const ORDINARY: usize = 100;

/// The rank of each router of a large network; nothing for one of ordinary size.
pub(super) fn ranks(
    lab: &Lab,
    layout: &Layout,
    contexts: &[Context],
    segments: &[&Segment],
) -> Option<HashMap<Context, usize>> {
    let routers: Vec<Context> =
        contexts.iter().copied().filter(|context| lab[context.node].forwarding).collect();
    if routers.len() <= ORDINARY {
        return None;
    }
    let number: HashMap<Context, usize> =
        routers.iter().enumerate().map(|(number, context)| (*context, number)).collect();
    let neighbours = neighbours(layout, &number, segments, routers.len());
    let order = stages(&neighbours).unwrap_or_else(|| walk(&neighbours));
    Some(order.into_iter().enumerate().map(|(rank, number)| (routers[number], rank)).collect())
}

fn neighbours(
    layout: &Layout,
    number: &HashMap<Context, usize>,
    segments: &[&Segment],
    count: usize,
) -> Vec<Vec<usize>> {
    let mut neighbours = vec![Vec::new(); count];
    for segment in segments {
        let on: Vec<usize> = segment
            .ports
            .iter()
            .filter_map(|port| number.get(&layout.context(*port)).copied())
            .collect();
        // A LAN joins its routers through the first of them.
        for other in on.iter().skip(1).filter(|other| **other != on[0]) {
            neighbours[on[0]].push(*other);
            neighbours[*other].push(on[0]);
        }
    }
    for list in &mut neighbours {
        list.sort_unstable();
        list.dedup();
    }
    neighbours
}

/// How many stages a network of stages has above its lowest at the most.
const STAGES: usize = 3;

/// The routers of a network that is built in stages, of which each link joins two neighbouring ones, as
/// fat trees, leaves and spines are; nothing for another.
///
/// The lowest stage comes first: those of a pod, which all others reach by the same ways, next to each
/// other. Then the highest, and what is between the two last, each plane by itself. So a link's subnet
/// is with its end at the lowest or the highest stage, where many share their ways.
fn stages(neighbours: &[Vec<usize>]) -> Option<Vec<usize>> {
    let fewest = neighbours.iter().map(Vec::len).min().filter(|fewest| *fewest >= 2)?;
    let mut stage = vec![usize::MAX; neighbours.len()];
    let mut open: VecDeque<usize> =
        (0..neighbours.len()).filter(|node| neighbours[*node].len() == fewest).collect();
    open.iter().for_each(|node| stage[*node] = 0);
    while let Some(node) = open.pop_front() {
        for next in &neighbours[node] {
            if stage[*next] == usize::MAX {
                stage[*next] = stage[node] + 1;
                open.push_back(*next);
            }
        }
    }
    let top = stage.iter().max().copied().filter(|top| (1..=STAGES).contains(top))?;
    let apart = |(node, near): (usize, &Vec<usize>)| {
        near.iter().all(|near| stage[*near].abs_diff(stage[node]) == 1)
    };
    if !neighbours.iter().enumerate().all(apart) {
        return None;
    }
    let pods = parts(neighbours, |node| stage[node] < top);
    let planes = parts(neighbours, |node| stage[node] > 0);
    let mut order: Vec<usize> = (0..neighbours.len()).collect();
    order.sort_by_key(|node| match stage[*node] {
        0 => (0, pods[*node], *node),
        it if it == top => (1, planes[*node], *node),
        it => (2 + it, planes[*node], *node),
    });
    Some(order)
}

/// The parts into which some routers fall without the others, by the first router of each.
fn parts(neighbours: &[Vec<usize>], within: impl Fn(usize) -> bool) -> Vec<usize> {
    let mut part = vec![usize::MAX; neighbours.len()];
    for start in (0..neighbours.len()).filter(|node| within(*node)) {
        let mut open = vec![start];
        while let Some(node) = open.pop() {
            if part[node] == usize::MAX && within(node) {
                part[node] = start;
                open.extend(&neighbours[node]);
            }
        }
    }
    part
}

/// The routers in the order of a walk over the shortest ways from the middle of each network: all
/// that is behind a router comes right after it.
fn walk(neighbours: &[Vec<usize>]) -> Vec<usize> {
    let mut order = Vec::with_capacity(neighbours.len());
    let mut seen = vec![false; neighbours.len()];
    for start in 0..neighbours.len() {
        if seen[start] {
            continue;
        }
        let middle = middle(neighbours, start);
        let (_, parents) = search(neighbours, middle);
        let mut children: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (node, parent) in &parents {
            if node != parent {
                children.entry(*parent).or_default().push(*node);
            }
        }
        let mut open = vec![middle];
        while let Some(node) = open.pop() {
            seen[node] = true;
            order.push(node);
            open.extend(children.get(&node).into_iter().flatten().rev());
        }
    }
    order
}

/// A router halfway between two that are about as far from each other as any.
fn middle(neighbours: &[Vec<usize>], start: usize) -> usize {
    let (end, _) = search(neighbours, start);
    let (other, parents) = search(neighbours, end);
    let mut way = vec![other];
    while let Some(parent) = parents.get(&way[way.len() - 1]).filter(|parent| **parent != end) {
        way.push(*parent);
    }
    way[way.len() / 2]
}

/// The last router that a search in all directions comes to, and from where it came to each.
fn search(neighbours: &[Vec<usize>], start: usize) -> (usize, BTreeMap<usize, usize>) {
    let mut parents = BTreeMap::from([(start, start)]);
    let mut open = VecDeque::from([start]);
    let mut last = start;
    while let Some(node) = open.pop_front() {
        last = node;
        for next in &neighbours[node] {
            if !parents.contains_key(next) {
                parents.insert(*next, node);
                open.push_back(*next);
            }
        }
    }
    (last, parents)
}
