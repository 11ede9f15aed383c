//! Packets whose time to live is over before they are where they go.

use super::Flow;
use super::is_end;
use crate::check::path::{Leg, Trail};
use crate::check::watch::Sighting;
use crate::compile::Lab;
use crate::document::Role;
use crate::kernel::Direction;
use std::net::IpAddr;

/// Where the last router that a packet came to could not pass it on for want of time to live.
pub(super) fn ran_out<'a>(
    lab: &Lab,
    trail: &Trail<'a>,
    destination: IpAddr,
) -> Option<&'a Sighting> {
    trail.last().filter(|last| {
        last.direction == Direction::Incoming
            && last.packet.outermost_ttl() <= 1
            && lab[last.node].role != Role::Switch
            && !is_end(lab, last.node, destination)
    })
}

/// How far it came, and where its time to live was from.
pub(super) fn explain(lab: &Lab, trail: &Trail<'_>, flow: Flow, hops: Option<u8>) -> Vec<String> {
    let came = trail.arrivals().len();
    let nodes = if came == 1 { "node" } else { "nodes" };
    let Some(first) = trail.first() else { return Vec::new() };
    let (sender, ttl) = (&lab[first.node].name, first.packet.ttl);
    let whence = match (flow.leg, hops) {
        (Leg::Forth, Some(_)) => "the check says `hops`".to_owned(),
        (Leg::Forth, None) => "which is the most there is".to_owned(),
        (Leg::Back, _) => {
            let key = match flow.destination {
                IpAddr::V4(_) => "net.ipv4.ip_default_ttl",
                IpAddr::V6(_) => "net.ipv6.conf.*.hop_limit",
            };
            format!("which {sender} gives its own packets ({key})")
        }
    };
    vec![format!("It left {sender} with TTL {ttl}, {whence}, and came to {came} {nodes}.")]
}
