//! What there is to say of a question.

use super::lookups::RoundTripLookups;
use crate::check::Seen;
use crate::diagnostic::{self, Label, Source};
use crate::kernel::{KernelDrop, KernelLookup};
use crate::verify::{Cause, Deviation, RoundTrip};
use serde::Serialize;
use serde_json::{Value, json};
use std::net::IpAddr;

/// The answer to a question, as a check writes it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// The lab's name.
    pub lab: String,
    /// The question.
    pub check: String,
    /// Whether the check holds: of a lab that stands by what was sent, of a file by the model; nothing where the
    /// model cannot say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ok: Option<bool>,
    /// Why it does not hold, or is not known, in one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// More of that, a sentence or two each, and what mends it.
    pub explanation: Vec<String>,
    /// The first place where intention, the state of the kernels and what was seen part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parting: Option<String>,
    /// The deviations from what was built but for which it would hold.
    #[serde(flatten)]
    pub cause: Cause,
    /// The place in the file that decides.
    #[serde(skip)]
    pub decided_by: Option<Label>,
    /// What becomes of the packets, one per address that is sent to.
    pub probes: Vec<ProbeExplanation>,
    /// What the nodes on the way counted meanwhile that does not go on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub counted: Vec<Counted>,
    /// What the kernel said meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<Trace>,
    /// All in which the lab differs from what was built.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deviations: Vec<Deviation>,
}

/// What becomes of a packet to one address.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProbeExplanation {
    /// To whom.
    pub to: IpAddr,
    /// By the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_file: Option<RoundTrip>,
    /// By the state that the kernels have, of a lab that stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_state: Option<RoundTrip>,
    /// By the lookups of the kernels, of a lab that stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_lookups: Option<RoundTripLookups>,
    /// Where it was seen, of a lab that stands.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub seen: Vec<Seen>,
    /// Where its answer was seen.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub seen_back: Vec<Seen>,
}

/// A counter of errors that went up while the packets were on their way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// The node.
    pub node: String,
    /// The counter, as `nstat` calls it, or a device's, as in `eth0 rx dropped`.
    pub counter: String,
    /// By how much.
    pub by: u64,
}

/// What the kernel said while the packets were on their way, of all packets on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Trace {
    /// It said this.
    Heard {
        /// The packets that it dropped.
        drops: Vec<KernelDrop>,
        /// The routes that it looked up for packets between these ends.
        lookups: Vec<KernelLookup>,
    },
    /// It could not be listened to.
    Unheard {
        /// Why not.
        unavailable: String,
    },
}

impl Explanation {
    /// The same for programs.
    pub fn json(&self, file: &Source) -> Value {
        let mut value = json!(self);
        if let Some(label) = diagnostic::json::labels(&self.decided_by, file).pop() {
            value["decided_by"] = label;
        }
        value
    }
}

impl ProbeExplanation {
    /// The way that is known best.
    pub fn found(&self) -> Option<&RoundTrip> {
        self.by_state.as_ref().or(self.by_file.as_ref())
    }
}
