//! One sending of a probe, and what is wrong with its answer.

use super::flight::Flight;
use super::path::{Leg, Trail};
use super::server::Serving;
use super::transfer::Moved;
use super::watch::Sighting;
use crate::compile::{Answerer, Check, Lab, NodeId, Target};
use crate::kernel::Direction;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// One sending of a probe.
#[derive(Debug)]
pub(super) struct Attempt {
    /// When it was sent.
    pub(super) sent: Instant,
    /// The same by the clock that the kernel puts on packets, since 1970.
    pub(super) clock: Option<Duration>,
    /// When its answer was read.
    pub(super) answered: Option<Instant>,
    /// How many more answers came to it.
    pub(super) duplicates: usize,
    /// Whether the answer is that no connection is wanted.
    pub(super) refused: bool,
    /// Where it and its answer were seen.
    pub(super) sightings: Vec<Sighting>,
    /// Who was to answer, by node, where it goes to a port.
    pub(super) servers: Vec<(NodeId, Serving)>,
    /// How far its data has come, once there is a connection for it.
    pub(super) moved: Option<Moved>,
    /// Its own socket, while it is under way.
    pub(super) flight: Option<Flight>,
}

/// Why an answered attempt is not what the check wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The order in which it was seen is not known.
    Unsure,
    /// The far side wants no connection.
    Refused,
    /// It wants one, though it was to refuse it.
    Accepted,
    /// No server that was there has answered.
    Unserved,
    /// Somebody else has answered.
    NotThere,
    /// It went another way.
    Forth,
    /// The answer went another way.
    Back,
    /// The answer was taken in with this time to live, or nobody saw with which.
    Ttl(Option<u8>),
}

impl Attempt {
    /// One that is sent now.
    pub(super) fn new() -> Self {
        Self {
            sent: Instant::now(),
            clock: SystemTime::now().duration_since(UNIX_EPOCH).ok(),
            answered: None,
            duplicates: 0,
            refused: false,
            sightings: Vec::new(),
            servers: Vec::new(),
            moved: None,
            flight: None,
        }
    }

    /// What is wrong with an attempt that was answered.
    pub(super) fn fault(&self, lab: &Lab, check: &Check) -> Option<Fault> {
        let forth = Trail::new(lab, &self.sightings, Leg::Forth);
        let back = Trail::new(lab, &self.sightings, Leg::Back);
        if let Target::Node { takers, vrf, .. } = &check.to {
            let vrf = vrf.as_ref().map(|vrf| vrf.as_str());
            let arrived = takers.iter().any(|node| forth.arrived(*node, vrf));
            let last = || forth.arrivals().last().is_some_and(|last| takers.contains(&last.node));
            if !arrived || (forth.is_timed() && !last()) {
                return Some(Fault::NotThere);
            }
        }
        let arrival = check.arrival();
        let answerer = arrival.map(|arrival| arrival.answerer).unwrap_or_default();
        let is_found = |(_, serving): &(NodeId, Serving)| matches!(serving, Serving::Found(_));
        match answerer {
            Answerer::Refusal if !self.refused => return Some(Fault::Accepted),
            Answerer::Anyone | Answerer::Server if self.refused => return Some(Fault::Refused),
            Answerer::Server if !self.servers.iter().any(is_found) => return Some(Fault::Unserved),
            Answerer::Refusal | Answerer::Anyone | Answerer::Server => {}
        }
        let arrival = arrival?;
        if arrival.via.is_some() && !forth.is_timed() || arrival.back.is_some() && !back.is_timed()
        {
            return Some(Fault::Unsure);
        }
        if arrival.via.as_ref().is_some_and(|hops| !forth.is_by(hops)) {
            return Some(Fault::Forth);
        }
        if arrival.back.as_ref().is_some_and(|hops| !back.is_by(hops)) {
            return Some(Fault::Back);
        }
        let taken_in = back.taken_in(check.from.node);
        match arrival.ttl {
            Some(ttl) if taken_in != Some(ttl) => Some(Fault::Ttl(taken_in)),
            Some(_) | None => None,
        }
    }

    /// From sending to the answer. Where the kernel has said when that came in, that is the time that
    /// counts, since our own reading may have been late; but not when it saw the probe go out, which
    /// is behind the queue of the interface, where a delay may be.
    pub(super) fn rtt(&self, lab: &Lab, check: &Check) -> Option<Duration> {
        let answered = self.answered?;
        let back = Trail::new(lab, &self.sightings, Leg::Back);
        let came = back.at(check.from.node, Direction::Incoming).and_then(|seen| seen.time);
        came.zip(self.clock)
            .and_then(|(came, sent)| came.checked_sub(sent))
            .or_else(|| answered.checked_duration_since(self.sent))
    }
}
