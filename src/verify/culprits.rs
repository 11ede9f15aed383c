//! Which deviations and changes are why a check does not hold: those without which it would.

use super::change::Change;
use super::counterpart::renamed;
use super::deviation::{Deviation, Found};
use super::judge::Judge;
use super::report::Word;
use super::standing::Standing;
use crate::compile::{Check, Lab};
use crate::forward::Network;
use crate::plan::{Milestone, Resource, Strength};
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};

/// The deviations from what was built, and the changes since it was, without which a check would hold.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Cause {
    /// Those that somebody brought about, or that brought about others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deviations: Vec<Deviation>,
    /// What is missing for want of those.
    #[serde(rename = "went_with_it", skip_serializing_if = "Vec::is_empty")]
    pub along: Vec<Deviation>,
    /// What was changed on purpose.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// The commands that mend the deviations and take the changes back.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mend: Vec<String>,
}

impl Cause {
    /// Whether nothing is to blame.
    pub fn is_empty(&self) -> bool {
        self.deviations.is_empty() && self.changes.is_empty()
    }

    /// The commands that mend it, a line each, below a line that says so.
    pub fn mending(&self) -> Vec<String> {
        let head = match (&self.mend[..], &self.deviations[..], &self.changes[..]) {
            ([], ..) => return Vec::new(),
            (_, [], [_]) => "To undo it:",
            (_, [], [_, _, ..]) => "To undo them:",
            (_, [], []) | (_, [_, ..], _) => "To mend it:",
        };
        let commands = self.mend.iter().map(|command| format!("  {command}"));
        std::iter::once(head.to_owned()).chain(commands).collect()
    }
}

/// Finds what is why checks do not hold.
///
/// A set of deviations and changes is a check's cause if the check holds once they are mended and taken back, and
/// does not, or not for sure, once any of them is left. Where several sets are, the one is taken whose deviations
/// stand in the packet's way, and changes are the last to be blamed.
#[derive(Debug)]
pub struct Culprits<'s> {
    lab: &'s Lab,
    standing: &'s Standing,
    /// The deviations, those together of which the first brought the others about.
    groups: Vec<Vec<usize>>,
    /// Causes of earlier checks, by their suspects, with the network in which they are mended.
    known: Vec<(Vec<Suspect>, Network<'s>)>,
    /// The network in which all is mended.
    whole: Network<'s>,
}

/// What a check may fail for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Suspect {
    /// A group of deviations, by its place.
    Group(usize),
    /// A change, by its place.
    Change(usize),
}

impl<'s> Culprits<'s> {
    /// Those of a lab that stands.
    pub fn of(lab: &'s Lab, standing: &'s Standing) -> Self {
        let all: Vec<usize> = (0..standing.deviations().len()).collect();
        let changes: Vec<usize> = (0..standing.changes().len()).collect();
        let groups = groups(standing.deviations());
        let whole = standing.mended(&all, &changes);
        Self { lab, standing, groups, known: Vec::new(), whole }
    }

    /// The cause of a check of which the network as it is says this; nothing where nothing is to blame.
    /// `way` has the nodes that its packets come to.
    pub(super) fn find(&mut self, check: &Check, found: Word, way: &BTreeSet<&str>) -> Cause {
        let deviations = self.standing.deviations();
        if deviations.is_empty() && self.standing.changes().len() == 0 {
            return Cause::default();
        }
        let wanted = self.judge(check, &self.whole);
        if found == Word::Proved || wanted == Word::Refuted || wanted == found {
            return Cause::default();
        }
        let check = (check, wanted);
        let known = self.known.iter().find(|(_, mended)| self.holds(check, mended));
        let found = match known {
            // One that is the cause of another check can be more than this one's.
            Some((suspects, _)) => self.least(check, &mut Vec::new(), suspects, false),
            None => {
                let mut groups: Vec<usize> = (0..self.groups.len()).collect();
                groups.sort_by_key(|group| {
                    let root = &deviations[self.groups[*group][0]];
                    (!way.contains(root.node.as_str()), rank(root.found.resource()))
                });
                let groups = groups.into_iter().map(Suspect::Group);
                let changes = (0..self.standing.changes().len()).map(Suspect::Change);
                let order: Vec<Suspect> = groups.chain(changes).collect();
                self.least(check, &mut Vec::new(), &order, false)
            }
        };
        let mut cause = Cause::default();
        for suspect in &found {
            match suspect {
                Suspect::Group(group) => {
                    let (root, along) =
                        self.groups[*group].split_first().expect("a group has a root");
                    cause.deviations.push(deviations[*root].clone());
                    cause.along.extend(along.iter().map(|place| deviations[*place].clone()));
                }
                Suspect::Change(place) => {
                    cause.changes.extend(self.standing.changes().nth(*place).cloned());
                }
            }
        }
        cause.mend = self.standing.mending(self.lab, &cause);
        if !self.known.iter().any(|(known, _)| *known == found) {
            let mended = self.mended(&found);
            self.known.push((found, mended));
        }
        cause
    }

    /// The network without some suspects.
    fn mended(&self, suspects: &[Suspect]) -> Network<'s> {
        let (mut deviations, mut changes) = (Vec::new(), Vec::new());
        for suspect in suspects {
            match suspect {
                Suspect::Group(group) => deviations.extend(&self.groups[*group]),
                Suspect::Change(place) => changes.push(*place),
            }
        }
        self.standing.mended(&deviations, &changes)
    }

    /// A least set of suspects without which, and without those of `base`, a check holds; as in Junker's
    /// QuickXplain.
    /// `is_new` says whether the check was not yet tried with `base` as it is.
    fn least(
        &self,
        check: (&Check, Word),
        base: &mut Vec<Suspect>,
        suspects: &[Suspect],
        is_new: bool,
    ) -> Vec<Suspect> {
        if is_new && self.holds_with(check, base) {
            return Vec::new();
        }
        if suspects.len() <= 1 {
            return suspects.to_vec();
        }
        let (first, second) = suspects.split_at(suspects.len() / 2);
        let mut with = |added: &[Suspect], among: &[Suspect]| {
            let before = base.len();
            base.extend(added);
            let found = self.least(check, base, among, !added.is_empty());
            base.truncate(before);
            found
        };
        let of_second = with(first, second);
        let mut least = with(&of_second, first);
        least.extend(of_second);
        least
    }

    fn holds_with(&self, check: (&Check, Word), suspects: &[Suspect]) -> bool {
        self.holds(check, &self.mended(suspects))
    }

    /// Whether a check holds as well as is wanted: for sure, or so that nothing contradicts it.
    fn holds(&self, (check, wanted): (&Check, Word), network: &Network<'_>) -> bool {
        let word = self.judge(check, network);
        word == Word::Proved || word == wanted
    }

    fn judge(&self, check: &Check, network: &Network<'_>) -> Word {
        Word::of(Judge::new(self.lab, network).judge(check).verdict())
    }
}

/// The deviations in groups: what is missing for want of something else stands behind that.
fn groups(deviations: &[Deviation]) -> Vec<Vec<usize>> {
    let mut providers: HashMap<Milestone<'_>, usize> = HashMap::new();
    for (place, deviation) in deviations.iter().enumerate() {
        let provider = match &deviation.found {
            Found::Missing(resource) => resource,
            // Labels that no longer fit go.
            Found::Changed { built: built @ Resource::Sysctl { .. }, .. } => built,
            Found::Changed {
                built: built @ (Resource::Master { .. } | Resource::Address { .. }),
                ..
            } => built,
            // What is on a device goes with it, and one of another kind or name is another device.
            Found::Changed { built, found } if is_other_device(built, found) => built,
            Found::Changed { .. } | Found::Unexpected(_) => continue,
        };
        if let Resource::Master { namespace, port, .. } = provider {
            // The kernel brings a port that changes hands down and up again.
            providers.entry(Milestone::Up(namespace, port)).or_insert(place);
        }
        provider.provides(|milestone| {
            providers.entry(milestone).or_insert(place);
        });
    }
    // What is written there is written for every interface.
    let of_all = deviations
        .iter()
        .enumerate()
        .filter(|(_, it)| is_changed_setting(&it.found, |key| key == "net/ipv4/ip_forward"));
    let all_forwarding: HashMap<&str, usize> =
        of_all.map(|(place, it)| (it.node.as_str(), place)).collect();
    let parent = |place: usize| {
        if is_changed_setting(&deviations[place].found, |key| {
            key.starts_with("net/ipv4/conf/") && key.ends_with("/forwarding")
        }) {
            return all_forwarding.get(deviations[place].node.as_str()).copied();
        }
        let Found::Missing(resource) = &deviations[place].found else { return None };
        let mut parent: Option<usize> = None;
        resource.waits_for(|strength, milestone| {
            let goes_along = match milestone {
                Milestone::Device(..) | Milestone::Up(..) | Milestone::Connected(..) => true,
                Milestone::Settings(_) | Milestone::Configured(..) | Milestone::Devices(_) => false,
                Milestone::Namespace(_)
                | Milestone::Master(..)
                | Milestone::Port(..)
                | Milestone::Vlan(..)
                | Milestone::Mtu(..)
                | Milestone::Queue(..)
                | Milestone::Files(_)
                | Milestone::Ruleset(_)
                | Milestone::Carrier(..)
                | Milestone::Source(..)
                | Milestone::NexthopObject(..)
                | Milestone::VrfTable(..)
                | Milestone::Labels(_)
                | Milestone::LocalTable(..) => strength == Strength::Hard,
            };
            let provider =
                providers.get(&milestone).copied().filter(|it| goes_along && *it != place);
            parent = parent.or(provider);
        });
        parent
    };
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut places: HashMap<usize, usize> = HashMap::new();
    let root = |mut place: usize| {
        let mut seen = BTreeSet::from([place]);
        while let Some(above) = parent(place).filter(|above| seen.insert(*above)) {
            place = above;
        }
        place
    };
    for place in 0..deviations.len() {
        let root = root(place);
        let group = *places.entry(root).or_insert_with(|| {
            groups.push(vec![root]);
            groups.len() - 1
        });
        if place != root {
            groups[group].push(place);
        }
    }
    groups
}

/// Whether a device was made anew, and has not only been told to be different.
fn is_other_device(built: &Resource, found: &Resource) -> bool {
    match (built, found) {
        (Resource::Device { device: built, .. }, Resource::Device { device: found, .. }) => {
            built.kind != found.kind
        }
        _ => renamed(built, found).is_some(),
    }
}

/// Whether a setting of this key is another one.
fn is_changed_setting(found: &Found, is_it: impl Fn(&str) -> bool) -> bool {
    matches!(found, Found::Changed { built: Resource::Sysctl { key, .. }, .. } if is_it(key))
}

/// What rather explains a loss, of deviations that each would.
fn rank(resource: &Resource) -> u8 {
    match resource {
        Resource::Namespace { .. } | Resource::Veth { .. } | Resource::Device { .. } => 0,
        Resource::Up { .. } | Resource::Master { .. } => 1,
        Resource::Address { .. } | Resource::Sysctl { .. } => 2,
        Resource::Rule { .. } | Resource::Route { .. } | Resource::MplsRoute { .. } => 3,
        Resource::Wireguard { .. }
        | Resource::BridgeVlan { .. }
        | Resource::BridgePort { .. }
        | Resource::Mtu { .. }
        | Resource::Fdb { .. }
        | Resource::Neighbour { .. }
        | Resource::Qdisc { .. }
        | Resource::NoOffload { .. }
        | Resource::NexthopObject { .. }
        | Resource::Ruleset { .. }
        | Resource::EtcFile { .. }
        | Resource::Command { .. } => 4,
    }
}
