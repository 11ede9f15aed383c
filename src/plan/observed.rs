//! What a kernel holds of a lab, and how it differs from what the plan says.

use super::{Device, Op, Plan, Qdisc};
use crate::link::Kind;
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
    let planned = plan.steps().map(|step| &step.op).filter(|op| is_observed(op));
    let planned: BTreeSet<Op> = planned.map(|op| as_kept(op.clone())).collect();
    let chosen: BTreeSet<(String, String)> = planned.iter().flat_map(with_mac).collect();
    let as_planned =
        |op: &Op| as_kept(without_own_mtu(without_own_macs(op.clone(), &chosen), &planned));
    let observed: BTreeSet<Op> = observed.ops.iter().map(as_planned).collect();
    let missing = planned.difference(&observed).cloned().map(Difference::Missing);
    let extra = observed.difference(&planned).cloned().map(Difference::Extra);
    missing.chain(extra).collect()
}

/// Whether a kernel can be asked what a step made. Programs are their users' own, and nft prints a
/// ruleset in other words than it was given.
fn is_observed(op: &Op) -> bool {
    match op {
        Op::Filter { .. } | Op::Etc { .. } | Op::Run { .. } => false,
        Op::Namespace { .. }
        | Op::Sysctl { .. }
        | Op::Veth { .. }
        | Op::Device { .. }
        | Op::Enslave { .. }
        | Op::BridgeVlan { .. }
        | Op::Qdisc { .. }
        | Op::NoOffload { .. }
        | Op::Up { .. }
        | Op::Address { .. }
        | Op::Rule { .. }
        | Op::NexthopObject { .. }
        | Op::Route { .. }
        | Op::LabelRoute { .. } => true,
    }
}

/// The step as the kernel shows it: the ends of a pair have no order there, and of a queue it keeps
/// less than it was told.
pub(super) fn as_kept(mut op: Op) -> Op {
    match &mut op {
        Op::Veth { ends } => ends.sort(),
        Op::Qdisc { qdisc: Qdisc::Netem(netem), .. } => *netem = netem.as_kept(),
        Op::Qdisc { qdisc: Qdisc::Tbf { tbf, .. }, .. } => *tbf = tbf.as_kept(),
        _ => {}
    }
    op
}

/// Leaves out the MTU of a bridge that a plan leaves to it: that of its ports.
fn without_own_mtu(mut op: Op, planned: &BTreeSet<Op>) -> Op {
    let said = op.clone();
    if let Op::Device { device: Device { kind: Kind::Bridge(_), mtu, .. }, .. } = &mut op
        && mtu.take().is_some()
        && !planned.contains(&op)
    {
        return said;
    }
    op
}

/// The devices, by namespace and name, whose MAC addresses a step chooses.
fn with_mac(op: &Op) -> Vec<(String, String)> {
    let mut op = op.clone();
    let chosen: Vec<bool> = op.macs().iter().map(|mac| mac.is_some()).collect();
    let devices = op.devices().into_iter().zip(chosen);
    devices
        .filter(|(_, chosen)| *chosen)
        .map(|((namespace, name), _)| (namespace.to_owned(), name.to_owned()))
        .collect()
}

/// Leaves out the MAC addresses that the kernel chose itself.
fn without_own_macs(mut op: Op, chosen: &BTreeSet<(String, String)>) -> Op {
    let kept: Vec<bool> = op
        .devices()
        .iter()
        .map(|(namespace, name)| chosen.contains(&((*namespace).to_owned(), (*name).to_owned())))
        .collect();
    for (mac, _) in op.macs().into_iter().zip(kept).filter(|(_, kept)| !kept) {
        *mac = None;
    }
    op
}
