//! What the model says of a check.

use crate::compile::{Answerer, Arrival, Check, Expect, NodeId};
use crate::forward::{Exchange, Outcome, Unmodelled};
use std::net::IpAddr;

/// What the model says of a check.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement<'n, 'a> {
    /// The check.
    pub check: &'n Check,
    /// What it says of each address that is probed.
    pub probes: Vec<ProbeJudgement<'a>>,
}

/// What the model says of the probes to one address.
#[derive(Debug, Clone, PartialEq)]
pub struct ProbeJudgement<'a> {
    /// The address.
    pub to: IpAddr,
    /// All that can become of a probe and its answer.
    pub exchanges: Vec<Exchange<'a>>,
    /// Whether that is what the check wants.
    pub verdict: Verdict<'a>,
}

/// Whether a check holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict<'a> {
    /// For every flow.
    Proved,
    /// Some flow contradicts it.
    Refuted(Box<Refutation<'a>>),
    /// The model cannot say.
    Unknown {
        /// The namespace where it does not know what happens.
        at: &'a str,
        /// What it does not know.
        why: Unmodelled,
    },
    /// The model has nothing that becomes of its probe.
    NoOutcome,
}

/// What contradicts a check.
#[derive(Debug, Clone, PartialEq)]
pub struct Refutation<'a> {
    /// In which way.
    pub fault: Fault,
    /// What becomes of the request.
    pub request: Outcome<'a>,
    /// What becomes of the answer, where that is what contradicts it.
    pub reply: Option<Outcome<'a>>,
}

/// In which way what happens is not what a check wants.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fault {
    /// The request does not arrive.
    RequestLost,
    /// It arrives at another node, or in another VRF.
    RequestElsewhere,
    /// It goes another way.
    RequestPath,
    /// It is not answered.
    NoReply,
    /// The answer does not arrive.
    ReplyLost,
    /// It arrives at another node.
    ReplyElsewhere,
    /// It goes another way.
    ReplyPath,
    /// It arrives with another TTL.
    ReplyTtl {
        /// The one that the check wants.
        wanted: u8,
    },
    /// A node has another share of the flows.
    Uneven {
        /// The node.
        node: NodeId,
        /// The share that it has.
        share: f64,
        /// The share that the check wants.
        wanted: f64,
    },
    /// The request arrives, and must not.
    Arrives,
    /// It is answered, and must not be.
    Answered,
    /// No ICMP error, or another one, comes back.
    OtherError,
}

impl<'a> Judgement<'_, 'a> {
    /// What it says of the check: it is refuted if one of its probes is, and proved if all are.
    pub fn verdict(&self) -> &Verdict<'a> {
        let verdicts = || self.probes.iter().map(|probe| &probe.verdict);
        verdicts()
            .find(|verdict| matches!(verdict, Verdict::Refuted(_)))
            .or_else(|| {
                verdicts()
                    .find(|verdict| matches!(verdict, Verdict::Unknown { .. } | Verdict::NoOutcome))
            })
            .unwrap_or(&Verdict::Proved)
    }
}

impl<'a> Refutation<'a> {
    /// What contradicts the check: the answer's outcome, or the request's.
    pub fn outcome(&self) -> &Outcome<'a> {
        self.reply.as_ref().unwrap_or(&self.request)
    }
}

/// The options of a check that a model cannot judge, since they ask for times, for losses, or for what
/// listens.
pub fn not_judged(check: &Check) -> Vec<&'static str> {
    match &check.expect {
        Expect::Spreads(_) | Expect::Lost | Expect::Rejected(_) => Vec::new(),
        Expect::Arrives(arrival) => {
            let Arrival { answerer, unique, via: _, back: _, ttl: _, rtt, loss } = arrival;
            let answerer = match answerer {
                Answerer::Anyone => None,
                Answerer::Server => Some("served"),
                Answerer::Refusal => Some("refused"),
            };
            let others = [
                ("unique", *unique),
                ("rtt", rtt.is_some()),
                ("loss", loss.is_some()),
                ("data", check.sends.transfer.is_some()),
            ];
            let others = others.into_iter().filter(|(_, is)| *is).map(|(word, _)| word);
            answerer.into_iter().chain(others).collect()
        }
    }
}
