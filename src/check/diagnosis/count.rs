//! What is said of probes that are counted.

use crate::check::attempt::Attempt;
use crate::check::probe::Probe;
use crate::check::verdict::milliseconds;
use crate::compile::{Check, Expect, Lab, NodeId, Spread};
use std::time::Duration;

/// The reason where more or fewer were lost than may be.
pub(super) fn missed(check: &Check, probe: &Probe, lost: usize) -> String {
    let verb = if lost == 1 { "was" } else { "were" };
    let said = format!("{lost} of {} {verb} lost", probe.judged(check).len());
    match check.arrival().and_then(|arrival| arrival.loss) {
        Some(bound) => format!("{said}, which is not {bound}"),
        None => said,
    }
}

/// The reason where round trips took too long, or not long enough.
pub(super) fn slow(check: &Check, median: Duration) -> String {
    let said = format!("the median round trip took {} ms", milliseconds(median));
    match check.arrival().and_then(|arrival| arrival.rtt) {
        Some(bound) => format!("{said}, which is not {bound}"),
        None => said,
    }
}

/// The reason where the answer came when it was no longer waited for.
pub(super) fn late(lab: &Lab, check: &Check, attempt: &Attempt) -> String {
    let took = attempt.rtt(lab, check).unwrap_or_default();
    format!("the answer took {} ms, longer than it is waited for", milliseconds(took))
}

/// The reason where flows do not divide as they should.
pub(super) fn unfair(lab: &Lab, check: &Check, probe: &Probe) -> String {
    let Expect::Spreads(spread) = &check.expect else { return String::new() };
    let all = probe.judged(check).len();
    let shares = spread.shares.iter().map(|share| {
        let expected = fair(all, spread, share.weight);
        let name = &lab[share.node].name;
        format!("{} went via {name} (a fair share is {expected})", probe.through(check, share.node))
    });
    format!("of {all} flows {}", shares.collect::<Vec<_>>().join(", "))
}

/// What chance gives a share on average.
fn fair(all: usize, spread: &Spread<NodeId>, weight: u16) -> usize {
    (all * usize::from(weight) + spread.whole() / 2) / spread.whole()
}

/// A hint where labels decide by themselves.
pub(super) fn labelled(probe: &Probe) -> Option<String> {
    let mut sightings = probe.attempts.iter().flat_map(|attempt| &attempt.sightings);
    sightings.any(|sighting| !sighting.packet.labels.is_empty()).then(|| {
        "Where labels are switched, the kernel divides packets by their addresses and not by their \
         ports: `from PREFIX` varies the source addresses."
            .to_owned()
    })
}
