//! A judgement in sentences, and the way of a packet hop by hop.

use super::judge::Judge;
use super::verdict::{Fault, Refutation, not_judged};
use crate::compile::{Check, Expect, Hop, Lab, NodeId, Target};
use crate::forward::{self, DropReason, End, IcmpKind, Outcome, Unmodelled};
use std::collections::HashSet;
use std::fmt::Write;

/// How many hops of a walk are shown.
const MAX_HOPS: usize = 20;
/// How much of all flows counts as all of them.
pub(super) const WHOLE: f64 = 1.0 - 1e-6;
/// What is said behind that something arrives or answers of which the check says that it does not.
pub const UNWANTED: &str = "though it must not";
/// Why a check of [`Verdict::NoOutcome`](super::Verdict::NoOutcome) is unknown.
pub(super) const NO_OUTCOME: &str = "the model does not know what becomes of the probe";

impl<'a> Judge<'_, 'a> {
    /// The name of the node of a namespace.
    pub(super) fn name<'s>(&'s self, namespace: &'s str) -> &'s str {
        self.node(namespace).map_or(namespace, |id| self.lab[id].name.as_str())
    }

    /// Why the model does not know, in a sentence.
    pub(super) fn doubt(&self, at: &str, why: Unmodelled) -> String {
        format!("at {} the model does not know {why}", self.name(at))
    }

    /// Why a check is refuted, in one line.
    pub(super) fn reason(&self, check: &Check, refutation: &Refutation<'a>) -> String {
        let Refutation { fault, request, reply } = refutation;
        let outcome = refutation.outcome();
        let what = match (reply, &request.end) {
            (None, _) => "the probe",
            (Some(_), End::Rejected { .. }) => "the ICMP error",
            (Some(_), _) => "the answer",
        };
        let target = target(self.lab, &check.to);
        let arrival = check.arrival();
        let reason = match fault {
            Fault::RequestLost | Fault::ReplyLost => self.fate(what, outcome),
            Fault::RequestElsewhere => format!("{}, not at {target}", self.fate(what, outcome)),
            Fault::ReplyElsewhere => {
                let sender = &self.lab[check.from.node].name;
                format!("{}, not at {sender}", self.fate(what, outcome))
            }
            Fault::RequestPath => {
                self.detour(what, request, arrival.and_then(|it| it.via.as_deref()))
            }
            Fault::ReplyPath => {
                self.detour(what, outcome, arrival.and_then(|it| it.back.as_deref()))
            }
            Fault::NoReply => format!("{}, and no way leads back", self.fate(what, request)),
            Fault::ReplyTtl { wanted } => {
                format!("the answer comes with TTL {}, not {wanted}", outcome.packet.ttl)
            }
            Fault::Uneven { node, share, wanted } => {
                let name = &self.lab[*node].name;
                return format!(
                    "{} of the flows go through {name}, not {}",
                    part(*share),
                    part(*wanted)
                );
            }
            Fault::Arrives => format!("{}, {UNWANTED}", self.fate(what, request)),
            Fault::Answered => format!("{target} answers, {UNWANTED}"),
            Fault::OtherError => match &check.expect {
                Expect::Rejected(rejection) => {
                    format!("no `{}` comes back: {}", rejection, self.fate(what, request))
                }
                Expect::Arrives(_) | Expect::Spreads(_) | Expect::Lost => self.fate(what, request),
            },
        };
        let share = request.share * reply.as_ref().map_or(1.0, |reply| reply.share);
        match share < WHOLE {
            true => format!("{reason}, which happens to {} of the flows", part(share)),
            false => reason,
        }
    }

    /// What becomes of a packet, in a sentence.
    pub(super) fn fate(&self, what: &str, outcome: &Outcome<'a>) -> String {
        let sender = outcome.hops.first().map_or("the sender", |hop| self.name(hop.namespace));
        if let Some(round) = self.round(outcome) {
            return format!("{what} is caught in a forwarding loop: {}", round.join(", "));
        }
        match &outcome.end {
            End::Delivered { namespace, vrf, device: _ } => {
                let vrf = vrf.map(|vrf| format!(" in VRF {vrf}")).unwrap_or_default();
                format!("{what} arrives at {}{vrf}", self.name(namespace))
            }
            End::Rejected { by, error, .. } => {
                let mtu = error.mtu.map(|mtu| format!(" and MTU {mtu}")).unwrap_or_default();
                let silent = match error.source {
                    Some(_) => "",
                    None => ", but has no route on which to say so",
                };
                let by = self.name(by);
                let misfit = error.mtu.and_then(|_| self.misfit(outcome));
                let misfit = misfit.map(|misfit| format!(": {misfit}")).unwrap_or_default();
                format!("{by} rejects {what} with `{}`{mtu}{silent}{misfit}", error.kind)
            }
            End::Refused { reason } => {
                format!("{sender} cannot send {what}: {}", self.why(*reason, outcome))
            }
            End::Dropped { at, reason } => {
                format!("{what} is dropped at {}: {}", self.name(at), self.why(*reason, outcome))
            }
            End::Loop { at } => {
                format!("{what} is caught in a forwarding loop inside {}", self.name(at))
            }
            End::Unknown { at, why } => self.doubt(at, *why),
        }
    }

    fn why(&self, reason: DropReason, outcome: &Outcome<'a>) -> String {
        let is_too_long = matches!(reason, DropReason::MtuTooSmall | DropReason::FrameTooLong);
        let misfit = is_too_long.then(|| self.misfit(outcome)).flatten();
        misfit.unwrap_or_else(|| reason.to_string())
    }

    /// Whether a packet runs in a circle.
    pub(super) fn is_loop(&self, outcome: &Outcome<'a>) -> bool {
        matches!(outcome.end, End::Loop { .. }) || self.round(outcome).is_some()
    }

    /// The nodes of the loop in which a packet runs until its TTL is used up.
    fn round(&self, outcome: &Outcome<'a>) -> Option<Vec<&str>> {
        match &outcome.end {
            End::Rejected { error, .. } if error.kind == IcmpKind::TimeExceeded => {}
            End::Dropped { reason: DropReason::TtlExceeded, .. } => {}
            End::Rejected { .. }
            | End::Dropped { .. }
            | End::Delivered { .. }
            | End::Refused { .. }
            | End::Loop { .. }
            | End::Unknown { .. } => return None,
        }
        let (last, before) = outcome.hops.split_last()?;
        let place = |hop: &forward::Hop<'a>| (hop.namespace, hop.device);
        let first = before.iter().rposition(|hop| place(hop) == place(last))?;
        Some(before[first..].iter().map(|hop| self.name(hop.namespace)).collect())
    }

    fn detour(&self, what: &str, outcome: &Outcome<'a>, via: Option<&[Hop<NodeId>]>) -> String {
        let hops = &outcome.hops;
        let between = hops.get(1..hops.len().saturating_sub(1)).unwrap_or_default();
        let gone = between.iter().map(|hop| {
            let labels: Vec<String> = hop.labels.iter().map(u32::to_string).collect();
            let labels = match &labels[..] {
                [] => String::new(),
                labels => format!("[{}]", labels.join("/")),
            };
            format!("{}{labels}", self.name(hop.namespace))
        });
        let wanted = via.unwrap_or_default().iter().map(|hop| {
            let node = &self.lab[hop.node].name;
            Hop { node, labels: hop.labels.clone() }.to_string()
        });
        format!("{what} goes {}, not {}", way(gone.collect()), way(wanted.collect()))
    }

    /// The walks of what contradicts a check, a line per hop.
    pub(super) fn walks(&self, refutation: &Refutation<'a>) -> Vec<String> {
        let Refutation { fault: _, request, reply } = refutation;
        let mut lines = self.walk("The probe", request);
        if let Some(reply) = reply {
            let what = match &request.end {
                End::Rejected { .. } => "The ICMP error",
                End::Delivered { .. }
                | End::Refused { .. }
                | End::Dropped { .. }
                | End::Loop { .. }
                | End::Unknown { .. } => "The answer",
            };
            lines.extend(self.walk(what, reply));
        }
        lines
    }

    fn walk(&self, what: &str, outcome: &Outcome<'a>) -> Vec<String> {
        let packet = &outcome.packet;
        let mut lines = vec![format!("{what}, from {} to {}:", packet.source, packet.destination)];
        // A round of a loop is shown once.
        let mut seen = HashSet::new();
        let new = |hop: &&forward::Hop<'a>| seen.insert((hop.namespace, hop.device));
        let shown = outcome.hops.iter().take_while(new).count() + 1;
        let hops = &outcome.hops[..outcome.hops.len().min(shown).min(MAX_HOPS)];
        let width = hops.iter().map(|hop| self.name(hop.namespace).len()).max().unwrap_or(0);
        for hop in hops {
            lines.push(format!("  {:width$}  {}", self.name(hop.namespace), self.hop(hop)));
        }
        if let Some(more @ 1..) = outcome.hops.len().checked_sub(hops.len()) {
            lines.push(format!("  and {more} more hops"));
        }
        lines
    }

    /// How a packet comes to a node and leaves it.
    pub(super) fn hop(&self, hop: &forward::Hop<'a>) -> String {
        let mut words = format!("ttl {}", hop.ttl);
        let node = self.node(hop.namespace).map(|id| &self.lab[id]);
        if let Some(device) = hop.device {
            let vrf =
                node.and_then(|node| node.vrf_of(&node.interfaces[node.interface(device)?.0]));
            let vrf = vrf.map(|vrf| format!(" (VRF {})", vrf.name)).unwrap_or_default();
            let _ = write!(words, ", in {device}{vrf}");
        }
        words += &with_labels(&hop.labels);
        if !hop.out.is_empty() {
            let _ = write!(words, ", out {}", hop.out.join(" and "));
        }
        words
    }
}

/// The label stack that a packet has, behind where it is; nothing where it has none.
pub fn with_labels(labels: &[u32]) -> String {
    let numbers: Vec<String> = labels.iter().map(u32::to_string).collect();
    match &numbers[..] {
        [] => String::new(),
        [label] => format!(" with label {label}"),
        labels => format!(" with labels {}", labels.join("/")),
    }
}

/// What of these checks is not judged, in a sentence.
pub(super) fn left_out<'c>(checks: impl Iterator<Item = &'c Check>) -> Option<String> {
    let mut options: Vec<&str> = Vec::new();
    let mut count = 0;
    for asked in checks.map(not_judged).filter(|asked| !asked.is_empty()) {
        count += 1;
        options.extend(asked);
    }
    options.sort_unstable();
    options.dedup();
    let asked = options.join(", ");
    match count {
        0 => None,
        1 => Some(format!("1 check also asks for what only a running lab shows: {asked}")),
        _ => Some(format!("{count} checks also ask for what only a running lab shows: {asked}")),
    }
}

fn part(share: f64) -> String {
    let percent = format!("{:.1}", share * 100.0);
    format!("{}%", percent.strip_suffix(".0").unwrap_or(&percent))
}

fn way(nodes: Vec<String>) -> String {
    match nodes.is_empty() {
        true => "straight there".to_owned(),
        false => format!("via {}", nodes.join(" ")),
    }
}

/// The target as a check writes it.
fn target(lab: &Lab, target: &Target) -> String {
    match target {
        Target::Node { node, vrf: Some(vrf), .. } => format!("{}%{vrf}", lab[*node].name),
        Target::Node { node, vrf: None, .. } => lab[*node].name.to_string(),
        Target::Address(address) => address.to_string(),
        Target::OnLink { address, interface } => format!("{address}%{interface}"),
    }
}
