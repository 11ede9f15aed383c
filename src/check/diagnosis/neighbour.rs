//! From one node to the next: the device, the neighbour, the wire between.

use super::Flow;
use super::ask::{Post, Site};
use super::segment;
use crate::compile::{InterfaceId, NodeId};
use crate::document::Role;
use crate::kernel::Way;
use std::net::IpAddr;

impl Site<'_, '_> {
    /// Why a packet does not leave on a way that the kernel has for it.
    pub(super) fn next_hop(&mut self, post: &Post<'_>, flow: Flow, way: &Way) -> Vec<String> {
        let (name, word) = (&post.node.name, flow.word());
        let Some(device) = post.device(way) else { return Vec::new() };
        let gateway = way.gateway.unwrap_or(flow.destination);
        let whither = super::route::whither(way, device);
        let mut lines = vec![format!("The kernel of {name} would send {word} {whither}.")];
        let state = &post.interfaces[device];
        if !state.up {
            lines.push(format!("{device} of {name} is down: `ip link set dev {device} up`."));
        } else if !state.running {
            lines.push(format!("{device} of {name} has no carrier: its far end is down."));
            lines.extend(self.far_end(post, device));
        } else {
            let found = self.who_has(post, device, gateway);
            let lan = post.node.interface(device).map(|id| self.down_on_lan(post.id, id));
            let found: Vec<String> = found.into_iter().chain(lan.unwrap_or_default()).collect();
            if found.is_empty() {
                lines.push(format!(
                    "Nothing left through it: {gateway} has not said its hardware address, or \
                     something such as a queue or a firewall dropped it."
                ));
            }
            lines.extend(found);
        }
        lines
    }

    /// What became of a packet that left through an interface and came in nowhere.
    pub(super) fn on_the_wire(
        &mut self,
        post: &Post<'_>,
        flow: Flow,
        interface: &str,
    ) -> Vec<String> {
        let said = self.far_end(post, interface);
        if said.is_empty() {
            vec![format!(
                "Both ends of that link are up; {} left {interface} of {} and came in nowhere.",
                flow.word(),
                post.node.name
            )]
        } else {
            said
        }
    }

    /// What is wrong with the far end of a link.
    fn far_end(&mut self, post: &Post<'_>, interface: &str) -> Vec<String> {
        let peer = post.node.interface(interface).and_then(|id| self.lab.peer(post.id, id));
        let Some((node, interface)) = peer else { return Vec::new() };
        let name = self.lab[node].interfaces[interface.0].name.as_str();
        match self.post(node) {
            Ok(far) if far.is_up(name) => Vec::new(),
            Ok(far) if far.interfaces.contains_key(name) => vec![format!(
                "{name} of {}, the far end, is down: `ip link set dev {name} up`.",
                far.node.name
            )],
            Ok(far) => vec![format!("{name} of {}, the far end, is not there.", far.node.name)],
            Err(error) => vec![format!("{} cannot be asked: {error}.", self.lab[node].name)],
        }
    }

    /// What is down among the bridges and ports of the LAN that an interface is on.
    pub(super) fn down_on_lan(&mut self, node: NodeId, interface: InterfaceId) -> Vec<String> {
        let mut places = segment::neighbours(self.lab, node, interface);
        places.push((node, interface));
        places.retain(|(node, _)| self.lab[*node].role == Role::Switch);
        places.sort();
        let mut down = Vec::new();
        for places in places.chunk_by(|a, b| a.0 == b.0) {
            let Ok(switch) = self.post(places[0].0) else { continue };
            for (_, interface) in places {
                let name = switch.node.interfaces[interface.0].name.as_str();
                if !switch.is_up(name) {
                    let of = &switch.node.name;
                    down.push(format!("{name} of {of} is down: `ip link set dev {name} up`."));
                }
            }
        }
        down
    }

    /// Why nobody answers for a next hop: who should have the address, and what is wrong there.
    fn who_has(&mut self, post: &Post<'_>, device: &str, address: IpAddr) -> Option<String> {
        let id = post.node.interface(device)?;
        let neighbours = segment::neighbours(self.lab, post.id, id);
        let holder = neighbours.into_iter().find(|&(node, interface)| {
            let addresses = &self.lab[node].interfaces[interface.0].addresses;
            addresses.iter().any(|held| held.value.addr() == address)
        });
        let Some((node, interface)) = holder else {
            return Some(format!(
                "Nobody on the link of {device} has the address {address}, so nobody answers for \
                 it."
            ));
        };
        let name = self.lab[node].interfaces[interface.0].name.as_str();
        let far = self.post(node).ok()?;
        let state = far.interfaces.get(name);
        let whose = format!("{name} of {}", far.node.name);
        match state {
            None => Some(format!("{whose}, which should have {address}, is not there.")),
            Some(state) if !state.up => {
                Some(format!("{whose}, which has {address}, is down: `ip link set dev {name} up`."))
            }
            Some(state) if !state.addresses.contains(&address) => {
                Some(format!("{whose} should have the address {address} and does not."))
            }
            Some(_) => None,
        }
    }
}
