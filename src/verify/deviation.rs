//! In what a kernel differs from what was built, in words, and what mends it.

use crate::compile::sysctl_name;
use crate::link::ETHERNET_MTU;
use crate::plan::{Action, Difference, Key, Resource};
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::collections::BTreeMap;
use std::fmt;

/// One thing in which a kernel differs from what was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deviation {
    /// The name of its node; of a link, that of one end.
    pub node: String,
    /// What was found.
    pub found: Found,
}

/// What a kernel has in the place of what was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It was built, and is not there.
    Missing(Resource),
    /// It is there, and was not built.
    Unexpected(Resource),
    /// It is there in another form.
    Changed {
        /// As it was built.
        built: Resource,
        /// As it is.
        found: Box<Resource>,
    },
}

impl Deviation {
    /// What these differences are, in their order. `name` gives the node of a namespace.
    pub(super) fn all(differences: Vec<Difference>, name: impl Fn(&str) -> String) -> Vec<Self> {
        let (mut missing, mut extra) = (Vec::new(), Vec::new());
        for difference in differences {
            match difference {
                Difference::Missing(resource) => missing.push(resource),
                Difference::Extra(resource) => extra.push(resource),
            }
        }
        let places: BTreeMap<Key<'_>, usize> =
            extra.iter().enumerate().map(|(place, it)| (it.key(), place)).collect();
        let instead: Vec<Option<usize>> =
            missing.iter().map(|it| places.get(&it.key()).copied()).collect();
        let mut extra: Vec<Option<Resource>> = extra.into_iter().map(Some).collect();
        let missing = missing.into_iter().zip(instead).map(|(built, instead)| {
            match instead.and_then(|place| extra[place].take()) {
                Some(found) => Found::Changed { built, found: Box::new(found) },
                None => Found::Missing(built),
            }
        });
        let mut found: Vec<Found> = missing.collect();
        found.extend(extra.into_iter().flatten().map(Found::Unexpected));
        let deviation = |found: Found| Self { node: name(found.place()), found };
        found.into_iter().map(deviation).collect()
    }

    /// What brings the kernel back to what was built, as a user types it; nothing where only the lab can be
    /// brought back.
    pub fn repairs(&self, lab: &str) -> Option<Vec<String>> {
        let mut actions = self.found.repairs()?;
        for action in &mut actions {
            // A setting that was read is one that the kernel knows.
            if let Action::Replace { resource: Resource::Sysctl { optional, .. }, .. } = action {
                *optional = false;
            }
        }
        let in_node = |action: &Action| {
            let namespace = action.namespace();
            let text = action.to_string();
            let inside = match text.strip_prefix(&format!("ip netns exec {namespace} ")) {
                Some(command) => command.to_owned(),
                None => text.replace(&format!(" -n {namespace} "), " "),
            };
            // A key stands in no command.
            let is_plain = inside.len() < text.len() && !inside.contains("$");
            is_plain.then(|| format!("vrflab exec {lab} {} -- {inside}", self.node))
        };
        actions.iter().map(in_node).collect()
    }
}

impl Found {
    /// What was built, where something was.
    pub fn built(&self) -> Option<&Resource> {
        match self {
            Found::Missing(built) | Found::Changed { built, .. } => Some(built),
            Found::Unexpected(_) => None,
        }
    }

    /// What was built, or what is there and was not.
    pub fn resource(&self) -> &Resource {
        match self {
            Found::Missing(resource) | Found::Unexpected(resource) => resource,
            Found::Changed { built, .. } => built,
        }
    }

    /// The namespace where it is; of a link whose MTU is another one, that of the end.
    fn place(&self) -> &str {
        let Found::Changed { built: Resource::Veth { ends: built }, found } = self else {
            return self.resource().namespace();
        };
        let Resource::Veth { ends: found } = &**found else { return &built[0].namespace };
        let differs = built.iter().zip(found).find(|(built, found)| built != found);
        &differs.map_or(&built[0], |(built, _)| built).namespace
    }

    /// What is done to bring back what was built.
    fn repairs(&self) -> Option<Vec<Action>> {
        Some(match self {
            // Both ends of a link are made at once, and in their namespaces.
            Found::Missing(Resource::Veth { .. } | Resource::Namespace { .. }) => return None,
            Found::Missing(built) => vec![Action::Add(built.clone())],
            Found::Unexpected(found) => vec![Action::Delete(found.clone())],
            Found::Changed { built, found } => match mtu(built, found) {
                Some((mtu, _)) => vec![Action::Add(mtu)],
                None if found.is_replaced_by(built) => {
                    let before = Some(found.clone());
                    vec![Action::Replace { resource: built.clone(), before }]
                }
                None if !built.devices().is_empty() => return None,
                None => {
                    vec![Action::Delete(Resource::clone(found)), Action::Add(built.clone())]
                }
            },
        })
    }
}

/// Where two forms of a device, or of one end of a link, differ by nothing but their MTU: the one that was
/// built, and the one that is there instead.
fn mtu(built: &Resource, found: &Resource) -> Option<(Resource, u32)> {
    let (mut built, mut found) = (built.clone(), found.clone());
    let own = |(namespace, device): (&str, &str)| (namespace.to_owned(), device.to_owned());
    let devices: Vec<(String, String)> = built.devices().into_iter().map(own).collect();
    let mut differing = Vec::new();
    for (place, (namespace, device)) in devices.into_iter().enumerate() {
        let mtu = |of: &mut Resource| of.mtu_of(place).map(std::mem::take);
        let (built, found) = (mtu(&mut built)?, mtu(&mut found)?);
        if built != found {
            let mtu = built.unwrap_or(ETHERNET_MTU);
            differing
                .push((Resource::Mtu { namespace, device, mtu }, found.unwrap_or(ETHERNET_MTU)));
        }
    }
    differing.pop().filter(|_| built == found && differing.is_empty())
}

impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { node, found } = self;
        match found {
            Found::Missing(resource) => missing(f, node, resource),
            Found::Unexpected(resource) => unexpected(f, node, resource),
            Found::Changed { built, found } => changed(f, node, built, found),
        }
    }
}

fn missing(f: &mut fmt::Formatter<'_>, node: &str, resource: &Resource) -> fmt::Result {
    if let Resource::Up { device, .. } = resource {
        write!(f, "{device} of {node} is down")
    } else if let Resource::Master { port, master, .. } = resource {
        write!(f, "{port} of {node} is not in {master}")
    } else if let Some(noun) = noun(resource) {
        write!(f, "{node} has no {noun}")
    } else {
        write!(f, "`{}` is missing", Action::Add(resource.clone()))
    }
}

fn unexpected(f: &mut fmt::Formatter<'_>, node: &str, resource: &Resource) -> fmt::Result {
    if let Resource::Up { device, .. } = resource {
        write!(f, "{device} of {node} is up, which was not built")
    } else if let Resource::Master { port, master, .. } = resource {
        write!(f, "{port} of {node} is in {master}, which was not built")
    } else if let Resource::Ruleset { ruleset, .. } = resource {
        write!(f, "{node} has a ruleset of nft with `{ruleset}`, which was not built")
    } else if let Some(noun) = noun(resource) {
        write!(f, "{node} has the {noun}, which was not built")
    } else {
        write!(f, "`{}` is there, and was not built", Action::Add(resource.clone()))
    }
}

fn changed(
    f: &mut fmt::Formatter<'_>,
    node: &str,
    built: &Resource,
    found: &Resource,
) -> fmt::Result {
    if let Some((Resource::Mtu { device, mtu, .. }, found)) = mtu(built, found) {
        return write!(f, "the MTU of {device} of {node} is {found}, not {mtu}");
    }
    match (built, found) {
        (Resource::Sysctl { key, value, .. }, Resource::Sysctl { value: instead, .. }) => {
            write!(f, "{} of {node} is {instead}, not {value}", sysctl_name(key))
        }
        (Resource::Mtu { device, mtu, .. }, Resource::Mtu { mtu: instead, .. }) => {
            write!(f, "the MTU of {device} of {node} is {instead}, not {mtu}")
        }
        (Resource::Master { port, master, .. }, Resource::Master { master: instead, .. }) => {
            write!(f, "{port} of {node} is in {instead}, not in {master}")
        }
        (built, found) => match (noun(built), noun(found)) {
            (Some(built), Some(found)) => write!(f, "{node} has the {found}, not the {built}"),
            (None, _) | (_, None) => {
                let [built, found] = [built, found].map(|it| Action::Add(it.clone()));
                write!(f, "`{found}` is there, and not `{built}`")
            }
        },
    }
}

/// What a resource is, where it takes no command to say so.
pub(super) fn noun(resource: &Resource) -> Option<String> {
    Some(match resource {
        Resource::Route { route, .. } => format!("route `{route}`"),
        Resource::MplsRoute { route, .. } => format!("MPLS route `{route}`"),
        Resource::Rule { rule, .. } => format!("rule `{rule}`"),
        Resource::Address { address, device, .. } => format!("address {address} on {device}"),
        Resource::Neighbour { neighbour, .. } => format!("neighbour entry `{neighbour}`"),
        Resource::NexthopObject { object, .. } => format!("nexthop object `{object}`"),
        Resource::Device { device, .. } => format!("interface {}", device.name),
        Resource::Veth { ends: [near, _] } => format!("interface {}", near.name),
        Resource::Namespace { .. }
        | Resource::Sysctl { .. }
        | Resource::Wireguard { .. }
        | Resource::Master { .. }
        | Resource::BridgeVlan { .. }
        | Resource::BridgePort { .. }
        | Resource::Mtu { .. }
        | Resource::Fdb { .. }
        | Resource::Qdisc { .. }
        | Resource::NoOffload { .. }
        | Resource::Up { .. }
        | Resource::Ruleset { .. }
        | Resource::EtcFile { .. }
        | Resource::Command { .. } => return None,
    })
}

impl Serialize for Deviation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let made = |resource: &Resource| Action::Add(resource.clone()).to_string();
        let (word, command, instead) = match &self.found {
            Found::Missing(built) => ("missing", built, None),
            Found::Unexpected(found) => ("unexpected", found, None),
            Found::Changed { built, found } => ("changed", built, Some(&**found)),
        };
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("node", &self.node)?;
        map.serialize_entry("found", word)?;
        map.serialize_entry("command", &made(command))?;
        if let Some(instead) = instead {
            map.serialize_entry("instead", &made(instead))?;
        }
        map.serialize_entry("text", &self.to_string())?;
        map.end()
    }
}
