//! From one node to the next: the device, the neighbour, the wire between.

use super::Flow;
use super::ask::{Post, Site};
use super::segment;
use super::words;
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
            lines.push(words::is_down(self.lab, name, device));
        } else if !state.running {
            lines.push(format!("{device} of {name} has no carrier: its far end is down."));
            lines.extend(self.far_end(post, device));
        } else {
            let found = self.who_has(post, device, gateway);
            let lan = post.node.interface(device).map(|id| self.down_on_lan(post.id, id));
            let found: Vec<String> = found.into_iter().chain(lan.unwrap_or_default()).collect();
            if found.is_empty() {
                lines.push(format!(
                    "Nothing left through it: {gateway} does not answer for its hardware address, \
                     or a queue or a firewall dropped {word}."
                ));
                lines.extend(post.node.nft.is_some().then(|| {
                    let list = words::command(self.lab, name, "nft list ruleset");
                    format!("{name} has a ruleset of the lab's, which may drop it: {list}.")
                }));
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
        if !said.is_empty() {
            return said;
        }
        let (name, word) = (&post.node.name, flow.word());
        let id = post.node.interface(interface);
        let down = id.map(|id| self.down_on_lan(post.id, id)).unwrap_or_default();
        if !down.is_empty() {
            return down;
        }
        vec![match id.and_then(|id| segment::remote(&post.node.interfaces[id.0])) {
            Some(remote) => format!(
                "{name} sent {word} to {remote} through the tunnel {interface}, and it came out \
                 nowhere."
            ),
            None => format!(
                "Both ends of that link are up; {word} left {interface} of {name} and arrived \
                 nowhere."
            ),
        }]
    }

    /// What is wrong with the far end of a link or a tunnel.
    fn far_end(&mut self, post: &Post<'_>, interface: &str) -> Vec<String> {
        let peer = post.node.interface(interface).and_then(|id| {
            let tunnel = || segment::tunnel_end(self.lab, post.id, id);
            self.lab.peer(post.id, id).or_else(tunnel)
        });
        let Some((node, interface)) = peer else { return Vec::new() };
        let name = self.lab[node].interfaces[interface.0].name.as_str();
        match self.post(node) {
            Ok(far) if far.is_up(name) => Vec::new(),
            Ok(far) if far.interfaces.contains_key(name) => vec![format!(
                "{name} of {}, the far end, is down: {}.",
                far.node.name,
                words::set_up(self.lab, &far.node.name, name)
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
                    down.push(words::is_down(self.lab, &switch.node.name, name));
                }
            }
        }
        down
    }

    /// Why nobody answers for a next hop: who should have the address, and what is wrong there.
    fn who_has(&mut self, post: &Post<'_>, device: &str, address: IpAddr) -> Option<String> {
        let id = post.node.interface(device)?;
        if segment::remote(&post.node.interfaces[id.0]).is_some() {
            return None;
        }
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
                let up = words::set_up(self.lab, &far.node.name, name);
                Some(format!("{whose}, which has {address}, is down: {up}."))
            }
            Some(state) if !state.addresses.contains(&address) => {
                Some(format!("{whose} should have the address {address} and does not."))
            }
            Some(_) => None,
        }
    }
}
