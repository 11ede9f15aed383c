//! The shortest ways from one place to all others in its site.
//!
//! One search from the sender finds both how far everybody is and by which first steps, so that the
//! tables of a large network are made one after another and no table of all distances is needed.

use super::family::IpFamily;
use super::network::{FAR, Hop, Network, Place};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};

/// How far everybody who is not a host is from one place, and the first steps that lead there.
pub(super) struct Shortest {
    /// By [`super::network::Station::number`].
    distances: Vec<u64>,
    /// By the same: which set of first steps.
    first: Vec<u32>,
    /// By the same, while they are searched for: further sets that are as good, to be joined with it at once.
    others: HashMap<u32, Vec<u32>>,
    sets: Sets,
}

/// Sets of first steps. Each of the sender's steps alone is the set of its own number; behind those
/// stand sets of several.
struct Sets {
    steps: u32,
    several: Vec<Vec<u32>>,
    number_of: HashMap<Vec<u32>, u32>,
    joined: HashMap<Vec<u32>, u32>,
}

/// Places to be looked at, the nearest first. Most are found in that order, above all where all links
/// cost the same, and wait in a row; only the others need a heap.
#[derive(Default)]
struct Open {
    row: VecDeque<(u64, Place, u32)>,
    others: BinaryHeap<Reverse<(u64, Place, u32)>>,
}

impl Shortest {
    /// Searches from a place. `count` is how many of its domain have a number.
    pub fn of(network: &Network, from: Place, family: IpFamily, count: usize) -> Self {
        let station = &network.stations[from];
        let mut found = Self {
            distances: vec![FAR; count],
            first: vec![0; count],
            others: HashMap::new(),
            sets: Sets {
                steps: station.steps.len() as u32,
                several: Vec::new(),
                number_of: HashMap::new(),
                joined: HashMap::new(),
            },
        };
        if station.is_numbered() {
            found.distances[station.number as usize] = 0;
        }
        let mut open = Open::default();
        for (number, step) in station.steps_of(family) {
            let hop = Hop::along(network, step);
            found.meet(hop, u64::from(step.cost), number, &mut open);
        }
        while let Some((distance, place, number)) = open.pop() {
            if distance > found.distances[number as usize] {
                continue;
            }
            found.join(number);
            let first = found.first[number as usize];
            for hop in network.hops(place, family) {
                found.meet(*hop, distance + u64::from(hop.cost), first, &mut open);
            }
        }
        let open: Vec<u32> = found.others.keys().copied().collect();
        open.into_iter().for_each(|number| found.join(number));
        found
    }

    /// Takes in a way to a place, which is as good as those before or better or neither.
    fn meet(&mut self, hop: Hop, distance: u64, first: u32, open: &mut Open) {
        let number = hop.number as usize;
        let known = self.distances[number];
        if distance < known {
            self.distances[number] = distance;
            self.first[number] = first;
            self.others.remove(&hop.number);
            if hop.through {
                open.push(distance, hop.to, hop.number);
            }
        } else if distance == known && distance > 0 && first != self.first[number] {
            self.others.entry(hop.number).or_default().push(first);
        }
    }

    /// Joins the sets of a place, to which no further one comes.
    fn join(&mut self, number: u32) {
        if let Some(mut sets) = self.others.remove(&number) {
            sets.push(self.first[number as usize]);
            self.first[number as usize] = self.sets.join(sets);
        }
    }

    /// How far the place with a number is.
    pub fn distance(&self, number: usize) -> u64 {
        self.distances[number]
    }

    /// How far the place with a number is, which is not the sender's, and the set of first steps there;
    /// nothing where no way leads.
    pub fn to(&self, number: usize) -> Option<(u64, u32)> {
        let distance = self.distances[number];
        (distance < FAR).then(|| (distance, self.first[number]))
    }

    /// How many sets there are.
    pub fn sets(&self) -> usize {
        self.sets.steps as usize + self.sets.several.len()
    }

    /// The steps of a set in their order.
    pub fn steps(&self, set: u32) -> Vec<u32> {
        self.sets.steps(set)
    }
}

impl Sets {
    fn steps(&self, set: u32) -> Vec<u32> {
        match set.checked_sub(self.steps) {
            None => vec![set],
            Some(place) => self.several[place as usize].clone(),
        }
    }

    /// The set of the steps of all.
    fn join(&mut self, mut sets: Vec<u32>) -> u32 {
        sets.sort_unstable();
        sets.dedup();
        if let Some(known) = self.joined.get(&sets) {
            return *known;
        }
        let mut steps: Vec<u32> = sets.iter().flat_map(|set| self.steps(*set)).collect();
        steps.sort_unstable();
        steps.dedup();
        let next = self.steps + self.several.len() as u32;
        let set = *self.number_of.entry(steps).or_insert_with_key(|steps| {
            self.several.push(steps.clone());
            next
        });
        self.joined.insert(sets, set);
        set
    }
}

impl Open {
    fn push(&mut self, distance: u64, place: Place, number: u32) {
        match self.row.back() {
            Some((last, ..)) if *last > distance => {
                self.others.push(Reverse((distance, place, number)));
            }
            Some(_) | None => self.row.push_back((distance, place, number)),
        }
    }

    fn pop(&mut self) -> Option<(u64, Place, u32)> {
        let in_row = self.row.front().map_or(FAR, |(distance, ..)| *distance);
        match self.others.peek() {
            Some(Reverse((distance, ..))) if *distance < in_row => {
                self.others.pop().map(|Reverse(nearest)| nearest)
            }
            Some(_) | None => self.row.pop_front(),
        }
    }
}
