//! How long a node may keep a packet before it is seen again: the queues that the lab has.

use crate::compile::{Interface, InterfaceId, Lab, NodeId};
use crate::diagnostic::Spanned;
use crate::document::Traffic;
use crate::iproute::{Netem, Rate, Tbf};
use std::collections::BTreeMap;
use std::time::Duration;

/// The bytes of headers before a probe's data, the largest there are: Ethernet, labels, IPv6, ICMPv6,
/// and a tunnel of Ethernet in IPv6.
const HEADERS: usize = 14 + 32 + 40 + 8 + 70;

/// Of each node the longest that it may keep a packet.
#[derive(Debug)]
pub(super) struct Delays(Vec<Duration>);

impl Delays {
    /// Those of a lab, for probes of at most so many bytes of data.
    pub(super) fn of(lab: &Lab, size: usize) -> Self {
        let ids = || (0..lab.nodes.len()).map(NodeId);
        let interfaces = |node: NodeId| (0..lab[node].interfaces.len()).map(InterfaceId);
        let has_none = lab
            .nodes
            .iter()
            .flat_map(|node| {
                let vrfs = node.vrfs.iter().map(|vrf| (&vrf.netem, &vrf.tbf, &vrf.traffic.classes));
                vrfs.chain(
                    node.interfaces.iter().map(|it| (&it.netem, &it.tbf, &it.traffic.classes)),
                )
            })
            .all(|(netem, tbf, classes)| netem.is_none() && tbf.is_none() && classes.is_none());
        if has_none {
            return Self(vec![Duration::ZERO; lab.nodes.len()]);
        }
        let bytes = (size + HEADERS) as u64;
        let longest = |node| interfaces(node).map(|id| crossing(lab, (node, id), bytes)).max();
        // What a node itself sends in a VRF, or a label leads into it, waits in the VRF device first.
        let in_vrf = |node: NodeId| {
            let vrfs = lab[node].vrfs.iter();
            vrfs.map(|vrf| queue(vrf.netem.as_ref(), vrf.tbf.as_ref(), &vrf.traffic, bytes)).max()
        };
        let kept = |node| longest(node).unwrap_or_default() + in_vrf(node).unwrap_or_default();
        Self(ids().map(kept).collect())
    }

    /// The longest that a node may keep a packet; zero where nothing delays any.
    pub(super) fn at(&self, node: NodeId) -> Duration {
        self.0[node.0]
    }
}

/// How long a packet may take from a node to the next one through an interface: the neighbour is
/// asked for its hardware address and answers, each behind the queues of the link or LAN, and then the
/// packet itself waits in the first of them.
fn crossing(lab: &Lab, (node, interface): (NodeId, InterfaceId), bytes: u64) -> Duration {
    let of = |it: &Interface| queue(it.netem.as_ref(), it.tbf.as_ref(), &it.traffic, bytes);
    let own = of(&lab[node].interfaces[interface.0]);
    let mut far = Duration::ZERO;
    // A frame leaves a bridge through one of its ports.
    let mut bridges: BTreeMap<NodeId, Duration> = BTreeMap::new();
    for (node, port) in lab.neighbours(node, interface) {
        let port = &lab[node].interfaces[port.0];
        let kept = of(port);
        if port.master.is_some() && lab[node].vrf_of(port).is_none() {
            let longest = bridges.entry(node).or_default();
            *longest = kept.max(*longest);
        } else {
            far = far.max(kept);
        }
    }
    let between: Duration = bridges.into_values().sum();
    own * 2 + far + between * 2
}

/// How long a packet of so many bytes may wait in a device's queue where nothing else does.
fn queue(
    netem: Option<&Spanned<Netem>>,
    tbf: Option<&Spanned<Tbf>>,
    traffic: &Traffic,
    bytes: u64,
) -> Duration {
    let netem = netem.map_or(Duration::ZERO, |netem| {
        let delay = netem.value.delay;
        // The kernel's tables of distributions end at four times the jitter.
        let spread = if delay.distribution.is_some() { 4 } else { 1 };
        let jitter = delay.jitter.nanoseconds().saturating_mul(spread);
        let waits = Duration::from_nanos(delay.time.nanoseconds().saturating_add(jitter));
        let leaves = netem.value.rate.map(|rate| transmission(rate.rate, bytes));
        let slot = netem.value.slot.map(|slot| Duration::from_nanos(slot.most.nanoseconds()));
        [leaves, slot].into_iter().flatten().fold(waits, Duration::saturating_add)
    });
    let tbf = tbf.map(|tbf| transmission(tbf.value.rate, bytes));
    let classes = traffic.classes.iter().flatten();
    let class = classes.map(|class| transmission(class.value.rate, bytes)).max();
    netem.saturating_add(tbf.unwrap_or_default()).saturating_add(class.unwrap_or_default())
}

fn transmission(rate: Rate, bytes: u64) -> Duration {
    let nanoseconds = bytes.saturating_mul(1_000_000_000) / rate.bytes().max(1);
    Duration::from_nanos(nanoseconds)
}
