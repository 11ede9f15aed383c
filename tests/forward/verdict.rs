//! What the model says of a check.

use std::net::IpAddr;
use vrflab::compile::{self, Check, Expect, Hop, Lab, NodeId, Spread, Target};
use vrflab::forward::{End, Exchange, Network, Outcome, Probe, Protocol, Unmodelled};

/// What the model says of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Holds,
    Fails(String),
    Unknown(Unmodelled),
}

/// How many bytes of data a probe has of which no size is said.
const DATA: u32 = 56;
/// How far a share may be from what a check says.
const TOLERANCE: f64 = 1e-6;

pub fn of_check(network: &Network<'_>, lab: &Lab, check: &Check) -> Verdict {
    let mut verdict = Verdict::Holds;
    for to in check.to.addresses() {
        match of_probe(network, lab, check, *to) {
            Verdict::Holds => {}
            Verdict::Fails(why) => return Verdict::Fails(why),
            unknown @ Verdict::Unknown(_) => verdict = unknown,
        }
    }
    verdict
}

fn of_probe(network: &Network<'_>, lab: &Lab, check: &Check, to: IpAddr) -> Verdict {
    // Which of them it is makes no difference: shares go by the weights alone.
    let sources = match &check.expect {
        Expect::Spreads(spread) => spread.sources.and_then(|net| net.hosts().next()),
        Expect::Arrives(_) | Expect::Lost | Expect::Rejected(_) => None,
    };
    let probe = Probe {
        namespace: &lab[check.from.node].namespace,
        device: check.device().map(|device| device.as_str()),
        destination: to,
        source: check.sends.from.or(sources),
        protocol: match check.protocol() {
            compile::Protocol::Echo => Protocol::Echo,
            compile::Protocol::Udp(port) => Protocol::Udp { sport: 40000, dport: port.get() },
            compile::Protocol::Tcp(port) => Protocol::Tcp { sport: 40000, dport: port.get() },
        },
        size: match check.protocol() {
            compile::Protocol::Tcp(_) => 0,
            compile::Protocol::Echo | compile::Protocol::Udp(_) => {
                check.sends.size.map_or(DATA, u32::from)
            }
        },
        df: check.sends.df,
        ttl: check.sends.hops,
        tos: 0,
        mark: 0,
    };
    let exchanges = network.exchange(&probe);
    let said = match &check.expect {
        Expect::Spreads(Spread { sources: Some(_), .. }) => requests(&exchanges),
        Expect::Lost if matches!(check.to, Target::Node { .. }) => requests(&exchanges),
        Expect::Arrives(_) | Expect::Spreads(_) | Expect::Lost | Expect::Rejected(_) => {
            outcomes(&exchanges)
        }
    };
    let unknown = said.iter().find_map(|outcome| match outcome.end {
        End::Unknown { why, .. } => Some(why),
        _ => None,
    });
    if let Some(why) = unknown {
        return Verdict::Unknown(why);
    }
    let holds = match &check.expect {
        Expect::Arrives(arrival) => exchanges.iter().all(|exchange| {
            let arrived = arrives(lab, &check.to, &exchange.request)
                && arrival.via.as_ref().is_none_or(|via| is_by(lab, &exchange.request, via));
            arrived
                && !exchange.reply.is_empty()
                && exchange.reply.iter().all(|reply| {
                    comes_home(lab, check, reply)
                        && arrival.back.as_ref().is_none_or(|via| is_by(lab, reply, via))
                        && arrival.ttl.is_none_or(|ttl| reply.packet.ttl == ttl)
                })
        }),
        Expect::Spreads(spread) => {
            exchanges.iter().all(|exchange| arrives(lab, &check.to, &exchange.request))
                && divides(lab, spread, &exchanges)
        }
        Expect::Lost => exchanges.iter().all(|exchange| match &check.to {
            Target::Node { .. } => !arrives(lab, &check.to, &exchange.request),
            Target::Address(_) | Target::OnLink { .. } => {
                let is_answer = |reply: &Outcome<'_>| {
                    exchange.request.is_delivered() && comes_home(lab, check, reply)
                };
                !exchange.reply.iter().any(is_answer)
            }
        }),
        Expect::Rejected(rejection) => exchanges.iter().all(|exchange| {
            let End::Rejected { by: _, error } = &exchange.request.end else { return false };
            error.kind == rejection.kind
                && rejection.by.is_none_or(|by| error.source == Some(by))
                && rejection.mtu.is_none_or(|mtu| error.mtu == Some(mtu))
                && !exchange.reply.is_empty()
                && exchange.reply.iter().all(|reply| comes_home(lab, check, reply))
        }),
    };
    match holds {
        true => Verdict::Holds,
        false => {
            let ends = outcomes(&exchanges).into_iter().map(|outcome| {
                let path = outcome.hops.iter().map(|hop| (hop.namespace, &hop.labels, hop.ttl));
                let path: Vec<_> = path.collect();
                format!("\n      {:?} {:?} {:?}", outcome.end, path, outcome.evidence)
            });
            Verdict::Fails(format!("{to} from {:?}:{}", probe.source, ends.collect::<String>()))
        }
    }
}

fn requests<'e, 'a>(exchanges: &'e [Exchange<'a>]) -> Vec<&'e Outcome<'a>> {
    exchanges.iter().map(|exchange| &exchange.request).collect()
}

fn outcomes<'e, 'a>(exchanges: &'e [Exchange<'a>]) -> Vec<&'e Outcome<'a>> {
    let both =
        |exchange: &'e Exchange<'a>| std::iter::once(&exchange.request).chain(&exchange.reply);
    exchanges.iter().flat_map(both).collect()
}

fn arrives(lab: &Lab, target: &Target, outcome: &Outcome<'_>) -> bool {
    let End::Delivered { namespace, vrf, .. } = outcome.end else { return false };
    match target {
        Target::Node { takers, vrf: wanted, .. } => {
            takers.iter().any(|taker| lab[*taker].namespace == namespace)
                && wanted.as_ref().is_none_or(|wanted| vrf == Some(wanted.as_str()))
        }
        Target::Address(_) | Target::OnLink { .. } => true,
    }
}

fn comes_home(lab: &Lab, check: &Check, reply: &Outcome<'_>) -> bool {
    let End::Delivered { namespace, .. } = reply.end else { return false };
    namespace == lab[check.from.node].namespace
}

fn is_by(lab: &Lab, outcome: &Outcome<'_>, via: &[Hop<NodeId>]) -> bool {
    let hops = &outcome.hops;
    let between = hops.get(1..hops.len().saturating_sub(1)).unwrap_or_default();
    let via: Vec<_> =
        via.iter().filter(|hop| lab[hop.node].role != vrflab::document::Role::Switch).collect();
    between.len() == via.len()
        && between.iter().zip(via).all(|(hop, wanted)| {
            let labels = wanted.labels.as_ref();
            hop.namespace == lab[wanted.node].namespace
                && labels
                    .is_none_or(|it| it.iter().map(|it| it.number()).eq(hop.labels.iter().copied()))
        })
}

fn divides(lab: &Lab, spread: &Spread<NodeId>, exchanges: &[Exchange<'_>]) -> bool {
    spread.shares.iter().all(|share| {
        let name = lab[share.node].namespace.as_str();
        let through = exchanges.iter().map(|exchange| &exchange.request);
        let through =
            through.filter(|outcome| outcome.hops.iter().any(|hop| hop.namespace == name));
        let sum: f64 = through.map(|outcome| outcome.share).sum();
        (sum - f64::from(share.weight) / spread.whole() as f64).abs() < TOLERANCE
    })
}
