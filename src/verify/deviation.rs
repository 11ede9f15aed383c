//! In what a kernel differs from what was built, in words.

use super::counterpart::{counterparts, renamed};
use crate::compile::{Route, sysctl_name};
use crate::iproute::{Mac, Protocol, RouteKind};
use crate::link::ETHERNET_MTU;
use crate::plan::{Action, Device, Difference, Resource, VethEnd};
use serde::ser::{Serialize, SerializeMap, Serializer};
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
    /// What these differences are, in their order. `name` gives the node of a namespace, `is_there` says
    /// whether a device is, by its namespace and name.
    pub(super) fn all(
        differences: Vec<Difference>,
        name: impl Fn(&str) -> String,
        is_there: impl Fn(&str, &str) -> bool,
    ) -> Vec<Self> {
        let (mut missing, mut extra) = (Vec::new(), Vec::new());
        for difference in differences {
            match difference {
                Difference::Missing(resource) => missing.push(resource),
                Difference::Extra(resource) => extra.push(resource),
            }
        }
        let instead = counterparts(&missing, &extra);
        let mut extra: Vec<Option<Resource>> = extra.into_iter().map(Some).collect();
        let missing = missing.into_iter().zip(instead).map(|(mut built, instead)| {
            match instead.and_then(|place| extra[place].take()) {
                Some(found) => Found::Changed { built, found: Box::new(found) },
                None => {
                    // The end that is left is not what is missing.
                    if let Resource::Veth { ends } = &mut built
                        && is_there(&ends[0].namespace, &ends[0].name)
                    {
                        ends.reverse();
                    }
                    Found::Missing(built)
                }
            }
        });
        let mut found: Vec<Found> = missing.collect();
        found.extend(extra.into_iter().flatten().map(Found::Unexpected));
        let deviation = |found: Found| Self { node: name(found.place()), found };
        found.into_iter().map(deviation).collect()
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

    /// The namespace where it is; of a link, that of the end that is another one.
    fn place(&self) -> &str {
        let (built, found) = match self {
            Found::Changed { built, found } => (built, &**found),
            Found::Missing(_) | Found::Unexpected(_) => return self.resource().namespace(),
        };
        if let Some((end, _)) = renamed(built, found) {
            return &end.namespace;
        }
        let (Resource::Veth { ends: built }, Resource::Veth { ends: found }) = (built, found)
        else {
            return built.namespace();
        };
        let differs = built.iter().zip(found).find(|(built, found)| built != found);
        &differs.map_or(&built[0], |(built, _)| built).namespace
    }
}

/// Where two forms of a device, or of one end of a link, differ by nothing but their MTU: the one that was
/// built, and the one that is there instead.
pub(super) fn mtu(built: &Resource, found: &Resource) -> Option<(Resource, u32)> {
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
    if let Some((built, found)) = renamed(built, found) {
        return write!(f, "{} of {node} is called {}", built.name, found.name);
    }
    if let Some(unlike) = unlike(node, built, found) {
        return f.write_str(&unlike);
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
        (Resource::Ruleset { .. }, Resource::Ruleset { .. }) => {
            write!(f, "the nftables ruleset of {node} was changed")
        }
        (built, found) => match (noun(built), noun(found)) {
            (Some(built), Some(found)) if built != found => {
                write!(f, "{node} has the {found}, not the {built}")
            }
            (Some(_), Some(_)) | (None, _) | (_, None) => {
                let [built, found] = [built, found].map(|it| Action::Add(it.clone()));
                write!(f, "`{found}` is there, and not `{built}`")
            }
        },
    }
}

/// In what a device, or an end of a link, is another one than was built.
fn unlike(node: &str, built: &Resource, found: &Resource) -> Option<String> {
    match (built, found) {
        (Resource::Device { device: built, .. }, Resource::Device { device: found, .. }) => {
            let [kind, instead] = [built, found].map(|it| it.kind.description());
            if kind.word != instead.word {
                let (name, kind, instead) = (&built.name, kind.word, instead.word);
                return Some(format!("{name} of {node} is of kind `{instead}`, not `{kind}`"));
            }
            let keys = |device: &Device| {
                let lower = kind.lower.key().zip(device.lower.clone());
                let keys = device.kind.keys().into_iter();
                let mut keys: Vec<(&'static str, String)> =
                    keys.map(|(key, value)| (key, value.to_string())).chain(lower).collect();
                keys.extend(hardware(device.mtu, device.mac));
                keys
            };
            let other = other(&keys(built), &keys(found));
            (!other.is_empty()).then(|| format!("{} of {node} has {other}", built.name))
        }
        (Resource::Veth { ends: built }, Resource::Veth { ends: found }) => {
            let ends = built.iter().zip(found).filter(|(built, found)| built != found);
            let of_end = |(built, found): (&VethEnd, &VethEnd)| {
                let keys = |end: &VethEnd| hardware(end.mtu, end.mac);
                (built.name.clone(), other(&keys(built), &keys(found)))
            };
            let mut ends = ends.map(of_end);
            let (name, near) = ends.next()?;
            let far = ends.next().map(|(name, far)| format!("; its far end {name} has {far}"));
            Some(format!("{name} of {node} has {near}{}", far.unwrap_or_default()))
        }
        _ => None,
    }
}

fn hardware(mtu: Option<u32>, mac: Option<[u8; 6]>) -> Vec<(&'static str, String)> {
    let mtu = ("MTU", mtu.unwrap_or(ETHERNET_MTU).to_string());
    let mac = mac.map(|mac| ("MAC address", Mac(mac).to_string()));
    std::iter::once(mtu).chain(mac).collect()
}

/// In what the keys of two devices differ.
fn other(built: &[(&'static str, String)], found: &[(&'static str, String)]) -> String {
    let value = |of: &[(&'static str, String)], key: &str| {
        of.iter().find(|(name, _)| *name == key).map(|(_, value)| value.clone())
    };
    let lacking = built.iter().filter_map(|(key, built)| match value(found, key) {
        Some(found) if found == *built => None,
        Some(found) => Some(format!("{key} {found}, not {built}")),
        None => Some(format!("no {key}, and was built with {built}")),
    });
    let added = found.iter().filter(|(key, _)| value(built, key).is_none());
    let added = added.map(|(key, found)| format!("{key} {found}, and was built with none"));
    lacking.chain(added).collect::<Vec<_>>().join(", and ")
}

/// What a resource is, where it takes no command to say so.
pub(super) fn noun(resource: &Resource) -> Option<String> {
    Some(match resource {
        Resource::Route { route, .. } => match own_route(route) {
            Some(own) => own,
            None => format!("route `{route}`"),
        },
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

/// A route that the kernel makes for an address.
fn own_route(route: &Route) -> Option<String> {
    let is_own = route.attributes.protocol == Some(Protocol::KERNEL);
    let device = &route.nexthops.first().filter(|_| is_own)?.dev;
    let word = if route.kind == RouteKind::Local { "local" } else { "connected" };
    Some(format!("{word} route `{} dev {device}`", route.destination))
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
