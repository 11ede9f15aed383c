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
mod words;

use super::path::{Leg, Trail};
use super::probe::{Attempt, Fault, Probe, Progress};
use super::report::Visit;
use super::run::Run;
use super::verdict::{probes, sender, target};
use crate::compile::{Check, Hop, Lab, NodeId, Target};
use crate::kernel::on_worker;
use ask::Site;
use std::net::IpAddr;
use std::time::Instant;
use words::{came_back, seen, sent, way, written};

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
    let strayed = |trail: &Trail<'_>, whose: NodeId, address| {
        let last = trail.arrivals().last()?.node;
        (last != whose && leak::is_end(lab, last, address)).then_some(&lab[last].name)
    };
    if let Some(name) = expected.and_then(|expected| strayed(forth, expected, probe.to)) {
        let reason = format!("it arrived at {name}, not at {}", target(lab, check));
        return (reason, leak::explain(lab, forth, probe.to));
    }
    if let Some(to) = source
        && let Some(name) = strayed(back, check.from.node, to)
    {
        let reason = format!("the answer came to {name}, not to {}", sender(lab, check));
        return (reason, leak::explain(lab, back, to));
    }
    let arrived = forth.arrivals().last().map(|last| last.node).filter(|&node| {
        expected.map_or_else(|| leak::is_end(lab, node, probe.to), |expected| expected == node)
    });
    let reason = match (back.last(), arrived, forth.last()) {
        (Some(last), ..) => format!("the answer was lost at {}", lab[last.node].name),
        (None, Some(node), _) => {
            format!("it arrived at {}, which did not answer", lab[node].name)
        }
        (None, None, Some(last)) if last.node == check.from.node => {
            format!("it left {} and came in nowhere", sender(lab, check))
        }
        (None, None, Some(last)) => format!("it was lost at {}", lab[last.node].name),
        (None, None, None) => format!("it never left {}", sender(lab, check)),
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
