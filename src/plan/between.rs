//! What leads from any state to any other.

use super::key::{Key, Kind};
use super::milestone::PLATFORM_LABELS;
use super::resource::interface_of;
use super::stage::{stage, stage_of_deletion};
use super::{Action, Model, Plan, PlanError, Resource, State, Step};
use crate::diagnostic::Span;
use crate::iproute::Leads;
use std::collections::{BTreeMap, BTreeSet};

/// The plan that leads from `before` to `after`.
///
/// What takes another form in place is replaced; what does not is deleted and made again, with all
/// that the kernel takes along. What is made comes in the order in which `said` has it, and each step
/// bears the place in the file that the first of these plans knows for it.
///
/// # Errors
/// Something in `after` needs what `after` does not have.
pub fn between(before: &State, after: &State, said: &[&Plan]) -> Result<Plan, PlanError> {
    let wanted = after.by_key();
    let mut way = Between {
        model: Model::holding(by_age(before, said).into_iter()),
        places: places(said),
        order: order(&wanted, said),
        moving: moving(before, after),
        new: Vec::new(),
        waits: true,
        actions: Vec::new(),
    };
    way.delete(before, &wanted);
    way.make();
    way.finish(before, &wanted);
    // A device that went down has lost some of what it is to keep, and nothing needs the room for labels
    // that goes.
    way.waits = false;
    way.make();
    let steps = way.steps(&untold(said));
    Plan::upon(before, steps)
}

/// A plan while it is found.
struct Between<'a> {
    /// What there is when the actions are done.
    model: Model<'a>,
    places: BTreeMap<Key<'a>, Span>,
    /// What is wanted, in the order in which it is made.
    order: Vec<&'a Resource>,
    /// The namespaces in which more than routes and settings changes.
    moving: BTreeSet<&'a str>,
    /// The namespaces that are made, in which the kernel has rules of its own.
    new: Vec<&'a str>,
    /// Whether what takes room from others waits, as they may be there yet.
    waits: bool,
    actions: Vec<Action>,
}

/// What a state holds, the oldest first, so far as it can be told: what plans have made in their order, and then
/// what somebody else has.
fn by_age<'a>(state: &'a State, said: &[&Plan]) -> Vec<&'a Resource> {
    let planned = said.iter().flat_map(|plan| plan.resources()).enumerate();
    let mut ages: BTreeMap<Key<'_>, usize> = BTreeMap::new();
    planned.for_each(|(age, resource)| {
        ages.entry(resource.key()).or_insert(age);
    });
    let mut resources: Vec<&Resource> = state.resources.iter().collect();
    resources.sort_by_key(|resource| ages.get(&resource.key()).copied().unwrap_or(usize::MAX));
    resources
}

/// The places in the file of what plans make.
fn places<'a>(said: &[&'a Plan]) -> BTreeMap<Key<'a>, Span> {
    let mut places = BTreeMap::new();
    for step in said.iter().flat_map(|plan| plan.steps()) {
        places.entry(step.action.resource().key()).or_insert(step.span);
    }
    places
}

/// The namespaces in which states differ in more than routes and settings.
fn moving<'a>(before: &'a State, after: &'a State) -> BTreeSet<&'a str> {
    let differ = before.resources.symmetric_difference(&after.resources);
    let moves = differ.filter(|it| {
        let is_still = matches!(
            it,
            Resource::Route { .. } | Resource::MplsRoute { .. } | Resource::Sysctl { .. }
        );
        !is_still
    });
    moves.flat_map(Resource::namespaces).collect()
}

/// What plans make of which the kernel keeps less than it is told, such as where the peers of a WireGuard
/// interface are, by what it keeps.
fn untold<'a>(said: &[&'a Plan]) -> BTreeMap<Resource, &'a Resource> {
    let planned = said.iter().flat_map(|plan| plan.resources());
    let less = planned.filter_map(|resource| {
        let is_less = matches!(resource, Resource::Wireguard { .. } | Resource::Qdisc { .. });
        let kept = is_less.then(|| resource.clone().kept())?;
        (kept != *resource).then_some((kept, resource))
    });
    less.collect()
}

/// What is wanted in the order of the plans, and behind it what none of them knows.
fn order<'a>(wanted: &BTreeMap<Key<'a>, &'a Resource>, said: &[&'a Plan]) -> Vec<&'a Resource> {
    let mut left = wanted.clone();
    let planned = said.iter().flat_map(|plan| plan.resources());
    let mut order: Vec<&Resource> =
        planned.filter_map(|resource| left.remove(&resource.key())).collect();
    let mut others: Vec<&Resource> = left.into_values().collect();
    others.sort_by_key(|resource| stage(resource));
    order.extend(others);
    order
}

/// Whether the kernel puts a resource in the place of another one of its key.
fn is_replaced(before: &Resource, after: &Resource) -> bool {
    match (before, after) {
        (
            Resource::NexthopObject { object: one, .. },
            Resource::NexthopObject { object: other, .. },
        ) => match (&one.leads, &other.leads) {
            (Leads::Way { v4: one, .. }, Leads::Way { v4: other, .. }) => one == other,
            (Leads::Group { resilient: one, .. }, Leads::Group { resilient: other, .. }) => {
                one == other
            }
            (Leads::Way { .. } | Leads::Blackhole { .. } | Leads::Group { .. }, _) => false,
        },
        // A VLAN has one VNI until it goes.
        (Resource::BridgeVlan { vlan: one, .. }, Resource::BridgeVlan { vlan: other, .. }) => {
            one.tunnel == other.tunnel
        }
        (
            Resource::Sysctl { .. }
            | Resource::Wireguard { .. }
            | Resource::Master { .. }
            | Resource::BridgeVlan { .. }
            | Resource::BridgePort { .. }
            | Resource::Mtu { .. }
            | Resource::Fdb { .. }
            | Resource::Neighbour { .. }
            | Resource::Ruleset { .. }
            | Resource::EtcFile { .. }
            | Resource::Route { .. }
            | Resource::MplsRoute { .. },
            _,
        ) => true,
        (
            Resource::Namespace { .. }
            | Resource::Veth { .. }
            | Resource::Device { .. }
            | Resource::Qdisc { .. }
            | Resource::NoOffload { .. }
            | Resource::Up { .. }
            | Resource::Address { .. }
            | Resource::Rule { .. }
            | Resource::NexthopObject { .. }
            | Resource::Command { .. },
            _,
        ) => false,
    }
}

impl Resource {
    /// Whether another form of it takes its place without anything being deleted.
    pub fn is_replaced_by(&self, other: &Resource) -> bool {
        is_replaced(self, other)
    }

    /// Whether the kernel takes it though it is there, so that nothing need be known of its place.
    fn is_idempotent(&self) -> bool {
        match self {
            Resource::Address { .. }
            | Resource::Neighbour { .. }
            | Resource::NexthopObject { .. }
            | Resource::Route { .. }
            | Resource::MplsRoute { .. } => true,
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
            | Resource::Qdisc { .. }
            | Resource::NoOffload { .. }
            | Resource::Up { .. }
            | Resource::Rule { .. }
            | Resource::Ruleset { .. }
            | Resource::EtcFile { .. }
            | Resource::Command { .. } => false,
        }
    }
}

impl<'a> Between<'a> {
    /// Deletes what is not wanted, and what cannot take the form that is wanted.
    fn delete(&mut self, before: &'a State, wanted: &BTreeMap<Key<'a>, &'a Resource>) {
        let there: BTreeSet<Key<'a>> = before.resources.iter().map(Resource::key).collect();
        let mut goes: BTreeSet<Key<'a>> = BTreeSet::new();
        for resource in &before.resources {
            let key = resource.key();
            match (wanted.get(&key), resource) {
                (Some(wanted), _) if *wanted == resource || is_replaced(resource, wanted) => {}
                // All queues of a device are made anew, of one direction.
                (_, Resource::Qdisc { device, qdisc, .. }) => {
                    let kind = Kind::Qdisc(device, qdisc.place().first());
                    let root = Key { namespace: key.namespace, kind };
                    goes.insert(if there.contains(&root) { root } else { key });
                }
                // These go when what takes their place is there.
                (None, Resource::Up { .. } | Resource::Rule { .. }) => {}
                // Packets find a way all the time. Where addresses change a route may hide a new gateway.
                (None, Resource::Route { .. } | Resource::MplsRoute { .. })
                    if !self.moving.contains(key.namespace) => {}
                (None, Resource::Sysctl { key: name, .. }) => {
                    if fresh(name).is_none() {
                        goes.insert(self.holder_of(name, &key));
                    }
                }
                (
                    _,
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
                    | Resource::NoOffload { .. }
                    | Resource::Up { .. }
                    | Resource::Address { .. }
                    | Resource::Rule { .. }
                    | Resource::NexthopObject { .. }
                    | Resource::Ruleset { .. }
                    | Resource::EtcFile { .. }
                    | Resource::Command { .. }
                    | Resource::Route { .. }
                    | Resource::MplsRoute { .. },
                ) => {
                    goes.insert(key);
                }
            }
        }
        // With its namespace goes, in a step of its own, what the kernel cannot be asked for later, and a link,
        // whose far end would be there for a while.
        let is_alone = |it: &&Resource| !it.is_observed() || matches!(it, Resource::Veth { .. });
        let is_going = |namespace| goes.contains(&Key { namespace, kind: Kind::Namespace });
        let alone = before.resources.iter().filter(is_alone);
        let alone: Vec<Key<'a>> =
            alone.filter(|it| it.namespaces().any(is_going)).map(Resource::key).collect();
        goes.extend(alone);
        self.with_upper(&mut goes, before);
        let mut goes: Vec<Key<'a>> = goes.into_iter().collect();
        goes.sort_by_key(|key| self.model.get(key).map(stage_of_deletion));
        goes.into_iter().for_each(|key| self.take(key));
    }

    /// Adds the devices whose lower device goes: not of every kind does the kernel take them along.
    fn with_upper(&self, goes: &mut BTreeSet<Key<'a>>, before: &'a State) {
        loop {
            let is_going = |namespace: &str, lower: &str| {
                let lower = self.model.key_of(namespace, lower);
                lower.is_some_and(|lower| goes.contains(&lower))
            };
            let upper = before.resources.iter().filter(|resource| {
                matches!(resource, Resource::Device { namespace, device }
                    if device.lower.as_ref().is_some_and(|lower| is_going(namespace, lower)))
            });
            let upper: Vec<Key<'a>> =
                upper.map(Resource::key).filter(|key| !goes.contains(key)).collect();
            if upper.is_empty() {
                return;
            }
            goes.extend(upper);
        }
    }

    /// What has to go so that a setting is the kernel's own again, whatever that is.
    fn holder_of(&self, setting: &str, key: &Key<'a>) -> Key<'a> {
        let namespace = Key { namespace: key.namespace, kind: Kind::Namespace };
        let device = interface_of(setting).and_then(|it| self.model.key_of(key.namespace, it));
        device.unwrap_or(namespace)
    }

    /// Deletes one thing, where it has not gone with another.
    fn take(&mut self, key: Key<'a>) {
        let Some(resource) = self.model.get(&key).cloned() else { return };
        // What the model would not do, the kernel is not asked for either.
        if self.model.delete(key).is_ok() {
            self.actions.push(Action::Delete(resource));
        }
    }

    /// Makes what is wanted and is not there, until nothing more can be made.
    fn make(&mut self) {
        let mut pending: Vec<&'a Resource> = self.order.clone();
        loop {
            let before = pending.len();
            pending.retain(|resource| !self.makes(resource, false));
            if pending.is_empty() || pending.len() == before {
                break;
            }
        }
        // That something is lacking is for whoever looks at the needs of the whole plan to say.
        for resource in pending {
            self.makes(resource, true);
        }
    }

    /// Makes one thing where it is not there; false where it has to wait.
    fn makes(&mut self, resource: &'a Resource, anyway: bool) -> bool {
        let key = resource.key();
        let before = self.model.get(&key).cloned();
        if before.as_ref() == Some(resource) {
            return true;
        }
        if self.waits && before.as_ref().is_some_and(|before| is_less_room(before, resource)) {
            return true;
        }
        if self.model.make(resource).is_err() && !anyway {
            return false;
        }
        if let Resource::Namespace { namespace } = resource {
            self.new.push(namespace);
        }
        let resource = resource.clone();
        self.actions.push(match before {
            None if !resource.is_idempotent() => Action::Add(resource),
            before => Action::Replace { resource, before: before.map(Box::new) },
        });
        true
    }

    /// What waits until all else is made: rules that go, devices that go down, room for labels that
    /// goes.
    fn finish(&mut self, before: &'a State, wanted: &BTreeMap<Key<'a>, &'a Resource>) {
        for namespace in std::mem::take(&mut self.new) {
            let rules = self.model.rules(namespace);
            rules
                .into_iter()
                .filter(|key| !wanted.contains_key(key))
                .for_each(|key| self.take(key));
        }
        for resource in &before.resources {
            let key = resource.key();
            if wanted.contains_key(&key) {
                continue;
            }
            match resource {
                Resource::Rule { .. } | Resource::Route { .. } | Resource::MplsRoute { .. } => {
                    self.take(key);
                }
                // It is given what a new namespace has.
                Resource::Sysctl { .. } => self.take(key),
                Resource::Namespace { .. }
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
                | Resource::NexthopObject { .. }
                | Resource::Ruleset { .. }
                | Resource::EtcFile { .. }
                | Resource::Command { .. } => {}
            }
        }
        // Some have come up with the device below.
        for key in self.model.up().into_iter().filter(|key| !wanted.contains_key(key)) {
            self.take(key);
        }
    }

    fn steps(self, untold: &BTreeMap<Resource, &Resource>) -> Vec<Step> {
        let Self { mut actions, places, .. } = self;
        let tell = |resource: &mut Resource| {
            if let Some(whole) = untold.get(resource) {
                resource.clone_from(whole);
            }
        };
        for action in &mut actions {
            match action {
                Action::Add(resource) | Action::Delete(resource) => tell(resource),
                Action::Replace { resource, before } => {
                    tell(resource);
                    before.iter_mut().for_each(|before| tell(before));
                }
            }
        }
        let place = |action: &Action| places.get(&action.resource().key()).copied();
        let spans: Vec<Span> =
            actions.iter().map(|action| place(action).unwrap_or(Span::NONE)).collect();
        let steps = actions.into_iter().zip(spans);
        steps.map(|(action, span)| Step { action, span }).collect()
    }
}

/// Whether a setting makes the room for labels smaller: with it the kernel would take away those that
/// do not fit, so it comes when none needs them.
fn is_less_room(before: &Resource, after: &Resource) -> bool {
    let room = |resource: &Resource| {
        if let Resource::Sysctl { key, value, .. } = resource
            && key == PLATFORM_LABELS
        {
            return value.parse::<u32>().ok();
        }
        None
    };
    room(after) < room(before)
}

/// What a new namespace has of a setting that a lab writes of its own accord.
pub fn fresh(setting: &str) -> Option<&'static str> {
    let input = setting.starts_with("net/mpls/conf/") && setting.ends_with("/input");
    match setting {
        _ if input || setting.ends_with("/proxy_ndp") => Some("0"),
        "net/ipv4/ip_forward"
        | "net/ipv6/conf/all/forwarding"
        | "net/ipv4/conf/all/rp_filter"
        | "net/ipv4/conf/default/rp_filter"
        | "net/ipv4/fib_multipath_hash_policy"
        | "net/ipv6/fib_multipath_hash_policy"
        | "net/ipv4/fib_multipath_hash_seed"
        | "net/ipv4/conf/all/ignore_routes_with_linkdown"
        | "net/ipv6/conf/default/ignore_routes_with_linkdown"
        | "net/vrf/strict_mode"
        | "net/ipv4/udp_l3mdev_accept"
        | PLATFORM_LABELS => Some("0"),
        "net/ipv6/conf/default/accept_dad" | "net/mpls/ip_ttl_propagate" => Some("1"),
        "net/ipv4/ip_default_ttl" | "net/ipv6/conf/default/hop_limit" => Some("64"),
        _ => None,
    }
}
