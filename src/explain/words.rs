//! An explanation in sentences: where intention, state and what was seen part, and the way hop by hop.

use super::explanation::{Explanation, ProbeExplanation, Trace};
use super::lookups::{LookupVerdict, NodeLookup};
use crate::check::Seen;
use crate::forward::{DropReason, IcmpKind};
use crate::verify::{Decision, EndKind, Origin, Passage, Visit, Way, Why, with_labels};
use std::collections::BTreeSet;

/// How many nodes of a way are shown; one that is longer is mostly a loop.
const MAX_PASSAGES: usize = 20;
/// How many things are listed of which there may be many.
const MAX_LISTED: usize = 12;

/// The first place where what the file means, what the kernels' state makes of it and what was seen are not the
/// same.
pub(super) fn parting(probe: &ProbeExplanation, holds: bool) -> Option<String> {
    let (by_file, by_state) = (probe.by_file.as_ref()?, probe.by_state.as_ref()?);
    let replies = by_file.reply.as_ref().zip(by_state.reply.as_ref());
    let lookups = probe.by_lookups.as_ref();
    let legs = [
        (
            "the probe",
            Some((&by_file.request, &by_state.request)),
            lookups.map(|it| &it.request),
            &probe.seen,
        ),
        ("the answer", replies, lookups.map(|it| &it.reply), &probe.seen_back),
    ];
    // Of equal paths a kernel's lookup takes one.
    let is_only = by_state.others == 0;
    legs.into_iter().find_map(|(what, ways, lookups, seen)| {
        let (file, state) = ways?;
        let unlike_state = || {
            let lookups =
                lookups.filter(|_| is_only).and_then(|it| parting_of_lookups(what, state, it));
            lookups.or_else(|| parting_of_seen(what, state, seen))
        };
        parting_of_state(what, file, state).or_else(|| if holds { None } else { unlike_state() })
    })
}

/// Whether a lookup of routes or of labels decides that a packet ends so.
fn is_of_routes(why: Why) -> bool {
    match why {
        Why::Error(IcmpKind::NetUnreachable | IcmpKind::HostUnreachable | IcmpKind::Prohibited)
        | Why::Drop(
            DropReason::NoRoute
            | DropReason::Unreachable
            | DropReason::Prohibited
            | DropReason::Blackhole
            | DropReason::SourceInvalid
            | DropReason::LabelUnknown
            | DropReason::NotForwarding,
        ) => true,
        Why::Error(
            IcmpKind::TimeExceeded
            | IcmpKind::ProtocolUnreachable
            | IcmpKind::PortUnreachable
            | IcmpKind::FragNeeded,
        )
        | Why::Drop(
            DropReason::MartianSource
            | DropReason::MartianDestination
            | DropReason::TtlExceeded
            | DropReason::PlatformLabels
            | DropReason::MplsInputOff
            | DropReason::MtuTooSmall
            | DropReason::FrameTooLong
            | DropReason::LinkDown
            | DropReason::NoGateway
            | DropReason::NeighbourUnresolved
            | DropReason::DropsAll
            | DropReason::NoSource
            | DropReason::NoDevice
            | DropReason::Impaired
            | DropReason::Filtered,
        )
        | Why::Unknown(_) => false,
    }
}

/// Where a kernel's own lookup is not what its rules and routes say.
fn parting_of_lookups(what: &str, state: &Way, lookups: &[NodeLookup]) -> Option<String> {
    let mut asked: Vec<&NodeLookup> = Vec::new();
    for lookup in lookups {
        // Of several at one node, for the label and for what is under it, the last counts.
        asked.pop_if(|last| last.node == lookup.node);
        asked.push(lookup);
    }
    // A lookup knows nothing of sizes, of hops to go and of filters.
    if !state.walk.why.is_none_or(is_of_routes) {
        return None;
    }
    let way = &state.walk.path;
    let same = way.iter().zip(&asked).take_while(|(visit, it)| visit.node == it.node).count();
    let last = asked.get(same.checked_sub(1)?)?;
    let next = way.get(same).map(|visit| &visit.node);
    let NodeLookup { node, command, answer, verdict } = last;
    let leads = match (next, asked.get(same), verdict) {
        // Where an answer leads is not always known.
        (Some(_), None, LookupVerdict::SentOn) => return None,
        (Some(next), ..) => format!("{what} comes to {next}"),
        (None, Some(_), _) => state.fate.clone(),
        (None, None, verdict) => {
            let is_taken_in = state.walk.end == EndKind::Delivered;
            if is_taken_in == (*verdict == LookupVerdict::TakenIn) {
                return None;
            }
            state.fate.clone()
        }
    };
    Some(format!(
        "By the rules and routes {leads}; the kernel of {node} says otherwise: {answer} (`{command}`)."
    ))
}

fn parting_of_state(what: &str, file: &Way, state: &Way) -> Option<String> {
    if state.walk.end == EndKind::Unknown {
        return None;
    }
    let (planned, found) = (&file.walk.path, &state.walk.path);
    let same = planned.iter().zip(found).take_while(|(planned, found)| planned == found).count();
    if same == planned.len() && same == found.len() && file.fate == state.fate {
        return None;
    }
    // What comes in otherwise has left the node before otherwise.
    let came_in = |visit: &Visit| {
        let Visit { node, interface, labels, ttl, out: _ } = visit;
        (node.clone(), interface.clone(), labels.clone(), *ttl)
    };
    let place = match (planned.get(same), found.get(same)) {
        (Some(planned), Some(found)) if came_in(planned) == came_in(found) => same,
        (Some(_), Some(_)) | (None, _) | (_, None) => same.saturating_sub(1),
    };
    let node = &planned.get(place)?.node;
    let goes = |way: &Way| match way.walk.path.get(place + 1) {
        Some(next) => {
            let labels = with_labels(&next.labels);
            let out = way.walk.path[place].out.last();
            let out = out.map(|out| format!(" through {out}")).unwrap_or_default();
            format!("goes on{out} to {}{labels}", next.node)
        }
        None => format!("ends: {}", way.fate),
    };
    Some(format!(
        "At {node} {what} parts from the file, by which it {}; by the state of the kernels it {}.",
        goes(file),
        goes(state),
    ))
}

/// Where a packet was not seen though the state leads it there.
fn parting_of_seen(what: &str, state: &Way, seen: &[Seen]) -> Option<String> {
    let is_at = |passage: &&Passage| seen.iter().any(|seen| seen.node == passage.node);
    let missing = state.passages.iter().find(|passage| !is_at(passage))?;
    let last = match seen.iter().rfind(|seen| seen.direction != "passing") {
        Some(last) => format!("was last seen {}", place(last)),
        None => "was not seen anywhere".to_owned(),
    };
    Some(format!("By the state of the kernels {what} comes to {}, and it {last}.", missing.node))
}

fn place(seen: &Seen) -> String {
    let way = match seen.direction {
        "out" => "leaving",
        _ => "coming in at",
    };
    format!("{way} {} of {}", seen.interface, seen.node)
}

impl Explanation {
    /// The same for people, a line each. `excerpt` is the line of the file that decides.
    pub fn lines(&self, excerpt: Option<&str>) -> Vec<String> {
        let head = match self.ok {
            Some(true) => "OK     ",
            Some(false) => "FAILED ",
            None => "UNKNOWN",
        };
        let mut lines = vec![format!("{head} {}", self.check)];
        let mending = self.cause.mending();
        let said = self.reason.iter().chain(&self.explanation).chain(&self.parting).chain(&mending);
        let said = said.map(String::as_str).chain(excerpt.into_iter().flat_map(str::lines));
        lines.extend(said.map(|line| format!("        {line}").trim_end().to_owned()));
        for probe in &self.probes {
            lines.extend(probe.lines(self.ok == Some(true)));
        }
        if !self.counted.is_empty() {
            lines.extend([String::new(), "Counters that went up meanwhile:".to_owned()]);
        }
        let counted = self.counted.iter().take(MAX_LISTED);
        lines.extend(counted.map(|it| format!("  {}: {} +{}", it.node, it.counter, it.by)));
        if let Some(trace) = self.trace.as_ref().filter(|_| self.ok != Some(true)) {
            lines.extend(trace.lines());
        }
        lines
    }
}

impl Trace {
    fn lines(&self) -> Vec<String> {
        match self {
            Trace::Heard { drops, lookups: _ } if drops.is_empty() => Vec::new(),
            Trace::Heard { drops, lookups: _ } => {
                let head = "Packets that the kernel dropped meanwhile, anywhere on this machine:";
                let mut lines = vec![String::new(), head.to_owned()];
                lines.extend(drops.iter().take(MAX_LISTED).map(|it| {
                    format!("  {} {}: {} in {}", it.count, it.protocol, it.reason, it.function)
                }));
                lines
            }
            Trace::Unheard { unavailable } => {
                vec![
                    String::new(),
                    format!("The kernel's drop reasons were not read: {unavailable}"),
                ]
            }
        }
    }
}

impl ProbeExplanation {
    fn lines(&self, holds: bool) -> Vec<String> {
        let Some(found) = self.found() else { return Vec::new() };
        let is_standing = self.by_state.is_some();
        let mut lines = Vec::new();
        let by_lookups = self.by_lookups.as_ref();
        let lookups = |leg: fn(&super::RoundTripLookups) -> &Vec<NodeLookup>| {
            by_lookups.map(|it| leg(it).as_slice()).unwrap_or_default()
        };
        let by_file = self.by_file.as_ref().filter(|_| is_standing);
        let legs = [
            (
                "The probe",
                Some(&found.request),
                lookups(|it| &it.request),
                &self.seen,
                by_file.map(|it| &it.request),
            ),
            (
                "The answer",
                found.reply.as_ref(),
                lookups(|it| &it.reply),
                &self.seen_back,
                by_file.and_then(|it| it.reply.as_ref()),
            ),
        ];
        for (what, way, lookups, seen, by_file) in legs {
            let Some(way) = way else { continue };
            lines.push(String::new());
            lines.push(match way.passages.is_empty() {
                true => format!("{what}, to {}:", way.destination),
                false => format!("{what}, from {} to {}:", way.source, way.destination),
            });
            let seen = is_standing.then_some(seen.as_slice());
            lines.extend(way_lines(way, lookups, seen));
            if let Some(file) = by_file.filter(|file| file.nodes() != way.nodes() && !holds) {
                lines.push(format!(
                    "  By the file it goes {}: {}",
                    file.nodes().join(" "),
                    file.fate
                ));
            }
        }
        if found.others > 0 {
            let word = if found.others == 1 { "way" } else { "ways" };
            lines.push(format!("  A flow can also go {} other {word}.", found.others));
        }
        lines
    }
}

fn way_lines(way: &Way, lookups: &[NodeLookup], seen: Option<&[Seen]>) -> Vec<String> {
    let width = way.passages.iter().map(|it| it.node.len()).max().unwrap_or(0);
    let mut lines = Vec::new();
    // A round of a loop is shown once.
    let mut visited = BTreeSet::new();
    let path = &way.walk.path;
    let round = path.iter().take_while(|it| visited.insert((&it.node, &it.interface))).count() + 1;
    let shown = round.min(MAX_PASSAGES).min(way.passages.len());
    let mut told: BTreeSet<&NodeLookup> = BTreeSet::new();
    for (place, passage) in way.passages.iter().enumerate().take(shown) {
        let is_last = place + 1 == way.passages.len();
        let node = &passage.node;
        let is_seen = seen.is_none_or(|seen| seen.iter().any(|it| it.node == *node));
        let mark = (!is_seen).then_some("  [not seen]");
        lines.push(format!("  {node:width$}  {}{}", passage.text, mark.unwrap_or_default()));
        let indent = format!("  {:width$}      ", "");
        let at_end = way.decided_by.iter().filter(|_| is_last);
        let decisions = passage.decided_by.iter().chain(at_end);
        lines.extend(decisions.map(|decision| format!("{indent}{}", decided(decision))));
        // Lookups go to the same nodes, but for those where state and kernel part.
        let asked = lookups.iter().filter(|it| it.node == *node && told.insert(it));
        lines.extend(asked.map(|it| format!("{indent}kernel: {} -> {}", it.command, it.answer)));
        if is_last {
            lines.push(format!("{indent}=> {}", way.fate));
        }
    }
    if let Some(more @ 1..) = way.passages.len().checked_sub(shown) {
        lines.push(format!("  and {more} more hops => {}", way.fate));
    }
    if way.passages.is_empty() {
        lines.push(format!("  => {}", way.fate));
    }
    lines
}

fn decided(decision: &Decision) -> String {
    let Decision { text, line, origin } = decision;
    let origin = origin.map(|origin| match origin {
        Origin::FilledIn => "filled in",
        Origin::Added => "not in the file",
        Origin::Changed => "changed since it was built",
    });
    let said: Vec<&str> = line.as_deref().into_iter().chain(origin).collect();
    match &said[..] {
        [] => text.clone(),
        said => format!("{text} ({})", said.join(", ")),
    }
}
