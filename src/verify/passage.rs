//! The way of a packet with what decided at each node, for whoever asks about one pair of ends.

use super::deviation::noun;
use super::judge::Judge;
use super::report::{Visit, Walk};
use super::standing::end_of;
use super::verdict::{Judgement, Verdict};
use crate::compile::sysctl_name;
use crate::diagnostic::{Source, Span};
use crate::forward::{Evidence, Exchange, Outcome, is_of_kernel};
use crate::plan::{Action, Resource};
use serde::Serialize;
use std::net::IpAddr;

/// The way of a packet.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Way {
    /// The source address that it is sent with.
    pub source: IpAddr,
    /// The destination address that it is sent to.
    pub destination: IpAddr,
    /// What becomes of it.
    #[serde(flatten)]
    pub walk: Walk,
    /// The same in a sentence.
    pub fate: String,
    /// What decided at each node of the walk's path.
    pub passages: Vec<Passage>,
    /// What decided at its end.
    pub decided_by: Vec<Decision>,
}

/// A packet at a node, in words, with what sent it on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Passage {
    /// The node.
    pub node: String,
    /// How it comes and goes, in words.
    pub text: String,
    /// The rules, routes and settings that sent it on.
    pub decided_by: Vec<Decision>,
}

/// Something that decided about a packet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// What it is: a route, a rule, a setting.
    pub text: String,
    /// The file and the line that ask for it, where one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<String>,
    /// Where it comes from if it is not as a line asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

/// Where something comes from that is not as a line of a file asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// It was left out of the file, and filled in.
    FilledIn,
    /// It was added while the lab stands.
    Added,
    /// It was changed while the lab stands.
    Changed,
}

/// The request and the answer that tell most about a probe.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RoundTrip {
    /// The way of the request.
    pub request: Way,
    /// The way of its answer, or of an ICMP error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply: Option<Way>,
    /// In how many more ways a flow can fare.
    pub others: usize,
}

impl<'a> Judge<'_, 'a> {
    /// Of the probe to each address what contradicts the check, or else the way that most resembles what is
    /// known of it by `like`: the nodes that a request and its answer come to.
    pub fn round_trips(
        &self,
        judgement: &Judgement<'_, 'a>,
        file: &Source,
        like: impl Fn(IpAddr) -> Option<[Vec<String>; 2]>,
    ) -> Vec<Option<RoundTrip>> {
        let of_probe = |probe: &super::verdict::ProbeJudgement<'a>| {
            let exchanges = &probe.exchanges;
            let (request, reply) = match &probe.verdict {
                Verdict::Refuted(refutation) => (&refutation.request, refutation.reply.as_ref()),
                Verdict::Proved | Verdict::Unknown { .. } | Verdict::NoOutcome => {
                    let [request, reply] = like(probe.to).unwrap_or_default();
                    let most = |it: &&Exchange<'a>| self.in_common(&it.request, &request);
                    // Of equals the first.
                    let exchange = exchanges.iter().rev().max_by_key(most)?;
                    let replies = exchange.reply.iter().rev();
                    (&exchange.request, replies.max_by_key(|it| self.in_common(it, &reply)))
                }
            };
            let ways = exchanges.iter().map(|exchange| exchange.reply.len().max(1));
            Some(RoundTrip {
                request: self.way(request, file),
                reply: reply.map(|reply| self.way(reply, file)),
                others: ways.sum::<usize>().saturating_sub(1),
            })
        };
        judgement.probes.iter().map(of_probe).collect()
    }

    /// How many nodes a packet comes to before it parts from a way.
    fn in_common(&self, outcome: &Outcome<'a>, nodes: &[String]) -> usize {
        let hops = outcome.hops.iter().map(|hop| self.name(hop.namespace));
        hops.zip(nodes).take_while(|(hop, node)| hop == node).count()
    }

    fn way(&self, outcome: &Outcome<'a>, file: &Source) -> Way {
        let to = outcome.packet.destination;
        let passages = outcome.hops.iter().map(|hop| Passage {
            node: self.name(hop.namespace).to_owned(),
            text: self.hop(hop),
            decided_by: self.decisions((Some(hop.namespace), to), &hop.evidence, file),
        });
        Way {
            source: outcome.packet.source,
            destination: to,
            walk: self.walk_of(outcome),
            fate: self.fate("it", outcome),
            passages: passages.collect(),
            decided_by: {
                let at_end = self.decisions((end_of(outcome), to), &outcome.evidence, file);
                let last = outcome.hops.last();
                let before =
                    last.map(|hop| self.decisions((Some(hop.namespace), to), &hop.evidence, file));
                let before = before.unwrap_or_default();
                at_end.into_iter().filter(|it| !before.contains(it)).collect()
            },
        }
    }

    /// What decided, each once.
    fn decisions(
        &self,
        at: (Option<&str>, IpAddr),
        evidence: &[Evidence<'a>],
        file: &Source,
    ) -> Vec<Decision> {
        let mut decisions: Vec<Decision> = Vec::new();
        for evidence in evidence {
            let decision = match evidence {
                Evidence::Resource { resource, span } => {
                    let Some(text) = self.told(at, resource) else { continue };
                    let span = self.intention.place(resource).unwrap_or(*span);
                    let line = || format!("{}:{}", file.name, file.position(span.start).0);
                    let origin = self.origin(resource, span);
                    Decision { text, line: (!span.is_none()).then(line), origin }
                }
                Evidence::Absent(absent) => {
                    Decision { text: absent.to_string(), line: None, origin: None }
                }
                // What every node has tells nothing.
                Evidence::Kernel(_) => continue,
            };
            if !decisions.contains(&decision) {
                decisions.push(decision);
            }
        }
        decisions
    }
}

impl Judge<'_, '_> {
    /// Where something comes from that is at a place in the file, or at none.
    fn origin(&self, resource: &Resource, span: Span) -> Option<Origin> {
        let is_route = matches!(resource, Resource::Route { .. } | Resource::MplsRoute { .. });
        let is_added = self.intention.is_there() && self.intention.place(resource).is_none();
        match is_route && span.is_none() {
            _ if self.intention.is_changed(resource) => Some(Origin::Changed),
            true if is_added => Some(Origin::Added),
            true => Some(Origin::FilledIn),
            false => None,
        }
    }

    /// What a resource is that decides about packets, where it is more than the device that they pass.
    fn told(&self, (at, to): (Option<&str>, IpAddr), resource: &Resource) -> Option<String> {
        let (node, is_here) = (self.name(resource.namespace()), at == Some(resource.namespace()));
        match resource {
            Resource::Address { address, device, .. } if is_here && address.addr() == to => {
                Some(format!("own address {address} on {device}"))
            }
            Resource::Address { address, device, .. } if is_here => {
                Some(format!("connected {} on {device}", address.trunc()))
            }
            // Whom a packet is sent to on the link.
            Resource::Address { address, device, .. } => {
                Some(format!("{} is {device} of {node}", address.addr()))
            }
            Resource::Rule { rule, .. } if is_of_kernel(rule) => None,
            Resource::Route { .. }
            | Resource::MplsRoute { .. }
            | Resource::Rule { .. }
            | Resource::Neighbour { .. }
            | Resource::NexthopObject { .. } => noun(resource),
            Resource::Sysctl { key, value, .. } => Some(format!("{}={value}", sysctl_name(key))),
            Resource::Mtu { device, mtu, .. } => Some(format!("MTU {mtu} of {device}")),
            Resource::Ruleset { .. } => Some(format!("ruleset of nft at {node}")),
            Resource::Qdisc { .. } | Resource::Fdb { .. } => {
                Some(format!("`{}`", Action::Add(resource.clone())))
            }
            Resource::Namespace { .. }
            | Resource::Veth { .. }
            | Resource::Device { .. }
            | Resource::Wireguard { .. }
            | Resource::Master { .. }
            | Resource::BridgeVlan { .. }
            | Resource::BridgePort { .. }
            | Resource::NoOffload { .. }
            | Resource::Up { .. }
            | Resource::EtcFile { .. }
            | Resource::Command { .. } => None,
        }
    }
}

impl Way {
    /// The nodes that it comes to.
    pub fn nodes(&self) -> Vec<String> {
        self.walk.path.iter().map(|visit: &Visit| visit.node.clone()).collect()
    }
}
