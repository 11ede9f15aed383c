//! What the kernel wants before it makes something, and what else comes of it.

use super::Model;
use crate::compile::{Encap, Nexthop};
use crate::iproute::Leads;
use crate::link::{self, KindName};
use crate::plan::Resource;
use crate::plan::key::{Key, Kind};
use crate::plan::milestone::PLATFORM_LABELS;
use crate::plan::resource::interface_of;
use ipnet::IpNet;
use std::borrow::Cow;
use std::net::IpAddr;

/// Whether something is so, and else the reason why not.
fn so(is: bool, reason: impl FnOnce() -> String) -> Result<(), String> {
    if is { Ok(()) } else { Err(reason()) }
}

impl<'a> Model<'a> {
    /// Makes a resource, in the place of the one of its key.
    pub(in crate::plan) fn make(&mut self, resource: &'a Resource) -> Result<(), String> {
        let key = resource.key();
        let here = resource.namespace();
        let is_namespace = matches!(resource, Resource::Namespace { .. });
        so(is_namespace || self.is_there(here), || format!("there is no namespace {here}"))?;
        self.is_late(resource);
        match resource {
            Resource::Namespace { namespace } => {
                self.put(key, Cow::Borrowed(resource));
                self.put_own_rules(namespace);
                return Ok(());
            }
            Resource::Sysctl { key: name, value, .. } => {
                let device = interface_of(name);
                so(device.is_none_or(|device| self.has_device(here, device)), || {
                    format!("there is no setting {name}")
                })?;
                self.put(key, Cow::Borrowed(resource));
                if name == PLATFORM_LABELS {
                    self.fit_labels(here, value.parse().unwrap_or(0));
                }
                return Ok(());
            }
            Resource::Veth { .. } | Resource::Device { .. } => self.wants_a_free_name(resource)?,
            Resource::Master { port, master, .. } => {
                self.wants_device(here, port)?;
                self.wants_device(here, master)?;
                if self.held.contains_key(&key) {
                    self.release(key);
                }
                self.put(key, Cow::Borrowed(resource));
                if self.is_vrf(here, master) {
                    self.cycle(here, port);
                }
                return Ok(());
            }
            Resource::BridgeVlan { device, own, vlan, .. } => {
                self.wants_device(here, device)?;
                let has_master =
                    self.held.contains_key(&Key { namespace: here, kind: Kind::Master(device) });
                so(*own || has_master, || format!("{device} is no port of a bridge"))?;
                let port = Key { namespace: here, kind: Kind::BridgePort(device) };
                so(vlan.tunnel.is_none() || self.held.contains_key(&port), || {
                    format!("{device} takes no VNIs for its tags")
                })?;
            }
            Resource::BridgePort { device, .. } => {
                self.wants_device(here, device)?;
                let key = Key { namespace: here, kind: Kind::Master(device) };
                so(self.held.contains_key(&key), || format!("{device} is no port of a bridge"))?;
            }
            Resource::Mtu { device, .. } => self.wants_device(here, device)?,
            Resource::Fdb { device, entry, .. } => {
                self.wants_device(here, device)?;
                let key = Key { namespace: here, kind: Kind::Master(device) };
                so(entry.dst().is_some() || self.held.contains_key(&key), || {
                    format!("{device} is no port of a bridge")
                })?;
            }
            Resource::Neighbour { neighbour, .. } => {
                self.wants_device(here, neighbour.dev.as_str())?;
            }
            Resource::Qdisc { device, qdisc, .. } => {
                self.wants_device(here, device)?;
                let kind = |slot| Kind::Qdisc(device, slot);
                let above = qdisc.above().map(|it| Key { namespace: here, kind: kind(it) });
                so(above.is_none_or(|above| self.held.contains_key(&above)), || {
                    format!("{device} has no queue with classes")
                })?;
            }
            Resource::NoOffload { device, .. } | Resource::Wireguard { device, .. } => {
                self.wants_device(here, device)?;
            }
            Resource::Up { device, .. } => {
                self.wants_device(here, device)?;
                let parent = self.parent(here, device);
                so(parent.is_none_or(|parent| self.is_up(here, parent)), || {
                    format!("the device beneath {device} is down")
                })?;
                let ruleset = Key { namespace: here, kind: Kind::Ruleset };
                if !self.held.contains_key(&ruleset) {
                    self.circumstances.insert(format!("{here} {device} without a ruleset"));
                }
                let master = Key { namespace: here, kind: Kind::Master(device) };
                if let Some(Resource::Master { master, .. }) = self.get(&master)
                    && !self.is_up(here, master)
                {
                    let met = format!("{here} {device} before {master}");
                    self.circumstances.insert(met);
                }
                self.put(key, Cow::Borrowed(resource));
                self.raise(here, device);
                return Ok(());
            }
            Resource::Address { device, address, .. } => {
                self.wants_device(here, device)?;
                let earlier = self.addresses.get(&(here, device.as_str())).into_iter().flatten();
                let mut earlier =
                    earlier.filter(|it| is_of_subnet(**it, *address) && *it != address);
                if let Some(primary) = earlier.next() {
                    let met = format!("{here} {device} {address} behind {primary}");
                    self.circumstances.insert(met);
                }
            }
            Resource::Rule { .. } | Resource::Ruleset { .. } | Resource::EtcFile { .. } => {}
            Resource::NexthopObject { object, .. } => match &object.leads {
                Leads::Way { way, .. } => self.wants_gateway(here, way, &object.id)?,
                Leads::Blackhole { .. } => {}
                Leads::Group { members, .. } => {
                    for (id, _) in members {
                        self.wants_object(here, *id)?;
                    }
                }
            },
            Resource::Command { vrf, .. } => {
                if let Some(vrf) = vrf {
                    self.wants_device(here, vrf)?;
                }
            }
            Resource::Route { route, .. } => {
                let is_own = |address| self.has_address(here, address);
                so(route.source.is_none_or(is_own), || "its source is no own address".to_owned())?;
                match route.object {
                    Some(id) => self.wants_object(here, id)?,
                    None => {
                        for nexthop in route.nexthops.iter() {
                            self.wants_gateway(here, nexthop, &route.destination)?;
                        }
                    }
                }
            }
            Resource::MplsRoute { route, .. } => {
                let room = self.setting(here, PLATFORM_LABELS).and_then(|it| it.parse().ok());
                so(route.label.number() < room.unwrap_or(0), || {
                    "no room for the label".to_owned()
                })?;
                for nexthop in &route.nexthops {
                    self.wants_device(here, nexthop.dev.as_str())?;
                    if !self.is_up(here, nexthop.dev.as_str()) {
                        let met = format!("{here} {} over {}, down", route.label, nexthop.dev);
                        self.circumstances.insert(met);
                    }
                }
            }
        }
        self.put(key, Cow::Borrowed(resource));
        Ok(())
    }

    /// Keeps in mind what comes when commands run already.
    fn is_late(&mut self, resource: &Resource) {
        if matches!(resource, Resource::Command { .. }) {
            self.has_commands = true;
        } else if self.has_commands {
            self.circumstances.insert(format!("{:?} behind commands", resource.key()));
        }
    }

    /// A pair, or a device, whose names are free, with all that it stands on. It takes over settings.
    fn wants_a_free_name(&mut self, resource: &Resource) -> Result<(), String> {
        for (namespace, device) in resource.devices() {
            so(self.is_there(namespace), || format!("there is no namespace {namespace}"))?;
            so(!self.has_device(namespace, device), || format!("there is a {device} already"))?;
            let settings = self.held.range(Key { namespace, kind: Kind::Sysctl("") }..);
            let taken = settings.map_while(|(key, resource)| match (&**resource, key.namespace) {
                (Resource::Sysctl { key, value, .. }, here) if here == namespace => {
                    Some((key, value))
                }
                _ => None,
            });
            let taken: Vec<_> = taken.filter(|(key, _)| interface_of(key).is_none()).collect();
            let met = format!("{namespace} {device} takes over {taken:?}");
            self.circumstances.insert(met);
        }
        if let Resource::Device { namespace, device } = resource
            && let Some(parent) = device.lower.as_deref()
        {
            self.wants_device(namespace, parent)?;
        }
        Ok(())
    }

    fn wants_device(&self, namespace: &str, device: &str) -> Result<(), String> {
        so(self.has_device(namespace, device), || format!("there is no device {device}"))
    }

    fn wants_object(&self, namespace: &str, id: u32) -> Result<(), String> {
        let key = Key { namespace, kind: Kind::NexthopObject(id) };
        so(self.held.contains_key(&key), || format!("there is no nexthop object {id}"))
    }

    /// A nexthop's device is up, and the link holds its gateway.
    fn wants_gateway(
        &mut self,
        namespace: &str,
        nexthop: &Nexthop,
        of: &dyn std::fmt::Display,
    ) -> Result<(), String> {
        let device = nexthop.dev.as_str();
        self.wants_device(namespace, device)?;
        so(self.is_up(namespace, device), || format!("{device} is down"))?;
        if let Some(local) = nexthop.encap.as_ref().and_then(Encap::local) {
            if let Some(out) = local.device() {
                self.wants_device(namespace, out.as_str())?;
            }
            if let Some(table) = local.vrf_table() {
                so(self.has_vrf_table(namespace, *table), || {
                    format!("no VRF has the table {table}")
                })?;
            }
        }
        let Some(via) = nexthop.via else { return Ok(()) };
        let place = (namespace, device);
        let own = self.addresses.get(&place).into_iter().flatten();
        let is_held =
            own.chain(self.on_link.get(&place).into_iter().flatten()).any(|net| net.contains(&via));
        let is_local = matches!(via, IpAddr::V6(via) if via.is_unicast_link_local());
        so(is_held || is_local || nexthop.onlink, || {
            format!("the link of {device} does not hold {via}")
        })?;
        if via.is_ipv6() && !self.has_carrier(namespace, device) {
            self.circumstances.insert(format!("{namespace} {of} {via} without a carrier"));
        }
        Ok(())
    }

    /// Whether the far end of a device is up.
    fn has_carrier(&self, namespace: &str, device: &str) -> bool {
        let parent = self.parent(namespace, device);
        let beneath = parent.is_none_or(|parent| self.has_carrier(namespace, parent));
        let far = |(far, name): (&str, &str)| self.is_up(far, name);
        let peer = self.device(namespace, device).into_iter().flat_map(Resource::devices);
        let mut peers = peer.filter(|place| *place != (namespace, device));
        self.is_up(namespace, device) && beneath && peers.all(far)
    }

    pub(super) fn parent(&self, namespace: &str, device: &str) -> Option<&str> {
        match self.device(namespace, device) {
            Some(Resource::Device { device, .. }) => device.parent(),
            Some(_) | None => None,
        }
    }

    pub(super) fn is_vrf(&self, namespace: &str, device: &str) -> bool {
        let device = self.device(namespace, device);
        matches!(device, Some(Resource::Device { device, .. }) if device.kind.name() == KindName::Vrf)
    }

    fn has_vrf_table(&self, namespace: &str, table: u32) -> bool {
        self.devices.range((namespace, "")..).take_while(|((here, _), _)| *here == namespace).any(
            |(_, key)| {
                matches!(self.get(key), Some(Resource::Device { device, .. })
                    if device.kind == link::Kind::Vrf(link::Vrf { table }))
            },
        )
    }

    pub(super) fn has_address(&self, namespace: &str, address: IpAddr) -> bool {
        let first = (namespace, "");
        let places = self.addresses.range(first..).take_while(|((it, _), _)| *it == namespace);
        places.flat_map(|(_, addresses)| addresses).any(|it| it.addr() == address)
    }
}

/// Whether two addresses are of one subnet of IPv4, of which the first is the primary one.
pub(super) fn is_of_subnet(one: IpNet, other: IpNet) -> bool {
    one.addr().is_ipv4() && one.trunc() == other.trunc()
}
