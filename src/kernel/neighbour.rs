//! Entries of neighbour tables and of forwarding databases as netlink messages, and back.

use super::family::family_of;
use crate::document::DeviceName;
use crate::iproute::{FdbEntry, FdbPlace, Mac, Neighbour, NeighbourEntry};
use crate::plan::Family;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The message that makes an entry at the device of this index, or deletes it.
pub(super) fn message(index: u32, neighbour: &Neighbour<DeviceName>) -> NeighbourMessage {
    let Neighbour { address, dev: _, entry } = neighbour;
    let mut message = NeighbourMessage::default();
    message.header.family = family_of(Family::of((*address).into()));
    message.header.ifindex = index;
    message.header.state = NeighbourState::Permanent;
    message.attributes.push(NeighbourAttribute::Destination((*address).into()));
    match entry {
        NeighbourEntry::Proxy => message.header.flags = NeighbourFlags::Proxy,
        NeighbourEntry::Static { lladdr, router } => {
            message.header.flags.set(NeighbourFlags::Router, *router);
            message.attributes.push(NeighbourAttribute::LinkLayerAddress(lladdr.0.to_vec()));
        }
    }
    message
}

/// The request for all entries that are learned or made, or for all that are answered for.
pub(super) fn request(proxies: bool) -> NeighbourMessage {
    let mut request = NeighbourMessage::default();
    request.header.flags.set(NeighbourFlags::Proxy, proxies);
    request
}

/// An entry that the kernel shows at a device of this name; nothing for what it has learned.
#[expect(clippy::wildcard_enum_match_arm, reason = "the kernel shows more than is asked")]
pub(super) fn read(message: &NeighbourMessage, dev: DeviceName) -> Option<Neighbour<DeviceName>> {
    let (mut address, mut lladdr) = (None, None);
    for attribute in &message.attributes {
        match attribute {
            NeighbourAttribute::Destination(NeighbourAddress::Inet(it)) => {
                address = Some(IpAddr::from(*it));
            }
            NeighbourAttribute::Destination(NeighbourAddress::Inet6(it)) => {
                address = Some(IpAddr::from(*it));
            }
            NeighbourAttribute::LinkLayerAddress(bytes) => {
                lladdr = bytes.as_slice().try_into().ok().map(Mac);
            }
            _ => {}
        }
    }
    let flags = message.header.flags;
    let entry = match flags.contains(NeighbourFlags::Proxy) {
        true => NeighbourEntry::Proxy,
        false if message.header.state == NeighbourState::Permanent => {
            let router = flags.contains(NeighbourFlags::Router);
            NeighbourEntry::Static { lladdr: lladdr?, router }
        }
        false => return None,
    };
    Some(Neighbour { address: address?, dev, entry })
}

/// The message that makes an entry of a forwarding database, or deletes it.
pub(super) fn fdb(index: u32, entry: &FdbEntry) -> NeighbourMessage {
    let mut message = NeighbourMessage::default();
    message.header.family = AddressFamily::Bridge;
    message.header.ifindex = index;
    message.attributes.push(NeighbourAttribute::LinkLayerAddress(entry.lladdr.0.to_vec()));
    match entry.place {
        FdbPlace::Tunnel { dst, vni, port, src_vni } => {
            message.header.flags = NeighbourFlags::Own;
            message.header.state = NeighbourState::Permanent;
            message.attributes.push(NeighbourAttribute::Destination(dst.into()));
            message.attributes.extend(vni.map(NeighbourAttribute::Vni));
            message.attributes.extend(port.map(NeighbourAttribute::Port));
            message.attributes.extend(src_vni.map(NeighbourAttribute::SourceVni));
        }
        FdbPlace::Port { vlan } => {
            message.header.flags = NeighbourFlags::Controller;
            // What is static in the kernel's bridge: permanent ones are the bridge's own.
            message.header.state = NeighbourState::Noarp;
            message.attributes.extend(vlan.map(NeighbourAttribute::Vlan));
        }
    }
    message
}

/// The request for all forwarding databases.
pub(super) fn fdb_request() -> NeighbourMessage {
    let mut request = NeighbourMessage::default();
    request.header.family = AddressFamily::Bridge;
    request
}

/// An entry that the kernel shows; nothing for what it has learned, and for its devices' own addresses.
/// `minds` says whether the bridge of an index minds VLANs: where it does not, the kernel has each entry
/// once more, for a VLAN that is none.
#[expect(clippy::wildcard_enum_match_arm, reason = "the kernel shows more than is asked")]
pub(super) fn read_fdb(
    message: &NeighbourMessage,
    minds: impl Fn(u32) -> bool,
) -> Option<FdbEntry> {
    let (mut lladdr, mut dst, mut vni, mut port) = (None, None, None, None);
    let (mut vlan, mut bridge, mut src_vni) = (None, None, None);
    for attribute in &message.attributes {
        match attribute {
            NeighbourAttribute::LinkLayerAddress(bytes) => {
                lladdr = bytes.as_slice().try_into().ok().map(Mac);
            }
            NeighbourAttribute::Destination(NeighbourAddress::Inet(it)) => dst = Some((*it).into()),
            NeighbourAttribute::Destination(NeighbourAddress::Inet6(it)) => {
                dst = Some((*it).into());
            }
            NeighbourAttribute::Destination(NeighbourAddress::Other(bytes)) => dst = ip(bytes),
            NeighbourAttribute::Vni(it) => vni = Some(*it),
            NeighbourAttribute::SourceVni(it) => src_vni = Some(*it),
            NeighbourAttribute::Port(it) => port = Some(*it),
            NeighbourAttribute::Vlan(it) => vlan = Some(*it),
            NeighbourAttribute::Controller(it) => bridge = Some(*it),
            _ => {}
        }
    }
    // What `bridge` appends is PERMANENT and NOARP.
    let state = message.header.state;
    let is_permanent = u16::from(state) & u16::from(NeighbourState::Permanent) != 0;
    let place = match (state, dst) {
        (_, Some(dst)) if is_permanent => {
            // The VNI there is that of the entry unless another one is said.
            let vni = vni.filter(|vni| src_vni != Some(*vni));
            FdbPlace::Tunnel { dst, vni, port, src_vni }
        }
        (NeighbourState::Noarp, None) if minds(bridge?) == vlan.is_some() => {
            FdbPlace::Port { vlan }
        }
        _ => return None,
    };
    Some(FdbEntry { lladdr: lladdr?, place })
}

/// The address that bytes of either length are.
fn ip(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|it| Ipv4Addr::from(it).into());
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(|it| Ipv6Addr::from(it).into())).ok()
}
