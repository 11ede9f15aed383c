//! Who reaches what in one routing domain, and by which first steps.
//!
//! Inside a site packets take the shortest ways. A compiled VPN has several sites, and packets leave
//! and enter them at the provider's edge alone: what is not in a context's own site is behind the
//! nearest border, and from border to border the core carries it. So a customer's router is never a
//! way from one provider's edge to another.

use super::destinations::Destinations;
use super::layout::Context;
use super::network::{FAR, Network, Place};
use crate::document::DeviceName;
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
    numbers: HashMap<Way, u16>,
}

impl Ways {
    pub fn number(&mut self, way: Way) -> u16 {
        let next = u16::try_from(self.list.len()).expect("a table has fewer ways than labels");
        *self.numbers.entry(way).or_insert_with_key(|way| {
            self.list.push(way.clone());
            next
        })
    }

    pub fn get(&self, number: u16) -> &Way {
        &self.list[usize::from(number)]
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
    Inside(u16),
    /// Through a border of its site, or from one over the core.
    Beyond(u16),
}

/// Who reaches what in one routing domain.
pub(super) struct Reach<'a> {
    network: &'a Network,
    pub destinations: &'a Destinations,
    /// The domain's contexts.
    pub places: Vec<Place>,
    /// How many of them others look for a way to.
    count: usize,
    /// The target places of each class, as rows of `distances`.
    rows: Vec<Vec<usize>>,
    goals: Vec<Place>,
    /// A row for each target.
    distances: Vec<u32>,
    /// By class: the borders that reach it inside their sites, and how far it is from each.
    egress: Vec<Vec<(Place, u32)>>,
    /// The distance of everybody to the nearest way out, by VPN.
    exits: Vec<(Option<DeviceName>, Vec<u32>)>,
}

impl<'a> Reach<'a> {
    /// Searches a domain. `importers` are the contexts inside it that know more than the domain.
    pub fn of(
        network: &'a Network,
        destinations: &'a Destinations,
        places: Vec<Place>,
        importers: &[Place],
    ) -> Self {
        let mut rows = Vec::new();
        let mut goals: Vec<Place> = Vec::new();
        let mut row_of: HashMap<Place, usize> = HashMap::new();
        for class in &destinations.classes {
            let row = |context: &Context| {
                let place = network.place(*context);
                *row_of.entry(place).or_insert_with(|| {
                    goals.push(place);
                    goals.len() - 1
                })
            };
            rows.push(class.iter().map(row).collect::<Vec<_>>());
        }
        let number = |place: &Place| network.stations[*place].number;
        let count = places.iter().filter(|place| number(place) != FAR).count();
        let mut distances = vec![FAR; goals.len() * count];
        if count > 0 {
            for (goal, row) in goals.iter().zip(distances.chunks_mut(count)) {
                network.distances([*goal], row);
            }
        }
        let borders: Vec<Place> =
            places.iter().copied().filter(|place| network.stations[*place].border).collect();
        let egress = rows
            .iter()
            .map(|rows| {
                let far = |border: Place| {
                    let at = number(&border) as usize;
                    rows.iter().map(|row| distances[row * count + at]).min().unwrap_or(FAR)
                };
                let near = borders.iter().map(|border| (*border, far(*border)));
                near.filter(|(_, distance)| *distance < FAR).collect()
            })
            .collect();
        let mut ways_out: BTreeMap<Option<DeviceName>, Vec<Place>> = BTreeMap::new();
        for border in borders {
            ways_out.entry(network.stations[border].vpn.clone()).or_default().push(border);
        }
        if !importers.is_empty() {
            ways_out.insert(None, importers.to_vec());
        }
        let distances_to = |(vpn, goals)| {
            let mut row = vec![FAR; count];
            network.distances(goals, &mut row);
            (vpn, row)
        };
        let exits = ways_out.into_iter().map(distances_to).collect();
        Self { network, destinations, places, count, rows, goals, distances, egress, exits }
    }

    /// How a context reaches each class.
    pub fn reached(&self, from: Place, ways: &mut Ways) -> Vec<Reached> {
        let mut near: Vec<Option<(u32, u16)>> = vec![None; self.goals.len()];
        let mut steps = Vec::new();
        for (row, near) in near.iter_mut().enumerate() {
            if self.goals[row] == from {
                continue;
            }
            let distances = &self.distances[row * self.count..(row + 1) * self.count];
            let far = |place: Place| distances[self.number(place)];
            let distance = self.network.nearest(from, far, &mut steps);
            if distance < FAR {
                *near = Some((distance, ways.number(Way::Steps(steps.clone()))));
            }
        }
        let border = self.network.stations[from].border;
        let exits: Vec<Option<(u32, u16)>> = match border {
            true => Vec::new(),
            false => self.exits.iter().map(|(_, row)| self.exit(from, row, ways)).collect(),
        };
        (0..self.rows.len())
            .map(|class| {
                if self.rows[class].iter().any(|row| self.goals[*row] == from) {
                    return Reached::Here;
                }
                if let Some(way) = self.nearest_of(class, &near, ways) {
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

    /// The first steps to the nearest of a class's targets; to all of them, if several are as near.
    fn nearest_of(
        &self,
        class: usize,
        near: &[Option<(u32, u16)>],
        ways: &mut Ways,
    ) -> Option<u16> {
        let known = self.rows[class].iter().filter_map(|row| near[*row]);
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
        let own = &self.network.stations[from].vpn;
        let others = self.egress[class]
            .iter()
            .filter(|(place, _)| *place != from && self.network.stations[*place].vpn == *own);
        let best = others.clone().map(|(_, distance)| *distance).min();
        others.filter(|(_, distance)| Some(*distance) == best).map(|(place, _)| *place).collect()
    }

    /// The borders of one VPN that are nearest to a class.
    pub fn egress(&self, vpn: &DeviceName, class: usize) -> Vec<Place> {
        let stations = &self.network.stations;
        let members = self.egress[class].iter();
        let members = members.filter(|(place, _)| stations[*place].vpn.as_ref() == Some(vpn));
        let best = members.clone().map(|(_, distance)| *distance).min();
        members.filter(|(_, distance)| Some(*distance) == best).map(|(place, _)| *place).collect()
    }

    fn number(&self, place: Place) -> usize {
        self.network.stations[place].number as usize
    }

    fn exit(&self, from: Place, row: &[u32], ways: &mut Ways) -> Option<(u32, u16)> {
        // Who is a way out itself goes to no other.
        if row.get(self.number(from)) == Some(&0) {
            return None;
        }
        let mut steps = Vec::new();
        let far = |place: Place| row[self.number(place)];
        let distance = self.network.nearest(from, far, &mut steps);
        (distance < FAR).then(|| (distance, ways.number(Way::Steps(steps))))
    }

    fn through_exit(&self, class: usize, exits: &[Option<(u32, u16)>]) -> Reached {
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

    /// The one way out of a context's site, where there is one.
    pub fn way_out(&self, from: Place, ways: &mut Ways) -> Option<u16> {
        if self.network.stations[from].border {
            return None;
        }
        let mut ways = self.exits.iter().filter_map(|(_, row)| self.exit(from, row, ways));
        let only = ways.next();
        if ways.next().is_some() { None } else { only.map(|(_, way)| way) }
    }
}
