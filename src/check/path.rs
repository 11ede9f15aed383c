//! The way of a packet: from what was seen at the interfaces to the nodes it came to.

use super::message::Message;
use super::report::{Seen, Visit};
use super::tunnel;
use super::watch::Sighting;
use crate::compile::{Hop, Interface, Lab, NodeId};
use crate::document::Role;
use crate::kernel::Direction;
use std::cmp::Reverse;

/// Which of the two packets of an echo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leg {
    /// The probe, on its way forth.
    Forth,
    /// Its answer, on its way back.
    Back,
}

/// What was seen of one packet, in the order in which it happened.
#[derive(Debug)]
pub(super) struct Trail<'a> {
    lab: &'a Lab,
    sightings: Vec<&'a Sighting>,
}

impl<'a> Trail<'a> {
    /// What was seen of the one or the other packet of an attempt.
    pub(super) fn new(lab: &'a Lab, sightings: &'a [Sighting], leg: Leg) -> Self {
        let mut sightings: Vec<&Sighting> = sightings
            .iter()
            .filter(|sighting| match sighting.packet.message {
                Message::Request(_) => leg == Leg::Forth,
                Message::Reply(_) | Message::Reset(_) | Message::Error { .. } => leg == Leg::Back,
            })
            .collect();
        if sightings.iter().all(|sighting| sighting.time.is_some()) {
            sightings.sort_by_key(|sighting| sighting.time);
        } else {
            // The next best is the time to live, which every router takes from: in a tunnel, that of
            // the header outside.
            sightings.sort_by_key(|sighting| {
                let packet = &sighting.packet;
                let step = match (lab[sighting.node].role, sighting.direction) {
                    _ if !packet.is_plain() => 1,
                    (Role::Switch, _) => 1,
                    (_, Direction::Outgoing) => 0,
                    (_, Direction::Incoming | Direction::Passing) => 2,
                };
                (Reverse(packet.ttl), step, Reverse(packet.outermost_ttl()))
            });
        }
        Self { lab, sightings }
    }

    /// Whether the kernel gave the time of everything, so that the order is sure.
    pub(super) fn is_timed(&self) -> bool {
        self.sightings.iter().all(|sighting| sighting.time.is_some())
    }

    /// The last that was seen of it, switches included; what passes a host that it is not meant for
    /// does not count.
    pub(super) fn last(&self) -> Option<&'a Sighting> {
        let mut sightings = self.sightings.iter().copied();
        sightings.rfind(|sighting| {
            sighting.direction != Direction::Passing || self.is_bridge_port(sighting)
        })
    }

    /// The first that was seen of it.
    pub(super) fn first(&self) -> Option<&'a Sighting> {
        self.sightings.first().copied()
    }

    /// The first that was seen of it at a node in one direction.
    pub(super) fn at(&self, node: NodeId, direction: Direction) -> Option<&'a Sighting> {
        let mut sightings = self.sightings.iter().copied();
        sightings.find(|sighting| sighting.node == node && sighting.direction == direction)
    }

    /// The time to live with which a node took it in, behind all labels and tunnels.
    pub(super) fn taken_in(&self, node: NodeId) -> Option<u8> {
        let mut sightings = self.sightings.iter();
        let last = sightings.rfind(|seen| {
            seen.node == node && seen.packet.labels.is_empty() && seen.packet.is_plain()
        });
        last.map(|sighting| sighting.packet.ttl)
    }

    /// How many times it was seen at all.
    pub(super) fn len(&self) -> usize {
        self.sightings.len()
    }

    /// Whether it was seen leaving a node for another one.
    pub(super) fn has_left(&self, node: NodeId) -> bool {
        self.sightings.iter().any(|sighting| {
            sighting.node == node
                && sighting.direction == Direction::Outgoing
                && !self.is_inside(sighting)
        })
    }

    /// Where it left the last node before the one that it came to, for the link that they share; the
    /// links below a tunnel are not the packet's own.
    pub(super) fn last_hop(&self) -> Option<&'a Sighting> {
        let left = |sighting: &&Sighting| {
            sighting.direction == Direction::Outgoing
                && sighting.packet.is_plain()
                && !self.is_inside(sighting)
                && !self.is_bridge_port(sighting)
                && self.lab[sighting.node].role != Role::Switch
        };
        let last = self.sightings.iter().copied().rfind(left)?;
        // Of the interfaces that one leaves through, one above the other, the first has the link.
        self.sightings.iter().copied().filter(left).find(|sighting| sighting.node == last.node)
    }

    /// Its arrivals from outside, one per node that it came to; switches do not count.
    ///
    /// A packet that comes in through a port is seen again on the VLAN or the bridge above, with the
    /// same time to live, and on the VRF device or `lo` where it is taken in, or where its label is
    /// taken off; a segment that is sent again does so after it has come to later nodes. Where a tunnel
    /// ends, it is seen on the tunnel's interface once more, which is the arrival that counts.
    pub(super) fn arrivals(&self) -> Vec<&'a Sighting> {
        let mut arrivals: Vec<&Sighting> = Vec::new();
        for sighting in self.incoming() {
            if self.lab[sighting.node].role == Role::Switch || self.is_bridge_port(sighting) {
                continue;
            }
            let (ttl, outer) = (sighting.packet.ttl, sighting.packet.outermost_ttl());
            let tunnels = &sighting.packet.tunnels;
            let again = arrivals.iter().any(|earlier| {
                earlier.node == sighting.node
                    && (earlier.packet.ttl, earlier.packet.outermost_ttl()) == (ttl, outer)
                    && earlier.packet.tunnels == *tunnels
                    && earlier.packet.labels == sighting.packet.labels
            });
            let is_end = |last: &mut &Sighting| {
                last.node == sighting.node && last.packet.tunnels.len() > tunnels.len()
            };
            arrivals.pop_if(is_end);
            let inside = self.is_inside(sighting)
                && arrivals.iter().any(|earlier| earlier.node == sighting.node);
            if !again && !inside {
                arrivals.push(sighting);
            }
        }
        if let Some(inside) = self.taken_in_by_vrf()
            && arrivals.last().is_none_or(|last| last.node != inside.node)
        {
            arrivals.push(inside);
        }
        arrivals
    }

    /// What a VRF takes in for itself, from a label or from its own node, passes the VRF device on
    /// its way out and is not seen coming in again.
    fn taken_in_by_vrf(&self) -> Option<&'a Sighting> {
        self.last().filter(|last| {
            last.direction == Direction::Outgoing
                && self.lab[last.node].vrf(&last.interface).is_some()
        })
    }

    /// Whether it came to a node, and to a VRF of it where one is named. What is in a tunnel has come
    /// to the node where nothing more is seen of it, and has not come to those that only pass it on.
    pub(super) fn arrived(&self, node: NodeId, vrf: Option<&str>) -> bool {
        self.incoming()
            .chain(self.taken_in_by_vrf())
            .filter(|sighting| sighting.node == node && !self.is_bridge_port(sighting))
            .filter(|sighting| sighting.packet.is_plain() || self.is_last_at_node(sighting))
            .any(|sighting| vrf.is_none_or(|vrf| self.is_in_vrf(sighting, vrf)))
    }

    /// The arrivals for the report.
    pub(super) fn visits(&self) -> Vec<Visit> {
        self.arrivals()
            .into_iter()
            .map(|sighting| Visit {
                node: self.lab[sighting.node].name.to_string(),
                interface: sighting.interface.clone(),
                labels: sighting.packet.labels.clone(),
                tunnels: sighting.packet.tunnels.clone(),
            })
            .collect()
    }

    /// All that was seen of it, for the report.
    pub(super) fn seen(&self) -> Vec<Seen> {
        let seen = |sighting: &&Sighting| Seen {
            node: self.lab[sighting.node].name.to_string(),
            interface: sighting.interface.clone(),
            direction: match sighting.direction {
                Direction::Incoming => "in",
                Direction::Outgoing => "out",
                Direction::Passing => "passing",
            },
            labels: sighting.packet.labels.clone(),
            tunnels: sighting.packet.tunnels.clone(),
            ttl: sighting.packet.ttl,
        };
        self.sightings.iter().map(seen).collect()
    }

    /// Whether it came by exactly these nodes before its last one; those that saw it in a tunnel alone
    /// may be left out.
    pub(super) fn is_by(&self, hops: &[Hop<NodeId>]) -> bool {
        let arrivals = self.arrivals();
        let between = arrivals.split_last().map_or(&[] as &[_], |(_, between)| between);
        let is_router = |hop: &&Hop<NodeId>| self.lab[hop.node].role != Role::Switch;
        let hops: Vec<&Hop<NodeId>> = hops.iter().filter(is_router).collect();
        is_along(between, &hops)
    }

    fn incoming(&self) -> impl Iterator<Item = &'a Sighting> {
        let sightings = self.sightings.iter().copied();
        sightings.filter(|sighting| sighting.direction == Direction::Incoming)
    }

    fn is_last_at_node(&self, sighting: &Sighting) -> bool {
        let last = self.sightings.iter().rfind(|other| other.node == sighting.node);
        last.is_some_and(|last| std::ptr::eq(*last, sighting))
    }

    fn interface(&self, sighting: &Sighting) -> Option<&'a Interface> {
        let node = &self.lab[sighting.node];
        node.interface(&sighting.interface).map(|id| &node.interfaces[id.0])
    }

    fn is_bridge_port(&self, sighting: &Sighting) -> bool {
        let node = &self.lab[sighting.node];
        self.interface(sighting)
            .and_then(|interface| interface.master.as_ref())
            .and_then(|master| node.interface(master.value.as_str()))
            .is_some_and(|master| node.interfaces[master.0].kind.is_bridge())
    }

    fn is_inside(&self, sighting: &Sighting) -> bool {
        sighting.interface == "lo" || self.lab[sighting.node].vrf(&sighting.interface).is_some()
    }

    fn is_in_vrf(&self, sighting: &Sighting, vrf: &str) -> bool {
        let node = &self.lab[sighting.node];
        sighting.packet.labels.is_empty()
            && sighting.packet.is_plain()
            && (sighting.interface == vrf
                || self
                    .interface(sighting)
                    .and_then(|interface| node.vrf_of(interface))
                    .is_some_and(|found| found.name.as_str() == vrf))
    }
}

/// Whether arrivals are at these hops, one after the other, but for some in tunnels.
fn is_along(arrivals: &[&Sighting], hops: &[&Hop<NodeId>]) -> bool {
    let Some((arrival, later)) = arrivals.split_first() else { return hops.is_empty() };
    let is_named = hops.split_first().is_some_and(|(hop, rest)| {
        let labels = arrival.packet.labels.iter().copied();
        hop.node == arrival.node
            && hop
                .labels
                .as_ref()
                .is_none_or(|expected| expected.iter().map(|label| label.number()).eq(labels))
            && is_along(later, rest)
    });
    is_named || !arrival.packet.is_plain() && is_along(later, hops)
}

/// Nodes and labels as a check writes them, and tunnels: `pe1 p[101] pe2[111]`, `r1 p(gre) r2`.
pub(super) fn print_visits(visits: &[Visit]) -> String {
    words(visits).join(" ")
}

/// The same in a sentence: `pe1, p[101], pe2[111]`.
pub(super) fn list_visits(visits: &[Visit]) -> String {
    words(visits).join(", ")
}

fn words(visits: &[Visit]) -> Vec<String> {
    let word = |visit: &Visit| {
        let mut word = visit.node.clone();
        if !visit.labels.is_empty() {
            let labels: Vec<String> = visit.labels.iter().map(u32::to_string).collect();
            word += &format!("[{}]", labels.join("/"));
        }
        if !visit.tunnels.is_empty() {
            word += &format!("({})", tunnel::print(&visit.tunnels));
        }
        word
    };
    visits.iter().map(word).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::check::frame::Packet;
    use crate::check::mark::Mark;
    use crate::compile::{Options, compile_source};
    use crate::diagnostic::Source;
    use crate::document::{Format, LabName};
    use std::time::Duration;

    /// What is said of the way of a packet that was seen coming in at these places in this order, each an interface of
    /// a node, the labels and the TTL.
    fn visited(seen: &[(&str, &str, &[u32], u8)]) -> String {
        let text = "links: [a -- b, b -- c]".to_owned();
        let source = Source { name: "labels.yaml".to_owned(), text };
        let name = LabName::new("labels").unwrap();
        let lab = compile_source(&source, Format::Yaml, &name, &Options::default()).0.unwrap();
        let mark = Mark { probe: 1, attempt: 1 };
        let address = [192, 0, 2, 1].into();
        let sighting = |((at, interface, labels, ttl), time): (&(&str, &str, &[u32], u8), u64)| {
            let packet = Packet {
                tunnels: Vec::new(),
                outer: None,
                labels: labels.to_vec(),
                ttl: *ttl,
                source: address,
                destination: address,
                message: Message::Request(mark),
            };
            Sighting {
                node: lab.node(at).unwrap(),
                interface: (*interface).to_owned(),
                direction: Direction::Incoming,
                time: Some(Duration::from_millis(time)),
                packet,
            }
        };
        let sightings: Vec<_> = seen.iter().zip(0..).map(sighting).collect();
        print_visits(&Trail::new(&lab, &sightings, Leg::Forth).visits())
    }

    #[test]
    fn a_label_that_is_taken_off_once_more_is_no_arrival_behind_later_nodes() {
        let once: [(&str, &str, &[u32], u8); 3] =
            [("b", "eth0", &[101, 7], 63), ("b", "lo", &[7], 64), ("c", "eth0", &[], 62)];
        assert_eq!(visited(&[once, once].concat()), "b[101/7] c");
    }

    #[test]
    fn what_comes_back_with_a_label_has_arrived_again_whatever_the_ttl_of_that() {
        let seen: [(&str, &str, &[u32], u8); 3] =
            [("b", "eth0", &[], 255), ("c", "eth0", &[], 254), ("b", "eth1", &[120], 255)];
        assert_eq!(visited(&seen), "b c b[120]");
    }
}
