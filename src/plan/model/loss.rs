//! What goes, and what the kernel takes along with it.

use super::make::is_of_subnet;
use super::{Model, Place};
use crate::compile::{LOCAL, Nexthop, Route};
use crate::iproute::{FdbEntry, FdbPlace, Leads, RuleAction};
use crate::link::KindName;
use crate::plan::Resource;
use crate::plan::key::{Key, Kind};
use crate::plan::milestone::PLATFORM_LABELS;
use crate::plan::resource::interface_of;
use ipnet::IpNet;
use std::borrow::Cow;
use std::sync::Arc;

/// What happens to a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Down,
    Gone,
}

impl<'a> Model<'a> {
    /// Takes away what there is of a key.
    pub(in crate::plan) fn delete(&mut self, key: Key<'a>) -> Result<(), String> {
        let Some(resource) = self.held.get(&key).cloned() else { return Ok(()) };
        let here = key.namespace;
        match (&*resource, key.kind) {
            (Resource::Namespace { .. }, _) => {
                for key in self.keys(here, |it| !it.devices().is_empty()) {
                    self.delete(key)?;
                }
                let far = self.devices.range((here, "")..).take_while(|((at, _), _)| *at == here);
                for key in far.map(|(_, key)| *key).collect::<Vec<_>>() {
                    self.delete(key)?;
                }
                for key in self.keys(here, |_| true) {
                    self.forget(&key);
                }
            }
            (Resource::Sysctl { key: name, .. }, _) => {
                if name == PLATFORM_LABELS {
                    self.fit_labels(here, 0);
                }
            }
            (Resource::Veth { .. }, Kind::Veth(near, far_namespace, far)) => {
                self.loses_device((here, near));
                self.loses_device((far_namespace, far));
            }
            (Resource::Device { .. }, Kind::Device(device)) => self.loses_device((here, device)),
            (Resource::Master { .. }, _) => {
                self.release(key);
                return Ok(());
            }
            (Resource::Qdisc { .. }, Kind::Qdisc(device, slot)) => {
                let goes = |it: &Resource| {
                    matches!(it, Resource::Qdisc { device: it, qdisc, .. }
                        if it == device && qdisc.place().is_under(slot))
                };
                self.keys(here, goes).iter().for_each(|key| self.forget(key));
            }
            (Resource::Up { .. }, Kind::Up(device)) => self.goes_down(here, device),
            (Resource::Address { address, .. }, Kind::Address(device, ..)) => {
                self.loses_address((here, device), *address);
            }
            (Resource::Rule { rule, .. }, _) => {
                let is_other = |it: &Resource| {
                    matches!(it, Resource::Rule { rule: other, .. }
                        if other != rule && other.v4 == rule.v4
                            && other.action == RuleAction::Lookup(LOCAL))
                };
                // The kernel would take it away, and deliver nothing.
                if rule.action == RuleAction::Lookup(LOCAL) && self.keys(here, is_other).is_empty()
                {
                    return Err("the local table would not be looked up".to_owned());
                }
            }
            (Resource::NexthopObject { object, .. }, _) => self.loses_object(here, object.id),
            (
                Resource::Veth { .. }
                | Resource::Device { .. }
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
                | Resource::Ruleset { .. }
                | Resource::EtcFile { .. }
                | Resource::Command { .. }
                | Resource::Route { .. }
                | Resource::MplsRoute { .. },
                _,
            ) => {}
        }
        self.forget(&key);
        Ok(())
    }

    /// Takes away the labels for which there is no room.
    pub(super) fn fit_labels(&mut self, namespace: &'a str, room: u32) {
        let is_past = |it: &Resource| matches!(it, Resource::MplsRoute { route, .. } if route.label.number() >= room);
        for key in self.keys(namespace, is_past) {
            self.forget(&key);
        }
    }

    /// A port loses its master.
    pub(super) fn release(&mut self, key: Key<'a>) {
        let Some(Cow::Borrowed(Resource::Master { namespace, port, master })) =
            self.held.get(&key).cloned()
        else {
            return;
        };
        let was_vrf = self.is_vrf(namespace, master);
        self.forget(&key);
        let is_of_port = |it: &Resource| {
            matches!(it, Resource::BridgeVlan { device, own: false, .. }
                | Resource::BridgePort { device, .. }
                | Resource::Fdb { device, entry: FdbEntry { place: FdbPlace::Port { .. }, .. }, .. }
                if device == port)
        };
        for of_port in self.keys(namespace, is_of_port) {
            self.forget(&of_port);
        }
        if was_vrf {
            self.cycle(namespace, port);
        }
    }

    /// A port that goes into a VRF or leaves it is brought down and up again.
    pub(super) fn cycle(&mut self, namespace: &'a str, port: &'a str) {
        let key = Key { namespace, kind: Kind::Up(port) };
        let Some(up) = self.held.get(&key).cloned() else { return };
        self.goes_down(namespace, port);
        self.held.insert(key, up);
        self.raise(namespace, port);
    }

    /// A device is up, and the VLANs on it come up with it, whether they were down on purpose or not.
    pub(super) fn raise(&mut self, namespace: &'a str, device: &str) {
        for vlan in self.vlans_on(namespace, device) {
            if !self.is_up(namespace, vlan) {
                let key = Key { namespace, kind: Kind::Up(vlan) };
                let device = vlan.to_owned();
                let up = Resource::Up { namespace: namespace.to_owned(), device };
                self.held.insert(key, Cow::Owned(up));
            }
            self.raise(namespace, vlan);
        }
    }

    /// A device goes down.
    fn goes_down(&mut self, namespace: &'a str, device: &'a str) {
        self.forget(&Key { namespace, kind: Kind::Up(device) });
        let keeps = |scope: &str| {
            let name = format!("net/ipv6/conf/{scope}/keep_addr_on_down");
            self.setting(namespace, &name).is_some_and(|value| value != "0")
        };
        if !keeps("all") && !keeps(device) {
            self.loses_addresses((namespace, device), |address| address.addr().is_ipv6());
        }
        let knows = |it: &Resource| matches!(it, Resource::Neighbour { neighbour, .. } if neighbour.dev.as_str() == device);
        self.keys(namespace, knows).iter().for_each(|key| self.forget(key));
        self.unroute((namespace, device), Event::Down);
        for vlan in self.vlans_on(namespace, device) {
            if self.is_up(namespace, vlan) {
                self.goes_down(namespace, vlan);
            }
        }
    }

    fn vlans_on(&self, namespace: &'a str, parent: &str) -> Vec<&'a str> {
        let keys = self.keys(namespace, |it| {
            matches!(it, Resource::Device { device, .. }
                if device.kind.name() == KindName::Vlan && device.lower.as_deref() == Some(parent))
        });
        keys.into_iter().filter_map(|key| key.device()).collect()
    }

    fn loses_addresses(&mut self, (namespace, device): Place<'a>, which: impl Fn(&IpNet) -> bool) {
        let keys = self.keys(namespace, |it| {
            matches!(it, Resource::Address { device: it, address, .. }
                if it == device && which(address))
        });
        keys.iter().for_each(|key| self.forget(key));
    }

    /// A device is gone, with all that stands on it.
    fn loses_device(&mut self, place: Place<'a>) {
        let (namespace, device) = place;
        let above = self.keys(namespace, |it| {
            matches!(it, Resource::Device { device: it, .. } if it.lower.as_deref() == Some(device))
        });
        for key in above {
            if let Some(above) = key.device() {
                self.loses_device((namespace, above));
            }
            self.forget(&key);
        }
        let ports = self.keys(
            namespace,
            |it| matches!(it, Resource::Master { master, .. } if master == device),
        );
        for port in ports {
            self.release(port);
        }
        self.unroute(place, Event::Gone);
        let own = self.keys(namespace, |it| match it {
            Resource::Sysctl { key, .. } => interface_of(key) == Some(device),
            Resource::Master { port: it, .. }
            | Resource::Wireguard { device: it, .. }
            | Resource::BridgeVlan { device: it, .. }
            | Resource::BridgePort { device: it, .. }
            | Resource::Mtu { device: it, .. }
            | Resource::Fdb { device: it, .. }
            | Resource::Qdisc { device: it, .. }
            | Resource::NoOffload { device: it, .. }
            | Resource::Up { device: it, .. }
            | Resource::Address { device: it, .. } => it == device,
            Resource::Neighbour { neighbour, .. } => neighbour.dev.as_str() == device,
            Resource::Namespace { .. }
            | Resource::Veth { .. }
            | Resource::Device { .. }
            | Resource::Rule { .. }
            | Resource::NexthopObject { .. }
            | Resource::Ruleset { .. }
            | Resource::EtcFile { .. }
            | Resource::Command { .. }
            | Resource::Route { .. }
            | Resource::MplsRoute { .. } => false,
        });
        own.iter().for_each(|key| self.forget(key));
    }

    /// Routes lose a device: those that lead nowhere else go.
    fn unroute(&mut self, (namespace, device): Place<'a>, event: Event) {
        let over = |nexthop: &Nexthop| nexthop.dev.as_str() == device;
        let is_object = |it: &Resource| {
            matches!(it, Resource::NexthopObject { object, .. }
                if matches!(&object.leads, Leads::Way { way, .. } if over(way)))
        };
        for key in self.keys(namespace, is_object) {
            if let Kind::NexthopObject(id) = key.kind {
                self.loses_object(namespace, id);
            }
            self.forget(&key);
        }
        let is_route = |it: &Resource| {
            matches!(it, Resource::Route { route, .. }
                if route.object.is_none() && route.nexthops.iter().any(over))
        };
        for key in self.keys(namespace, is_route) {
            let Some(Resource::Route { route, .. }) = self.get(&key) else { continue };
            let is_v4 = route.destination.addr().is_ipv4();
            let dead =
                |nexthop: &Nexthop| over(nexthop) || !self.is_up(namespace, nexthop.dev.as_str());
            let goes = route.nexthops.iter().all(dead) || is_v4 && event == Event::Gone;
            if goes {
                self.forget(&key);
            } else if event == Event::Gone {
                let left: Arc<[Nexthop]> =
                    route.nexthops.iter().filter(|it| !over(it)).cloned().collect();
                let route = Route { nexthops: left, ..route.clone() };
                let namespace = namespace.to_owned();
                self.put(key, Cow::Owned(Resource::Route { namespace, route }));
            }
        }
        let is_label = |it: &Resource| {
            matches!(it, Resource::MplsRoute { route, .. }
                if route.nexthops.iter().any(|it| it.dev.as_str() == device))
        };
        if event == Event::Down {
            return;
        }
        for key in self.keys(namespace, is_label) {
            let Some(Resource::MplsRoute { route, .. }) = self.get(&key) else { continue };
            let mut route = route.clone();
            route.nexthops.retain(|it| it.dev.as_str() != device);
            if route.nexthops.is_empty() {
                self.forget(&key);
            } else {
                let namespace = namespace.to_owned();
                self.put(key, Cow::Owned(Resource::MplsRoute { namespace, route }));
            }
        }
    }

    /// A nexthop object goes, out of its groups and with its routes.
    fn loses_object(&mut self, namespace: &'a str, id: u32) {
        let key = Key { namespace, kind: Kind::NexthopObject(id) };
        let nexthop = match self.get(&key) {
            Some(Resource::NexthopObject { object, .. }) => match &object.leads {
                Leads::Way { way, .. } => Some(way.clone()),
                Leads::Blackhole { .. } | Leads::Group { .. } => None,
            },
            Some(_) | None => None,
        };
        self.forget(&key);
        let is_its_route =
            |it: &Resource| matches!(it, Resource::Route { route, .. } if route.object == Some(id));
        for key in self.keys(namespace, is_its_route) {
            self.forget(&key);
        }
        let is_group = |it: &Resource| {
            matches!(it, Resource::NexthopObject { object, .. }
                if matches!(&object.leads, Leads::Group { members, .. }
                    if members.iter().any(|(member, _)| *member == id)))
        };
        for key in self.keys(namespace, is_group) {
            let Some(Resource::NexthopObject { object, .. }) = self.get(&key) else { continue };
            let mut object = object.clone();
            if let Leads::Group { members, .. } = &mut object.leads {
                members.retain(|(member, _)| *member != id);
                if members.is_empty() {
                    self.loses_object(namespace, object.id);
                    continue;
                }
            }
            let of_group = |it: &Resource| matches!(it, Resource::Route { route, .. } if route.object == Some(object.id));
            for key in self.keys(namespace, of_group) {
                let Some(Resource::Route { route, .. }) = self.get(&key) else { continue };
                let gone = |it: &Nexthop| {
                    nexthop.as_ref().is_some_and(|gone| (it.via, &it.dev) == (gone.via, &gone.dev))
                };
                let left = route.nexthops.iter().filter(|it| !gone(it)).cloned().collect();
                let route = Route { nexthops: left, ..route.clone() };
                let namespace = namespace.to_owned();
                self.put(key, Cow::Owned(Resource::Route { namespace, route }));
            }
            let namespace = namespace.to_owned();
            self.put(key, Cow::Owned(Resource::NexthopObject { namespace, object }));
        }
    }

    /// A device loses an address: those of its subnet that came later go too, routes that prefer it as
    /// their source, and with the last of IPv4 all routes over the device.
    fn loses_address(&mut self, place: Place<'a>, address: IpNet) {
        let (namespace, device) = place;
        let known = self.addresses.get(&place).cloned().unwrap_or_default();
        let is_first = known.iter().find(|it| is_of_subnet(**it, address)) == Some(&address);
        let kept = ["all", device].iter().any(|scope| {
            let name = format!("net/ipv4/conf/{scope}/promote_secondaries");
            self.setting(namespace, &name).is_some_and(|value| value != "0")
        });
        if address.addr().is_ipv4() && is_first && !kept {
            self.loses_addresses(place, |it| is_of_subnet(*it, address));
        } else {
            self.loses_addresses(place, |it| *it == address);
        }
        let lost = known.iter().filter(|it| !self.has_address(namespace, it.addr()));
        for lost in lost.map(IpNet::addr).collect::<Vec<_>>() {
            let prefers = |it: &Resource| matches!(it, Resource::Route { route, .. } if route.source == Some(lost));
            for key in self.keys(namespace, prefers) {
                let Some(Resource::Route { route, .. }) = self.get(&key) else { continue };
                if lost.is_ipv4() {
                    self.forget(&key);
                } else {
                    let route = Route { source: None, ..route.clone() };
                    let namespace = namespace.to_owned();
                    self.put(key, Cow::Owned(Resource::Route { namespace, route }));
                }
            }
        }
        let left = self.addresses.get(&place).into_iter().flatten();
        if address.addr().is_ipv4() && !left.into_iter().any(|it| it.addr().is_ipv4()) {
            let is_over = |it: &Resource| {
                matches!(it, Resource::Route { route, .. }
                    if route.destination.addr().is_ipv4() && route.object.is_none()
                        && !route.nexthops.is_empty()
                        && route.nexthops.iter().all(|it| it.dev.as_str() == device
                            || !self.is_up(namespace, it.dev.as_str())))
            };
            for key in self.keys(namespace, is_over) {
                self.forget(&key);
            }
        }
    }
}
