//! What was sent and seen, in sentences.

use crate::check::path::{Trail, list_visits, print_visits};
use crate::check::probe::Probe;
use crate::check::report::{RouteAnswer, Visit};
use crate::check::tunnel;
use crate::check::verdict::sender;
use crate::check::watch::Sighting;
use crate::compile::{Check, Expect, Hop, Lab, NodeId, Protocol, Spread};
use crate::kernel::Direction;
use crate::verify::with_labels;
use std::net::IpAddr;

/// Who sent what to whom.
pub(super) fn sent(lab: &Lab, check: &Check, probe: &Probe) -> String {
    let (from, sends) = (sender(lab, check), check.sends);
    let to = match check.protocol().port() {
        Some(port) => format!("{} port {port}", probe.to),
        None => probe.to.to_string(),
    };
    if let Some(error) = &probe.refusal {
        return format!("{from} could not send to {to}: {error}.");
    }
    let (did, what) = match check.protocol() {
        Protocol::Echo => ("sent", "echo request"),
        Protocol::Tcp(_) => ("attempted", "connection"),
        Protocol::Udp(_) => ("sent", "datagram"),
    };
    let what = match (probe.judged(check).len(), what) {
        (1, "echo request") => format!("an {what}"),
        (1, _) => format!("a {what}"),
        (count, _) => format!("{count} {what}s"),
    };
    let data = sends.transfer.map(|volume| format!(" for {volume} of data")).unwrap_or_default();
    let size = sends.size.map(|size| format!(" of {size} bytes")).unwrap_or_default();
    let whole = if sends.df { " that may not be fragmented" } else { "" };
    let source = match &check.expect {
        Expect::Spreads(Spread { sources: Some(sources), .. }) => format!(" from {sources}"),
        Expect::Arrives(_) | Expect::Spreads(_) | Expect::Lost | Expect::Rejected(_) => {
            sends.from.map(|source| format!(" from {source}")).unwrap_or_default()
        }
    };
    let hops = sends.hops.map(|hops| format!(" with {hops} hops to go")).unwrap_or_default();
    let mark = Some(sends.mark).filter(|mark| *mark != 0).map(|mark| format!("mark {mark:#x}"));
    let with: Vec<String> = sends.service().into_iter().chain(mark).collect();
    let with =
        if with.is_empty() { String::new() } else { format!(" with {}", with.join(" and ")) };
    let sport = sends.sport.map(|port| format!(" from port {port}")).unwrap_or_default();
    format!("{from} {did} {what}{data}{size}{whole}{with}{source}{sport} to {to}{hops}.")
}

/// What the sender's kernel says of its route.
pub(super) fn looked_up(answer: &RouteAnswer) -> String {
    let said = match answer {
        RouteAnswer::Way { local: true, .. } => "an address of its own".to_owned(),
        RouteAnswer::Way { interface, gateway, labels, .. } => whither(*gateway, interface, labels),
        RouteAnswer::Error { error } => error.clone(),
    };
    format!("Its kernel's route lookup says: {said}.")
}

/// Where a way leads.
fn whither(gateway: Option<IpAddr>, device: &str, labels: &[u32]) -> String {
    let gateway = gateway.map(|gateway| format!("to {gateway} ")).unwrap_or_default();
    format!("{gateway}through {device}{}", with_labels(labels))
}

/// How many nodes of a way are told; one that is longer is mostly a loop.
const SHOWN: usize = 20;

/// How far a packet was seen.
pub(super) fn seen(lab: &Lab, what: &str, trail: &Trail<'_>) -> Option<String> {
    let last = trail.last()?;
    let visits = trail.visits();
    let shown = visits.len().min(SHOWN);
    let more = if visits.len() > SHOWN { " …" } else { "" };
    let by = match &visits[..shown] {
        [] => String::new(),
        visits => format!(" went via {}{more}, and", list_visits(visits)),
    };
    let way = match last.direction {
        Direction::Incoming => "coming in through",
        Direction::Outgoing => "leaving through",
        Direction::Passing => "passing",
    };
    let around = [labels(last), tunnels(last)].concat();
    Some(format!("{what}{by} was last seen {way} {}{around}.", place(lab, last)))
}

fn place(lab: &Lab, sighting: &Sighting) -> String {
    format!("{} of {}", sighting.interface, lab[sighting.node].name)
}

fn labels(sighting: &Sighting) -> String {
    with_labels(&sighting.packet.labels)
}

fn tunnels(sighting: &Sighting) -> String {
    match (sighting.packet.tunnels.as_slice(), sighting.packet.outer) {
        (tunnels, Some(outer)) => {
            format!(" in {} to {}", tunnel::print(tunnels), outer.destination)
        }
        (_, None) => String::new(),
    }
}

/// What came back, but for the answer.
pub(super) fn came_back(probe: &Probe) -> Vec<String> {
    let errors = probe.errors.iter().map(|(from, error)| format!("{from} reported: {error}."));
    let strangers = probe
        .strangers
        .iter()
        .map(|from| format!("An answer came from {from}, which is not who was asked."));
    errors.chain(strangers).collect()
}

/// Visits as a check would write them.
pub(super) fn way(visits: &[Visit]) -> String {
    if visits.is_empty() {
        "straight there".to_owned()
    } else {
        format!("via {}", print_visits(visits))
    }
}

/// Hops as the check writes them.
pub(super) fn written(lab: &Lab, hops: &[Hop<NodeId>]) -> String {
    if hops.is_empty() {
        return "straight there".to_owned();
    }
    let word = |hop: &Hop<NodeId>| {
        let name = &lab[hop.node].name;
        Hop { node: name, labels: hop.labels.clone() }.to_string()
    };
    format!("via {}", hops.iter().map(word).collect::<Vec<_>>().join(" "))
}
