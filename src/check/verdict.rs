//! From what became of the probes to the result of a check.

use super::diagnosis;
use super::path::{Leg, Trail};
use super::probe::Probe;
use super::report::{CheckResult, Flows, IcmpAnswer, ProbeResult, Responder, ServerResult};
use super::run::Run;
use super::server::Serving;
use super::unique;
use crate::compile::{Arrow, Check, Expect, Lab, NodeId, Protocol, Target};
use crate::verify::Cause;
use std::net::IpAddr;
use std::time::Duration;

/// The result of a check that holds.
pub(super) fn held(run: &Run<'_>, place: usize) -> CheckResult {
    result(run, place, None)
}

/// The result of a check that is judged when all is over: one that has failed, or whose probes must
/// not arrive. `held` says which of the others hold.
pub(super) fn remaining(run: &Run<'_>, place: usize, held: &[bool]) -> CheckResult {
    let check = &run.checks[place];
    match check.expect {
        Expect::Arrives(_) | Expect::Spreads(_) | Expect::Rejected(_) => {
            let (reason, mut lines) = diagnosis::explain(run, place);
            lines.extend(run.unseen.doubt(run.lab));
            result(run, place, Some((reason, lines)))
        }
        Expect::Lost => {
            if let Some(probe) = probes(run, place).find(|probe| probe.came_through(run.lab, check))
            {
                return result(run, place, Some(diagnosis::explain_leak(run, check, probe)));
            }
            // A port that is closed is silent without a filter.
            if let Some(failure) = diagnosis::explain_closed(run, place) {
                return result(run, place, Some(failure));
            }
            if let Some(reason) = run.unseen.hides_arrival(run.lab, check) {
                return result(
                    run,
                    place,
                    Some((reason, run.unseen.doubt(run.lab).into_iter().collect())),
                );
            }
            let is_vouched_for = run.checks.iter().enumerate().any(|(other, it)| {
                held[other]
                    && it.from == check.from
                    && it.expect.arrow() == Arrow::Reaches
                    && probes(run, other).any(|probe| probe.shows_sending(run.lab, it))
            });
            if is_vouched_for {
                return self::held(run, place);
            }
            let sender = sender(run.lab, check);
            let reason = format!("nothing shows that {sender} can send at all");
            let advice = format!(
                "Nothing arrived, but no `{sender} -> …` to another node holds either, and no \
                 neighbour of {sender} answers, so this proves nothing: a lab that is down would do \
                 as well. Put a check beside it that {sender} reaches somebody."
            );
            result(run, place, Some((reason, vec![advice])))
        }
    }
}

/// The probes of a check.
pub(super) fn probes<'a>(run: &'a Run<'_>, place: usize) -> impl Iterator<Item = &'a Probe> {
    let first = run.probes.partition_point(|probe| probe.check < place);
    run.probes[first..].iter().take_while(move |probe| probe.check == place)
}

/// The sender as a check writes it.
pub(super) fn sender(lab: &Lab, check: &Check) -> String {
    let node = &lab[check.from.node].name;
    match &check.from.vrf {
        Some(vrf) => format!("{node}%{vrf}"),
        None => node.to_string(),
    }
}

/// The target as a check writes it.
pub(super) fn target(lab: &Lab, check: &Check) -> String {
    match &check.to {
        Target::Node { node, vrf: Some(vrf), .. } => format!("{}%{vrf}", lab[*node].name),
        Target::Node { node, vrf: None, .. } => lab[*node].name.to_string(),
        Target::Address(address) => address.to_string(),
        Target::OnLink { address, interface } => format!("{address}%{interface}"),
    }
}

/// What it says of a failed check, the reason in one line and the explanation.
fn result(run: &Run<'_>, place: usize, failure: Option<(String, Vec<String>)>) -> CheckResult {
    let check = &run.checks[place];
    let is_held = failure.is_none();
    let probe = |probe: &Probe| {
        let lookup = (!is_held).then(|| diagnosis::lookup(run.lab, check, probe.to));
        ProbeResult { lookup, ..probe_result(run.lab, check, probe) }
    };
    let probes = probes(run, place).map(probe).collect();
    let (reason, explanation) = failure.unzip();
    CheckResult {
        check: check.text.clone(),
        ok: is_held,
        reason,
        explanation: explanation.unwrap_or_default(),
        cause: Cause::default(),
        is_lost: !is_held && diagnosis::is_lost(run, place),
        decided_by: None,
        probes,
    }
}

/// Whether several nodes have an address on purpose.
fn is_anycast(lab: &Lab, address: IpAddr) -> bool {
    let mut addresses = lab.nodes.iter().flat_map(|node| node.addresses());
    addresses.any(|own| own.anycast && own.addr() == address)
}

fn probe_result(lab: &Lab, check: &Check, probe: &Probe) -> ProbeResult {
    let best = probe.best(lab, check);
    let trail = |leg| best.map(|attempt| Trail::new(lab, &attempt.sightings, leg));
    let seen = |leg| trail(leg).map(|trail| trail.seen()).unwrap_or_default();
    let visits = |leg| trail(leg).map(|trail| trail.visits()).unwrap_or_default();
    let rtt = match check.count() {
        Some(_) => probe.median(lab, check),
        None => best.and_then(|attempt| attempt.rtt(lab, check)),
    };
    let back = trail(Leg::Back).filter(|_| best.is_some_and(|best| best.answered.is_some()));
    let errors = probe.errors.iter().map(|(from, error)| IcmpAnswer {
        from: *from,
        error: error.name().map(|name| name.to_string()),
        kind: error.kind,
        code: error.code,
        mtu: error.mtu,
    });
    let flows = match &check.expect {
        Expect::Spreads(spread) => spread.shares.as_slice(),
        Expect::Arrives(_) | Expect::Lost | Expect::Rejected(_) => &[],
    };
    ProbeResult {
        to: probe.to,
        protocol: match check.protocol() {
            Protocol::Echo => "icmp".to_owned(),
            Protocol::Tcp(port) => format!("tcp {port}"),
            Protocol::Udp(port) => format!("udp {port}"),
        },
        sent: probe.judged(check).len(),
        answered: probe.answered(check).count(),
        rtt_ms: rtt.map(milliseconds),
        ttl: back.and_then(|back| back.taken_in(check.from.node)),
        answered_by: is_anycast(lab, probe.to)
            .then(|| trail(Leg::Forth)?.arrivals().last().map(|last| last.node))
            .flatten()
            .filter(|_| best.is_some_and(|best| best.answered.is_some()))
            .map(|node| lab[node].name.to_string()),
        path: visits(Leg::Forth),
        back: visits(Leg::Back),
        seen: seen(Leg::Forth),
        seen_back: seen(Leg::Back),
        servers: best.into_iter().flat_map(|best| &best.servers).filter_map(server(lab)).collect(),
        flows: flows
            .iter()
            .map(|share| Flows {
                node: lab[share.node].name.to_string(),
                count: probe.through(check, share.node),
            })
            .collect(),
        errors: errors.collect(),
        responders: probe
            .inquiry
            .iter()
            .flat_map(|inquiry| inquiry.responders())
            .map(|(mac, node)| Responder {
                mac: unique::print(mac),
                node: node.map(|node| lab[node].name.to_string()),
            })
            .collect(),
        strangers: probe.strangers.clone(),
        refusal: probe.refusal.as_ref().map(|error| error.to_string()),
        lookup: None,
    }
}

/// Who answers at a node, where anybody does.
fn server(lab: &Lab) -> impl Fn(&(NodeId, Serving)) -> Option<ServerResult> {
    |(node, serving)| {
        let (opened, process) = match serving {
            Serving::Opened => (true, None),
            Serving::Found(process) => (false, process.clone()),
            Serving::Missing | Serving::Awaited(_) | Serving::Ended(_) | Serving::Failed(_) => {
                return None;
            }
        };
        let (pid, command) = process.map(|it| (it.pid, it.command)).unzip();
        Some(ServerResult { node: lab[*node].name.to_string(), opened, pid, command })
    }
}

/// A time in milliseconds, to the microsecond.
pub(super) fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}
