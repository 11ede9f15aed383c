//! What of a plan would be refused, found out before anything is made.

use super::refused_in;
use crate::compile::sysctl_name;
use crate::diagnostic::{Code, Diagnostic, Source, Span};
use crate::kernel::{self, Reason, on_worker};
use crate::plan::{Plan, Resource, Step};
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
    for (namespace, device) in plan.resources().flat_map(Resource::devices) {
        devices.entry(namespace).or_insert_with(|| BTreeSet::from(["lo"])).insert(device);
    }
    let mut tried: BTreeMap<&str, Vec<&Step>> = BTreeMap::new();
    for step in plan.steps().filter(|step| step.span != Span::NONE) {
        if let Some(Resource::Sysctl { namespace, .. } | Resource::Ruleset { namespace, .. }) =
            step.action.made()
        {
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
            let made: Vec<&Resource> = steps.iter().filter_map(|step| step.action.made()).collect();
            for (place, reason) in kernel::rehearse(worker, &devices, &made)? {
                faults.push(fault(steps[place], &reason, source));
            }
        }
        Ok(faults)
    })
}

/// What a step does, wherever it does it.
fn content(step: &Step) -> (&str, &str) {
    match step.action.resource() {
        Resource::Sysctl { key, value, .. } => (key, value),
        Resource::Ruleset { ruleset, .. } => ("", ruleset),
        Resource::Namespace { .. }
        | Resource::Veth { .. }
        | Resource::Device { .. }
        | Resource::Wireguard { .. }
        | Resource::Master { .. }
        | Resource::BridgeVlan { .. }
        | Resource::BridgePort { .. }
        | Resource::Mtu { .. }
        | Resource::Fdb { .. }
        | Resource::Neighbour { .. }
        | Resource::Qdisc { .. }
        | Resource::NoOffload { .. }
        | Resource::Up { .. }
        | Resource::Address { .. }
        | Resource::Rule { .. }
        | Resource::NexthopObject { .. }
        | Resource::EtcFile { .. }
        | Resource::Command { .. }
        | Resource::Route { .. }
        | Resource::MplsRoute { .. } => ("", ""),
    }
}

fn fault(step: &Step, reason: &Reason, source: &Source) -> Diagnostic {
    match (step.action.resource(), reason) {
        (Resource::Sysctl { key, .. }, Reason::Kernel(refusal))
            if refusal.errno == Errno::ENOENT =>
        {
            let title = format!("this kernel has no setting `{}`", sysctl_name(key));
            Diagnostic::error(Code::Refused, title)
                .at(step.span, "not in a network namespace of this kernel")
        }
        (_, reason) => refused_in(step, reason, source),
    }
}
