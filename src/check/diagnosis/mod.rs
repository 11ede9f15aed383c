//! Why a check fails: what was sent, how far it came, what came back, and what the kernels on the
//! way say that they would do with it.

mod ask;
mod circle;
mod forward;
mod labelled;
mod leak;
mod neighbour;
mod route;
mod segment;

use super::path::{Leg, Trail, print_visits};
use super::probe::{Attempt, Fault, Probe, Progress};
use super::report::Visit;
use super::run::Run;
use super::verdict::{probes, sender, target};
use super::watch::Sighting;
use crate::compile::{Check, Hop, Lab, Target};
use crate::kernel::{Direction, on_worker};
use ask::Site;
use std::net::IpAddr;
use std::time::Instant;

/// The packet whose way is looked into: the probe or its answer.
#[derive(Debug, Clone, Copy)]
struct Flow {
    leg: Leg,
    /// From whom, unless it was never seen.
    source: Option<IpAddr>,
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

/// The reason in one line, and the explanation, of a check that wants an arrival and has none.
pub(super) fn explain(run: &Run<'_>, place: usize) -> (String, Vec<String>) {
    let (lab, check) = (run.lab, &run.checks[place]);
    let now = Instant::now();
    let failed = probes(run, place).find(|probe| probe.progress(lab, check, now) != Progress::Held);
    let Some((probe, attempt)) = failed.and_then(|p| Some((p, p.best(lab, check)?))) else {
        return ("there is no address to send to".to_owned(), Vec::new());
    };
    let forth = Trail::new(lab, &attempt.sightings, Leg::Forth);
    let back = Trail::new(lab, &attempt.sightings, Leg::Back);
    let mut lines = vec![sent(lab, check, probe)];
    lines.extend(seen(lab, "The probe", &forth));
    lines.extend(seen(lab, "Its answer", &back));
    lines.extend(came_back(probe));
    if attempt.answered.is_some() {
        let reason = misled(lab, check, attempt, &forth, &back);
        if attempt.fault(lab, check) == Some(Fault::NotThere) {
            lines.extend(leak::explain(lab, &forth, probe.to));
        }
        return (reason, lines);
    }
    let (reason, said) = lost(lab, check, probe, &forth, &back);
    lines.extend(said);
    (reason, lines)
}

/// The same of a check that wants no arrival and has one.
pub(super) fn explain_leak(run: &Run<'_>, check: &Check, probe: &Probe) -> (String, Vec<String>) {
    let lab = run.lab;
    let reason = match &check.to {
        Target::Node { .. } => format!("it arrives at {}", target(lab, check)),
        Target::Address(address) => format!("{address} answers"),
    };
    let mut lines = vec![sent(lab, check, probe)];
    if let Some(attempt) = probe.best(lab, check) {
        let forth = Trail::new(lab, &attempt.sightings, Leg::Forth);
        lines.extend(seen(lab, "The probe", &forth));
        lines.extend(leak::explain(lab, &forth, probe.to));
    }
    (reason, lines)
}

fn sent(lab: &Lab, check: &Check, probe: &Probe) -> String {
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
fn seen(lab: &Lab, what: &str, trail: &Trail<'_>) -> Option<String> {
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
fn stack(labels: &[u32]) -> String {
    let word = if labels.len() == 1 { "label" } else { "labels" };
    let numbers: Vec<String> = labels.iter().map(u32::to_string).collect();
    format!("{word} {}", numbers.join("/"))
}

fn came_back(probe: &Probe) -> Vec<String> {
    let errors = probe.errors.iter().map(|(from, error)| format!("{from} said: {error}."));
    let strangers = probe
        .strangers
        .iter()
        .map(|from| format!("An answer came from {from}, which is not who was asked."));
    errors.chain(strangers).collect()
}

/// The reason where an answer came back and yet the check does not hold.
fn misled(
    lab: &Lab,
    check: &Check,
    attempt: &Attempt,
    forth: &Trail<'_>,
    back: &Trail<'_>,
) -> String {
    let other_way = |word: &str, trail: &Trail<'_>, hops: &Option<Vec<Hop>>| {
        let visits = trail.visits();
        let between = visits.split_last().map_or(&[] as &[Visit], |(_, between)| between);
        let hops = hops.as_deref().unwrap_or_default();
        format!("{word} went {}, not {}", way(between), written(lab, hops))
    };
    match attempt.fault(lab, check) {
        Some(Fault::NotThere) => match forth.arrivals().last() {
            Some(last) => format!("{} answered, not {}", lab[last.node].name, target(lab, check)),
            None => format!("an answer came, but nothing arrived at {}", target(lab, check)),
        },
        Some(Fault::Forth) => other_way("the probe", forth, &check.via),
        Some(Fault::Back) => other_way("the answer", back, &check.back),
        Some(Fault::Unsure) | None => "the kernel did not say when packets went by".to_owned(),
    }
}

fn way(visits: &[Visit]) -> String {
    if visits.is_empty() {
        "straight there".to_owned()
    } else {
        format!("via {}", print_visits(visits))
    }
}

/// Hops as the check writes them.
fn written(lab: &Lab, hops: &[Hop]) -> String {
    if hops.is_empty() {
        return "straight there".to_owned();
    }
    let word = |hop: &Hop| {
        let labels = hop.labels.as_ref().map(|labels| crate::iproute::print_labels(labels));
        let labels = labels.map(|labels| format!("[{labels}]")).unwrap_or_default();
        format!("{}{labels}", lab[hop.node].name)
    };
    format!("via {}", hops.iter().map(word).collect::<Vec<_>>().join(" "))
}

/// The reason and what the kernels say, where no answer came back.
fn lost(
    lab: &Lab,
    check: &Check,
    probe: &Probe,
    forth: &Trail<'_>,
    back: &Trail<'_>,
) -> (String, Vec<String>) {
    let source = forth.first().map(|first| first.packet.source);
    let probing = Flow { leg: Leg::Forth, source, destination: probe.to };
    let back_flow =
        source.map(|source| Flow { leg: Leg::Back, source: Some(probe.to), destination: source });
    let expected = match &check.to {
        Target::Node { node, .. } => Some(*node),
        Target::Address(_) => None,
    };
    for (trail, flow) in [(back, back_flow), (forth, Some(probing))] {
        if let (Some(flow), Some(round)) = (flow, circle::find(trail)) {
            let names: Vec<&str> = round.iter().map(|s| lab[s.node].name.as_str()).collect();
            let reason = format!("{} runs in a circle: {}", flow.word(), names.join(" "));
            return (reason, circle::explain(lab, &round, flow.destination));
        }
    }
    let last = forth.arrivals().last().map(|last| last.node);
    let arrived = expected.is_some() && last == expected;
    let reason = match (last, back.last()) {
        (_, Some(last)) => format!("the answer was lost at {}", lab[last.node].name),
        (Some(_), None) if arrived => {
            format!("it arrived at {}, which did not answer", target(lab, check))
        }
        (Some(node), None) if leak::is_end(lab, node, probe.to) => {
            let name = &lab[node].name;
            if expected.is_some() {
                let reason = format!("it arrived at {name}, not at {}", target(lab, check));
                return (reason, leak::explain(lab, forth, probe.to));
            }
            format!("it arrived at {name}, which did not answer")
        }
        (Some(node), None) => format!("it was lost at {}", lab[node].name),
        (None, None) => format!("it never left {}", sender(lab, check)),
    };
    let said = on_worker(|worker| {
        let mut site = Site::new(lab, worker);
        match (back.last(), forth.last(), back_flow) {
            (Some(_), _, Some(flow)) => site.after(flow, back),
            (_, Some(_), _) => site.after(probing, forth),
            (_, None, _) => {
                let vrf = check.from.vrf.as_ref().map(|vrf| vrf.as_str());
                site.departure(probing, check.from.node, vrf)
            }
        }
    });
    (reason, said)
}
