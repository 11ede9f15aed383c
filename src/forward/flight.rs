//! A packet on its way, with where it has been.

use super::evidence::Evidence;
use super::outcome::Hop;
use super::packet::Packet;
use std::collections::BTreeSet;

/// A part of the flows of a packet, on its way.
#[derive(Debug, Clone)]
pub(super) struct Flight<'a> {
    pub packet: Packet,
    pub share: f64,
    pub hops: Vec<Hop<'a>>,
    /// The namespaces on ways that met this one.
    pub aside: BTreeSet<&'a str>,
    /// How often it has passed a device inside the namespace where it is.
    pub inner: u8,
    /// Whether it was cut into fragments.
    pub is_cut: bool,
}

impl<'a> Flight<'a> {
    pub(super) fn new(packet: Packet) -> Self {
        Self {
            packet,
            share: 1.0,
            hops: Vec::new(),
            aside: BTreeSet::new(),
            inner: 0,
            is_cut: false,
        }
    }

    /// Comes to a node, through a device or from a socket.
    pub(super) fn arrive(&mut self, namespace: &'a str, device: Option<&'a str>) {
        self.inner = 0;
        self.hops.push(Hop {
            namespace,
            device,
            labels: self.packet.labels.iter().map(|entry| entry.label).collect(),
            ttl: self.packet.ttl,
            evidence: Vec::new(),
            out: Vec::new(),
        });
    }

    /// Takes in one that goes on just as this one does.
    pub(super) fn merge(&mut self, other: Self) {
        self.share += other.share;
        self.aside.extend(other.hops.iter().map(|hop| hop.namespace));
        self.aside.extend(other.aside);
    }

    /// Notes what decided at the node where it is.
    pub(super) fn note(&mut self, evidence: impl IntoIterator<Item = Evidence<'a>>) {
        if let Some(hop) = self.hops.last_mut() {
            hop.evidence.extend(evidence);
        }
    }
}
