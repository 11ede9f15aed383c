//! A probe: one address, sent to a few times, and all that became of it.

use super::icmp::IcmpError;
use super::path::{Leg, Trail};
use super::watch::Sighting;
use crate::compile::{Check, Expect, Lab, Target};
use crate::kernel::Direction;
use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// When a probe that must arrive is sent again: the first may be lost while neighbours are found.
const SCHEDULE: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_millis(300),
    Duration::from_millis(1000),
    Duration::from_millis(2000),
    Duration::from_millis(3000),
];
/// How long it is waited for: a kernel that finds no neighbour says so after three seconds.
const PATIENCE: Duration = Duration::from_secs(4);
/// How many sendings a probe has that must not arrive.
const UNWELCOME: usize = 2;
/// How many answers may come on a way that the check does not want, before it has failed.
const CHANCES: usize = 2;

/// One address that a check sends to.
#[derive(Debug)]
pub(super) struct Probe {
    /// The check's place.
    pub(super) check: usize,
    /// The place of the socket.
    pub(super) sender: usize,
    /// To whom.
    pub(super) to: IpAddr,
    /// Every sending, in order.
    pub(super) attempts: Vec<Attempt>,
    /// Why the kernel did not send it, the last time.
    pub(super) refusal: Option<io::Error>,
    /// ICMP errors that came back, each once.
    pub(super) errors: Vec<(IpAddr, IcmpError)>,
    /// Others that answered.
    pub(super) strangers: Vec<IpAddr>,
}

/// One sending of a probe.
#[derive(Debug)]
pub(super) struct Attempt {
    /// When it was sent.
    pub(super) sent: Instant,
    /// When its answer was read.
    pub(super) answered: Option<Instant>,
    /// Where it and its answer were seen.
    pub(super) sightings: Vec<Sighting>,
}

/// What is known of a probe that must arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// Nothing yet.
    Open,
    /// It did all that the check wants.
    Held,
    /// It will not.
    Failed,
}

impl Probe {
    /// One that has not been sent.
    pub(super) fn new(check: usize, sender: usize, to: IpAddr) -> Self {
        Self {
            check,
            sender,
            to,
            attempts: Vec::new(),
            refusal: None,
            errors: Vec::new(),
            strangers: Vec::new(),
        }
    }

    /// When it is to be sent for the next time.
    pub(super) fn next_sending(&self, expect: Expect) -> Option<Instant> {
        let limit = match expect {
            Expect::Arrives => SCHEDULE.len(),
            Expect::Lost => UNWELCOME,
        };
        let first = self.attempts.first()?.sent;
        let after = SCHEDULE[..limit].get(self.attempts.len())?;
        Some(first + *after)
    }

    /// When it is given up.
    pub(super) fn deadline(&self) -> Option<Instant> {
        Some(self.attempts.first()?.sent + PATIENCE)
    }

    /// What is known of it, if it must arrive.
    pub(super) fn progress(&self, lab: &Lab, check: &Check, now: Instant) -> Progress {
        let mut judged = 0;
        for attempt in self.attempts.iter().filter(|attempt| attempt.answered.is_some()) {
            match attempt.fault(lab, check) {
                None => return Progress::Held,
                Some(Fault::Unsure) => {}
                Some(Fault::NotThere | Fault::Forth | Fault::Back) => judged += 1,
            }
        }
        if judged >= CHANCES || self.deadline().is_some_and(|deadline| deadline <= now) {
            Progress::Failed
        } else {
            Progress::Open
        }
    }

    /// The sending that shows most: one that held, else one with an answer, else one whose order is
    /// sure, else the one that came furthest; among equals the last.
    pub(super) fn best(&self, lab: &Lab, check: &Check) -> Option<&Attempt> {
        self.attempts.iter().max_by_key(|attempt| {
            let answered = attempt.answered.is_some();
            let held = answered && attempt.fault(lab, check).is_none();
            let forth = Trail::new(lab, &attempt.sightings, Leg::Forth);
            let back = Trail::new(lab, &attempt.sightings, Leg::Back);
            let is_timed = forth.is_timed() && back.is_timed() && forth.len() > 0;
            (held, answered, is_timed, back.len(), forth.len())
        })
    }

    /// Whether it, though it must not, came to its target or was answered.
    pub(super) fn came_through(&self, lab: &Lab, check: &Check) -> bool {
        self.attempts.iter().any(|attempt| match &check.to {
            Target::Node { node, vrf, .. } => {
                let vrf = vrf.as_ref().map(|vrf| vrf.as_str());
                Trail::new(lab, &attempt.sightings, Leg::Forth).arrived(*node, vrf)
            }
            Target::Address(_) => attempt.answered.is_some(),
        })
    }
}

/// Why an answered attempt is not what the check wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The order in which it was seen is not known.
    Unsure,
    /// Somebody else has answered.
    NotThere,
    /// It went another way.
    Forth,
    /// The answer went another way.
    Back,
}

impl Attempt {
    /// What is wrong with an attempt that was answered.
    pub(super) fn fault(&self, lab: &Lab, check: &Check) -> Option<Fault> {
        let forth = Trail::new(lab, &self.sightings, Leg::Forth);
        let back = Trail::new(lab, &self.sightings, Leg::Back);
        if let Target::Node { node, vrf, .. } = &check.to {
            let vrf = vrf.as_ref().map(|vrf| vrf.as_str());
            let ends_there = || forth.arrivals().last().is_some_and(|last| last.node == *node);
            if !forth.arrived(*node, vrf) || (forth.is_timed() && !ends_there()) {
                return Some(Fault::NotThere);
            }
        }
        if check.via.is_some() && !forth.is_timed() || check.back.is_some() && !back.is_timed() {
            return Some(Fault::Unsure);
        }
        if check.via.as_ref().is_some_and(|hops| !forth.is_by(hops)) {
            return Some(Fault::Forth);
        }
        if check.back.as_ref().is_some_and(|hops| !back.is_by(hops)) {
            return Some(Fault::Back);
        }
        None
    }

    /// From sending to the answer: by the kernel's clock where it gave both times, since our own
    /// reading may have been late.
    pub(super) fn rtt(&self, lab: &Lab, check: &Check) -> Option<Duration> {
        let answered = self.answered?;
        let seen = |leg, direction| {
            Trail::new(lab, &self.sightings, leg).at(check.from.node, direction)?.time
        };
        let (sent, back) =
            (seen(Leg::Forth, Direction::Outgoing), seen(Leg::Back, Direction::Incoming));
        sent.zip(back)
            .and_then(|(sent, back)| back.checked_sub(sent))
            .or_else(|| answered.checked_duration_since(self.sent))
    }
}
