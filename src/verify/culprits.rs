//! Which deviations are why a check does not hold: those without which it would.

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

/// The deviations without which a check would hold.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Cause {
    /// Those that somebody brought about, or that brought about others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deviations: Vec<Deviation>,
    /// What is missing for want of those.
    #[serde(rename = "went_with_it", skip_serializing_if = "Vec::is_empty")]
    pub along: Vec<Deviation>,
}

/// Finds the deviations that are why checks do not hold.
///
/// A set of deviations is a check's cause if the check holds once they are mended, and does not, or not for
/// sure, once any of them is left. Where several sets are, the one is taken whose deviations stand in the
/// packet's way.
#[derive(Debug)]
pub struct Culprits<'s> {
    lab: &'s Lab,
    standing: &'s Standing,
    /// The deviations, those together of which the first brought the others about.
    groups: Vec<Vec<usize>>,
    /// Causes of earlier checks, by their groups, with the network in which they are mended.
    known: Vec<(Vec<usize>, Network<'s>)>,
    /// The network in which all is mended.
    whole: Network<'s>,
}

impl<'s> Culprits<'s> {
    /// Those of a lab that stands.
    pub fn of(lab: &'s Lab, standing: &'s Standing) -> Self {
        let all: Vec<usize> = (0..standing.deviations().len()).collect();
        let groups = groups(standing.deviations());
        Self { lab, standing, groups, known: Vec::new(), whole: standing.mended(&all) }
    }

    /// The cause of a check of which the network as it is says this; nothing where no deviation is to blame.
    /// `way` has the nodes that its packets come to.
    pub(super) fn find(&mut self, check: &Check, found: Word, way: &BTreeSet<&str>) -> Cause {
        let deviations = self.standing.deviations();
        if deviations.is_empty() {
            return Cause::default();
        }
        let wanted = self.judge(check, &self.whole);
        if found == Word::Proved || wanted == Word::Refuted || wanted == found {
            return Cause::default();
        }
        let check = (check, wanted);
        let known = self.known.iter().find(|(_, mended)| self.holds(check, mended));
        let groups = match known {
            // One that is the cause of another check can be more than this one's.
            Some((groups, _)) => self.least(check, &mut Vec::new(), groups, false),
            None => {
                let mut order: Vec<usize> = (0..self.groups.len()).collect();
                order.sort_by_key(|group| {
                    let root = &deviations[self.groups[*group][0]];
                    (!way.contains(root.node.as_str()), rank(root.found.resource()))
                });
                self.least(check, &mut Vec::new(), &order, false)
            }
        };
        let mut cause = Cause::default();
        for group in &groups {
            let (root, along) = self.groups[*group].split_first().expect("a group has a root");
            cause.deviations.push(deviations[*root].clone());
            cause.along.extend(along.iter().map(|place| deviations[*place].clone()));
        }
        if !self.known.iter().any(|(known, _)| *known == groups) {
            let mended = self.standing.mended(&self.members(&groups));
            self.known.push((groups, mended));
        }
        cause
    }

    /// The deviations of groups.
    fn members(&self, groups: &[usize]) -> Vec<usize> {
        groups.iter().flat_map(|group| &self.groups[*group]).copied().collect()
    }

    /// A least set of groups that, mended beside those of `base`, let a check hold; as in Junker's QuickXplain.
    /// `is_new` says whether the check was not yet tried with `base` as it is.
    fn least(
        &self,
        check: (&Check, Word),
        base: &mut Vec<usize>,
        groups: &[usize],
        is_new: bool,
    ) -> Vec<usize> {
        if is_new && self.holds_with(check, base) {
            return Vec::new();
        }
        if groups.len() <= 1 {
            return groups.to_vec();
        }
        let (first, second) = groups.split_at(groups.len() / 2);
        let mut with = |added: &[usize], among: &[usize]| {
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

    fn holds_with(&self, check: (&Check, Word), groups: &[usize]) -> bool {
        self.holds(check, &self.standing.mended(&self.members(groups)))
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
