//! Who has an address on a link.

use crate::compile::{InterfaceId, Lab, NodeId};
use crate::document::DeviceName;
use std::net::IpAddr;

/// The interfaces on the link of a node's interface, that one included, that have an address.
pub(super) fn on_link(
    lab: &Lab,
    node: NodeId,
    interface: &DeviceName,
    address: IpAddr,
) -> impl Iterator<Item = (NodeId, InterfaceId)> {
    let own = lab[node].interface(interface.as_str());
    let others = own.map(|id| lab.neighbours(node, id)).unwrap_or_default();
    own.map(|id| (node, id)).into_iter().chain(others).filter(move |(node, port)| {
        let addresses = &lab[*node].interfaces[port.0].addresses;
        addresses.iter().any(|held| held.value.addr() == address)
    })
}
