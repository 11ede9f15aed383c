//! What was seen of a check that fails: what was sent, how far it came, and what came back.

mod count;
mod forwarding_loop;
mod lookup;
mod port;
mod transfer;
mod ttl;
mod words;

use super::attempt::{Attempt, Fault};
use super::frame::Outer;
use super::judgement::Shortcoming;
use super::path::{Leg, Trail};
use super::probe::{Probe, Progress};
use super::report::Visit;
use super::run::Run;
use super::tunnel::print;
use super::verdict::{probes, sender, target};
use super::watch::Sighting;
use crate::compile::{Check, Expect, Hop, Lab, NodeId, Protocol, Rejection, Target};
use crate::kernel::Direction;
use crate::verify::UNWANTED;
pub(super) use lookup::lookup;
use std::net::IpAddr;
use words::{came_back, seen, sent, way, written};

/// The packet whose way is looked into: the probe or its answer.
#[derive(Debug, Clone, Copy)]
struct Flow {
    leg: Leg,
    destination: IpAddr,
}

impl Flow {
    fn word(self) -> &'static str {
        match self.leg {
            Leg::Forth => "the probe",
            Leg::Back => "the answer",
        }
    }
}

/// Whether a packet to this address is at its end at a node: somewhere it has the address.
pub(super) fn is_end(lab: &Lab, node: NodeId, address: IpAddr) -> bool {
    let node = &lab[node];
    let interfaces = node.interfaces.iter().flat_map(|interface| &interface.addresses);
    let vrfs = node.vrfs.iter().flat_map(|vrf| &vrf.addresses);
    interfaces.chain(vrfs).chain(&node.loopback).any(|held| held.value.addr() == address)
}

/// The reason in one line, and the explanation, of a check that does not hold, leaks aside.
pub(super) fn explain(run: &Run<'_>, place: usize) -> (String, Vec<String>) {
    let (lab, check) = (run.lab, &run.checks[place]);
    let Some(probe) = probes(run, place).find(|probe| probe.verdict == Progress::Failed) else {
        return ("there is no address to send to".to_owned(), Vec::new());
    };
    let shortcoming = check.count().and_then(|_| probe.shortcoming(lab, check));
    let attempt = match shortcoming {
        Some(Shortcoming::Fault(place, _)) => probe.judged(check).get(place),
        Some(Shortcoming::Lost(_)) => {
            probe.judged(check).iter().rfind(|attempt| !probe.is_done(lab, check, attempt))
        }
        Some(Shortcoming::Rtt(_) | Shortcoming::Unfair) | None => None,
    };
    let mut lines = vec![sent_and_looked_up(lab, check, probe)];
    let Some(attempt) = attempt.or_else(|| probe.best(lab, check)) else {
        return ("nothing was sent".to_owned(), lines);
    };
    let forth = Trail::new(lab, &attempt.sightings, Leg::Forth);
    let back = Trail::new(lab, &attempt.sightings, Leg::Back);
    match shortcoming {
        Some(Shortcoming::Rtt(median)) => return (count::slow(check, median), lines),
        Some(Shortcoming::Unfair) => {
            lines.extend(count::labelled(probe));
            return (count::unfair(lab, check, probe), lines);
        }
        Some(Shortcoming::Fault(..) | Shortcoming::Lost(_)) | None => {}
    }
    let one = if check.count().is_some() { "One of them" } else { "The probe" };
    lines.extend(seen(lab, one, &forth));
    lines.extend(seen(lab, "Its answer", &back));
    lines.extend(came_back(probe));
    lines.extend(port::explain(lab, check, probe));
    if let Some(others) = probe.others(lab, check) {
        return (others, lines);
    }
    if let Expect::Rejected(rejection) = &check.expect {
        return (rejected(check, probe, rejection), lines);
    }
    if attempt.answered.is_some() && !matches!(shortcoming, Some(Shortcoming::Lost(_))) {
        return (misled(lab, check, probe, attempt, &forth, &back), lines);
    }
    if let Some(moved) = attempt.moved.filter(|_| attempt.answered.is_none()) {
        lines.push(transfer::explain(check, attempt, moved));
        return (transfer::stalled(lab, check, moved), lines);
    }
    let Some(Shortcoming::Lost(count)) = shortcoming else {
        let (reason, said) = lost(lab, check, probe, &forth, &back);
        lines.extend(said);
        return (reason, lines);
    };
    if count > 0 {
        lines.extend(lost(lab, check, probe, &forth, &back).1);
    }
    (count::missed(check, probe, count), lines)
}

/// Whether nothing answered a probe of a check, though somebody may listen.
pub(super) fn is_lost(run: &Run<'_>, place: usize) -> bool {
    let (lab, check) = (run.lab, &run.checks[place]);
    let is_lost = |probe: &Probe| {
        probe.verdict == Progress::Failed
            && probe.answered(check).next().is_none()
            && port::nobody(lab, check, probe).is_none()
    };
    check.expect != Expect::Lost && probes(run, place).any(is_lost)
}

/// The reason and the explanation of a check that wants no answer from a port on which nobody listens.
pub(super) fn explain_closed(run: &Run<'_>, place: usize) -> Option<(String, Vec<String>)> {
    let (lab, check) = (run.lab, &run.checks[place]);
    probes(run, place).find_map(|probe| {
        let reason = port::nobody(lab, check, probe)?;
        let mut lines = vec![sent_and_looked_up(lab, check, probe)];
        lines.extend(port::explain(lab, check, probe));
        Some((format!("{reason}, so silence proves nothing"), lines))
    })
}

/// The same of a check that wants no arrival and has one.
pub(super) fn explain_leak(run: &Run<'_>, check: &Check, probe: &Probe) -> (String, Vec<String>) {
    let lab = run.lab;
    let reason = match (&check.to, check.protocol()) {
        (Target::Node { .. }, Protocol::Echo) => {
            format!("the probe arrives at {}, {UNWANTED}", target(lab, check))
        }
        (Target::Node { .. }, Protocol::Tcp(_) | Protocol::Udp(_))
        | (Target::Address(_) | Target::OnLink { .. }, _) => {
            format!("{} answers, {UNWANTED}", target(lab, check))
        }
    };
    let mut lines = vec![sent_and_looked_up(lab, check, probe)];
    if let Some(attempt) = probe.best(lab, check) {
        let forth = Trail::new(lab, &attempt.sightings, Leg::Forth);
        lines.extend(seen(lab, "The probe", &forth));
        lines.extend(port::explain(lab, check, probe));
    }
    (reason, lines)
}

fn sent_and_looked_up(lab: &Lab, check: &Check, probe: &Probe) -> String {
    let answer = lookup(lab, check, probe.to);
    format!("{} {}", sent(lab, check, probe), words::looked_up(&answer))
}

/// The reason where an ICMP error is missed.
fn rejected(check: &Check, probe: &Probe, rejection: &Rejection) -> String {
    match probe.answered(check).find(|attempt| !attempt.refused) {
        Some(_) => format!("{} answers", probe.to),
        None => format!("no `{rejection}` came back"),
    }
}

/// The reason where an answer came back and yet the check does not hold.
fn misled(
    lab: &Lab,
    check: &Check,
    probe: &Probe,
    attempt: &Attempt,
    forth: &Trail<'_>,
    back: &Trail<'_>,
) -> String {
    let other_way = |word: &str, trail: &Trail<'_>, hops: Option<&Vec<Hop<NodeId>>>| {
        let visits = trail.visits();
        let between = visits.split_last().map_or(&[] as &[Visit], |(_, between)| between);
        let hops = hops.map(Vec::as_slice).unwrap_or_default();
        format!("{word} went {}, not {}", way(between), written(lab, hops))
    };
    let arrival = check.arrival();
    match attempt.fault(lab, check) {
        Some(Fault::Refused) => port::nobody(lab, check, probe).unwrap_or_else(|| {
            let port = check.protocol().port().unwrap_or_default();
            format!("{} refuses connections to port {port}", probe.to)
        }),
        Some(Fault::Accepted) => port::accepted(lab, check, probe),
        Some(Fault::Unserved) => port::nobody(lab, check, probe)
            .unwrap_or_else(|| format!("{} answers, and not a server of it", probe.to)),
        Some(Fault::NotThere) => match forth.arrivals().last() {
            Some(last) => format!("{} answered, not {}", lab[last.node].name, target(lab, check)),
            None => format!("an answer came, but nothing arrived at {}", target(lab, check)),
        },
        Some(Fault::Forth) => {
            other_way("the probe", forth, arrival.and_then(|arrival| arrival.via.as_ref()))
        }
        Some(Fault::Back) => {
            other_way("the answer", back, arrival.and_then(|arrival| arrival.back.as_ref()))
        }
        Some(Fault::Ttl(found)) => {
            let wanted = arrival.and_then(|arrival| arrival.ttl).unwrap_or_default();
            match found {
                Some(found) => format!("the answer came with TTL {found}, not {wanted}"),
                None => "nobody saw the answer's TTL".to_owned(),
            }
        }
        Some(Fault::Unsure) => "the kernel did not say when packets went by".to_owned(),
        None => count::late(lab, check, attempt),
    }
}

/// The reason where no answer came back, and where a time to live was from that ran out.
fn lost(
    lab: &Lab,
    check: &Check,
    probe: &Probe,
    forth: &Trail<'_>,
    back: &Trail<'_>,
) -> (String, Vec<String>) {
    let source = forth.first().map(|first| first.packet.source);
    let probing = Flow { leg: Leg::Forth, destination: probe.to };
    let back_flow = source.map(|source| Flow { leg: Leg::Back, destination: source });
    let expected = match &check.to {
        Target::Node { node, .. } => Some(*node),
        Target::Address(_) | Target::OnLink { .. } => None,
    };
    for (trail, flow) in [(back, back_flow), (forth, Some(probing))] {
        if let (Some(flow), Some(round)) = (flow, forwarding_loop::find(trail)) {
            let names: Vec<&str> = round.iter().map(|s| lab[s.node].name.as_str()).collect();
            let reason =
                format!("{} is caught in a forwarding loop: {}", flow.word(), names.join(", "));
            return (reason, Vec::new());
        }
    }
    for (trail, flow) in [(back, back_flow), (forth, Some(probing))] {
        if let Some(flow) = flow
            && let Some(last) = ttl::ran_out(lab, trail, flow.destination)
        {
            let reason = format!("the TTL of {} ran out at {}", flow.word(), lab[last.node].name);
            return (reason, ttl::explain(lab, trail, flow, check.sends.hops));
        }
    }
    let strayed = |trail: &Trail<'_>, whose: NodeId, address| {
        let last = trail.arrivals().last()?.node;
        (last != whose && is_end(lab, last, address)).then_some(&lab[last].name)
    };
    if let Some(name) = expected.and_then(|expected| strayed(forth, expected, probe.to)) {
        let reason = format!("the probe arrived at {name}, not at {}", target(lab, check));
        return (reason, Vec::new());
    }
    if let Some(to) = source
        && let Some(name) = strayed(back, check.from.node, to)
    {
        let reason = format!("the answer came to {name}, not to {}", sender(lab, check));
        return (reason, Vec::new());
    }
    let arrived = forth.arrivals().last().map(|last| last.node).filter(|&node| {
        expected.map_or_else(|| is_end(lab, node, probe.to), |expected| expected == node)
    });
    let reason = match (back.last(), arrived, forth.last()) {
        (Some(last), ..) => format!("the answer was lost at {}", lab[last.node].name),
        (None, Some(node), _) => port::nobody(lab, check, probe).unwrap_or_else(|| {
            format!("the probe arrived at {}, which did not answer", lab[node].name)
        }),
        (None, None, Some(last)) if last.node == check.from.node => {
            format!("the probe left {} and arrived nowhere", sender(lab, check))
        }
        (None, None, Some(last)) => format!("the probe was lost at {}", lab[last.node].name),
        (None, None, None) => format!("the probe never left {}", sender(lab, check)),
    };
    let last = back.last().or_else(|| forth.last());
    (reason, last.and_then(|last| untaken(lab, last)).into_iter().collect())
}

/// That a packet was last seen in a tunnel where that ends.
fn untaken(lab: &Lab, last: &Sighting) -> Option<String> {
    let Outer { source, destination, .. } = last.packet.outer?;
    let ends = last.direction == Direction::Incoming && is_end(lab, last.node, destination);
    ends.then(|| {
        let (name, tunnels) = (&lab[last.node].name, print(&last.packet.tunnels));
        format!(
            "At {name} the {tunnels} from {source} to {destination} ends, and no interface takes the \
             packet out of it."
        )
    })
}
