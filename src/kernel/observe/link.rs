//! Devices, who is whose port, and which are up.

use super::Devices;
use super::ends::End;
use crate::iproute::Vlan;
use crate::kernel::{SendError, Socket};
use crate::link::{BridgePort, Kind, LowerDevice};
use crate::plan::{Device, Resource, VethEnd};
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::link::{
    AfSpecBridge, BridgeVlanInfoFlags, BridgeVlanTunnelInfo, InfoBridge, InfoData, InfoKind,
    InfoPortData, LinkAttribute, LinkExtentMask, LinkFlags, LinkInfo, LinkMessage,
};
use std::collections::{BTreeMap, BTreeSet};

/// One link as the kernel shows it.
#[derive(Default)]
struct Shown {
    name: String,
    kind: Option<InfoKind>,
    master: Option<u32>,
    peer: Option<u32>,
    peer_namespace: Option<i32>,
    mtu: u32,
    mac: Option<[u8; 6]>,
    up: bool,
    data: Option<InfoData>,
    port: Option<BridgePort>,
}

/// What the kernel does not show whether it has chosen it itself, and is read of those of which a plan
/// says it.
#[derive(Default)]
struct Said<'a> {
    /// Bridges with an MTU of their own.
    mtus: BTreeSet<&'a str>,
    /// Ports with a cost of their own.
    costs: BTreeSet<&'a str>,
}

impl<'a> Said<'a> {
    fn of(here: &str, planned: &BTreeSet<&'a Resource>) -> Self {
        let mut said = Self::default();
        for resource in planned.iter().filter(|resource| resource.namespace() == here) {
            if let Resource::Mtu { device, .. } = resource {
                said.mtus.insert(device);
            }
            if let Resource::BridgePort { device, port, .. } = resource
                && port.cost.is_some()
            {
                said.costs.insert(device);
            }
        }
        said
    }
}

/// Reads a namespace's devices; ends of pairs are collected, everything else goes to `resources`.
pub(super) fn read(
    namespace: &str,
    socket: &mut Socket,
    planned: &BTreeSet<&Resource>,
    ends: &mut Vec<End>,
    resources: &mut BTreeSet<Resource>,
) -> Result<Devices, SendError> {
    let said = Said::of(namespace, planned);
    let mut shown: BTreeMap<u32, Shown> = BTreeMap::new();
    for answer in socket.dump(RouteNetlinkMessage::GetLink(LinkMessage::default()))? {
        if let RouteNetlinkMessage::NewLink(message) = answer {
            shown.insert(message.header.index, Shown::of(&message));
        }
    }
    let minding: BTreeSet<u32> =
        shown.iter().filter(|(_, link)| link.minds_vlans()).map(|(index, _)| *index).collect();
    let devices: Devices = shown.iter().map(|(index, link)| (*index, link.name.clone())).collect();
    if !minding.is_empty() {
        vlans(namespace, socket, &devices, &minding, resources)?;
    }
    let namespace = || namespace.to_owned();
    for (index, link) in shown {
        let name = link.name;
        let read = link.kind.as_ref().and_then(|kind| Kind::read(kind, link.data.as_ref()));
        let mtu = Some(link.mtu);
        if said.mtus.contains(name.as_str()) {
            let (namespace, device) = (namespace(), name.clone());
            resources.insert(Resource::Mtu { namespace, device, mtu: link.mtu });
        }
        if let Some(mut port) = link.port {
            port.cost = port.cost.filter(|_| said.costs.contains(name.as_str()));
            if !port.is_plain() {
                let (namespace, device) = (namespace(), name.clone());
                resources.insert(Resource::BridgePort { namespace, device, port });
            }
        }
        if link.kind == Some(InfoKind::Veth) {
            let end = VethEnd { namespace: namespace(), name: name.clone(), mtu, mac: link.mac };
            let (peer, peer_namespace) = (link.peer.unwrap_or_default(), link.peer_namespace);
            ends.push(End { index, peer, peer_namespace, end });
        }
        // `lo`, and devices of kinds that no plan makes, are none.
        if let Some((kind, underlay)) = read {
            let lower = match kind.description().lower {
                LowerDevice::None | LowerDevice::Socket => None,
                LowerDevice::Parent => link.peer,
                LowerDevice::Underlay => underlay,
            };
            let lower = lower.and_then(|lower| devices.get(&lower)).cloned();
            let device = Device { name: name.clone(), kind, lower, mtu, mac: link.mac };
            resources.insert(Resource::Device { namespace: namespace(), device });
        }
        if let Some(master) = link.master.and_then(|master| devices.get(&master)) {
            resources.insert(Resource::Master {
                namespace: namespace(),
                port: name.clone(),
                master: master.clone(),
            });
        }
        if link.up {
            resources.insert(Resource::Up { namespace: namespace(), device: name });
        }
    }
    Ok(devices)
}

impl Shown {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the kernel shows more than is asked")]
    fn of(message: &LinkMessage) -> Self {
        let mut shown =
            Self { up: message.header.flags.contains(LinkFlags::Up), ..Self::default() };
        for attribute in &message.attributes {
            match attribute {
                LinkAttribute::IfName(name) => shown.name.clone_from(name),
                LinkAttribute::Controller(master) => shown.master = Some(*master),
                LinkAttribute::Link(peer) => shown.peer = Some(*peer),
                LinkAttribute::LinkNetNsId(id) => shown.peer_namespace = Some(*id),
                LinkAttribute::Mtu(mtu) => shown.mtu = *mtu,
                LinkAttribute::Address(mac) => shown.mac = mac.as_slice().try_into().ok(),
                LinkAttribute::LinkInfo(infos) => infos.iter().for_each(|info| shown.take(info)),
                _ => {}
            }
        }
        shown
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the kernel shows more than is asked")]
    fn take(&mut self, info: &LinkInfo) {
        match info {
            LinkInfo::Kind(kind) => self.kind = Some(kind.clone()),
            LinkInfo::Data(data) => self.data = Some(data.clone()),
            LinkInfo::PortData(InfoPortData::BridgePort(port)) => {
                self.port = Some(BridgePort::read(port));
            }
            _ => {}
        }
    }

    /// Whether it is a bridge that minds VLANs.
    fn minds_vlans(&self) -> bool {
        let Some(InfoData::Bridge(data)) = &self.data else { return false };
        data.contains(&InfoBridge::VlanFiltering(true))
    }
}

/// The VNIs that VLANs of a port have: of several that follow each other the kernel shows the first and the
/// last.
#[expect(clippy::wildcard_enum_match_arm, reason = "the kernel shows more than is asked")]
fn tunnels(specs: &[AfSpecBridge]) -> BTreeMap<u16, u32> {
    let mut tunnels = BTreeMap::new();
    let mut before = (0, 0);
    for spec in specs {
        let AfSpecBridge::VlanTunnelInfo(info) = spec else { continue };
        let (mut vid, mut vni, mut is_last) = (0, 0, false);
        for item in info {
            match item {
                BridgeVlanTunnelInfo::Vid(it) => vid = *it,
                BridgeVlanTunnelInfo::Id(it) => vni = *it,
                BridgeVlanTunnelInfo::Flags(flags) => {
                    is_last = flags.contains(BridgeVlanInfoFlags::RangeEnd);
                }
                _ => {}
            }
        }
        let first = if is_last { before } else { (vid, vni) };
        tunnels.extend((first.0..=vid).zip(first.1..));
        before = (vid, vni);
    }
    tunnels
}

/// Reads the VLANs of those bridges that mind them, and of their ports.
fn vlans(
    namespace: &str,
    socket: &mut Socket,
    devices: &Devices,
    minding: &BTreeSet<u32>,
    resources: &mut BTreeSet<Resource>,
) -> Result<(), SendError> {
    let mut request = LinkMessage::default();
    request.header.interface_family = AddressFamily::Bridge;
    request.attributes.push(LinkAttribute::ExtMask(vec![LinkExtentMask::Brvlan]));
    for answer in socket.dump(RouteNetlinkMessage::GetLink(request))? {
        let RouteNetlinkMessage::NewLink(message) = answer else { continue };
        let index = message.header.index;
        let Some(device) = devices.get(&index) else { continue };
        let master = message.attributes.iter().find_map(|attribute| {
            let LinkAttribute::Controller(master) = attribute else { return None };
            Some(*master)
        });
        let own = minding.contains(&index);
        if !own && !master.is_some_and(|master| minding.contains(&master)) {
            continue;
        }
        for attribute in &message.attributes {
            let LinkAttribute::AfSpecBridge(specs) = attribute else { continue };
            let tunnels = tunnels(specs);
            for spec in specs {
                let AfSpecBridge::VlanInfo(info) = spec else { continue };
                let vlan = Vlan {
                    first: info.vid,
                    last: info.vid,
                    pvid: info.flags.contains(BridgeVlanInfoFlags::Pvid),
                    untagged: info.flags.contains(BridgeVlanInfoFlags::Untagged),
                    tunnel: tunnels.get(&info.vid).copied(),
                };
                let (namespace, device) = (namespace.to_owned(), device.clone());
                resources.insert(Resource::BridgeVlan { namespace, device, own, vlan });
            }
        }
    }
    Ok(())
}
