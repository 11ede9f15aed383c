//! Who reaches what in one routing domain, and by which first steps.
//!
//! Inside a site packets take the shortest ways. A compiled VPN has several sites, and packets leave
//! and enter them at the provider's edge alone: what is not in a context's own site is behind the
//! nearest border, and from border to border the core carries it. So a customer's router is never a
//! way from one provider's edge to another.

use super::destinations::Destinations;
use super::family::IpFamily;
use super::lab::NodeId;
use super::layout::Context;
use super::network::{FAR, Network, Place};
use super::shortest::Shortest;
use super::vpn::Core;
use crate::diagnostic::Diagnostic;
use crate::document::{Counter, DeviceName};
use std::collections::{BTreeMap, HashMap};

/// A way on from a context.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Way {
    /// To neighbours, by the numbers of [`super::network::Station::steps`].
    Steps(Vec<u32>),
    /// Over the core into these tables at its edge.
    Core(Vec<Place>),
    /// Into another VRF of the same node.
    Vrf(DeviceName),
    /// On to the tables behind the VRF's own, which end with the main one.
    Main,
}

/// The ways of one context, each with a number.
#[derive(Debug, Default)]
pub(super) struct Ways {
    list: Vec<Way>,
    numbers: HashMap<Way, u32>,
}

impl Ways {
    pub fn number(&mut self, way: Way) -> u32 {
        let next = u32::try_from(self.list.len()).expect("a table has fewer than 2^32 ways");
        *self.numbers.entry(way).or_insert_with_key(|way| {
            self.list.push(way.clone());
            next
        })
    }

    pub fn get(&self, number: u32) -> &Way {
        &self.list[number as usize]
    }
}

/// How a context reaches the prefixes of a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reached {
    /// Not at all.
    Never,
    /// It is one of those who take them.
    Here,
    /// Inside its site.
    Inside(u32),
    /// Through a border of its site, or from one over the core.
    Beyond(u32),
}

/// All routing domains, each by its number and in each family.
pub(super) type Reaches<'a> = BTreeMap<(usize, IpFamily), Reach<'a>>;

/// Who reaches what in one routing domain and family.
pub(super) struct Reach<'a> {
    network: &'a Network,
    core: &'a Core,
    pub destinations: &'a Destinations,
    pub family: IpFamily,
    /// The domain's contexts.
    pub places: Vec<Place>,
    /// How many of them others look for a way to.
    count: usize,
    goals: Vec<Goal>,
    /// By class: its owners, as rows of `goals`.
    owners: Vec<Vec<usize>>,
    /// By class: the routers that its owners hand packets to, as rows too.
    behind: Vec<Vec<usize>>,
    /// By row: how far everybody is, where places are closed on the way there; a search from the
    /// sender finds all others.
    distances: Vec<Vec<u64>>,
    /// By class: the borders that reach it inside their sites, and how far it is from each.
    egress: Vec<Vec<(Place, u64)>>,
    /// The distance of everybody to the nearest way out, by VPN.
    exits: Vec<(Option<DeviceName>, Vec<u64>)>,
}

/// A place that others look for a way to, and the places through which none leads.
#[derive(PartialEq, Eq, Hash)]
struct Goal {
    place: Place,
    closed: Vec<Place>,
}

impl<'a> Reach<'a> {
    /// Searches a domain. `importers` are the contexts inside it that know more than the domain, and
    /// `paths` counts what is searched for in all domains.
    pub fn of(
        network: &'a Network,
        core: &'a Core,
        destinations: &'a Destinations,
        family: IpFamily,
        places: Vec<Place>,
        importers: &[Place],
        paths: &mut Counter<'_>,
    ) -> Result<Self, Diagnostic> {
        let mut reach = Self {
            network,
            core,
            destinations,
            family,
            count: places.iter().filter(|it| network.stations[**it].is_numbered()).count(),
            places,
            goals: Vec::new(),
            owners: Vec::new(),
            behind: Vec::new(),
            distances: Vec::new(),
            egress: Vec::new(),
            exits: Vec::new(),
        };
        reach.find_goals();
        paths.add(reach.goals.len() * reach.count)?;
        let distances_around = |goal: &Goal| {
            let mut row = Vec::new();
            if !goal.closed.is_empty() {
                row.resize(reach.count, FAR);
                network.distances([goal.place], &goal.closed, family, &mut row);
            }
            row
        };
        reach.distances = reach.goals.iter().map(distances_around).collect();
        let borders = reach.places.iter().copied().filter(|it| network.stations[*it].border);
        let borders: Vec<Place> = borders.collect();
        reach.egress = vec![Vec::new(); reach.owners.len()];
        for border in &borders {
            let near = reach.search(*border);
            for class in 0..reach.owners.len() {
                let rows = reach.owners[class].iter();
                let distance = rows.map(|row| reach.far(*border, *row, &near)).min();
                if let Some(distance) = distance.filter(|distance| *distance < FAR) {
                    reach.egress[class].push((*border, distance));
                }
            }
        }
        let mut ways_out: BTreeMap<Option<DeviceName>, Vec<Place>> = BTreeMap::new();
        for border in borders {
            ways_out.entry(network.stations[border].vpn.clone()).or_default().push(border);
        }
        if !importers.is_empty() {
            ways_out.insert(None, importers.to_vec());
        }
        let distances_to = |(vpn, goals)| {
            let mut row = vec![FAR; reach.count];
            network.distances(goals, &[], family, &mut row);
            (vpn, row)
        };
        reach.exits = ways_out.into_iter().map(distances_to).collect();
        Ok(reach)
    }

    /// Gives a row to each place that somebody of the family looks for a way to.
    fn find_goals(&mut self) {
        let mut row_of: HashMap<Goal, usize> = HashMap::new();
        let tree = &self.destinations.trees[self.family.index()];
        let mut used = vec![false; self.destinations.classes.len()];
        tree.leaves().for_each(|(_, leaf)| used[self.destinations.class_of[leaf]] = true);
        for (class, used) in self.destinations.classes.iter().zip(used) {
            if !used {
                self.owners.push(Vec::new());
                self.behind.push(Vec::new());
                continue;
            }
            let place = |context: &Context| self.network.place(*context);
            let closed: Vec<Place> = class.behind.iter().map(place).collect();
            let owners = class.owners.iter().map(|it| (place(it), closed.clone()));
            let behind = class.behind.iter().map(|it| (place(it), Vec::new()));
            let mut rows = owners.chain(behind).map(|(place, closed)| {
                let next = row_of.len();
                *row_of.entry(Goal { place, closed }).or_insert(next)
            });
            self.owners.push(rows.by_ref().take(class.owners.len()).collect());
            self.behind.push(rows.collect());
        }
        let mut goals: Vec<(Goal, usize)> = row_of.into_iter().collect();
        goals.sort_unstable_by_key(|(_, row)| *row);
        self.goals = goals.into_iter().map(|(goal, _)| goal).collect();
    }

    /// Whether only a wire of their own, and no way through a site, joins two places: the tables of one
    /// VPN at two edges, between which the core carries packets.
    fn are_edges(&self, from: Place, to: Place) -> bool {
        let stations = &self.network.stations;
        from != to && stations[from].border && stations[from].vpn == stations[to].vpn
    }

    /// The shortest ways from a place.
    pub fn search(&self, from: Place) -> Shortest {
        Shortest::of(self.network, from, self.family, self.count)
    }

    /// How far a place has it inside its site to a goal that is [`Reach::has_own_way`] from there, and the
    /// steps that lead there.
    fn own_way(&self, from: Place, row: usize, steps: &mut Vec<u32>) -> u64 {
        let goal = self.goals[row].place;
        let far = |place: Place| match (place == goal, self.are_edges(from, goal)) {
            (true, _) => 0,
            (false, true) => FAR,
            (false, false) => self.distances[row][self.number(place)],
        };
        self.network.nearest_to(goal, from, self.family, far, steps)
    }

    /// Whether a goal is reached by another way than the shortest.
    fn has_own_way(&self, from: Place, row: usize) -> bool {
        let goal = &self.goals[row];
        !goal.closed.is_empty() || self.are_edges(from, goal.place)
    }

    /// How far a border has it to a goal inside its site. `near` are the shortest ways from there.
    fn far(&self, border: Place, row: usize, near: &Shortest) -> u64 {
        let goal = &self.goals[row];
        match (self.are_edges(border, goal.place), goal.closed.is_empty()) {
            (true, _) => self.own_way(border, row, &mut Vec::new()),
            (false, true) => near.distance(self.number(goal.place)),
            (false, false) => self.distances[row][self.number(border)],
        }
    }

    /// How a context reaches each class. `shortest` are the shortest ways from there.
    pub fn reached(&self, from: Place, shortest: &Shortest, ways: &mut Ways) -> Vec<Reached> {
        let mut near: Vec<Option<(u64, u32)>> = vec![None; self.goals.len()];
        let mut numbers: Vec<Option<u32>> = vec![None; shortest.sets()];
        let mut steps = Vec::new();
        for (row, near) in near.iter_mut().enumerate() {
            let goal = &self.goals[row];
            if goal.place == from || goal.closed.contains(&from) {
                continue;
            }
            if self.has_own_way(from, row) {
                let distance = self.own_way(from, row, &mut steps);
                if distance < FAR {
                    *near = Some((distance, ways.number(Way::Steps(steps.clone()))));
                }
            } else if let Some((distance, set)) = shortest.to(self.number(goal.place)) {
                let number = || ways.number(Way::Steps(shortest.steps(set)));
                *near = Some((distance, *numbers[set as usize].get_or_insert_with(number)));
            }
        }
        let border = self.network.stations[from].border;
        let exits: Vec<Option<(u64, u32)>> = match border {
            true => Vec::new(),
            false => self.exits.iter().map(|(_, row)| self.exit(from, row, ways)).collect(),
        };
        (0..self.owners.len())
            .map(|class| {
                let (owners, behind) = (&self.owners[class], &self.behind[class]);
                if owners.iter().chain(behind).any(|row| self.goals[*row].place == from) {
                    return Reached::Here;
                }
                // Whoever is in the site of a router that takes the packets on sends them there.
                let inside = if border { &[][..] } else { &behind[..] };
                if let Some(way) = self.nearest_of(owners.iter().chain(inside), &near, ways) {
                    return Reached::Inside(way);
                }
                match border {
                    true => match self.over_core(from, class) {
                        edges if edges.is_empty() => Reached::Never,
                        edges => Reached::Beyond(ways.number(Way::Core(edges))),
                    },
                    false => self.through_exit(class, &exits),
                }
            })
            .collect()
    }

    /// The first steps to the nearest of some goals; to all of them, if several are as near.
    fn nearest_of<'r>(
        &self,
        rows: impl Iterator<Item = &'r usize> + Clone,
        near: &[Option<(u64, u32)>],
        ways: &mut Ways,
    ) -> Option<u32> {
        let known = rows.filter_map(|row| near[*row]);
        let best = known.clone().map(|(distance, _)| distance).min()?;
        let mut best = known.filter(|(distance, _)| *distance == best).map(|(_, way)| way);
        let first = best.next()?;
        let mut joined: Option<Vec<u32>> = None;
        for other in best.filter(|other| *other != first) {
            let (Way::Steps(own), Way::Steps(more)) = (ways.get(first), ways.get(other)) else {
                continue;
            };
            joined.get_or_insert_with(|| own.clone()).extend(more);
        }
        Some(match joined {
            None => first,
            Some(mut steps) => {
                steps.sort_unstable();
                steps.dedup();
                ways.number(Way::Steps(steps))
            }
        })
    }

    /// The other borders of a border's VPN that are nearest to a class.
    pub fn over_core(&self, from: Place, class: usize) -> Vec<Place> {
        let station = &self.network.stations[from];
        match &station.vpn {
            Some(vpn) => self.egress(station.context.node, vpn, class),
            None => Vec::new(),
        }
    }

    /// The borders of a VPN at other nodes over which a class is nearest to a node of the core.
    pub fn egress(&self, from: NodeId, vpn: &DeviceName, class: usize) -> Vec<Place> {
        let stations = &self.network.stations;
        let members = self.egress[class].iter();
        let members = members.filter(|(place, _)| stations[*place].vpn.as_ref() == Some(vpn));
        let members = members.filter_map(|(place, inside)| {
            let core = self.core.distance(from, stations[*place].context.node)?;
            Some((*place, core + inside))
        });
        let best = members.clone().map(|(_, distance)| distance).min();
        members.filter(|(_, distance)| Some(*distance) == best).map(|(place, _)| place).collect()
    }

    fn number(&self, place: Place) -> usize {
        self.network.stations[place].number as usize
    }

    fn exit(&self, from: Place, row: &[u64], ways: &mut Ways) -> Option<(u64, u32)> {
        // Who is a way out itself goes to no other.
        if row.get(self.number(from)) == Some(&0) {
            return None;
        }
        let mut steps = Vec::new();
        let far = |place: Place| row[self.number(place)];
        let distance = self.network.nearest(from, self.family, far, &mut steps);
        (distance < FAR).then(|| (distance, ways.number(Way::Steps(steps))))
    }

    fn through_exit(&self, class: usize, exits: &[Option<(u64, u32)>]) -> Reached {
        let known = |vpn: &DeviceName| {
            let stations = &self.network.stations;
            self.egress[class].iter().any(|(place, _)| stations[*place].vpn.as_ref() == Some(vpn))
        };
        let ways = self.exits.iter().zip(exits);
        let nearest = ways
            .filter(|((vpn, _), _)| vpn.as_ref().is_some_and(known))
            .filter_map(|(_, exit)| *exit)
            .min();
        nearest.map_or(Reached::Never, |(_, way)| Reached::Beyond(way))
    }

    /// The one way out of a context's site, where there is one. Where somebody's written default leads
    /// into the site, the VPN that has it is no way out: it would send everything back.
    pub fn way_out(&self, from: Place, shortest: &Shortest, ways: &mut Ways) -> Option<u32> {
        if self.network.stations[from].border {
            return None;
        }
        let back = self.back(from, shortest);
        let exits = self.exits.iter().filter(|(vpn, _)| !back.contains(&vpn.as_ref()));
        let mut ways = exits.filter_map(|(_, row)| self.exit(from, row, ways));
        let only = ways.next();
        if ways.next().is_some() { None } else { only.map(|(_, way)| way) }
    }

    /// The VPNs whose written default leads into a context's site.
    fn back(&self, from: Place, shortest: &Shortest) -> Vec<Option<&DeviceName>> {
        let tree = &self.destinations.trees[self.family.index()];
        let Some(leaf) = tree.leaf(self.family.default_route()) else { return Vec::new() };
        let class = self.destinations.class_of[leaf];
        let inside = |row: &usize| {
            let place = self.goals[*row].place;
            place == from || shortest.distance(self.number(place)) < FAR
        };
        if !self.behind[class].iter().any(inside) {
            return Vec::new();
        }
        let owners = self.owners[class].iter().map(|row| self.goals[*row].place);
        owners.map(|owner| self.network.stations[owner].vpn.as_ref()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_room_for_more_ways_than_sixteen_bits_can_number() {
        let mut ways = Ways::default();
        let way = |step: u32| Way::Steps(vec![step]);
        let numbers: Vec<u32> = (0..70_000).map(|step| ways.number(way(step))).collect();
        assert_eq!(numbers, Vec::from_iter(0..70_000));
        assert_eq!((ways.number(way(69_999)), ways.get(69_999)), (69_999, &way(69_999)));
    }
}
