//! What was sent and seen, in sentences.

use crate::check::path::{Trail, print_visits};
use crate::check::probe::Probe;
use crate::check::report::Visit;
use crate::check::verdict::sender;
use crate::check::watch::Sighting;
use crate::compile::{Check, Hop, Lab};
use crate::iproute::print_labels;
use crate::kernel::Direction;

/// Who sent what to whom.
pub(super) fn sent(lab: &Lab, check: &Check, probe: &Probe) -> String {
    let times = match probe.attempts.len() {
        1 => "an echo request".to_owned(),
        count => format!("{count} echo requests"),
    };
    let (from, to) = (sender(lab, check), probe.to);
    match &probe.refusal {
        Some(error) => format!("{from} could not send to {to}: {error}."),
        None => format!("{from} sent {times} to {to}."),
    }
}

/// How many nodes of a way are told; one that is longer mostly runs in a circle.
const SHOWN: usize = 20;

/// How far a packet was seen.
pub(super) fn seen(lab: &Lab, what: &str, trail: &Trail<'_>) -> Option<String> {
    let last = trail.last()?;
    let visits = trail.visits();
    let shown = visits.len().min(SHOWN);
    let more = if visits.len() > SHOWN { " …" } else { "" };
    let by = match &visits[..shown] {
        [] => String::new(),
        visits => format!(" came by {}{more} and", print_visits(visits)),
    };
    let way = match last.direction {
        Direction::Incoming => "coming in through",
        Direction::Outgoing => "leaving through",
        Direction::Passing => "passing",
    };
    Some(format!("{what}{by} was last seen {way} {}{}.", place(lab, last), labels(last)))
}

fn place(lab: &Lab, sighting: &Sighting) -> String {
    format!("{} of {}", sighting.interface, lab[sighting.node].name)
}

fn labels(sighting: &Sighting) -> String {
    match sighting.packet.labels.as_slice() {
        [] => String::new(),
        labels => format!(" with {}", stack(labels)),
    }
}

/// A label stack for people, the outermost first.
pub(super) fn stack(labels: &[u32]) -> String {
    let word = if labels.len() == 1 { "label" } else { "labels" };
    let numbers: Vec<String> = labels.iter().map(u32::to_string).collect();
    format!("{word} {}", numbers.join("/"))
}

/// What came back, but for the answer.
pub(super) fn came_back(probe: &Probe) -> Vec<String> {
    let errors = probe.errors.iter().map(|(from, error)| format!("{from} said: {error}."));
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
pub(super) fn written(lab: &Lab, hops: &[Hop]) -> String {
    if hops.is_empty() {
        return "straight there".to_owned();
    }
    let word = |hop: &Hop| {
        let labels = hop.labels.as_ref().map(|labels| print_labels(labels));
        let labels = labels.map(|labels| format!("[{labels}]")).unwrap_or_default();
        format!("{}{labels}", lab[hop.node].name)
    };
    format!("via {}", hops.iter().map(word).collect::<Vec<_>>().join(" "))
}
