//! Links: which devices get a frame that leaves through a device.

use super::device::{Device, DeviceIndex, DeviceKind, PortVlan};
use super::network::{Network, Receivers};
use super::packet::Packet;
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

/// What drops frames that are longer than its MTU (`is_skb_forwardable`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Narrow {
    /// The device that a frame comes to through a veth.
    FarEnd(DeviceIndex),
    /// The port that a bridge sends it to. With br_netfilter the bridge fragments it rather.
    Port(DeviceIndex),
}

/// What a link does with a long frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Squeeze {
    Passes,
    Drops(DeviceIndex),
    /// That depends on whether br_netfilter is there.
    Unknown(DeviceIndex),
}

/// How many bytes a frame may be longer than the MTU and the header: those of a VLAN tag, be there one or not.
const SPARE: u32 = 4;

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
                narrowest: None,
                is_complete: true,
            };
            flood.push(Flight::Out(device, None));
            while let Some((flight, narrowest)) = flood.waiting.pop() {
                flood.narrowest = narrowest;
                match flight {
                    Flight::Out(out, tag) => flood.leave(out, tag),
                    Flight::In(through, tag) => flood.enter(through, tag),
                }
            }
            flood.reached.retain(|(reached, _)| *reached != device);
            flood.reached.sort_by_key(|(reached, _)| *reached);
            flood.reached.dedup_by_key(|(reached, _)| *reached);
            let narrow =
                flood.reached.iter().filter_map(|(it, narrowest)| Some((*it, (*narrowest)?)));
            let narrowest = narrow.collect();
            let devices = flood.reached.into_iter().map(|(it, _)| it).collect();
            Receivers { devices, narrowest, is_complete: flood.is_complete }
        })
    }

    /// What becomes of the frame of a packet because of its length, between two devices of a link.
    pub(super) fn squeeze(&self, from: DeviceIndex, to: DeviceIndex, packet: &Packet) -> Squeeze {
        let Some(narrow) = self.receivers(from).narrowest.get(&to) else { return Squeeze::Passes };
        let mtu = self.devices[narrow.device().0].mtu.unwrap_or(u32::MAX);
        let is_over = |spare| packet.labelled_length() > mtu.saturating_add(spare);
        let is_labelled = !packet.labels.is_empty();
        match *narrow {
            Narrow::Port(port) if is_over(0) && !is_labelled => {
                match packet.is_v4() && packet.df && is_over(SPARE) {
                    true => Squeeze::Drops(port),
                    false => Squeeze::Unknown(port),
                }
            }
            Narrow::FarEnd(device) | Narrow::Port(device) if is_over(SPARE) => {
                Squeeze::Drops(device)
            }
            Narrow::FarEnd(_) | Narrow::Port(_) => Squeeze::Passes,
        }
    }
}

impl Narrow {
    fn device(self) -> DeviceIndex {
        match self {
            Narrow::FarEnd(device) | Narrow::Port(device) => device,
        }
    }
}

struct Flood<'n, 'a> {
    network: &'n Network<'a>,
    seen: HashSet<Flight>,
    waiting: Vec<(Flight, Option<Narrow>)>,
    reached: Vec<(DeviceIndex, Option<Narrow>)>,
    /// What of all that the frame has passed has the least MTU.
    narrowest: Option<Narrow>,
    is_complete: bool,
}

impl<'n, 'a> Flood<'n, 'a> {
    fn push(&mut self, flight: Flight) {
        if self.seen.insert(flight) {
            self.waiting.push((flight, self.narrowest));
        }
    }

    /// A frame goes on past what drops long ones.
    fn push_past(&mut self, narrow: Narrow, flight: Flight) {
        let before = self.narrowest;
        let mtu = |it: Narrow| self.device(it.device()).mtu;
        if before.is_none_or(|it| mtu(narrow) < mtu(it)) {
            self.narrowest = Some(narrow);
        }
        self.push(flight);
        self.narrowest = before;
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
            DeviceKind::Veth(peer) => {
                return self.push_past(Narrow::FarEnd(peer), Flight::In(peer, tag));
            }
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
            self.reached.push((device, self.narrowest));
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
                self.push_past(Narrow::Port(*port), Flight::Out(*port, tag));
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
