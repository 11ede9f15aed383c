//! What namespaces hold, and in what two states differ.

use super::resource::Chosen;
use super::{Action, Key, Plan, Qdisc, Resource, Strength};
use crate::compile::{LOCAL, Rule};
use crate::iproute::RuleAction;
use crate::link::{Bridge, ETHERNET_MTU, Kind, Mtu};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::LazyLock;

/// What namespaces hold.
///
/// What the kernel makes by itself (connected routes, link-local addresses, its own rules) is no part
/// of it, but for the lookup of the local table, which a plan may take away.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// All of it.
    pub resources: BTreeSet<Resource>,
}

/// One thing in which a kernel differs from a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// The plan makes it, and it is not there.
    Missing(Resource),
    /// It is there, and the plan does not make it.
    Extra(Resource),
}

/// The priority at which the kernel puts the lookup of the local table.
pub(super) const LOCAL_RULE: u32 = 0;

/// The rules that every new namespace has for its own addresses, by IPv4 and IPv6.
pub(super) static OWN_RULES: LazyLock<[Rule; 2]> = LazyLock::new(|| {
    [true, false]
        .map(|v4| Rule { priority: Some(LOCAL_RULE), ..Rule::all(v4, RuleAction::Lookup(LOCAL)) })
});

impl State {
    /// What there is after a plan that begins where nothing is, as the kernel shows it.
    pub fn of(plan: &Plan) -> Self {
        let mut resources = BTreeSet::new();
        for step in plan.steps() {
            match &step.action {
                Action::Add(resource) | Action::Replace { resource, before: _ } => {
                    if let Resource::Namespace { namespace } = resource {
                        resources.extend(own_rules(namespace));
                    }
                    resources.insert(resource.clone().kept());
                }
                Action::Delete(resource) => {
                    resources.remove(&resource.clone().kept());
                }
            }
        }
        Self { resources }
    }

    /// In what `observed` differs from this state, as far as a kernel can be asked for it.
    pub fn differences(mut self, observed: &State) -> Vec<Difference> {
        self.resources.retain(Resource::is_observed);
        let observed = observed.without_choices(&self).resources;
        let missing = self.resources.difference(&observed).cloned().map(Difference::Missing);
        let extra = observed.difference(&self.resources).cloned().map(Difference::Extra);
        missing.chain(extra).collect()
    }

    /// All of it by what tells it apart.
    pub fn by_key(&self) -> BTreeMap<Key<'_>, &Resource> {
        self.resources.iter().map(|resource| (resource.key(), resource)).collect()
    }

    /// The state, without what needs something that is not there, but for what `stays`.
    pub fn without_unmet(mut self, stays: impl Fn(&Resource) -> bool) -> State {
        loop {
            let mut there = HashSet::new();
            for resource in &self.resources {
                resource.provides(|milestone| {
                    there.insert(milestone);
                });
            }
            let lacks = |resource: &&Resource| {
                let mut lacks = false;
                resource.waits_for(|strength, milestone| {
                    lacks |= strength == Strength::Hard && !there.contains(&milestone);
                });
                lacks && !stays(resource)
            };
            let unmet: Vec<Resource> = self.resources.iter().filter(lacks).cloned().collect();
            if unmet.is_empty() {
                return self;
            }
            unmet.iter().for_each(|resource| {
                self.resources.remove(resource);
            });
        }
    }

    /// The state, with what the kernel chose itself where `wanted` leaves it the choice left out.
    pub fn without_choices(&self, wanted: &State) -> State {
        let mut wanted = wanted.resources.clone().into_iter().collect::<Vec<_>>();
        let mut said: BTreeMap<(String, String), Said> = BTreeMap::new();
        for resource in &mut wanted {
            let places = places(resource);
            said.extend(places.into_iter().zip(resource.chosen().into_iter().map(Said::of)));
        }
        let plain = |resource: &Resource| {
            let mut resource = resource.clone();
            let places = places(&resource);
            for (place, shown) in places.iter().zip(resource.chosen()) {
                said.get(place).unwrap_or(&Said::default()).leave_out(shown);
            }
            resource.kept()
        };
        State { resources: self.resources.iter().map(plain).collect() }
    }
}

/// The devices that a resource is, by namespace and name.
fn places(resource: &Resource) -> Vec<(String, String)> {
    let devices = resource.devices().into_iter();
    devices.map(|(namespace, name)| (namespace.to_owned(), name.to_owned())).collect()
}

/// What is said of a device that the kernel else chooses.
#[derive(Debug, Default)]
struct Said {
    mtu: Option<u32>,
    mac: Option<[u8; 6]>,
    bridge: Option<Bridge>,
}

impl Said {
    fn of(chosen: Chosen<'_>) -> Self {
        let bridge = chosen.kind.and_then(|kind| kind.as_bridge().cloned());
        Self { mtu: *chosen.mtu, mac: *chosen.mac, bridge }
    }

    /// Leaves out what was not said.
    fn leave_out(&self, shown: Chosen<'_>) {
        let Chosen { mtu, mac, mut kind } = shown;
        if let Some(Kind::Bridge(shown)) = kind.as_deref_mut() {
            // A resource of its own says whether it is to have one.
            *mtu = self.mtu;
            // What runs STP shows the root's timers, and how long it knows an address while the tree
            // changes.
            if let Some(said) = self.bridge.as_ref().filter(|_| shown.stp) {
                (shown.timers, shown.ageing_time) = (said.timers, said.ageing_time);
            }
        }
        let own = match kind.map(|kind| kind.mtu()) {
            Some(Mtu::Own(own)) => Some(own),
            None | Some(Mtu::Lower | Mtu::LeastOfPorts | Mtu::Less(_)) => Some(ETHERNET_MTU),
        };
        if self.mtu.is_none() && *mtu == own {
            *mtu = None;
        }
        if self.mac.is_none() {
            *mac = None;
        }
    }
}

/// The rules that a new namespace has.
pub(super) fn own_rules(namespace: &str) -> impl Iterator<Item = Resource> {
    OWN_RULES
        .iter()
        .map(|rule| Resource::Rule { namespace: namespace.to_owned(), rule: rule.clone() })
}

/// In what `observed` differs from what `plan` makes.
pub fn differences(plan: &Plan, observed: &State) -> Vec<Difference> {
    State::of(plan).differences(observed)
}

impl Resource {
    /// Whether a kernel can be asked for it. Programs are their users' own, and nft prints a ruleset in
    /// other words than it was given.
    pub fn is_observed(&self) -> bool {
        match self {
            Resource::Ruleset { .. } | Resource::EtcFile { .. } | Resource::Command { .. } => false,
            Resource::Namespace { .. }
            | Resource::Sysctl { .. }
            | Resource::Veth { .. }
            | Resource::Device { .. }
            | Resource::Wireguard { .. }
            | Resource::Master { .. }
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
            | Resource::Route { .. }
            | Resource::MplsRoute { .. } => true,
        }
    }

    /// The resource as the kernel shows it: the ends of a pair have no order there, and of a queue it
    /// keeps less than it was told.
    pub(super) fn kept(mut self) -> Self {
        match &mut self {
            Resource::Veth { ends } => ends.sort(),
            Resource::Qdisc { qdisc, .. } => match qdisc {
                Qdisc::Netem(netem) => *netem = netem.as_kept(),
                Qdisc::Tbf { tbf, .. } => *tbf = tbf.as_kept(),
                Qdisc::Police(police) => *police = police.as_kept(),
                Qdisc::Class { class, .. } => *class = class.as_kept(),
                Qdisc::Leaf { .. } | Qdisc::Filter { .. } | Qdisc::Ingress => {}
            },
            Resource::Wireguard { settings, .. } => *settings = settings.as_kept(),
            Resource::Namespace { .. }
            | Resource::Sysctl { .. }
            | Resource::Device { .. }
            | Resource::Master { .. }
            | Resource::BridgeVlan { .. }
            | Resource::BridgePort { .. }
            | Resource::Mtu { .. }
            | Resource::Fdb { .. }
            | Resource::Neighbour { .. }
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
        self
    }
}
