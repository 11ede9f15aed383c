//! What a kernel holds of a lab, and how it differs from what the plan says.

use super::{Op, Plan, RuleChange};
use std::collections::BTreeSet;

/// The state of namespaces, said in the steps that would make it.
///
/// What the kernel makes by itself (connected routes, link-local addresses, its own rules) is no
/// part of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Observed {
    /// The steps that would make what is there.
    pub ops: BTreeSet<Op>,
}

/// One thing in which a kernel differs from a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// The plan makes it, and it is not there.
    Missing(Op),
    /// It is there, and the plan does not make it.
    Extra(Op),
}

/// In what `observed` differs from what `plan` makes.
pub fn differences(plan: &Plan, observed: &Observed) -> Vec<Difference> {
    let planned: BTreeSet<Op> = plan.steps().filter_map(|step| expected(&step.op)).collect();
    let missing = planned.difference(&observed.ops).cloned().map(Difference::Missing);
    let extra = observed.ops.difference(&planned).cloned().map(Difference::Extra);
    missing.chain(extra).collect()
}

/// What a step leaves in the kernel. Two spellings of one state become one here: the ends of a veth
/// pair have no order, and a rule that was deleted is not there.
fn expected(op: &Op) -> Option<Op> {
    match op {
        Op::Veth { ends } => {
            let mut ends = ends.clone();
            ends.sort();
            Some(Op::Veth { ends })
        }
        Op::Rule { change: RuleChange::Delete, .. } => None,
        Op::Namespace { .. }
        | Op::Sysctl { .. }
        | Op::Vrf { .. }
        | Op::Bridge { .. }
        | Op::Dummy { .. }
        | Op::Enslave { .. }
        | Op::Up { .. }
        | Op::Address { .. }
        | Op::Rule { change: RuleChange::Add, .. }
        | Op::Route { .. }
        | Op::LabelRoute { .. } => Some(op.clone()),
    }
}
