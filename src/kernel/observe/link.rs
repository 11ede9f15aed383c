//! Devices, who is whose port, and which are up.

use super::Devices;
use crate::kernel::{SendError, Socket};
use crate::plan::{Device, DeviceKind, Op, VethEnd};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::link::{
    InfoData, InfoKind, InfoVrf, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};
use std::collections::{BTreeMap, BTreeSet};

/// The MTU that the kernel gives an Ethernet device.
const MTU: u32 = 1500;
/// The MTU that the kernel gives a VRF device.
const VRF_MTU: u32 = 65575;

/// The ends of veth pairs by their indices, of which no two are the same in a lab.
#[derive(Debug, Default)]
pub(super) struct Ends(BTreeMap<u32, (u32, VethEnd)>);

impl Ends {
    /// Joins the ends that name each other.
    pub(super) fn pair(self, ops: &mut BTreeSet<Op>) {
        for (index, (peer, end)) in &self.0 {
            let Some((back, far)) = self.0.get(peer) else { continue };
            if back == index && index < peer {
                let mut ends = [end.clone(), far.clone()];
                ends.sort();
                ops.insert(Op::Veth { ends });
            }
        }
    }
}

/// One link as the kernel shows it.
#[derive(Default)]
struct Shown {
    name: String,
    kind: Option<InfoKind>,
    table: Option<u32>,
    master: Option<u32>,
    peer: Option<u32>,
    mtu: u32,
    mac: Option<[u8; 6]>,
    up: bool,
}

/// Reads a namespace's devices; ends of pairs are collected, everything else goes to `ops`.
pub(super) fn read(
    namespace: &str,
    socket: &mut Socket,
    ends: &mut Ends,
    ops: &mut BTreeSet<Op>,
) -> Result<Devices, SendError> {
    let mut shown: BTreeMap<u32, Shown> = BTreeMap::new();
    for answer in socket.dump(RouteNetlinkMessage::GetLink(LinkMessage::default()))? {
        if let RouteNetlinkMessage::NewLink(message) = answer {
            shown.insert(message.header.index, Shown::of(&message));
        }
    }
    let devices: Devices = shown.iter().map(|(index, link)| (*index, link.name.clone())).collect();
    let namespace = || namespace.to_owned();
    for (index, link) in shown {
        let name = link.name;
        let default = if link.kind == Some(InfoKind::Vrf) { VRF_MTU } else { MTU };
        let mtu = Some(link.mtu).filter(|mtu| *mtu != default);
        let kind = match &link.kind {
            Some(InfoKind::Veth) => {
                let end =
                    VethEnd { namespace: namespace(), name: name.clone(), mtu, mac: link.mac };
                ends.0.insert(index, (link.peer.unwrap_or_default(), end));
                None
            }
            Some(InfoKind::Vrf) => Some(DeviceKind::Vrf { table: link.table.unwrap_or_default() }),
            Some(InfoKind::Bridge) => Some(DeviceKind::Bridge),
            Some(InfoKind::Dummy) => Some(DeviceKind::Dummy),
            // `lo`, and devices of kinds that no plan makes.
            Some(_) | None => None,
        };
        if let Some(kind) = kind {
            let device = Device { name: name.clone(), kind, mtu, mac: link.mac };
            ops.insert(Op::Device { namespace: namespace(), device });
        }
        if let Some(master) = link.master.and_then(|master| devices.get(&master)) {
            ops.insert(Op::Enslave {
                namespace: namespace(),
                port: name.clone(),
                master: master.clone(),
            });
        }
        if link.up {
            ops.insert(Op::Up { namespace: namespace(), device: name });
        }
    }
    Ok(devices)
}

impl Shown {
    fn of(message: &LinkMessage) -> Self {
        let mut shown =
            Self { up: message.header.flags.contains(LinkFlags::Up), ..Self::default() };
        for attribute in &message.attributes {
            match attribute {
                LinkAttribute::IfName(name) => shown.name.clone_from(name),
                LinkAttribute::Controller(master) => shown.master = Some(*master),
                LinkAttribute::Link(peer) => shown.peer = Some(*peer),
                LinkAttribute::Mtu(mtu) => shown.mtu = *mtu,
                LinkAttribute::Address(mac) => shown.mac = mac.as_slice().try_into().ok(),
                LinkAttribute::LinkInfo(infos) => infos.iter().for_each(|info| shown.take(info)),
                _ => {}
            }
        }
        shown
    }

    fn take(&mut self, info: &LinkInfo) {
        match info {
            LinkInfo::Kind(kind) => self.kind = Some(kind.clone()),
            LinkInfo::Data(InfoData::Vrf(data)) => {
                for item in data {
                    if let InfoVrf::TableId(table) = item {
                        self.table = Some(*table);
                    }
                }
            }
            _ => {}
        }
    }
}
