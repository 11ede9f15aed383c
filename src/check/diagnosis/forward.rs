//! What a node does with an IP packet: its own, or one that came in without labels.

use super::Flow;
use super::ask::{Post, Site};
use super::route::{self, table_of_vrf};
use super::segment;
use super::words::set_up;
use crate::check::path::Leg;
use crate::compile::NodeId;
use crate::document::Role;
use nix::errno::Errno;
use std::net::IpAddr;

impl Site<'_, '_> {
    /// Why a packet of a node's own does not leave it.
    pub(super) fn departure(&mut self, flow: Flow, node: NodeId, vrf: Option<&str>) -> Vec<String> {
        match self.post(node) {
            Ok(post) => match vrf {
                Some(vrf) => self.in_vrf(post, flow, vrf, None),
                None => self.leave(post, flow),
            },
            Err(error) => vec![format!("{} cannot be asked: {error}.", self.lab[node].name)],
        }
    }

    /// The same of one to a link-local address on the link of an interface.
    pub(super) fn departure_on_link(
        &mut self,
        flow: Flow,
        node: NodeId,
        interface: &str,
    ) -> Vec<String> {
        match self.post(node) {
            Ok(post) => self.leave_on_link(post, flow, interface),
            Err(error) => vec![format!("{} cannot be asked: {error}.", self.lab[node].name)],
        }
    }

    fn leave_on_link(&mut self, mut post: Post<'_>, flow: Flow, interface: &str) -> Vec<String> {
        match post.output(flow.destination, Some(interface)) {
            Ok(way) if way.local => self.own(&post, flow),
            Ok(way) => self.next_hop(&post, flow, &way),
            Err(error) => vec![format!(
                "{} does not send to {} through {interface}: {}.",
                post.node.name,
                flow.destination,
                error.desc()
            )],
        }
    }

    fn leave(&mut self, mut post: Post<'_>, flow: Flow) -> Vec<String> {
        match post.output(flow.destination, None) {
            Ok(way) if way.local => self.own(&post, flow),
            Ok(way) => self.next_hop(&post, flow, &way),
            Err(error) => route::missing(&mut post, flow, None, error),
        }
    }

    /// Why a packet does not get on inside a VRF; a label may have brought it there.
    pub(super) fn in_vrf(
        &mut self,
        mut post: Post<'_>,
        flow: Flow,
        vrf: &str,
        label: Option<u32>,
    ) -> Vec<String> {
        let node = &post.node.name;
        if !post.interfaces.contains_key(vrf) {
            return vec![format!("{node} has no VRF device {vrf}.")];
        }
        if !post.is_up(vrf) {
            return vec![format!(
                "The VRF device {vrf} of {node} is down, so nothing goes in or out of that VRF: {}.",
                set_up(self.lab, node, vrf)
            )];
        }
        match post.output(flow.destination, Some(vrf)) {
            Ok(way) if way.local => self.own(&post, flow),
            Ok(way) => self.next_hop(&post, flow, &way),
            Err(error) => {
                let led =
                    label.map(|label| format!("At {node}, label {label} leads into VRF {vrf}."));
                let missing = route::missing(&mut post, flow, Some(vrf), error);
                led.into_iter().chain(missing).collect()
            }
        }
    }

    /// Why a node does not reach an address of its own.
    fn own(&self, post: &Post<'_>, flow: Flow) -> Vec<String> {
        let (node, address) = (&post.node.name, flow.destination);
        if !post.is_up("lo") {
            return vec![format!(
                "lo is down in {node}, so it cannot reach its own addresses: {}.",
                set_up(self.lab, node, "lo")
            )];
        }
        vec![format!("{node} takes {address} for an address of its own.")]
    }

    /// Why a packet that came in without labels does not go on.
    pub(super) fn forward(&mut self, mut post: Post<'_>, flow: Flow, port: &str) -> Vec<String> {
        let node = post.node;
        if node.role == Role::Switch {
            let down = node.interface(port).map(|id| self.down_on_lan(post.id, id));
            let down = down.unwrap_or_default();
            let said = format!("{} is a switch and did not pass it on.", node.name);
            return [said].into_iter().chain(down).collect();
        }
        let Some(source) = flow.source else { return Vec::new() };
        let name = &node.name;
        match post.input(flow.destination, source, port) {
            Ok(way) if way.local => self.taken_in(post, flow, port),
            Ok(way) => {
                let family = if flow.destination.is_ipv6() { "ipv6" } else { "ipv4" };
                // IPv4 says so in its lookup already; IPv6 looks at this one when it forwards.
                let key = format!("net/{family}/conf/all/forwarding");
                if flow.destination.is_ipv6() && self.setting(&key).as_deref() == Some("0") {
                    return vec![format!(
                        "{name} does not forward IPv6: net.ipv6.conf.all.forwarding is 0."
                    )];
                }
                if let Some(vrf) = post.device(&way).filter(|name| node.vrf(name).is_some()) {
                    let vrf = vrf.to_owned();
                    return self.in_vrf(post, flow, &vrf, None);
                }
                self.next_hop(&post, flow, &way)
            }
            Err(Errno::EHOSTUNREACH) if self.is_forwarding_off(flow, port) => {
                vec![format!(
                    "{name} does not forward what comes in through {port}: \
                     net.ipv4.conf.{port}.forwarding is 0."
                )]
            }
            // Kernels before 6.13 answer the one, later ones the other, which has more meanings.
            Err(error @ (Errno::EXDEV | Errno::EINVAL)) => {
                let on_link = segment::address_on_link(&post, port, source.is_ipv6());
                let passes = on_link
                    .is_some_and(|on_link| post.input(flow.destination, on_link, port).is_ok());
                if passes || error == Errno::EXDEV {
                    self.source_refused(&mut post, source, port)
                } else {
                    let vrf = post.vrf_of(port).map(str::to_owned);
                    // A blackhole route is answered by the same error.
                    match post.output(flow.destination, vrf.as_deref()) {
                        Err(error) => route::missing(&mut post, flow, vrf.as_deref(), error),
                        Ok(_) => vec![format!(
                            "{name} would not accept {} from {source} on {port}: {}.",
                            flow.word(),
                            error.desc()
                        )],
                    }
                }
            }
            Err(error) => {
                let vrf = post.vrf_of(port).map(str::to_owned);
                route::missing(&mut post, flow, vrf.as_deref(), error)
            }
        }
    }

    fn is_forwarding_off(&self, flow: Flow, port: &str) -> bool {
        let key = format!("net/ipv4/conf/{port}/forwarding");
        flow.destination.is_ipv4() && self.setting(&key).as_deref() == Some("0")
    }

    /// The kernel's source check drops it: the trap of the missing way back.
    fn source_refused(&self, post: &mut Post<'_>, source: IpAddr, port: &str) -> Vec<String> {
        let filter = ["all", port]
            .iter()
            .filter_map(|scope| self.setting(&format!("net/ipv4/conf/{scope}/rp_filter")))
            .filter_map(|value| value.parse::<u8>().ok())
            .max()
            .unwrap_or_default();
        let vrf = post.vrf_of(port).map(str::to_owned);
        let table = table_of_vrf(post.node, vrf.as_deref());
        let why = match post.output(source, vrf.as_deref()) {
            Ok(way) if way.local => format!("{source} is an address of its own"),
            Ok(way) => {
                let device = post.device(&way).unwrap_or("another interface").to_owned();
                format!("{table} has its way to {source} out of {device}")
            }
            Err(_) => format!("{table} has no route to it"),
        };
        let advice = route::advice(post, vrf.as_deref(), source);
        let mut lines = vec![format!(
            "{}: the kernel refuses {source} as a source on {port} (rp_filter {filter}, {why}).",
            post.node.name
        )];
        lines.extend(advice);
        lines
    }

    /// It came to a node that takes it for its own: why does no answer leave, or why is it ignored?
    fn taken_in(&mut self, post: Post<'_>, flow: Flow, port: &str) -> Vec<String> {
        let (name, word) = (&post.node.name, flow.word());
        match (flow.leg, flow.source) {
            (Leg::Forth, Some(source)) => {
                let ignored = self.setting("net/ipv4/icmp_echo_ignore_all");
                if flow.destination.is_ipv4() && ignored.as_deref() == Some("1") {
                    return vec![format!(
                        "{name} answers no echo at all: net.ipv4.icmp_echo_ignore_all is 1."
                    )];
                }
                let back =
                    Flow { leg: Leg::Back, source: Some(flow.destination), destination: source };
                if let IpAddr::V6(address) = source
                    && address.is_unicast_link_local()
                {
                    return self.leave_on_link(post, back, port);
                }
                let vrf = post.vrf_of(port).map(str::to_owned);
                match vrf {
                    Some(vrf) => self.in_vrf(post, back, &vrf, None),
                    None => self.leave(post, back),
                }
            }
            (Leg::Forth | Leg::Back, _) => vec![format!(
                "{name} would accept {word}, as {} is an address of its own; what drops it comes \
                 after the kernel's routing, such as a firewall.",
                flow.destination
            )],
        }
    }
}
