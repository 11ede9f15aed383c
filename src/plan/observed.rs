//! What a kernel holds of a lab, and how it differs from what the plan says.

use super::{Op, Plan};
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
    let planned: BTreeSet<Op> = plan.steps().map(|step| ordered(step.op.clone())).collect();
    let chosen_macs: BTreeSet<(&str, &str)> = planned.iter().flat_map(with_mac).collect();
    let observed: BTreeSet<Op> =
        observed.ops.iter().map(|op| without_own_macs(op.clone(), &chosen_macs)).collect();
    let missing = planned.difference(&observed).cloned().map(Difference::Missing);
    let extra = observed.difference(&planned).cloned().map(Difference::Extra);
    missing.chain(extra).collect()
}

/// The ends of a pair have no order in the kernel.
fn ordered(mut op: Op) -> Op {
    if let Op::Veth { ends } = &mut op {
        ends.sort();
    }
    op
}

/// The devices, by namespace and name, whose MAC addresses a step chooses.
fn with_mac(op: &Op) -> Vec<(&str, &str)> {
    match op {
        Op::Veth { ends } => ends
            .iter()
            .filter(|end| end.mac.is_some())
            .map(|end| (end.namespace.as_str(), end.name.as_str()))
            .collect(),
        Op::Dummy { namespace, name, mac: Some(_), .. } => vec![(namespace, name)],
        Op::Dummy { mac: None, .. }
        | Op::Namespace { .. }
        | Op::Sysctl { .. }
        | Op::Vrf { .. }
        | Op::Bridge { .. }
        | Op::Enslave { .. }
        | Op::Up { .. }
        | Op::Address { .. }
        | Op::Rule { .. }
        | Op::Route { .. }
        | Op::LabelRoute { .. } => Vec::new(),
    }
}

/// Leaves out the MAC addresses that the kernel chose itself.
fn without_own_macs(mut op: Op, chosen: &BTreeSet<(&str, &str)>) -> Op {
    let forget = |namespace: &str, name: &str, mac: &mut Option<[u8; 6]>| {
        if !chosen.contains(&(namespace, name)) {
            *mac = None;
        }
    };
    match &mut op {
        Op::Veth { ends } => {
            for end in ends {
                forget(&end.namespace, &end.name, &mut end.mac);
            }
        }
        Op::Dummy { namespace, name, mac, .. } => forget(namespace, name, mac),
        Op::Namespace { .. }
        | Op::Sysctl { .. }
        | Op::Vrf { .. }
        | Op::Bridge { .. }
        | Op::Enslave { .. }
        | Op::Up { .. }
        | Op::Address { .. }
        | Op::Rule { .. }
        | Op::Route { .. }
        | Op::LabelRoute { .. } => {}
    }
    op
}
