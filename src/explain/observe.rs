//! Answering a question: of a file by the model alone, of a lab by all that can be learnt from its kernels.

use super::explanation::{Counted, Explanation, ProbeExplanation, Trace};
use super::lookups::{LookupWalk, RoundTripLookups};
use super::words::parting;
use crate::check::{self, ProbeResult};
use crate::compile::{Check, Lab};
use crate::diagnostic::Source;
use crate::forward::Network;
use crate::kernel::{DropTrace, Namespace, Worker, error_counters, on_worker};
use crate::verify::{self, Judge, RoundTrip, Standing, Word};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;

/// Why a question was not answered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The probe could not be sent or watched.
    #[error(transparent)]
    Check(#[from] check::Error),
    /// The kernels could not be asked.
    #[error("the kernels cannot be asked: {0}")]
    Lookup(#[from] io::Error),
}

/// Counters by their names, of each node.
type Counters = BTreeMap<String, BTreeMap<String, u64>>;

/// Answers a question about a lab by its file.
pub fn of_file(lab: &Lab, file: &Source, check: &Check, network: &Network<'_>) -> Explanation {
    let judge = Judge::new(lab, network);
    let judgement = judge.judge(check);
    let found = judge.result_of(&judgement, None);
    let open = match &found.not_judged[..] {
        [] => None,
        options => Some(format!("Only a running lab shows the rest: {}.", options.join(", "))),
    };
    let by_file = judge.round_trips(&judgement, file, |_| None);
    let probes = check.to.addresses().iter().zip(by_file).map(|(to, by_file)| ProbeExplanation {
        to: *to,
        by_file,
        by_state: None,
        by_lookups: None,
        seen: Vec::new(),
        seen_back: Vec::new(),
    });
    Explanation {
        lab: lab.name.to_string(),
        check: check.text.clone(),
        ok: match found.verdict {
            Word::Proved => Some(true),
            Word::Refuted => Some(false),
            Word::Unknown => None,
        },
        reason: found.reason,
        explanation: found.advice.into_iter().chain(open).collect(),
        parting: None,
        cause: found.cause,
        decided_by: found.decided_by,
        probes: probes.collect(),
        counted: Vec::new(),
        trace: None,
        deviations: Vec::new(),
    }
}

/// Answers a question about a lab that stands: compares what was built with the state that was observed, asks the
/// kernels on the way, and sends the probe.
///
/// # Errors
/// The kernels can't be asked, or nothing can be sent. That it does not arrive is no error.
pub fn of_standing(
    (lab, file): (&Lab, &Source),
    check: &Check,
    standing: &Standing,
    interrupted: impl Fn() -> bool + Send,
) -> Result<Explanation, Error> {
    let planned = standing.planned();
    let planned = Judge::new(lab, &planned);
    let network = standing.network();
    let found = Judge::of_standing(lab, &network, standing);
    let judged = [planned.judge(check), found.judge(check)];
    let nodes = on_the_way(lab, check, &judged);
    let mut lookups = on_worker(|worker| lookups(lab, check, worker))?;
    let before = on_worker(|worker| counters(lab, &nodes, worker))?;
    let listening = DropTrace::open();
    let checks = std::slice::from_ref(check);
    let mut report = check::run_until(lab, checks, interrupted, |_, _| {})?;
    let heard = listening.and_then(|trace| trace.read());
    let after = on_worker(|worker| counters(lab, &nodes, worker))?;
    check::explain(&mut report, lab, checks, standing);
    let result = report.results.pop().expect("one check has one result");
    let seen = |to: IpAddr| {
        let probe = result.probes.iter().find(|probe| probe.to == to)?;
        Some([came_to(check, lab, probe), back(probe)])
    };
    let by_state = found.round_trips(&judged[1], file, seen);
    let like = |to: IpAddr| {
        let place = judged[1].probes.iter().position(|probe| probe.to == to)?;
        let found: &RoundTrip = by_state[place].as_ref()?;
        let reply = found.reply.as_ref().map(|it| it.nodes()).unwrap_or_default();
        Some([found.request.nodes(), reply])
    };
    let by_file = planned.round_trips(&judged[0], file, like);
    let probes = by_file.into_iter().zip(by_state).zip(&result.probes);
    let probes = probes.map(|((by_file, by_state), seen)| ProbeExplanation {
        to: seen.to,
        by_file,
        by_state,
        by_lookups: lookups.remove(&seen.to),
        seen: seen.seen.clone(),
        seen_back: seen.seen_back.clone(),
    });
    let probes: Vec<ProbeExplanation> = probes.collect();
    let addresses: BTreeSet<IpAddr> = probes.iter().flat_map(ends).collect();
    let trace = match heard {
        Err(error) => Trace::Unheard { unavailable: error.to_string() },
        Ok((mut drops, mut lookups)) => {
            let is_v4 = addresses.iter().any(|it| it.is_ipv4());
            let is_v6 = addresses.iter().any(|it| it.is_ipv6());
            drops.retain(|it| match it.protocol {
                "IPv6" => is_v6,
                "IPv4" | "ARP" => is_v4,
                _ => true,
            });
            lookups.retain(|it| addresses.contains(&it.destination));
            Trace::Heard { drops, lookups }
        }
    };
    Ok(Explanation {
        lab: lab.name.to_string(),
        check: check.text.clone(),
        ok: Some(result.ok),
        parting: probes.iter().find_map(|probe| parting(probe, result.ok)),
        reason: result.reason,
        explanation: result.explanation,
        cause: result.cause,
        decided_by: result.decided_by,
        probes,
        counted: grown(&before, &after),
        trace: Some(trace),
        deviations: report.deviations,
    })
}

/// The nodes that a request comes to by what was seen, the sender first.
fn came_to(check: &Check, lab: &Lab, probe: &ProbeResult) -> Vec<String> {
    let sender = lab[check.from.node].name.to_string();
    std::iter::once(sender).chain(probe.path.iter().map(|visit| visit.node.clone())).collect()
}

/// The nodes that its answer comes to, whoever gave it first.
fn back(probe: &ProbeResult) -> Vec<String> {
    let giver = probe.seen_back.first().map(|seen| seen.node.clone());
    giver.into_iter().chain(probe.back.iter().map(|visit| visit.node.clone())).collect()
}

/// The addresses between which a probe goes.
fn ends(probe: &ProbeExplanation) -> Vec<IpAddr> {
    let source = probe.found().map(|found| found.request.source);
    std::iter::once(probe.to).chain(source).collect()
}

/// The nodes that packets of the check come to, by one judgement or another.
fn on_the_way(
    lab: &Lab,
    check: &Check,
    judgements: &[verify::Judgement<'_, '_>],
) -> BTreeSet<usize> {
    let exchanges = judgements.iter().flat_map(|it| &it.probes).flat_map(|it| &it.exchanges);
    let walks = exchanges.flat_map(|it| it.outcomes());
    let namespaces: BTreeSet<&str> =
        walks.flat_map(|walk| &walk.hops).map(|hop| hop.namespace).collect();
    let nodes = lab.nodes.iter().enumerate();
    let nodes = nodes.filter(|(_, node)| namespaces.contains(node.namespace.as_str()));
    nodes.map(|(place, _)| place).chain([check.from.node.0]).collect()
}

fn lookups(
    lab: &Lab,
    check: &Check,
    worker: &mut Worker,
) -> io::Result<BTreeMap<IpAddr, RoundTripLookups>> {
    let mut walk = LookupWalk::new(lab, worker);
    let of = |to: &IpAddr| Ok((*to, walk.round_trip(check, *to)?));
    check.to.addresses().iter().map(of).collect()
}

fn counters(lab: &Lab, nodes: &BTreeSet<usize>, worker: &mut Worker) -> io::Result<Counters> {
    let of = |place: &usize| {
        let node = &lab.nodes[*place];
        worker.enter(&Namespace::open(&node.namespace)?)?;
        Ok((node.name.to_string(), error_counters(worker)?))
    };
    nodes.iter().map(of).collect()
}

/// The counters that went up.
fn grown(before: &Counters, after: &Counters) -> Vec<Counted> {
    let mut grown = Vec::new();
    for (node, counters) in after {
        let before = before.get(node);
        for (counter, value) in counters {
            let old = before.and_then(|it| it.get(counter)).copied().unwrap_or(0);
            let by = value.saturating_sub(old);
            if by > 0 {
                grown.push(Counted { node: node.clone(), counter: counter.clone(), by });
            }
        }
    }
    grown
}
