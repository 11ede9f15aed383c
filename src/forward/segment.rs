//! Links: which devices get a frame that leaves through a device.

use super::device::{Device, DeviceIndex, DeviceKind, PortVlan};
use super::network::{Network, Receivers};
use crate::link::{Kind, MacvlanMode, Medium};
use std::collections::{BTreeMap, HashSet};

/// A frame under way, by its VLAN tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Flight {
    /// Leaving through a device.
    Out(DeviceIndex, Tag),
    /// Coming in through one.
    In(DeviceIndex, Tag),
}

/// The VLAN tag of a frame.
type Tag = Option<u16>;

impl Network<'_> {
    /// The devices that get a frame for all on the link of a device.
    pub(super) fn receivers(&self, device: DeviceIndex) -> &Receivers {
        self.receivers[device.0].get_or_init(|| {
            let mut flood = Flood {
                network: self,
                seen: HashSet::new(),
                waiting: Vec::new(),
                reached: Vec::new(),
                is_complete: true,
            };
            flood.push(Flight::Out(device, None));
            while let Some(flight) = flood.waiting.pop() {
                match flight {
                    Flight::Out(out, tag) => flood.leave(out, tag),
                    Flight::In(through, tag) => flood.enter(through, tag),
                }
            }
            flood.reached.retain(|reached| *reached != device);
            flood.reached.sort_unstable();
            flood.reached.dedup();
            Receivers { devices: flood.reached, is_complete: flood.is_complete }
        })
    }
}

struct Flood<'n, 'a> {
    network: &'n Network<'a>,
    seen: HashSet<Flight>,
    waiting: Vec<Flight>,
    reached: Vec<DeviceIndex>,
    is_complete: bool,
}

impl<'n, 'a> Flood<'n, 'a> {
    fn push(&mut self, flight: Flight) {
        if self.seen.insert(flight) {
            self.waiting.push(flight);
        }
    }

    fn device(&self, index: DeviceIndex) -> &'n Device<'a> {
        &self.network.devices[index.0]
    }

    fn leave(&mut self, out: DeviceIndex, tag: Tag) {
        let device = self.device(out);
        if !device.running || device.lossy.is_some() {
            return;
        }
        let kind = match device.kind {
            DeviceKind::Loopback => return,
            DeviceKind::Veth(peer) => return self.push(Flight::In(peer, tag)),
            DeviceKind::Other(kind) => kind,
        };
        match kind.medium() {
            Medium::Bridge { vlan_filtering } => {
                let vlan = match vlan_filtering {
                    true => tag.or_else(|| pvid(&device.own_vlans)),
                    false => tag,
                };
                if vlan_filtering
                    && vlan.is_none_or(|vlan| carries(&device.own_vlans, vlan).is_none())
                {
                    return;
                }
                self.bridge(out, None, vlan_filtering, vlan);
            }
            Medium::Bond => {
                for port in device.ports.clone() {
                    self.push(Flight::Out(port, tag));
                }
            }
            Medium::Tagged(vlan) => {
                match (device.parent, tag) {
                    (Some(parent), None) => self.push(Flight::Out(parent, Some(vlan))),
                    // A frame of two tags.
                    (Some(_), Some(_)) => self.is_complete = false,
                    (None, _) => {}
                }
            }
            Medium::Untagged | Medium::Whole => {
                let Some(parent) = device.parent else { return };
                self.push(Flight::Out(parent, tag));
                for sibling in self.device(parent).children.clone() {
                    if sibling != out && reach_each_other(kind, self.device(sibling).kind) {
                        self.reach(sibling, tag);
                    }
                }
            }
            Medium::Alone => {}
            Medium::Tunnel { .. } | Medium::Peers => self.is_complete = false,
        }
    }

    fn enter(&mut self, through: DeviceIndex, tag: Tag) {
        let device = self.device(through);
        if !device.running {
            return;
        }
        for child in &device.children {
            let DeviceKind::Other(kind) = self.device(*child).kind else { continue };
            match (kind.medium(), tag) {
                (Medium::Tagged(vlan), Some(tag)) if vlan == tag => {
                    return self.push(Flight::In(*child, None));
                }
                (Medium::Untagged | Medium::Whole, tag) => self.push(Flight::In(*child, tag)),
                (
                    Medium::Alone
                    | Medium::Bridge { .. }
                    | Medium::Bond
                    | Medium::Tagged(_)
                    | Medium::Tunnel { .. }
                    | Medium::Peers,
                    _,
                ) => {}
            }
        }
        let master = device.master.map(|master| (master, self.device(master).kind));
        if let Some((master, DeviceKind::Other(kind))) = master {
            match kind.medium() {
                Medium::Bridge { vlan_filtering } => {
                    let vlan = match vlan_filtering {
                        true => tag.or_else(|| pvid(&device.vlans)),
                        false => tag,
                    };
                    let is_taken = !vlan_filtering
                        || vlan.is_some_and(|vlan| carries(&device.vlans, vlan).is_some());
                    if is_taken {
                        self.bridge(master, Some(through), vlan_filtering, vlan);
                    }
                    return;
                }
                Medium::Bond => return self.push(Flight::In(master, tag)),
                Medium::Alone
                | Medium::Tagged(_)
                | Medium::Untagged
                | Medium::Whole
                | Medium::Tunnel { .. }
                | Medium::Peers => {}
            }
        }
        self.reach(through, tag);
    }

    /// What a frame that nothing takes on its way reaches, if it has no tag any more.
    fn reach(&mut self, device: DeviceIndex, tag: Tag) {
        if tag.is_none() && self.device(device).running {
            self.reached.push(device);
        }
    }

    /// A bridge sends a frame of a VLAN, or one as it is, to its other ports and to itself.
    fn bridge(&mut self, bridge: DeviceIndex, from: Option<DeviceIndex>, filters: bool, vlan: Tag) {
        let this = self.device(bridge);
        if !this.running {
            return;
        }
        let is_isolated = from.is_some_and(|from| self.device(from).is_isolated());
        for port in this.ports.iter().filter(|port| Some(**port) != from) {
            if is_isolated && self.device(*port).is_isolated() {
                continue;
            }
            if let Some(tag) = egress(filters, &self.device(*port).vlans, vlan) {
                self.push(Flight::Out(*port, tag));
            }
        }
        if from.is_some()
            && let Some(tag) = egress(filters, &this.own_vlans, vlan)
        {
            self.push(Flight::In(bridge, tag));
        }
    }
}

type Vlans = BTreeMap<u16, PortVlan>;

/// The VLAN of frames that come without a tag.
fn pvid(vlans: &Vlans) -> Tag {
    vlans.iter().find(|(_, vlan)| vlan.pvid).map(|(id, _)| *id)
}

/// How a VLAN is carried: whether without a tag.
fn carries(vlans: &Vlans, vlan: u16) -> Option<bool> {
    vlans.get(&vlan).map(|vlan| vlan.untagged)
}

/// With which tag a frame leaves, if it does.
fn egress(filters: bool, vlans: &Vlans, vlan: Tag) -> Option<Tag> {
    if !filters {
        return Some(vlan);
    }
    let vlan = vlan?;
    carries(vlans, vlan).map(|untagged| if untagged { None } else { Some(vlan) })
}

/// Whether devices of one parent get each other's frames without a wire.
fn reach_each_other(kind: &Kind, other: DeviceKind<'_>) -> bool {
    let DeviceKind::Other(other) = other else { return false };
    if let (Kind::Macvlan(this), Kind::Macvlan(other)) = (kind, other) {
        return (this.mode, other.mode) == (MacvlanMode::Bridge, MacvlanMode::Bridge);
    }
    matches!((kind, other), (Kind::Ipvlan(_), Kind::Ipvlan(_)))
}
