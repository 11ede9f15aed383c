//! A check: a line that says what must hold, and its parts.

use super::lab::{Lab, Node, NodeId};
use crate::diagnostic::Span;
use crate::document::DeviceName;
use crate::iproute::Label;
use std::fmt;
use std::net::IpAddr;

/// A check whose names are all known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Where it stands in the file.
    pub span: Span,
    /// The line in its canonical spelling.
    pub text: String,
    /// Who sends.
    pub from: Sender,
    /// Whether the probe must arrive or must not.
    pub expect: Expect,
    /// To whom.
    pub to: Target,
    /// `via`: the nodes that the probe visits, in order, without the two ends; switches do not count.
    pub via: Option<Vec<Hop>>,
    /// `back via`: the same of the answer.
    pub back: Option<Vec<Hop>>,
}

/// Who sends a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// The node.
    pub node: NodeId,
    /// The VRF device that the socket is bound to.
    pub vrf: Option<DeviceName>,
}

/// What must become of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// It arrives and its answer comes back.
    Arrives,
    /// It does not arrive, or, to a bare address, no answer comes back.
    Lost,
}

/// Where a probe goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// To a node, by these addresses of it; arrival is judged in that node's namespace.
    Node {
        /// The node.
        node: NodeId,
        /// The VRF that the addresses are in.
        vrf: Option<DeviceName>,
        /// At least one.
        addresses: Vec<IpAddr>,
    },
    /// To an address, whoever has it; only the answer is judged.
    Address(IpAddr),
}

/// A node on a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// The node.
    pub node: NodeId,
    /// The label stack that the packet arrives with, the outermost first, where the check says it;
    /// `p[]` says none.
    pub labels: Option<Vec<Label>>,
}

impl Lab {
    /// The node that a check's target names.
    pub fn target_node(&self, target: &Target) -> Option<&Node> {
        match target {
            Target::Node { node, .. } => Some(&self[*node]),
            Target::Address(_) => None,
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
