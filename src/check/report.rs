//! What came of the checks, for people and programs.

use serde::Serialize;
use std::net::IpAddr;

/// What came of all checks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// A result per check, in the checks' order.
    #[serde(rename = "checks")]
    pub results: Vec<CheckResult>,
    /// How many hold.
    pub passed: usize,
    /// How many do not.
    pub failed: usize,
}

/// What came of one check.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckResult {
    /// The check as it is written.
    pub check: String,
    /// Whether it holds.
    pub ok: bool,
    /// Why not, in one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What was sent, how far it came, and what the kernel says of it: a sentence or two each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub explanation: Vec<String>,
    /// What was sent, one per address.
    pub probes: Vec<ProbeResult>,
}

/// What became of a probe to one address.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProbeResult {
    /// To whom.
    pub to: IpAddr,
    /// How often it was sent.
    pub sent: usize,
    /// From sending to the answer, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtt_ms: Option<f64>,
    /// The nodes that it came to, in order.
    pub path: Vec<Visit>,
    /// The nodes that its answer came to.
    pub back: Vec<Visit>,
    /// What else came back.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
}

/// An arrival at a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Visit {
    /// The node.
    pub node: String,
    /// The interface it came in through.
    pub interface: String,
    /// The labels it arrived with, the outermost first.
    pub labels: Vec<u32>,
}

impl Report {
    /// Counts the results.
    pub(super) fn of(results: Vec<CheckResult>) -> Self {
        let passed = results.iter().filter(|result| result.ok).count();
        let failed = results.len() - passed;
        Self { results, passed, failed }
    }

    /// Whether every check holds.
    pub fn ok(&self) -> bool {
        self.failed == 0
    }
}
