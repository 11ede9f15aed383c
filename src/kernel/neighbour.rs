//! Entries of neighbour tables as netlink messages, and back.

use super::message::family_of;
use crate::document::DeviceName;
use crate::iproute::{Mac, Neighbour, NeighbourEntry};
use crate::plan::Family;
use rtnetlink::packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState,
};
use std::net::IpAddr;

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
