//! What a bond makes of its ports: it brings them up, and gives them its MAC address and its MTU.

use super::interface::{Interface, InterfaceKind};
use super::lab::{InterfaceId, Node};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Spanned};
use crate::link::{ETHERNET_MTU, Kind, Medium};
use crate::topology;
use std::collections::BTreeMap;

/// Refuses what the file says of a bond's ports, where the bond has it otherwise.
pub(super) fn ports(node: &Node, topology: &topology::Node, errors: &mut Diagnostics) {
    for (bond, ports) in of_bonds(node) {
        let bond = &node.interfaces[bond.0].name;
        for port in ports.iter().map(|port| &node.interfaces[port.0]) {
            if let Some(mac) = port.mac {
                let title = format!("`{}` has the MAC address of its bond `{bond}`", port.name);
                errors.push(
                    Diagnostic::error(Code::BadValue, title)
                        .at(mac.span, "not kept")
                        .note("the kernel gives a bond's address to each of its ports")
                        .help(format!("give the address to `{bond}`")),
                );
            }
            if !port.up {
                let said = topology.interfaces.named(port.name.as_str());
                let up = said.and_then(|said| said.written.up);
                let title = format!("`{}` is up as a port of the bond `{bond}`", port.name);
                let error = Diagnostic::error(Code::BadValue, title)
                    .at(up.map_or(port.span, |up| up.span), "not kept")
                    .note("the kernel brings up whatever joins a bond");
                errors.push(match port.kind {
                    InterfaceKind::Veth { .. } => error
                        .help(format!("`vrflab link {}:{} down` fails it", node.name, port.name)),
                    InterfaceKind::Device { .. } => error,
                });
            }
        }
    }
}

/// Gives ports the MTU of their bond.
pub(super) fn mtus(node: &mut Node, errors: &mut Diagnostics) {
    let mtu = |interface: &Interface| interface.mtu.map_or(ETHERNET_MTU, |mtu| mtu.value);
    for (bond, ports) in of_bonds(node) {
        let bond = &node.interfaces[bond.0];
        let (name, of_bond) = (bond.name.clone(), mtu(bond));
        for port in ports {
            let port = &mut node.interfaces[port.0];
            match port.mtu {
                Some(own) if own.value != of_bond => errors.push(
                    Diagnostic::error(
                        Code::BadValue,
                        format!("`{}` has the MTU of its bond `{name}`, {of_bond}", port.name),
                    )
                    .at(own.span, "another one")
                    .note("the kernel gives a bond's MTU to each of its ports"),
                ),
                None if of_bond != ETHERNET_MTU => port.mtu = Some(Spanned::filled(of_bond)),
                Some(_) | None => {}
            }
        }
    }
}

/// The bonds of a node with their ports.
fn of_bonds(node: &Node) -> BTreeMap<InterfaceId, Vec<InterfaceId>> {
    let mut ports = node.ports();
    let medium = |id: &InterfaceId| node.interfaces[id.0].kind.of_device().map(Kind::medium);
    ports.retain(|master, _| medium(master) == Some(Medium::Bond));
    ports
}
