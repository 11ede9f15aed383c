//! Which checks survive that a link fails.

use super::judge::Judge;
use super::report::Word;
use super::verdict::{Judgement, Verdict};
use super::words::NO_OUTCOME;
use crate::compile::{Lab, NodeId};
use crate::forward::Network;
use crate::iproute::NeighbourEntry;
use crate::plan::{PlanError, lower};
use serde::Serialize;
use std::collections::BTreeSet;

/// An interface, or a VRF device, that goes down.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FailingPort {
    /// The node.
    pub node: NodeId,
    /// The device.
    pub device: String,
}

/// What single failures do to the checks of a lab that hold without one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Survival {
    /// How many failures were tried, each alone.
    pub failures: usize,
    /// How many of them every check survives.
    pub survived: usize,
    /// The others.
    pub broken: Vec<Failure>,
}

/// A failure that some checks do not survive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The node whose device goes down.
    pub node: String,
    /// The device.
    pub interface: String,
    /// The checks that do not hold then, or of which the model cannot say.
    pub checks: Vec<BrokenCheck>,
}

/// A check that does not survive a failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BrokenCheck {
    /// The check as it is written.
    pub check: String,
    /// `refuted` or `unknown`.
    pub verdict: Word,
    /// Why, in one line.
    pub reason: String,
}

impl FailingPort {
    /// Both ends of every link, each of which can fail.
    pub fn all(lab: &Lab) -> Vec<Self> {
        let ends = lab.links.iter().flat_map(|link| link.ends);
        ends.map(|(node, interface)| {
            let device = lab[node].interfaces[interface.0].name.to_string();
            Self { node, device }
        })
        .collect()
    }
}

impl Survival {
    /// Brings each of these devices down alone, as `vrflab link NODE:IF down` does, and judges the checks
    /// that hold when all are up. Routes are not led round what has failed.
    ///
    /// # Errors
    /// The lab is no plan.
    pub fn of(lab: &Lab, whole: &Network<'_>, ports: &[FailingPort]) -> Result<Self, PlanError> {
        let judge = Judge::new(lab, whole);
        let judgements = lab.checks.iter().map(|check| judge.judge(check)).enumerate();
        let proved = judgements.filter(|(_, judgement)| *judgement.verdict() == Verdict::Proved);
        let proved: Vec<(usize, BTreeSet<NodeId>)> =
            proved.map(|(place, judgement)| (place, judge.visited(&judgement))).collect();
        let is_local = is_local(lab);
        let mut failing = lab.clone();
        let mut broken = Vec::new();
        for port in ports {
            let ends = if is_local { ends(lab, port) } else { None };
            let affected = proved
                .iter()
                .filter(|(_, visited)| ends.as_ref().is_none_or(|ends| !ends.is_disjoint(visited)));
            let affected: Vec<usize> = affected.map(|(place, _)| *place).collect();
            let checks = match affected.is_empty() {
                true => Vec::new(),
                false => without(&mut failing, port, &affected)?,
            };
            if !checks.is_empty() {
                let node = lab[port.node].name.to_string();
                broken.push(Failure { node, interface: port.device.clone(), checks });
            }
        }
        Ok(Self { failures: ports.len(), survived: ports.len() - broken.len(), broken })
    }
}

/// Those of some checks that do not hold while a device is down. The lab is left as it was.
fn without(
    lab: &mut Lab,
    port: &FailingPort,
    checks: &[usize],
) -> Result<Vec<BrokenCheck>, PlanError> {
    let set = |lab: &mut Lab, up: bool| {
        let device = lab[port.node].adjustable(&port.device);
        device.map(|device| std::mem::replace(device.up, up))
    };
    let before = set(lab, false);
    let broken = lower(lab).map(|plan| {
        let network = Network::of_plan(&plan);
        let judge = Judge::new(lab, &network);
        let judgements = checks.iter().map(|place| judge.judge(&lab.checks[*place]));
        judgements.filter_map(|judgement| judge.broken(&judgement)).collect()
    });
    if let Some(before) = before {
        set(lab, before);
    }
    broken
}

impl<'a> Judge<'_, 'a> {
    fn broken(&self, judgement: &Judgement<'_, 'a>) -> Option<BrokenCheck> {
        let reason = match judgement.verdict() {
            Verdict::Proved => return None,
            Verdict::Refuted(refutation) => self.reason(judgement.check, refutation),
            Verdict::Unknown { at, why } => self.doubt(at, *why),
            Verdict::NoOutcome => NO_OUTCOME.to_owned(),
        };
        let verdict = Word::of(judgement.verdict());
        Some(BrokenCheck { check: judgement.check.text.clone(), verdict, reason })
    }

    /// The nodes that packets of a check come to.
    fn visited(&self, judgement: &Judgement<'_, 'a>) -> BTreeSet<NodeId> {
        let exchanges = judgement.probes.iter().flat_map(|probe| &probe.exchanges);
        exchanges
            .flat_map(|exchange| exchange.outcomes())
            .flat_map(|outcome| &outcome.hops)
            .filter_map(|hop| self.node(hop.namespace))
            .chain([judgement.check.from.node])
            .collect()
    }
}

/// The nodes at the link of a device: what happens elsewhere does not depend on it. Nothing where frames
/// go on from there, so that it matters to nodes beyond.
fn ends(lab: &Lab, port: &FailingPort) -> Option<BTreeSet<NodeId>> {
    let far = lab[port.node].interface(&port.device).and_then(|it| lab.peer(port.node, it));
    let ends =
        BTreeSet::from_iter([Some(port.node), far.map(|(far, _)| far)].into_iter().flatten());
    let passes_frames = |node: &NodeId| lab[*node].interfaces.iter().any(|it| it.kind.is_bridge());
    (!ends.iter().any(passes_frames)).then_some(ends)
}

/// Whether what a node does is a matter of its own and of its links: no node answers for the addresses of
/// others, which depends on its routes.
fn is_local(lab: &Lab) -> bool {
    lab.nodes.iter().all(|node| {
        let mut sysctls = node.early_sysctls.iter().chain(&node.late_sysctls);
        let mut neighbours = node.neighbours.iter();
        !sysctls.any(|sysctl| sysctl.value.key.ends_with("/proxy_arp"))
            && !neighbours.any(|it| matches!(it.value.entry, NeighbourEntry::Proxy))
    })
}
