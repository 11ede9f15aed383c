//! A check: what is sent from where to where, and what must become of it.
//!
//! ```text
//! SENDER -> TARGET [OPTION]…      SENDER: NODE[%VRF]
//! SENDER !> TARGET [OPTION]…      TARGET: NODE[%VRF], ADDRESS, or LINK-LOCAL%INTERFACE of the sender
//!
//! tcp PORT | udp PORT             what is sent instead of an echo request
//! served | refused | opened       by a server that is there; by nobody, as the target says; by the
//!                                 port that is opened for the check, whatever commands run there
//! size N  df  hops N              N bytes of data (not tcp), never fragmented (not tcp), this TTL
//! from ADDRESS                    the source; behind `!>` without `error` any, else the sender's own
//! data AMOUNT                     so much goes over the connection and comes back: 100kB, 2MB (tcp)
//! sport PORT                      the port that it is sent from (tcp or udp)
//! tos N | dscp NAME|N  mark N     its type of service as `ip` writes it; SO_MARK, for rules of the sender
//! count N                         so many, each to be answered unless `loss` says otherwise
//! unique                          nobody else answers, on the target's link or to the probe
//! ttl N                           the answer's TTL when it is taken in
//! rtt < TIME | rtt > TIME         the median round trip: us, ms or s
//! loss < N% | loss > N%           the part that stays unanswered (not tcp, which sends again)
//! [back] via [NODE[LABEL/…]]…     the nodes on the way, labels as they arrive
//! spread NODE [weight N]…         how flows divide; also `from PREFIX`, for many sources
//! error KIND [mtu N] [by ADDRESS] the ICMP error that comes back, behind `!>`
//! ```
//!
//! A line prints its options in one order, and what is printed is read as the same. On a path, a word
//! that begins an option is that option and no node's name.

mod bound;
mod line;
mod parse;
mod rejection;
mod volume;

pub use bound::{Bound, Percent};
pub use line::{Arrow, Goal, Line, Place};
pub(super) use parse::WORDS as OPTIONS;
pub use rejection::{Rejection, RejectionKind};
pub use volume::Volume;

use super::id::NodeId;
use crate::diagnostic::Span;
use crate::document::DeviceName;
use crate::iproute::{Label, Time, code_point_name};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU16;

/// How many probes a check may send.
const MOST: u16 = 10_000;
/// How many flows the smallest share of a spread has on average, unless the check says a count.
const FLOWS: usize = 128;
/// How many it needs at the least, so that chance and a fault can be told apart.
const FEWEST_FLOWS: usize = 16;
/// How many probes a loss is measured with, unless the check says a count.
const LOSS_COUNT: usize = 100;
/// How many round trips are measured, unless the check says a count.
const RTT_COUNT: usize = 5;
/// Where the datagrams of a spread go that names no port.
const SPREAD_PORT: NonZeroU16 = NonZeroU16::new(33434).expect("not zero");

/// A check whose names are all known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Where it stands in the file.
    pub span: Span,
    /// The line in its canonical spelling.
    pub text: String,
    /// Who sends.
    pub from: Sender,
    /// To whom.
    pub to: Target,
    /// What is sent.
    pub sends: Sends,
    /// What must become of it.
    pub expect: Expect<NodeId>,
}

/// Who sends a probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sender {
    /// The node.
    pub node: NodeId,
    /// The VRF device that the socket is bound to.
    pub vrf: Option<DeviceName>,
}

/// Where a probe goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// To a node, by these addresses of it; arrival is judged in that node's namespace.
    Node {
        /// The node.
        node: NodeId,
        /// Those that may take the probe: the node, or all that have its address as anycast.
        takers: Vec<NodeId>,
        /// The VRF that the addresses are in.
        vrf: Option<DeviceName>,
        /// At least one.
        addresses: Vec<IpAddr>,
    },
    /// To an address, whoever has it; only the answer is judged.
    Address(IpAddr),
    /// To a link-local address on the link of an interface of the sender; only the answer is judged.
    OnLink {
        /// The address.
        address: IpAddr,
        /// The interface.
        interface: DeviceName,
    },
}

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sends {
    /// `tcp PORT`, `udp PORT`, or an echo request.
    pub protocol: Protocol,
    /// `opened`: whether the port is opened for the check also where commands of the far node run, since
    /// none of them is meant to have it.
    pub opened: bool,
    /// `size`: bytes of an echo request's or a datagram's data.
    pub size: Option<u16>,
    /// `df`: whether no router may fragment it, nor the sender.
    pub df: bool,
    /// `hops`: its time to live, or hop limit.
    pub hops: Option<u8>,
    /// `from`: its source address.
    pub from: Option<IpAddr>,
    /// `sport`: the port of a connection or a datagram that it is sent from.
    pub sport: Option<NonZeroU16>,
    /// `data`: how much goes over the connection, and comes back.
    pub transfer: Option<Volume>,
    /// `tos`, or `dscp`: its type of service or traffic class, the two bits of ECN included.
    pub tos: u8,
    /// `mark`: what rules of its sender's kernel choose it by (`SO_MARK`).
    pub mark: u32,
    /// `count`: how many are sent.
    pub count: Option<u16>,
}

impl Sends {
    /// How many bytes of data an echo request or a datagram has where nothing is said, as of `ping`.
    pub const DATA: u16 = 56;

    /// How many bytes of data it has.
    pub fn data(&self) -> u16 {
        self.size.unwrap_or(Self::DATA)
    }

    /// Its type of service in words, where there is one to be said.
    pub fn service(&self) -> Option<String> {
        let name = code_point_name(self.tos >> 2).filter(|_| self.tos & 3 == 0);
        match (self.tos, name) {
            (0, _) => None,
            (_, Some(name)) => Some(format!("dscp {name}")),
            (tos, None) => Some(format!("tos {tos:#x}")),
        }
    }

    /// The time to live, or hop limit, that it is sent with: the largest where nothing is said, since it is
    /// the way that is looked at and not what the sender's kernel takes for far enough.
    pub fn ttl(&self) -> u8 {
        self.hops.unwrap_or(u8::MAX)
    }
}

/// The protocol of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub enum Protocol {
    /// An ICMP echo request, which `ping` sends.
    #[default]
    Echo,
    /// A connection to this port.
    Tcp(NonZeroU16),
    /// A datagram to this port.
    Udp(NonZeroU16),
}

/// What must become of a probe, over the ways in which it names nodes: as written, or resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Expect<Name> {
    /// It arrives and its answer comes back, and what is said of both holds.
    Arrives(Arrival<Name>),
    /// Many flows arrive, and divide over these nodes.
    Spreads(Spread<Name>),
    /// It does not arrive, or, to a bare address, no answer comes back.
    Lost,
    /// An ICMP error comes back.
    Rejected(Rejection),
}

/// What is said of a probe that arrives and of its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival<Name> {
    /// `served` or `refused`: who answers on the port.
    pub answerer: Answerer,
    /// `unique`: whether nobody but the target answers, on its link or to the probe.
    pub unique: bool,
    /// `via`: the nodes that the probe visits, in order, without the two ends; switches do not count.
    pub via: Option<Vec<Hop<Name>>>,
    /// `back via`: the same of the answer.
    pub back: Option<Vec<Hop<Name>>>,
    /// The time to live, or hop limit, with which the answer is taken in.
    pub ttl: Option<u8>,
    /// The median round trip time of all that were answered.
    pub rtt: Option<Bound<Time>>,
    /// How many of all stay without an answer; none where nothing is said.
    pub loss: Option<Bound<Percent>>,
}

/// Who answers on a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Answerer {
    /// A server that is there, or else whoever makes the check.
    #[default]
    Anyone,
    /// `served`: a server that is there.
    Server,
    /// `refused`: nobody, and the target says so.
    Refusal,
}

/// A node on a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hop<Name> {
    /// The node.
    pub node: Name,
    /// The label stack that the packet arrives with, the outermost first, where the check says it;
    /// `p[]` says none.
    pub labels: Option<Vec<Label>>,
}

/// How flows divide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread<Name> {
    /// The nodes, at least two.
    pub shares: Vec<Share<Name>>,
    /// `from PREFIX`: where the source addresses are taken from, whether the sender has them or
    /// not. No answer is waited for then.
    pub sources: Option<IpNet>,
}

/// A node that some flows go through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share<Name> {
    /// The node.
    pub node: Name,
    /// How many, in proportion to the others' weights.
    pub weight: u16,
}

impl Check {
    /// How many probes are sent and judged together; nothing where one that holds is enough, and
    /// is sent again while none does.
    pub fn count(&self) -> Option<usize> {
        let said = self.sends.count.map(usize::from);
        match &self.expect {
            Expect::Spreads(spread) => {
                Some(said.unwrap_or_else(|| spread.flows(FLOWS).min(usize::from(MOST))))
            }
            Expect::Arrives(Arrival { loss: Some(_), .. }) => Some(said.unwrap_or(LOSS_COUNT)),
            Expect::Arrives(Arrival { rtt: Some(_), .. }) => Some(said.unwrap_or(RTT_COUNT)),
            Expect::Arrives(_) => said,
            Expect::Lost | Expect::Rejected(_) => None,
        }
    }

    /// How many probes are sent at the least: to each address one, or as many as are counted.
    pub(super) fn probes(&self) -> usize {
        self.count().unwrap_or(1) * self.to.addresses().len()
    }

    /// What is sent: flows that name no protocol are datagrams, since an echo request has no port
    /// by which it could go another way than others.
    pub fn protocol(&self) -> Protocol {
        match (&self.expect, self.sends.protocol) {
            (Expect::Spreads(_), Protocol::Echo) => Protocol::Udp(SPREAD_PORT),
            (_, protocol) => protocol,
        }
    }

    /// The number of the protocol by which an address is sent to, and the ports, the source first, where it has
    /// any; rules may choose by them. `sport` stands for a port that the kernel chooses.
    pub fn flow(&self, to: IpAddr, sport: u16) -> (u8, Option<(u16, u16)>) {
        let sport = self.sends.sport.map_or(sport, NonZeroU16::get);
        match self.protocol() {
            Protocol::Echo if to.is_ipv4() => (1, None),
            Protocol::Echo => (58, None),
            Protocol::Tcp(port) => (6, Some((sport, port.get()))),
            Protocol::Udp(port) => (17, Some((sport, port.get()))),
        }
    }

    /// The device that the sender's sockets are bound to: the interface whose link the target is on,
    /// or the VRF.
    pub fn device(&self) -> Option<&DeviceName> {
        match &self.to {
            Target::OnLink { interface, .. } => Some(interface),
            Target::Node { .. } | Target::Address(_) => self.from.vrf.as_ref(),
        }
    }

    /// What is said of a probe that must arrive.
    pub fn arrival(&self) -> Option<&Arrival<NodeId>> {
        match &self.expect {
            Expect::Arrives(arrival) => Some(arrival),
            Expect::Spreads(_) | Expect::Lost | Expect::Rejected(_) => None,
        }
    }
}

impl Target {
    /// Its addresses.
    pub fn addresses(&self) -> &[IpAddr] {
        match self {
            Target::Node { addresses, .. } => addresses,
            Target::Address(address) | Target::OnLink { address, .. } => {
                std::slice::from_ref(address)
            }
        }
    }
}

impl Protocol {
    /// The port it goes to.
    pub fn port(self) -> Option<u16> {
        match self {
            Protocol::Echo => None,
            Protocol::Tcp(port) | Protocol::Udp(port) => Some(port.get()),
        }
    }
}

impl<Name> Expect<Name> {
    /// The arrow that it is written with.
    pub fn arrow(&self) -> Arrow {
        match self {
            Expect::Arrives(_) | Expect::Spreads(_) => Arrow::Reaches,
            Expect::Lost | Expect::Rejected(_) => Arrow::Misses,
        }
    }

    /// The same with its names resolved.
    pub(super) fn resolve<N, E>(
        &self,
        name: impl Fn(&Name) -> Result<N, E>,
    ) -> Result<Expect<N>, E> {
        let hops = |hops: &Option<Vec<Hop<Name>>>| {
            let hop = |hop: &Hop<Name>| -> Result<Hop<N>, E> {
                Ok(Hop { node: name(&hop.node)?, labels: hop.labels.clone() })
            };
            hops.as_ref().map(|hops| hops.iter().map(hop).collect()).transpose()
        };
        Ok(match self {
            Expect::Arrives(arrival) => Expect::Arrives(Arrival {
                answerer: arrival.answerer,
                unique: arrival.unique,
                via: hops(&arrival.via)?,
                back: hops(&arrival.back)?,
                ttl: arrival.ttl,
                rtt: arrival.rtt,
                loss: arrival.loss,
            }),
            Expect::Spreads(spread) => {
                let share = |share: &Share<Name>| -> Result<Share<N>, E> {
                    Ok(Share { node: name(&share.node)?, weight: share.weight })
                };
                Expect::Spreads(Spread {
                    shares: spread.shares.iter().map(share).collect::<Result<_, E>>()?,
                    sources: spread.sources,
                })
            }
            Expect::Lost => Expect::Lost,
            Expect::Rejected(rejection) => Expect::Rejected(*rejection),
        })
    }
}

impl<Name> Default for Arrival<Name> {
    fn default() -> Self {
        Self {
            answerer: Answerer::Anyone,
            unique: false,
            via: None,
            back: None,
            ttl: None,
            rtt: None,
            loss: None,
        }
    }
}

impl<Name> Spread<Name> {
    /// The sum of the weights.
    pub fn whole(&self) -> usize {
        self.shares.iter().map(|share| usize::from(share.weight)).sum()
    }

    /// How many flows there must be for the smallest share to have this many on average.
    fn flows(&self, smallest: usize) -> usize {
        let least = self.shares.iter().map(|share| usize::from(share.weight)).min();
        (smallest * self.whole()).div_ceil(least.unwrap_or(1))
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
