//! Which steps of a plan come before which.

use super::milestone::Series;
use super::{Action, Milestone, PlanError, Resource, State, Step, Strength};
use std::collections::{BTreeMap, HashMap, HashSet};

/// The order of a plan's steps: a graph without a cycle, from what each of them brings about and waits
/// for.
///
/// Steps are joined by way of [`Milestone`]s, so that it is no larger than the plan: a LAN's hosts all
/// wait for all of its ports.
#[derive(Debug)]
pub struct Graph<'a> {
    steps: &'a [Step],
    links: Links<'a>,
    /// What is there before the first step.
    given: HashSet<Milestone<'a>>,
    makers: HashMap<Milestone<'a>, Vec<usize>>,
    /// The steps that take away what needs a milestone.
    releases: HashMap<Milestone<'a>, Vec<usize>>,
    /// The steps that take away what provides a milestone.
    removals: HashMap<Milestone<'a>, Vec<usize>>,
    /// The step before each in its series.
    previous: Vec<Option<usize>>,
}

/// Who gives whom a carrier.
#[derive(Debug, Default)]
struct Links<'a> {
    peers: HashMap<Place<'a>, Place<'a>>,
    parents: HashMap<Place<'a>, &'a str>,
    children: HashMap<Place<'a>, Vec<&'a str>>,
    masters: HashMap<Place<'a>, &'a str>,
    bridges: HashSet<Place<'a>>,
}

/// A device of a namespace.
type Place<'a> = (&'a str, &'a str);

/// Something that a step waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// The place, in [`super::Plan::steps`], of the step that comes before.
    pub from: usize,
    /// How much it is needed.
    pub strength: Strength,
}

impl<'a> Links<'a> {
    fn add(&mut self, resource: &'a Resource) {
        match resource {
            Resource::Veth { ends: [one, other] } => {
                let ends = [one, other].map(|end| (end.namespace.as_str(), end.name.as_str()));
                self.peers.extend([(ends[0], ends[1]), (ends[1], ends[0])]);
            }
            Resource::Device { namespace, device } => {
                let name = &device.name;
                if let Some(parent) = device.parent() {
                    self.parents.insert((namespace, name), parent);
                    self.children.entry((namespace, parent)).or_default().push(name);
                }
                if device.kind.as_bridge().is_some() {
                    self.bridges.insert((namespace, name));
                }
            }
            Resource::Master { namespace, port, master } => {
                self.masters.insert((namespace, port), master);
            }
            Resource::Namespace { .. }
            | Resource::Sysctl { .. }
            | Resource::Wireguard { .. }
            | Resource::BridgeVlan { .. }
            | Resource::BridgePort { .. }
            | Resource::Mtu { .. }
            | Resource::Fdb { .. }
            | Resource::Neighbour { .. }
            | Resource::Qdisc { .. }
            | Resource::NoOffload { .. }
            | Resource::Up { .. }
            | Resource::Address { .. }
            | Resource::Rule { .. }
            | Resource::NexthopObject { .. }
            | Resource::Ruleset { .. }
            | Resource::EtcFile { .. }
            | Resource::Command { .. }
            | Resource::Route { .. }
            | Resource::MplsRoute { .. } => {}
        }
    }

    /// The devices that have a carrier only when one is up, itself among them.
    fn carried_by(&self, device: Place<'a>) -> Vec<Place<'a>> {
        let mut carried: Vec<Place<'a>> =
            [Some(&device), self.peers.get(&device)].into_iter().flatten().copied().collect();
        let mut next = 0;
        while let Some(&(namespace, name)) = carried.get(next) {
            next += 1;
            let children = self.children.get(&(namespace, name)).into_iter().flatten();
            let bridge = self.masters.get(&(namespace, name)).map(|bridge| (namespace, *bridge));
            let bridge = bridge.filter(|bridge| self.bridges.contains(bridge));
            for above in children.map(|child| (namespace, *child)).chain(bridge) {
                if !carried.contains(&above) {
                    carried.push(above);
                }
            }
        }
        carried
    }
}

impl<'a> Graph<'a> {
    /// The order of steps that are carried out where a state is.
    pub(super) fn of(state: &'a State, steps: &'a [Step]) -> Self {
        let mut graph = Self {
            steps,
            links: Links::default(),
            given: HashSet::new(),
            makers: HashMap::new(),
            releases: HashMap::new(),
            removals: HashMap::new(),
            previous: Vec::with_capacity(steps.len()),
        };
        let made = steps.iter().filter_map(|step| step.action.made());
        state.resources.iter().chain(made).for_each(|resource| graph.links.add(resource));
        let Self { links, given, makers, releases, removals, previous, .. } = &mut graph;
        for resource in &state.resources {
            provides(resource, links, |milestone| {
                given.insert(milestone);
            });
        }
        let mut last: HashMap<Series<'a>, usize> = HashMap::new();
        for (place, step) in steps.iter().enumerate() {
            let resource = step.action.resource();
            match &step.action {
                Action::Add(_) | Action::Replace { .. } => {
                    provides(resource, links, |it| makers.entry(it).or_default().push(place));
                }
                Action::Delete(_) => {
                    provides(resource, links, |it| removals.entry(it).or_default().push(place));
                    waits_for(resource, links, |strength, it| match strength {
                        Strength::Hard => releases.entry(it).or_default().push(place),
                        Strength::Soft => {}
                    });
                }
            }
            previous.push(resource.series().and_then(|series| last.insert(series, place)));
        }
        graph
    }

    /// The steps that come before one, each once, in their order. A command's are those that it needs:
    /// that it comes when everything else is there is said by none of them.
    pub fn edges_to(&self, step: usize) -> Vec<Edge> {
        let mut edges: BTreeMap<usize, Strength> = BTreeMap::new();
        let mut add = |places: Option<&Vec<usize>>, strength| {
            for place in places.into_iter().flatten().filter(|place| **place != step) {
                let known = edges.entry(*place).or_insert(strength);
                *known = strength.min(*known);
            }
        };
        let resource = self.steps[step].action.resource();
        match &self.steps[step].action {
            Action::Add(_) | Action::Replace { .. } => {
                waits_for(resource, &self.links, |strength, it| {
                    add(self.makers.get(&it), strength);
                    // What goes down takes along what was there before.
                    if matches!(it, Milestone::Up(..)) {
                        add(self.removals.get(&it), Strength::Soft);
                    }
                });
                provides(resource, &self.links, |it| match it {
                    Milestone::Namespace(_)
                    | Milestone::Device(..)
                    | Milestone::NexthopObject(..)
                    | Milestone::VrfTable(..) => {
                        add(self.removals.get(&it), Strength::Hard);
                    }
                    Milestone::Settings(_)
                    | Milestone::Devices(_)
                    | Milestone::Master(..)
                    | Milestone::Mtu(..)
                    | Milestone::Port(..)
                    | Milestone::Vlan(..)
                    | Milestone::Queue(..)
                    | Milestone::Configured(..)
                    | Milestone::Files(_)
                    | Milestone::Ruleset(_)
                    | Milestone::Up(..)
                    | Milestone::Carrier(..)
                    | Milestone::Connected(..)
                    | Milestone::Source(..)
                    | Milestone::Labels(_)
                    | Milestone::LocalTable(..) => {}
                });
            }
            Action::Delete(_) => provides(resource, &self.links, |it| {
                add(self.releases.get(&it), Strength::Hard);
                // A VLAN that is to be down comes up with the device below.
                if let Milestone::Up(namespace, device) = it
                    && let Some(parent) = self.links.parents.get(&(namespace, device))
                {
                    add(self.makers.get(&Milestone::Up(namespace, parent)), Strength::Soft);
                }
                // Until the local table is looked up elsewhere, nothing would be delivered.
                if matches!(it, Milestone::LocalTable(..)) {
                    add(self.makers.get(&it), Strength::Soft);
                }
            }),
        }
        add(self.previous[step].map(|place| vec![place]).as_ref(), Strength::Soft);
        edges.into_iter().map(|(from, strength)| Edge { from, strength }).collect()
    }

    /// Sees that the steps' own order keeps to this one.
    ///
    /// # Errors
    /// A step needs what is neither there nor made before it, or comes before something that it should
    /// follow.
    pub(super) fn verify(&self) -> Result<(), PlanError> {
        for (place, step) in self.steps.iter().enumerate() {
            let Some(resource) = step.action.made() else { continue };
            let mut wrong = None;
            waits_for(resource, &self.links, |strength, milestone| {
                let makers = self.makers.get(&milestone).map_or(&[][..], Vec::as_slice);
                let kept = match strength {
                    Strength::Hard => {
                        self.given.contains(&milestone)
                            || makers.first().is_some_and(|first| *first < place)
                    }
                    // What stands may be told more of what was brought about before.
                    Strength::Soft => {
                        !self.given.is_empty() || makers.last().is_none_or(|last| *last < place)
                    }
                };
                if !kept {
                    wrong.get_or_insert((strength, milestone));
                }
            });
            if let Some((strength, milestone)) = wrong {
                return Err(PlanError {
                    step: Box::new(step.clone()),
                    strength,
                    milestone: milestone.to_string(),
                });
            }
        }
        Ok(())
    }
}

/// What a resource brings about, with what follows from how devices are linked.
fn provides<'a>(resource: &'a Resource, links: &Links<'a>, mut each: impl FnMut(Milestone<'a>)) {
    resource.provides(&mut each);
    if let Resource::Up { namespace, device } = resource {
        for (namespace, device) in links.carried_by((namespace, device)) {
            each(Milestone::Carrier(namespace, device));
        }
    }
}

/// What a resource waits for, with what follows from how devices are linked.
fn waits_for<'a>(
    resource: &'a Resource,
    links: &Links<'a>,
    mut each: impl FnMut(Strength, Milestone<'a>),
) {
    resource.waits_for(&mut each);
    if let Resource::Up { namespace, device } = resource {
        let place = (namespace.as_str(), device.as_str());
        if let Some(parent) = links.parents.get(&place) {
            each(Strength::Hard, Milestone::Up(namespace, parent));
        }
        // A bridge, or a VRF, comes up before its ports.
        if let Some(master) = links.masters.get(&place) {
            each(Strength::Soft, Milestone::Up(namespace, master));
        }
    }
}
