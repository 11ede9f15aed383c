//! The file's entries of neighbour tables, their devices found.

use super::lab::Node;
use super::lookup::no_interface;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span, Spanned};
use crate::document::DeviceName;
use crate::iproute::{Neighbour, NeighbourEntry};
use crate::link::Carries;
use crate::topology;
use std::collections::HashMap;
use std::net::IpAddr;

/// Gives a node its entries.
pub(super) fn resolve(node: &mut Node, written: &topology::Node, errors: &mut Diagnostics) {
    let mut seen: HashMap<(IpAddr, DeviceName, bool), Span> = HashMap::new();
    for said in &written.neighbours {
        let Neighbour { address, dev, entry } = &said.value;
        let Some(interface) = node.interface(dev.as_str()).map(|id| &node.interfaces[id.0]) else {
            errors.push(no_interface(node, dev));
            continue;
        };
        let carries = interface.kind.of_device().map(|kind| kind.description().carries);
        let is_proxy = *entry == NeighbourEntry::Proxy;
        match carries {
            None | Some(Carries::Ethernet) => {}
            Some(Carries::Nothing | Carries::Ip | Carries::Ipv4 | Carries::Ipv6) => {
                let title = format!("`{dev}` has no neighbours");
                let error = Diagnostic::error(Code::BadValue, title);
                errors.push(error.at(dev.span, "nobody has a MAC address there"));
                continue;
            }
        }
        if is_proxy && !node.forwarding {
            errors.push(
                Diagnostic::warning(
                    Code::NotForwarding,
                    format!("`{}` forwards nothing, and so answers for nobody", node.name),
                )
                .at(said.span, "a proxy that nobody hears"),
            );
        }
        let key = (*address, interface.name.clone(), is_proxy);
        if let Some(first) = seen.insert(key, said.span) {
            errors.push(
                Diagnostic::error(
                    Code::DuplicateKey,
                    format!("two entries for {address} at `{dev}`"),
                )
                .at(said.span, "the second one")
                .beside(first, "the first one"),
            );
            continue;
        }
        let resolved = Neighbour { address: *address, dev: interface.name.clone(), entry: *entry };
        node.neighbours.push(Spanned::new(resolved, said.span));
    }
}
