//! Putting a check to the model.

use super::standing::{Intention, Standing};
use super::verdict::{Fault, Judgement, ProbeJudgement, Refutation, Verdict};
use crate::compile::{
    self, Answerer, Arrival, Check, Expect, Hop, Lab, NodeId, Rejection, Spread, Target,
};
use crate::document::Role;
use crate::forward::{End, Exchange, Network, Outcome, Probe, Protocol, Ways};
use std::collections::HashMap;
use std::net::IpAddr;

/// The source port of probes: the shares of flows go by the weights alone.
const SOURCE_PORT: u16 = 40000;
/// How far a share may be from what a check says.
const TOLERANCE: f64 = 1e-6;

/// A lab and the model of its network.
#[derive(Debug)]
pub struct Judge<'n, 'a> {
    pub(super) lab: &'n Lab,
    pub(super) network: &'n Network<'a>,
    nodes: HashMap<&'n str, NodeId>,
    /// How probes are followed.
    ways: Ways,
    /// What was built, where the network was observed.
    pub(super) intention: Intention<'n>,
}

impl<'n, 'a> Judge<'n, 'a> {
    /// Judges the checks of a lab by a network that is made of it.
    pub fn new(lab: &'n Lab, network: &'n Network<'a>) -> Self {
        let nodes = lab.nodes.iter().enumerate();
        let nodes = nodes.map(|(place, node)| (node.namespace.as_str(), NodeId(place))).collect();
        Self { lab, network, nodes, ways: Ways::Each, intention: Intention::default() }
    }

    /// [`Judge::new`], where ways that meet again can be one.
    pub(super) fn by(lab: &'n Lab, network: &'n Network<'a>, ways: Ways) -> Self {
        Self { ways, ..Self::new(lab, network) }
    }

    /// Judges the checks of a lab that stands by the network that was observed of it.
    pub fn of_standing(lab: &'n Lab, network: &'n Network<'a>, standing: &'n Standing) -> Self {
        Self { intention: standing.intention(), ..Self::new(lab, network) }
    }

    /// The node of a namespace.
    pub(super) fn node(&self, namespace: &str) -> Option<NodeId> {
        self.nodes.get(namespace).copied()
    }

    /// What the model says of a check.
    pub fn judge(&self, check: &'n Check) -> Judgement<'n, 'a> {
        let probes = check.to.addresses().iter().map(|to| self.probe(check, *to)).collect();
        Judgement { check, probes }
    }

    fn probe(&self, check: &Check, to: IpAddr) -> ProbeJudgement<'a> {
        let probe = probe_of(self.lab, check, to);
        let exchanges = self.network.exchange_by(&probe, self.ways);
        let verdict = self.verdict(check, &probe, &exchanges);
        ProbeJudgement { to, exchanges, verdict }
    }

    /// Whether what can become of a probe is what a check wants.
    fn verdict(&self, check: &Check, probe: &Probe<'_>, exchanges: &[Exchange<'a>]) -> Verdict<'a> {
        if exchanges.is_empty() {
            return Verdict::NoOutcome;
        }
        match self.refute(check, probe, exchanges) {
            Some(refutation) => Verdict::Refuted(Box::new(refutation)),
            None => unknown(check, exchanges).unwrap_or(Verdict::Proved),
        }
    }

    /// What contradicts a check, where something does.
    fn refute(
        &self,
        check: &Check,
        probe: &Probe<'_>,
        exchanges: &[Exchange<'a>],
    ) -> Option<Refutation<'a>> {
        let mut known =
            exchanges.iter().filter(|exchange| why_unknown(&exchange.request).is_none());
        match &check.expect {
            Expect::Arrives(arrival) => {
                known.find_map(|exchange| self.unlike(check, probe, arrival, exchange))
            }
            Expect::Spreads(spread) => known
                .find_map(|exchange| self.astray(check, &exchange.request))
                .or_else(|| self.uneven(spread, exchanges)),
            Expect::Lost => known.find_map(|exchange| self.arrived(check, probe, exchange)),
            Expect::Rejected(rejection) => {
                known.find_map(|exchange| unrejected(probe, rejection, exchange))
            }
        }
    }

    /// Whether a request that must arrive does not, or elsewhere.
    fn astray(&self, check: &Check, request: &Outcome<'a>) -> Option<Refutation<'a>> {
        let fault = match (request.is_delivered(), self.arrives(check, request)) {
            (false, _) => Fault::RequestLost,
            (true, false) => Fault::RequestElsewhere,
            (true, true) => return None,
        };
        Some(Refutation { fault, request: request.clone(), reply: None })
    }

    /// Whether there are flows of a probe that arrive and are answered.
    pub(super) fn some_flow_fares(&self, check: &Check, probe: &ProbeJudgement<'a>) -> bool {
        let asked = probe_of(self.lab, check, probe.to);
        probe.exchanges.iter().any(|exchange| {
            self.astray(check, &exchange.request).is_none()
                && exchange.reply.iter().any(|reply| lost_on_return(&asked, reply).is_none())
        })
    }

    /// What is not as a check wants a probe to arrive and to be answered.
    fn unlike(
        &self,
        check: &Check,
        probe: &Probe<'_>,
        arrival: &Arrival<NodeId>,
        exchange: &Exchange<'a>,
    ) -> Option<Refutation<'a>> {
        let request = &exchange.request;
        if let Some(astray) = self.astray(check, request) {
            return Some(astray);
        }
        let refuted = |fault, reply: Option<&Outcome<'a>>| {
            Some(Refutation { fault, request: request.clone(), reply: reply.cloned() })
        };
        if arrival.via.as_ref().is_some_and(|via| self.parting(request, via).is_some()) {
            return refuted(Fault::RequestPath, None);
        }
        if exchange.reply.is_empty() {
            return refuted(Fault::NoReply, None);
        }
        let known = exchange.reply.iter().filter(|reply| why_unknown(reply).is_none());
        known.into_iter().find_map(|reply| {
            let other = |wanted: &u8| reply.packet.ttl != *wanted;
            let parts = |via: &Vec<Hop<NodeId>>| self.parting(reply, via).is_some();
            let fault = match (lost_on_return(probe, reply), arrival.ttl.filter(other)) {
                (Some(fault), _) => fault,
                (None, _) if arrival.back.as_ref().is_some_and(parts) => Fault::ReplyPath,
                (None, Some(wanted)) => Fault::ReplyTtl { wanted },
                (None, None) => return None,
            };
            refuted(fault, Some(reply))
        })
    }

    /// What arrives or is answered and must not.
    fn arrived(
        &self,
        check: &Check,
        probe: &Probe<'_>,
        exchange: &Exchange<'a>,
    ) -> Option<Refutation<'a>> {
        let request = &exchange.request;
        let (fault, reply) = match &check.to {
            Target::Node { .. } if self.arrives(check, request) => (Fault::Arrives, None),
            Target::Node { .. } => return None,
            Target::Address(_) | Target::OnLink { .. } => {
                let mut replies = exchange.reply.iter().filter(|_| self.arrives(check, request));
                let reply = replies.find(|reply| reply.comes_home(probe))?;
                (Fault::Answered, Some(reply.clone()))
            }
        };
        Some(Refutation { fault, request: request.clone(), reply })
    }

    /// A node whose share of the flows is another than the check says.
    fn uneven(
        &self,
        spread: &Spread<NodeId>,
        exchanges: &[Exchange<'a>],
    ) -> Option<Refutation<'a>> {
        let requests = || exchanges.iter().map(|exchange| &exchange.request);
        if requests().any(|request| why_unknown(request).is_some()) {
            return None;
        }
        spread.shares.iter().find_map(|share| {
            let passes = |request: &&Outcome<'a>| {
                request.hops.iter().any(|hop| self.node(hop.namespace) == Some(share.node))
            };
            let sum: f64 = requests().filter(passes).map(|request| request.share).sum();
            let wanted = f64::from(share.weight) / spread.whole() as f64;
            let fault = Fault::Uneven { node: share.node, share: sum, wanted };
            let request = requests().next().filter(|_| (sum - wanted).abs() >= TOLERANCE)?;
            Some(Refutation { fault, request: request.clone(), reply: None })
        })
    }

    /// Whether a request is taken in by whom a check means.
    fn arrives(&self, check: &Check, request: &Outcome<'a>) -> bool {
        let End::Delivered { namespace, vrf, device: _ } = request.end else { return false };
        let node = self.node(namespace);
        match &check.to {
            Target::Node { node: _, takers, vrf: wanted, addresses: _ } => {
                node.is_some_and(|node| takers.contains(&node))
                    && wanted.as_ref().is_none_or(|wanted| vrf == Some(wanted.as_str()))
            }
            Target::Address(address) => {
                is_answered_anywhere(check)
                    || node.is_some_and(|node| self.may_serve(node, *address))
                    || self.lab.holders(*address).is_empty()
            }
            Target::OnLink { .. } => true,
        }
    }

    /// Whether a server may be at a node for an address: that of a check is where the address is.
    fn may_serve(&self, node: NodeId, address: IpAddr) -> bool {
        self.lab[node].has(address) || !self.lab[node].run.is_empty()
    }

    /// The place of the first hop that is not as a check says, among those between the ends.
    pub(super) fn parting(&self, outcome: &Outcome<'a>, via: &[Hop<NodeId>]) -> Option<usize> {
        let hops = &outcome.hops;
        let between = hops.get(1..hops.len().saturating_sub(1)).unwrap_or_default();
        let is_router = |hop: &&Hop<NodeId>| self.lab[hop.node].role != Role::Switch;
        let via: Vec<&Hop<NodeId>> = via.iter().filter(is_router).collect();
        let is_same = |(hop, wanted): &(&crate::forward::Hop<'a>, &&Hop<NodeId>)| {
            let labels = wanted.labels.as_ref();
            self.node(hop.namespace) == Some(wanted.node)
                && labels
                    .is_none_or(|it| it.iter().map(|it| it.number()).eq(hop.labels.iter().copied()))
        };
        let same = between.iter().zip(&via).take_while(is_same).count();
        (same < between.len() || same < via.len()).then_some(same)
    }
}

/// What a check sends to an address.
pub fn probe_of<'l>(lab: &'l Lab, check: &'l Check, to: IpAddr) -> Probe<'l> {
    let sources = match &check.expect {
        Expect::Spreads(spread) => spread.sources.and_then(|net| net.hosts().next()),
        Expect::Arrives(_) | Expect::Lost | Expect::Rejected(_) => None,
    };
    let data = u32::from(check.sends.data());
    let sport = check.sends.sport.map_or(SOURCE_PORT, |port| port.get());
    let (protocol, size) = match check.protocol() {
        compile::Protocol::Echo => (Protocol::Echo, data),
        compile::Protocol::Udp(port) => (Protocol::Udp { sport, dport: port.get() }, data),
        compile::Protocol::Tcp(port) => (Protocol::Tcp { sport, dport: port.get() }, 0),
    };
    Probe {
        namespace: &lab[check.from.node].namespace,
        device: check.device().map(|device| device.as_str()),
        destination: to,
        source: check.sends.from.or(sources),
        protocol,
        size,
        df: check.sends.df,
        ttl: Some(check.sends.ttl()),
        tos: check.sends.tos,
        mark: check.sends.mark,
    }
}

/// Whether what a check wants to hear is said by the kernel of whatever node takes the probe in, and not by a
/// server.
fn is_answered_anywhere(check: &Check) -> bool {
    match check.protocol() {
        compile::Protocol::Echo => true,
        compile::Protocol::Udp(_) | compile::Protocol::Tcp(_) => {
            check.arrival().is_some_and(|arrival| arrival.answerer == Answerer::Refusal)
        }
    }
}

/// Where the ICMP error that a check wants does not come back.
fn unrejected<'a>(
    probe: &Probe<'_>,
    rejection: &Rejection,
    exchange: &Exchange<'a>,
) -> Option<Refutation<'a>> {
    let request = &exchange.request;
    let refuted = |fault, reply: Option<&Outcome<'a>>| {
        Some(Refutation { fault, request: request.clone(), reply: reply.cloned() })
    };
    let is_wanted = match &request.end {
        End::Rejected { error, .. } => {
            error.kind == rejection.kind
                && rejection.by.is_none_or(|by| error.source == Some(by))
                && rejection.mtu.is_none_or(|mtu| error.mtu == Some(mtu))
        }
        End::Delivered { .. }
        | End::Refused { .. }
        | End::Dropped { .. }
        | End::Loop { .. }
        | End::Unknown { .. } => false,
    };
    if !is_wanted {
        return refuted(Fault::OtherError, None);
    }
    if exchange.reply.is_empty() {
        return refuted(Fault::NoReply, None);
    }
    let mut known = exchange.reply.iter().filter(|reply| why_unknown(reply).is_none());
    known.find_map(|reply| refuted(lost_on_return(probe, reply)?, Some(reply)))
}

/// Why an answer does not come to the socket that sent the probe, where it does not.
fn lost_on_return(probe: &Probe<'_>, reply: &Outcome<'_>) -> Option<Fault> {
    match (reply.comes_home(probe), reply.is_delivered()) {
        (true, _) => None,
        (false, true) => Some(Fault::ReplyElsewhere),
        (false, false) => Some(Fault::ReplyLost),
    }
}

/// What is not known of a check that nothing contradicts.
fn unknown<'a>(check: &Check, exchanges: &[Exchange<'a>]) -> Option<Verdict<'a>> {
    let by_requests = match &check.expect {
        Expect::Spreads(spread) => spread.sources.is_some(),
        Expect::Lost => matches!(check.to, Target::Node { .. }),
        Expect::Arrives(_) | Expect::Rejected(_) => false,
    };
    let requests = exchanges.iter().map(|exchange| &exchange.request);
    let replies =
        exchanges.iter().filter(|_| !by_requests).flat_map(|exchange| exchange.reply.iter());
    requests.chain(replies).find_map(why_unknown)
}

fn why_unknown<'a>(outcome: &Outcome<'a>) -> Option<Verdict<'a>> {
    match outcome.end {
        End::Unknown { at, why } => Some(Verdict::Unknown { at, why }),
        End::Delivered { .. }
        | End::Rejected { .. }
        | End::Refused { .. }
        | End::Dropped { .. }
        | End::Loop { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::{Options, compile_source};
    use crate::diagnostic::Source;
    use crate::document::{Format, LabName};

    #[test]
    fn no_check_is_proved_by_a_probe_of_which_nothing_becomes() {
        let text = "graph { node [role=router]; a -- r -- b; a -- s -- b
            checks=\"a -> b; a -> b via r; a !> b; a !> b error net-unreachable; a -> b spread r s\" }";
        let source = Source { name: "x.dot".to_owned(), text: text.to_owned() };
        let name = LabName::new("x").unwrap();
        let (lab, said) = compile_source(&source, Format::Dot, &name, &Options::default());
        let lab = lab.unwrap_or_else(|| panic!("{said:?}"));
        assert_eq!(lab.checks.len(), 5);
        let network = Network::default();
        let judge = Judge::new(&lab, &network);
        for check in &lab.checks {
            let probe = probe_of(&lab, check, check.to.addresses()[0]);
            assert_eq!(judge.verdict(check, &probe, &[]), Verdict::NoOutcome, "{check}");
        }
    }
}
