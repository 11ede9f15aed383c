//! From what became of the probes to the result of a check.

use super::diagnosis;
use super::path::{Leg, Trail};
use super::probe::Probe;
use super::report::{CheckResult, ProbeResult};
use super::run::Run;
use crate::compile::{Check, Expect, Lab, Target};

/// The result of a check that holds.
pub(super) fn held(run: &Run<'_>, place: usize) -> CheckResult {
    result(run, place, None, Vec::new())
}

/// The result of a check that is judged when all is over: one that has failed, or whose probes must
/// not arrive. `held` says which of the others hold.
pub(super) fn remaining(run: &Run<'_>, place: usize, held: &[bool]) -> CheckResult {
    let check = &run.checks[place];
    match check.expect {
        Expect::Arrives => {
            let (reason, explanation) = diagnosis::explain(run, place);
            result(run, place, Some(reason), explanation)
        }
        Expect::Lost => {
            if let Some(probe) = probes(run, place).find(|probe| probe.came_through(run.lab, check))
            {
                let (reason, explanation) = diagnosis::explain_leak(run, check, probe);
                return result(run, place, Some(reason), explanation);
            }
            let is_vouched_for = run.checks.iter().zip(held).any(|(other, &held)| {
                held && other.expect == Expect::Arrives && other.from == check.from
            });
            if is_vouched_for {
                return self::held(run, place);
            }
            let sender = sender(run.lab, check);
            let reason = format!("nothing shows that {sender} can send at all");
            let advice = format!(
                "Nothing arrived, but no `{sender} -> …` holds either, so this proves nothing: a \
                 lab that is down would do as well. Put a check beside it that {sender} reaches \
                 somebody."
            );
            result(run, place, Some(reason), vec![advice])
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
    }
}

fn result(
    run: &Run<'_>,
    place: usize,
    reason: Option<String>,
    explanation: Vec<String>,
) -> CheckResult {
    let check = &run.checks[place];
    CheckResult {
        check: check.text.clone(),
        ok: reason.is_none(),
        reason,
        explanation,
        probes: probes(run, place).map(|probe| probe_result(run.lab, check, probe)).collect(),
    }
}

fn probe_result(lab: &Lab, check: &Check, probe: &Probe) -> ProbeResult {
    let best = probe.best(lab, check);
    let visits = |leg| {
        best.map(|attempt| Trail::new(lab, &attempt.sightings, leg).visits()).unwrap_or_default()
    };
    let refusal = probe.refusal.iter().map(|error| format!("not sent: {error}"));
    let errors = probe.errors.iter().map(|(from, error)| format!("{error} from {from}"));
    let strangers = probe.strangers.iter().map(|from| format!("an answer from {from}"));
    ProbeResult {
        to: probe.to,
        sent: probe.attempts.len(),
        rtt_ms: best
            .and_then(|attempt| attempt.rtt(lab, check))
            .map(|rtt| (rtt.as_secs_f64() * 1e6).round() / 1e3),
        path: visits(Leg::Forth),
        back: visits(Leg::Back),
        errors: refusal.chain(errors).chain(strangers).collect(),
    }
}
