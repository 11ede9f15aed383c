//! What came of the checks, for people and programs.

use super::culprits::{Cause, Culprits};
use super::deviation::Deviation;
use super::judge::Judge;
use super::standing::{Standing, end_of};
use super::verdict::{Judgement, ProbeJudgement, Refutation, Verdict, not_judged};
use super::words::{NO_OUTCOME, left_out};
use crate::compile::{Check, Lab};
use crate::diagnostic::{self, Label, Source};
use crate::forward::{
    Absent, DropReason, End, Evidence, Hop, IcmpKind, Network, Outcome, Outcomes, Unmodelled,
};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

/// What the model says of all checks of a lab.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The lab's name.
    pub lab: String,
    /// A result per check, in the checks' order.
    #[serde(rename = "checks")]
    pub results: Vec<CheckResult>,
    /// How many are proved.
    pub proved: usize,
    /// How many are refuted.
    pub refuted: usize,
    /// Of how many the model cannot say.
    pub unknown: usize,
    /// What checks ask for beside that and is not judged, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out: Option<String>,
    /// Of a lab that stands, all in which its kernel differs from what was built.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deviations: Option<Vec<Deviation>>,
}

/// What the model says of one check.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckResult {
    /// The check as it is written.
    pub check: String,
    /// Whether it holds.
    pub verdict: Word,
    /// Why it does not hold, or why the model cannot say, in one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The place in the file that decides.
    #[serde(skip)]
    pub decided_by: Option<Label>,
    /// The options that are not judged: `rtt`, `loss`, `unique`, `served`, `refused`, `data`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_judged: Vec<&'static str>,
    /// What is sent, one per address.
    pub probes: Vec<ProbeResult>,
    /// For people: the walk of what contradicts it, a line per hop.
    #[serde(skip)]
    pub walks: Vec<String>,
    /// Where a packet of it ends because nobody on the link has an address, and whether it is its answer.
    #[serde(skip)]
    pub unresolved: Option<(String, bool)>,
    /// Of a lab that stands, the deviations from what was built and the changes but for which it would hold.
    #[serde(flatten)]
    pub cause: Cause,
    /// What to write into the file, where it lacks a route.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// A verdict's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Word {
    /// It holds for every flow.
    Proved,
    /// Some flow contradicts it.
    Refuted,
    /// The model cannot say.
    Unknown,
}

/// What becomes of a probe to one address.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProbeResult {
    /// To whom.
    pub to: IpAddr,
    /// Whether that is what the check wants.
    pub verdict: Word,
    /// All that can become of it.
    pub outcomes: Vec<ExchangeResult>,
}

/// What becomes of a request and its answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExchangeResult {
    /// The request's walk.
    pub request: Walk,
    /// The walks of its answer, or of an ICMP error; none where nothing comes back.
    pub replies: Arc<Vec<Walk>>,
}

/// What becomes of a packet.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Walk {
    /// Which part of all flows fares so; of an answer, which part of those of its request.
    pub share: f64,
    /// How it ends.
    pub end: EndKind,
    /// The node where it ends; none where the sender refuses to send it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// The VRF that it is taken in by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vrf: Option<String>,
    /// The ICMP error as checks name it, or why it ends there, or what is not known, in a word such as
    /// `no-route`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<Why>,
    /// The MTU that an ICMP error tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    /// The nodes that it comes to, the sender first.
    pub path: Vec<Visit>,
}

/// How a packet ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EndKind {
    /// A node takes it in.
    Delivered,
    /// A node answers it with an ICMP error.
    Rejected,
    /// The sender's kernel does not send it.
    Refused,
    /// It goes without a word.
    Dropped,
    /// It runs in a circle.
    Loop,
    /// The model does not know.
    Unknown,
}

/// Why a packet ends where it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Why {
    /// By this ICMP error.
    Error(#[serde(serialize_with = "in_words")] IcmpKind),
    /// For this.
    Drop(DropReason),
    /// This is not known.
    Unknown(Unmodelled),
}

fn in_words<S: Serializer>(kind: &IcmpKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(kind)
}

/// A packet at a node.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Visit {
    /// The node.
    pub node: String,
    /// The interface that it comes in through; none at the sender.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// The labels that it comes with, the outermost first.
    pub labels: Vec<u32>,
    /// The time to live that it comes with.
    pub ttl: u8,
    /// The devices that it leaves through, the last of them to the next node.
    pub out: Vec<String>,
}

impl ExchangeResult {
    /// The walks of the request and of its answers.
    pub fn walks(&self) -> impl Iterator<Item = &Walk> {
        std::iter::once(&self.request).chain(self.replies.iter())
    }
}

impl Report {
    /// Judges all checks of a lab.
    pub fn of(lab: &Lab, network: &Network<'_>) -> Self {
        let judge = Judge::new(lab, network);
        let results = lab.checks.iter().map(|check| judge.result(check, None));
        Self::by(lab, results.collect())
    }

    /// Judges all checks of a lab that stands by what its kernel holds.
    pub fn of_standing(lab: &Lab, standing: &Standing) -> Self {
        let results = results(lab, standing, &lab.checks);
        let deviations = Some(standing.deviations().to_vec());
        Self { deviations, ..Self::by(lab, results) }
    }

    fn by(lab: &Lab, results: Vec<CheckResult>) -> Self {
        let count = |word| results.iter().filter(|result| result.verdict == word).count();
        Self {
            lab: lab.name.to_string(),
            proved: count(Word::Proved),
            refuted: count(Word::Refuted),
            unknown: count(Word::Unknown),
            left_out: left_out(lab.checks.iter()),
            deviations: None,
            results,
        }
    }

    /// The same for programs. A refuted check has under `decided_by` a place in the file, as in the
    /// diagnostics of `validate --format json`, where one decides.
    pub fn json(&self, file: &Source) -> Value {
        let mut value = json!(self);
        let labels = self.results.iter().enumerate();
        let labels =
            labels.filter_map(|(place, result)| Some((place, result.decided_by.as_ref()?)));
        let (places, labels): (Vec<usize>, Vec<&Label>) = labels.unzip();
        for (place, label) in places.into_iter().zip(diagnostic::json::labels(labels, file)) {
            value["checks"][place]["decided_by"] = label;
        }
        value
    }

    /// Whether no check is refuted.
    pub fn ok(&self) -> bool {
        self.refuted == 0
    }
}

/// Judges checks of a lab that stands by what its kernel holds.
pub fn results<'c>(
    lab: &Lab,
    standing: &Standing,
    checks: impl IntoIterator<Item = &'c Check>,
) -> Vec<CheckResult> {
    let network = standing.network();
    let judge = Judge::of_standing(lab, &network, standing);
    let mut culprits = Culprits::of(lab, standing);
    checks.into_iter().map(|check| judge.result(check, Some(&mut culprits))).collect()
}

impl<'a> Judge<'_, 'a> {
    /// The result of one check.
    pub(crate) fn result(&self, check: &Check, culprits: Option<&mut Culprits<'_>>) -> CheckResult {
        self.result_of(&self.judge(check), culprits)
    }

    /// The result of a check that was judged.
    pub(crate) fn result_of(
        &self,
        judgement: &Judgement<'_, 'a>,
        culprits: Option<&mut Culprits<'_>>,
    ) -> CheckResult {
        let check = judgement.check;
        let verdict = judgement.verdict();
        let (reason, refutation) = match verdict {
            Verdict::Proved => (None, None),
            Verdict::Refuted(refutation) => {
                (Some(self.reason(check, refutation)), Some(refutation))
            }
            Verdict::Unknown { at, why } => (Some(self.doubt(at, *why)), None),
            Verdict::NoOutcome => (Some(NO_OUTCOME.to_owned()), None),
        };
        let cause = match culprits {
            Some(culprits) => {
                let exchanges = judgement.probes.iter().flat_map(|probe| &probe.exchanges);
                let walks = exchanges.flat_map(|it| it.outcomes());
                let hops = walks.flat_map(|outcome| &outcome.hops);
                let way: BTreeSet<&str> = hops.map(|hop| self.name(hop.namespace)).collect();
                culprits.find(check, Word::of(verdict), &way)
            }
            None => Cause::default(),
        };
        // What is not as it was built, or was changed since, is no fault of the file.
        let is_built = refutation.filter(|_| cause.is_empty());
        let decided_by = is_built.map_or_else(
            || self.undone(&cause.deviations),
            |refutation| self.deciding(check, refutation),
        );
        CheckResult {
            check: check.text.clone(),
            verdict: Word::of(verdict),
            reason,
            decided_by,
            not_judged: not_judged(check),
            probes: judgement.probes.iter().map(|probe| self.probe_result(probe)).collect(),
            walks: refutation.map(|it| self.walks(it)).unwrap_or_default(),
            unresolved: refutation.and_then(|it| self.unresolved(it)),
            advice: is_built.and_then(|refutation| self.advice(check, refutation)),
            cause,
        }
    }

    /// Where what contradicts a check ends for want of a neighbour, and whether it is an answer.
    fn unresolved(&self, refutation: &Refutation<'a>) -> Option<(String, bool)> {
        let outcome = refutation.outcome();
        let is_it = |it: &Evidence<'_>| *it == Evidence::Absent(Absent::Neighbour);
        let at = end_of(outcome).filter(|_| outcome.evidence.iter().any(is_it))?;
        Some((self.name(at).to_owned(), refutation.reply.is_some()))
    }

    fn probe_result(&self, probe: &ProbeJudgement<'a>) -> ProbeResult {
        // Requests that are answered alike share the walks of their answers.
        let mut known: HashMap<*const Outcomes<'a>, Arc<Vec<Walk>>> = HashMap::new();
        let outcomes = probe.exchanges.iter().map(|exchange| {
            let walks = || Arc::new(exchange.reply.iter().map(|it| self.walk_of(it)).collect());
            let replies = known.entry(Arc::as_ptr(&exchange.reply)).or_insert_with(walks);
            ExchangeResult {
                request: self.walk_of(&exchange.request),
                replies: Arc::clone(replies),
            }
        });
        let verdict = Word::of(&probe.verdict);
        ProbeResult { to: probe.to, verdict, outcomes: outcomes.collect() }
    }

    pub(super) fn walk_of(&self, outcome: &Outcome<'a>) -> Walk {
        let (end, at, why) = match &outcome.end {
            End::Delivered { namespace, .. } => (EndKind::Delivered, Some(*namespace), None),
            End::Rejected { by, error, .. } => {
                (EndKind::Rejected, Some(*by), Some(Why::Error(error.kind)))
            }
            End::Refused { reason } => (EndKind::Refused, None, Some(Why::Drop(*reason))),
            End::Dropped { at, reason } => (EndKind::Dropped, Some(*at), Some(Why::Drop(*reason))),
            End::Loop { at } => (EndKind::Loop, Some(*at), None),
            End::Unknown { at, why } => (EndKind::Unknown, Some(*at), Some(Why::Unknown(*why))),
        };
        let (vrf, mtu) = match &outcome.end {
            End::Delivered { vrf, .. } => (vrf.map(str::to_owned), None),
            End::Rejected { error, .. } => (None, error.mtu),
            End::Refused { .. } | End::Dropped { .. } | End::Loop { .. } | End::Unknown { .. } => {
                (None, None)
            }
        };
        let at = at.map(|at| self.name(at).to_owned());
        let path = outcome.hops.iter().map(|hop| self.visit(hop)).collect();
        Walk { share: outcome.share, end, at, vrf, why, mtu, path }
    }

    fn visit(&self, hop: &Hop<'a>) -> Visit {
        Visit {
            node: self.name(hop.namespace).to_owned(),
            interface: hop.device.map(str::to_owned),
            labels: hop.labels.clone(),
            ttl: hop.ttl,
            out: hop.out.iter().map(|device| (*device).to_owned()).collect(),
        }
    }
}

impl Word {
    pub(super) fn of(verdict: &Verdict<'_>) -> Self {
        match verdict {
            Verdict::Proved => Word::Proved,
            Verdict::Refuted(_) => Word::Refuted,
            Verdict::Unknown { .. } | Verdict::NoOutcome => Word::Unknown,
        }
    }
}
