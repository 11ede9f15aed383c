//! From one node to the next: the device, the neighbour, the wire between.

use super::Flow;
use super::ask::{Post, Site};
use super::segment;
use crate::kernel::Way;

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
            lines.push(format!("{device} of {name} is down: `ip link set {device} up`."));
        } else if !state.running {
            lines.push(format!("{device} of {name} has no carrier: its far end is down."));
            lines.extend(self.far_end(post, device));
        } else {
            let found = self.who_has(post, device, gateway);
            lines.push(found.unwrap_or_else(|| {
                format!(
                    "Nothing left through it: {gateway} has not said its hardware address, or \
                     something such as a queue or a firewall dropped it."
                )
            }));
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
                "{name} of {}, the far end, is down: `ip link set {name} up`.",
                far.node.name
            )],
            Ok(far) => vec![format!("{name} of {}, the far end, is not there.", far.node.name)],
            Err(error) => vec![format!("{} cannot be asked: {error}.", self.lab[node].name)],
        }
    }

    /// Why nobody answers for a next hop: who should have the address, and what is wrong there.
    fn who_has(
        &mut self,
        post: &Post<'_>,
        device: &str,
        address: std::net::IpAddr,
    ) -> Option<String> {
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
                Some(format!("{whose}, which has {address}, is down: `ip link set {name} up`."))
            }
            Some(state) if !state.addresses.contains(&address) => {
                Some(format!("{whose} should have the address {address} and does not."))
            }
            Some(_) => None,
        }
    }
}
