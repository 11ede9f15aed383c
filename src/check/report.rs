//! What came of the checks, for people and programs.

use super::tunnel::Tunnel;
use crate::diagnostic::Label;
use crate::verify::{Cause, Deviation};
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
    /// In what the lab differs from what was built, where that was looked into.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deviations: Vec<Deviation>,
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
    /// The deviations from what was built, and the changes since, but for which it would hold.
    #[serde(flatten)]
    pub cause: Cause,
    /// Whether a packet of it was lost, and nothing that was seen says why.
    #[serde(skip)]
    pub is_lost: bool,
    /// The place in the file that decides.
    #[serde(skip)]
    pub decided_by: Option<Label>,
    /// What was sent, one per address.
    pub probes: Vec<ProbeResult>,
}

/// What became of a probe to one address.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProbeResult {
    /// To whom.
    pub to: IpAddr,
    /// `icmp`, `tcp 80`, `udp 53`.
    pub protocol: String,
    /// How often it was sent.
    pub sent: usize,
    /// How often it was answered.
    pub answered: usize,
    /// From sending to the answer, in milliseconds; the median where several are judged together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtt_ms: Option<f64>,
    /// The time to live with which the answer was taken in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u8>,
    /// The nodes that it came to, in order.
    pub path: Vec<Visit>,
    /// The nodes that its answer came to.
    pub back: Vec<Visit>,
    /// Who took what came to the port, at each node that has the address.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub servers: Vec<ServerResult>,
    /// Who answered, of several that have its address as anycast.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered_by: Option<String>,
    /// Where it was seen, in order.
    #[serde(skip)]
    pub seen: Vec<Seen>,
    /// Where its answer was seen.
    #[serde(skip)]
    pub seen_back: Vec<Seen>,
    /// How many flows went through each node that should have a share of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flows: Vec<Flows>,
    /// The ICMP errors that came back, each once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<IcmpAnswer>,
    /// Who answered for the address on its link, where the check asks for that.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub responders: Vec<Responder>,
    /// Others that answered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub strangers: Vec<IpAddr>,
    /// Why the sender's kernel did not send it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// Where the check failed, what the sender's kernel says that it does with such a packet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lookup: Option<RouteAnswer>,
}

/// Who takes what comes to a port of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServerResult {
    /// The node.
    pub node: String,
    /// Whether the port was opened for the check.
    pub opened: bool,
    /// The number of the process of a server that was there, where it can be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Its command line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

/// Who answered for an address on its link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Responder {
    /// The hardware address.
    pub mac: String,
    /// The node that has it, where one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
}

/// How many flows went through a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Flows {
    /// The node.
    pub node: String,
    /// How many.
    pub count: usize,
}

/// An ICMP error that came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IcmpAnswer {
    /// Who sent it.
    pub from: IpAddr,
    /// What a check calls it, where it has a word for it.
    pub error: Option<String>,
    /// The ICMP type.
    #[serde(rename = "type")]
    pub kind: u8,
    /// The ICMP code.
    pub code: u8,
    /// The size in bytes that would have fitted, where it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
}

/// The answer of a kernel that was asked for a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum RouteAnswer {
    /// A way on.
    Way {
        /// Whether the address is the node's own.
        local: bool,
        /// The table of the route.
        #[serde(skip_serializing_if = "Option::is_none")]
        table: Option<u32>,
        /// The interface that it leaves through.
        interface: String,
        /// The next router.
        #[serde(skip_serializing_if = "Option::is_none")]
        gateway: Option<IpAddr>,
        /// The labels it leaves with, the outermost first.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        labels: Vec<u32>,
    },
    /// None.
    Error {
        /// In the kernel's words.
        error: String,
    },
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
    /// The tunnels that it was in, the outermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tunnels: Vec<Tunnel>,
}

/// A packet at an interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// The node.
    pub node: String,
    /// The interface.
    pub interface: String,
    /// Which way it was going: `in`, `out`, or `passing` where it was meant for somebody else.
    pub direction: &'static str,
    /// Its labels, the outermost first.
    pub labels: Vec<u32>,
    /// The tunnels that it was in, the outermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tunnels: Vec<Tunnel>,
    /// Its time to live, behind labels and tunnels.
    pub ttl: u8,
}

impl Report {
    /// Counts the results.
    pub(super) fn of(results: Vec<CheckResult>) -> Self {
        let passed = results.iter().filter(|result| result.ok).count();
        let failed = results.len() - passed;
        Self { results, passed, failed, deviations: Vec::new() }
    }

    /// Whether every check holds.
    pub fn ok(&self) -> bool {
        self.failed == 0
    }
}
