//! A kernel in memory: what actions make of a state, with what the real kernel does by itself in the
//! wake of each.

mod loss;
mod make;

use super::key::{Key, Kind};
use super::state::{OWN_RULES, own_rules};
use super::{Action, Resource, State};
use ipnet::IpNet;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// Namespaces in memory.
#[derive(Debug, Clone, Default)]
pub struct Model<'a> {
    held: BTreeMap<Key<'a>, Cow<'a, Resource>>,
    devices: BTreeMap<Place<'a>, Key<'a>>,
    /// The addresses of each device in the order in which they came.
    addresses: BTreeMap<Place<'a>, Vec<IpNet>>,
    /// Where routes lead to the link itself.
    on_link: BTreeMap<Place<'a>, Vec<IpNet>>,
    /// What the kernel takes, and makes something else of than it would later: a device that came up
    /// without a ruleset, a gateway on a link without a carrier.
    circumstances: BTreeSet<String>,
    /// Whether a command was started.
    has_commands: bool,
}

/// A device of a namespace.
type Place<'a> = (&'a str, &'a str);

/// Why the model would not carry out an action, as the kernel would not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{action}`: {reason}")]
pub struct ModelRefusal {
    /// The action.
    pub action: Box<Action>,
    /// What is in the way.
    pub reason: String,
}

/// Two are equal that hold the same and came to it in circumstances that make no difference.
impl PartialEq for Model<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.held == other.held && self.circumstances == other.circumstances
    }
}

impl Eq for Model<'_> {}

impl<'a> Model<'a> {
    /// Namespaces that hold a state.
    pub fn of(state: &'a State) -> Self {
        Self::holding(state.resources.iter())
    }

    /// Namespaces that hold resources, which came in this order.
    pub(in crate::plan) fn holding(resources: impl Iterator<Item = &'a Resource>) -> Self {
        let mut model = Self::default();
        resources.for_each(|resource| model.put(resource.key(), Cow::Borrowed(resource)));
        model
    }

    /// What they hold.
    pub fn state(&self) -> State {
        State { resources: self.held.values().map(|it| it.clone().into_owned().kept()).collect() }
    }

    /// What they hold of a key.
    pub fn get<'s>(&'s self, key: &Key<'s>) -> Option<&'s Resource> {
        self.held.get(key).map(Cow::as_ref)
    }

    /// Carries out an action.
    ///
    /// # Errors
    /// The kernel would refuse it.
    pub fn apply(&mut self, action: &'a Action) -> Result<(), ModelRefusal> {
        let resource = action.resource();
        let key = resource.key();
        let is_there = self.held.contains_key(&key);
        let done = match action {
            // The kernel brings up a VLAN with the device below, and says nothing where one is as it is to
            // be already.
            Action::Add(Resource::Up { .. }) => self.make(resource),
            Action::Delete(Resource::Up { .. }) if !is_there => Ok(()),
            Action::Add(_) if is_there => Err("it is there already".to_owned()),
            Action::Add(_) => self.make(resource),
            Action::Replace { .. } => self.make(resource),
            Action::Delete(_) if !is_there => Err("it is not there".to_owned()),
            Action::Delete(_) => self.delete(key),
        };
        done.map_err(|reason| ModelRefusal { action: Box::new(action.clone()), reason })
    }

    /// In what it differs from another one, for people.
    pub fn difference(&self, other: &Self) -> String {
        let resources = |one: &Self, other: &Self| -> Vec<String> {
            let is_new =
                |(key, it): &(&Key<'a>, &Cow<'a, Resource>)| other.held.get(key) != Some(it);
            one.held.iter().filter(is_new).map(|(_, it)| format!("{it:?}")).collect()
        };
        let circumstances = |one: &Self, other: &Self| -> Vec<String> {
            one.circumstances.difference(&other.circumstances).cloned().collect()
        };
        format!(
            "{:?} {:?} against {:?} {:?}",
            resources(self, other),
            circumstances(self, other),
            resources(other, self),
            circumstances(other, self)
        )
    }

    fn put(&mut self, key: Key<'a>, resource: Cow<'a, Resource>) {
        self.forget(&key);
        if let Cow::Borrowed(resource) = resource {
            for place in resource.devices() {
                self.devices.insert(place, key);
            }
            match resource {
                Resource::Address { namespace, device, address, peer } => {
                    self.addresses.entry((namespace, device)).or_default().push(*address);
                    let on_link = self.on_link.entry((namespace, device)).or_default();
                    on_link.extend(peer.as_ref().map(IpNet::trunc));
                }
                Resource::Route { namespace, route } if route.is_on_link() => {
                    for nexthop in route.nexthops.iter() {
                        let place = (namespace.as_str(), nexthop.dev.as_str());
                        self.on_link.entry(place).or_default().push(route.destination);
                    }
                }
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
                | Resource::Rule { .. }
                | Resource::NexthopObject { .. }
                | Resource::Ruleset { .. }
                | Resource::EtcFile { .. }
                | Resource::Command { .. }
                | Resource::Route { .. }
                | Resource::MplsRoute { .. } => {}
            }
        }
        self.held.insert(key, resource);
    }

    /// Takes one resource out, and nothing else.
    fn forget(&mut self, key: &Key<'a>) {
        // What it has changed itself is in no index.
        let Some(Cow::Borrowed(resource)) = self.held.remove(key) else { return };
        for place in resource.devices() {
            self.devices.remove(&place);
        }
        match resource {
            Resource::Address { namespace, device, address, peer } => {
                let place = (namespace.as_str(), device.as_str());
                if let Some(known) = self.addresses.get_mut(&place) {
                    known.retain(|it| it != address);
                }
                if let (Some(peer), Some(known)) = (peer, self.on_link.get_mut(&place))
                    && let Some(at) = known.iter().position(|it| *it == peer.trunc())
                {
                    known.remove(at);
                }
            }
            Resource::Route { namespace, route } if route.is_on_link() => {
                for nexthop in route.nexthops.iter() {
                    let place = (namespace.as_str(), nexthop.dev.as_str());
                    let known = self.on_link.get_mut(&place);
                    if let Some(known) = known
                        && let Some(at) = known.iter().position(|it| *it == route.destination)
                    {
                        known.remove(at);
                    }
                }
            }
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
            | Resource::Rule { .. }
            | Resource::NexthopObject { .. }
            | Resource::Ruleset { .. }
            | Resource::EtcFile { .. }
            | Resource::Command { .. }
            | Resource::Route { .. }
            | Resource::MplsRoute { .. } => {}
        }
    }

    /// The keys of what a namespace holds of which something is true.
    fn keys(&self, namespace: &'a str, is: impl Fn(&Resource) -> bool) -> Vec<Key<'a>> {
        self.held
            .range(Key { namespace, kind: Kind::Namespace }..)
            .take_while(|(key, _)| key.namespace == namespace)
            .filter(|(_, resource)| is(resource))
            .map(|(key, _)| *key)
            .collect()
    }

    fn is_there(&self, namespace: &str) -> bool {
        self.held.contains_key(&Key { namespace, kind: Kind::Namespace })
    }

    fn has_device(&self, namespace: &str, device: &str) -> bool {
        self.devices.contains_key(&(namespace, device))
            || device == "lo" && self.is_there(namespace)
    }

    fn is_up(&self, namespace: &str, device: &str) -> bool {
        self.held.contains_key(&Key { namespace, kind: Kind::Up(device) })
    }

    /// The device of a name, with a pair's far end.
    fn device(&self, namespace: &str, device: &str) -> Option<&Resource> {
        self.get(self.devices.get(&(namespace, device))?)
    }

    /// The key of the device of a name, be it one of a pair.
    pub(super) fn key_of(&self, namespace: &str, device: &str) -> Option<Key<'a>> {
        self.devices.get(&(namespace, device)).copied()
    }

    fn setting<'s>(&'s self, namespace: &'s str, name: &'s str) -> Option<&'s str> {
        let held = self.get(&Key { namespace, kind: Kind::Sysctl(name) });
        if let Some(Resource::Sysctl { value, .. }) = held { Some(value) } else { None }
    }

    /// The keys of a namespace's rules.
    pub(super) fn rules(&self, namespace: &'a str) -> Vec<Key<'a>> {
        self.keys(namespace, |resource| matches!(resource, Resource::Rule { .. }))
    }

    /// The keys of the devices that are up.
    pub(super) fn up(&self) -> Vec<Key<'a>> {
        let keys = self.held.keys().filter(|key| matches!(key.kind, Kind::Up(_)));
        keys.copied().collect()
    }

    /// The rules that a new namespace has, which nobody made.
    fn put_own_rules(&mut self, namespace: &'a str) {
        for (rule, resource) in OWN_RULES.iter().zip(own_rules(namespace)) {
            let kind = Kind::Rule(rule.into());
            self.held.insert(Key { namespace, kind }, Cow::Owned(resource));
        }
    }
}
