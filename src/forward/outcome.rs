//! What becomes of a packet.

use super::evidence::Evidence;
use super::packet::{Packet, Probe, Protocol};
use serde::Serialize;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

pub use crate::compile::RejectionKind as IcmpKind;

/// One of the things that can become of a packet, and how it came to that.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome<'a> {
    /// What became of it.
    pub end: End<'a>,
    /// Which part of all flows fares so, more than 0 and at most 1.
    pub share: f64,
    /// Where it came in, in order, the sender first.
    pub hops: Vec<Hop<'a>>,
    /// The namespaces on other ways that met this one and were not followed any further.
    pub aside: BTreeSet<&'a str>,
    /// What decided at its end.
    pub evidence: Vec<Evidence<'a>>,
    /// The packet as it was there.
    pub packet: Packet,
}

/// All that can become of a packet.
pub type Outcomes<'a> = Vec<Outcome<'a>>;

/// A packet and its answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Exchange<'a> {
    /// What became of the request.
    pub request: Outcome<'a>,
    /// What became of the answer to it, of an echo reply or of an ICMP error; empty where there is none.
    /// Shares are of the flows that share the request's outcome. Requests that are answered alike share it.
    pub reply: Arc<Outcomes<'a>>,
}

impl<'a> Exchange<'a> {
    /// What became of the request, and all that became of its answer.
    pub fn outcomes(&self) -> impl Iterator<Item = &Outcome<'a>> {
        std::iter::once(&self.request).chain(self.reply.iter())
    }
}

/// Where a packet was, and why it went on as it did.
#[derive(Debug, Clone, PartialEq)]
pub struct Hop<'a> {
    /// The namespace.
    pub namespace: &'a str,
    /// The interface that it came in through; none where a socket sent it.
    pub device: Option<&'a str>,
    /// The labels that it came with, the outermost first.
    pub labels: Vec<u32>,
    /// The time to live that it came with.
    pub ttl: u8,
    /// The rules, routes and settings that sent it on.
    pub evidence: Vec<Evidence<'a>>,
    /// The devices that it left through: the last is the one on the link.
    pub out: Vec<&'a str>,
}

/// What became of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End<'a> {
    /// A node took it in. Whether a socket there listens is not asked.
    Delivered {
        /// The namespace.
        namespace: &'a str,
        /// The VRF device, where it is in a VRF.
        vrf: Option<&'a str>,
        /// The interface that it came in through, or `lo` or the VRF device for what a node sends itself.
        device: &'a str,
    },
    /// A node refused it with an ICMP error. Whether that one finds its way back is the outcome of the
    /// reply.
    Rejected {
        /// The namespace that sends the error.
        by: &'a str,
        /// The VRF device in whose tables the way back is looked up.
        vrf: Option<&'a str>,
        /// The error.
        error: IcmpError,
    },
    /// The sender's own kernel refused to send it.
    Refused {
        /// Why.
        reason: DropReason,
    },
    /// It went without a word.
    Dropped {
        /// The namespace.
        at: &'a str,
        /// Why.
        reason: DropReason,
    },
    /// It runs in a circle where nothing takes from its time to live: inside a namespace, or by labels.
    Loop {
        /// The namespace, or one of those on the circle.
        at: &'a str,
    },
    /// The model cannot say.
    Unknown {
        /// The namespace.
        at: &'a str,
        /// Why.
        why: Unmodelled,
    },
}

/// An ICMP error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IcmpError {
    /// Which.
    pub kind: IcmpKind,
    /// The MTU that it tells, with [`IcmpKind::FragNeeded`].
    pub mtu: Option<u32>,
    /// The source address that its node gives it; none where the node has no route back, and sends none.
    pub source: Option<IpAddr>,
}

/// Why a packet was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DropReason {
    /// No table that the rules look up has a route.
    NoRoute,
    /// A route or a rule says unreachable.
    Unreachable,
    /// A route or a rule says prohibit.
    Prohibited,
    /// A route, a rule or a nexthop object says blackhole.
    Blackhole,
    /// The way back to the source does not lead through the interface that the packet came in by.
    SourceInvalid,
    /// The source is an address of the node itself, or one that no packet can have.
    MartianSource,
    /// The destination is one that cannot be forwarded.
    MartianDestination,
    /// The node does not forward.
    NotForwarding,
    /// The time to live ran out where no ICMP error says so.
    TtlExceeded,
    /// No MPLS route has the label.
    LabelUnknown,
    /// The label is not below `net.mpls.platform_labels`.
    PlatformLabels,
    /// The interface does not take in labelled packets.
    MplsInputOff,
    /// The packet does not fit, and no ICMP error says so.
    MtuTooSmall,
    /// The frame does not fit the MTU of the interface that it comes to, or of the bridge's port that it is to
    /// leave by.
    FrameTooLong,
    /// The device is down.
    LinkDown,
    /// The frame has no MAC address of another node as its destination.
    NoGateway,
    /// Nobody on the link has the address.
    NeighbourUnresolved,
    /// The device drops all that is sent through it.
    DropsAll,
    /// The sender has no address for it.
    NoSource,
    /// The device that the socket is bound to is not there.
    NoDevice,
    /// The impairment of a device loses all packets.
    Impaired,
    /// The ruleset of nft at the node drops it.
    Filtered,
}

/// What the model cannot say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unmodelled {
    /// The ruleset of nft at the node was not read.
    Ruleset,
    /// What the programs that run at the node add to its tables.
    Programs,
    /// What a tunnel or another device of its kind does.
    DeviceKind,
    /// What is done with a packet that is put into this.
    Encapsulation,
    /// Several nodes answer for the address.
    SeveralOwners,
    /// Whether the owner of the address, which does not answer for it, has asked and so made itself known.
    SilentOwner,
    /// Whether a bridge fragments what is too long for its port, or drops it.
    BridgeFragments,
    /// A rule selects by what the model does not know of packets.
    RuleSelector,
    /// Multicast, and broadcasts.
    Multicast,
    /// What becomes of packets whose source is the address that the kernel makes of a MAC address.
    LinkLocalSource,
    /// The packet can fare in more ways than are followed.
    TooManyOutcomes,
}

impl<'a> Outcome<'a> {
    /// The namespaces that packets with this outcome come to.
    pub fn namespaces(&self) -> impl Iterator<Item = &'a str> {
        self.hops.iter().map(|hop| hop.namespace).chain(self.aside.iter().copied())
    }

    /// Whether it was taken in.
    pub fn is_delivered(&self) -> bool {
        matches!(self.end, End::Delivered { .. })
    }

    /// Whether it, as an answer, comes to the socket that sent the probe: one that is bound to a VRF hears
    /// what comes in there alone; of others those of raw sockets hear all VRFs (`raw_l3mdev_accept`), and
    /// those with ports none.
    pub fn comes_home(&self, probe: &Probe<'_>) -> bool {
        let End::Delivered { namespace, vrf, device } = self.end else { return false };
        let hears = match (probe.device, probe.protocol) {
            (Some(bound), _) => vrf == Some(bound) || device == bound,
            (None, Protocol::Echo | Protocol::Error) => true,
            (None, Protocol::Udp { .. } | Protocol::Tcp { .. }) => {
                vrf.is_none() || self.packet.protocol == Protocol::Error
            }
        };
        namespace == probe.namespace && hears
    }
}
