//! What of a plan would be refused, found out before anything is made.

use super::refused_in;
use crate::compile::sysctl_name;
use crate::diagnostic::{Code, Diagnostic, Source, Span};
use crate::kernel::{self, Reason, on_worker};
use crate::plan::{Op, Plan, Step};
use nix::errno::Errno;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

/// Tries what the file itself says of settings and rulesets, and says all that is wrong with it. What
/// many nodes say alike is tried once.
///
/// # Errors
/// No namespace can be made here.
pub fn rehearse(plan: &Plan, source: &Source) -> io::Result<Vec<Diagnostic>> {
    let mut devices: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (namespace, device) in plan.steps().flat_map(|step| step.op.devices()) {
        devices.entry(namespace).or_insert_with(|| BTreeSet::from(["lo"])).insert(device);
    }
    let mut tried: BTreeMap<&str, Vec<&Step>> = BTreeMap::new();
    for step in plan.steps().filter(|step| step.span != Span::NONE) {
        if let Op::Sysctl { namespace, .. } | Op::Filter { namespace, .. } = &step.op {
            tried.entry(namespace).or_default().push(step);
        }
    }
    let mut known = BTreeSet::new();
    let mut faults = Vec::new();
    on_worker(|worker| {
        for (namespace, steps) in tried {
            let devices = devices.remove(namespace).unwrap_or_default();
            if !known.insert((
                devices.clone(),
                steps.iter().map(|step| content(step)).collect::<Vec<_>>(),
            )) {
                continue;
            }
            let ops: Vec<&Op> = steps.iter().map(|step| &step.op).collect();
            for (place, reason) in kernel::rehearse(worker, &devices, &ops)? {
                faults.push(fault(steps[place], &reason, source));
            }
        }
        Ok(faults)
    })
}

/// What a step does, wherever it does it.
fn content(step: &Step) -> (&str, &str) {
    match &step.op {
        Op::Sysctl { key, value, .. } => (key, value),
        Op::Filter { ruleset, .. } => ("", ruleset),
        _ => ("", ""),
    }
}

fn fault(step: &Step, reason: &Reason, source: &Source) -> Diagnostic {
    match (&step.op, reason) {
        (Op::Sysctl { key, .. }, Reason::Kernel(refusal)) if refusal.errno == Errno::ENOENT => {
            let title = format!("this kernel has no setting `{}`", sysctl_name(key));
            Diagnostic::error(Code::Refused, title)
                .at(step.span, "not in a network namespace of this kernel")
        }
        (op, reason) => refused_in(op, step.span, reason, source),
    }
}
