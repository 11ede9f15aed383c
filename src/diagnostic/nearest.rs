//! The known name that an unknown one was meant to be.

use std::ops::Range;

/// How long a name may be: no known one has as many bytes.
const MAX_LENGTH: usize = 100;
/// Of how many known names all are looked at.
const FEW: usize = 128;
/// How many are looked at on either side of the place that an unknown name would have in an order.
const BESIDE: usize = 32;

/// Names that a file has many of, and among which what many unknown ones were meant to be is found.
#[derive(Debug, Clone)]
pub struct Spelling {
    /// In their own order where they are few, else in that of their letters.
    names: Vec<Box<str>>,
    /// The places of the same in the order of their letters from the last one on; empty where they are few.
    from_behind: Vec<usize>,
}

impl Spelling {
    /// Looks through all names once.
    pub fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut names: Vec<Box<str>> = names.into_iter().map(Box::from).collect();
        let mut from_behind = Vec::new();
        if names.len() > FEW {
            names.sort_unstable();
            from_behind.extend(0..names.len());
            from_behind.sort_unstable_by(|one, other| {
                names[*one].bytes().rev().cmp(names[*other].bytes().rev())
            });
        }
        Self { names, from_behind }
    }

    /// The names that may be meant by an unknown one. Of many, those that have as much as possible of its beginning
    /// or of its end: a slip in one place leaves one of them as it is.
    pub fn near<'s>(&'s self, name: &str) -> impl Iterator<Item = &'s str> + use<'s> {
        let (forward, backward) = match self.names.len() {
            few @ ..=FEW => (0..few, 0..0),
            _ => {
                let place = self.names.partition_point(|known| **known < *name);
                let from_behind = self.from_behind.partition_point(|known| {
                    self.names[*known].bytes().rev().lt(name.bytes().rev())
                });
                (beside(place, self.names.len()), beside(from_behind, self.names.len()))
            }
        };
        let backward = self.from_behind[backward].iter().map(|place| &self.names[*place]);
        self.names[forward].iter().chain(backward).map(|name| &**name)
    }
}

fn beside(place: usize, count: usize) -> Range<usize> {
    place.saturating_sub(BESIDE)..(place + BESIDE).min(count)
}

/// The candidate nearest to the name, if one is so near that a slip of the keyboard explains the
/// difference: up to a third of the name's characters. Of equally near ones the
/// one that is more alike at its beginning.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > MAX_LENGTH {
        return None;
    }
    let bound = name.chars().count() / 3;
    let folded = name.to_lowercase();
    let kinds = kinds_of(name);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= MAX_LENGTH && may_be(kinds, candidate, bound))
        .map(|candidate| (strsim::osa_distance(&folded, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= bound)
        .min_by(|(one, left), (other, right)| {
            let alike = |it: &str| strsim::jaro_winkler(&folded, it);
            one.cmp(other).then(alike(right).total_cmp(&alike(left)))
        })
        .map(|(_, candidate)| candidate)
}

/// Whether a candidate can be so near by the characters that it has: each edit brings in one new kind
/// of them at the most, and takes out one.
fn may_be(kinds: Option<u64>, candidate: &str, bound: usize) -> bool {
    let Some((ours, theirs)) = kinds.zip(kinds_of(candidate)) else { return true };
    (ours & !theirs).count_ones().max((theirs & !ours).count_ones()) as usize <= bound
}

/// The kinds of characters in a text, a bit for each; several may share one. None beyond ASCII, where
/// a character and its lower case may be of different numbers.
fn kinds_of(text: &str) -> Option<u64> {
    let bit = |byte: u8| 1 << (byte.to_ascii_lowercase() % 64);
    text.is_ascii().then(|| text.bytes().fold(0, |kinds, byte| kinds | bit(byte)))
}
