//! What is judged of a probe that was sent once or many times.

use super::attempt::{Attempt, Fault};
use super::message::Message;
use super::path::{Leg, Trail};
use super::probe::Probe;
use crate::compile::{Check, Expect, Lab, NodeId, Protocol, Spread, Target};
use crate::kernel::Direction;
use std::time::Duration;

/// How many standard deviations a share may differ from what chance gives on average. A share that
/// is right differs by more once in a million runs.
const DEVIATIONS: f64 = 5.0;

/// Why a probe that was sent as often as it is to be is not what the check wants.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Shortcoming {
    /// An attempt that was answered is at fault: its place.
    Fault(usize, Fault),
    /// So many had no answer.
    Lost(usize),
    /// They took this long, which is the median.
    Rtt(Duration),
    /// The flows do not divide as they should.
    Unfair,
}

impl Probe {
    /// Why it is not what the check wants, once all was sent and waited for.
    pub(super) fn shortcoming(&self, lab: &Lab, check: &Check) -> Option<Shortcoming> {
        let mut surely = false;
        for (place, attempt) in self.judged(check).iter().enumerate() {
            if attempt.answered.is_some() {
                match attempt.fault(lab, check) {
                    None => surely = true,
                    Some(Fault::Unsure) => {}
                    Some(fault) => return Some(Shortcoming::Fault(place, fault)),
                }
            }
        }
        let lost = self.lost(lab, check);
        let all = self.judged(check).len();
        let is_little_enough = match check.arrival().and_then(|arrival| arrival.loss) {
            None => lost == 0,
            Some(loss) => loss.holds(loss.limit().compare(lost, all)),
        };
        if !is_little_enough {
            return Some(Shortcoming::Lost(lost));
        }
        if let Some(bound) = check.arrival().and_then(|arrival| arrival.rtt) {
            let Some(median) = self.median(lab, check) else {
                return Some(Shortcoming::Lost(lost));
            };
            if !bound.holds(median.cmp(&Duration::from_nanos(bound.limit().nanoseconds()))) {
                return Some(Shortcoming::Rtt(median));
            }
        }
        match &check.expect {
            Expect::Spreads(spread) if !self.is_fair(check, spread) => Some(Shortcoming::Unfair),
            // An order was asked for, and that of none is known.
            Expect::Arrives(_) if !surely && lost < all => {
                Some(Shortcoming::Fault(0, Fault::Unsure))
            }
            Expect::Arrives(_) | Expect::Spreads(_) | Expect::Lost | Expect::Rejected(_) => None,
        }
    }

    /// The judged attempts that were answered.
    pub(super) fn answered(&self, check: &Check) -> impl Iterator<Item = &Attempt> {
        self.judged(check).iter().filter(|attempt| attempt.answered.is_some())
    }

    /// How many attempts had no answer, or, where none is waited for, did not arrive.
    pub(super) fn lost(&self, lab: &Lab, check: &Check) -> usize {
        let all = self.judged(check);
        all.iter().filter(|attempt| !self.is_done(lab, check, attempt)).count()
    }

    /// Whether it shows, once its check holds, that the sender's packets leave the node.
    pub(super) fn shows_sending(&self, lab: &Lab, check: &Check) -> bool {
        self.judged(check).iter().any(|attempt| {
            self.is_done(lab, check, attempt)
                && Trail::new(lab, &attempt.sightings, Leg::Forth).has_left(check.from.node)
        })
    }

    /// Whether nothing more is waited for of an attempt.
    pub(super) fn is_done(&self, lab: &Lab, check: &Check, attempt: &Attempt) -> bool {
        if self.witnesses.is_empty() {
            return attempt.answered.is_some();
        }
        let vrf = match &check.to {
            Target::Node { vrf, .. } => vrf.as_ref().map(|vrf| vrf.as_str()),
            Target::Address(_) | Target::OnLink { .. } => None,
        };
        let forth = Trail::new(lab, &attempt.sightings, Leg::Forth);
        self.witnesses.iter().any(|node| forth.arrived(*node, vrf))
    }

    /// The median of the round trip times.
    pub(super) fn median(&self, lab: &Lab, check: &Check) -> Option<Duration> {
        let mut times: Vec<Duration> =
            self.answered(check).filter_map(|attempt| attempt.rtt(lab, check)).collect();
        times.sort();
        times.get(times.len() / 2).copied()
    }

    /// How many flows went through a node.
    pub(super) fn through(&self, check: &Check, node: NodeId) -> usize {
        let through = |attempt: &&Attempt| {
            attempt.sightings.iter().any(|sighting| {
                sighting.node == node && matches!(sighting.packet.message, Message::Request(_))
            })
        };
        self.judged(check).iter().filter(through).count()
    }

    /// Whether each node has its share of the flows, as far as chance lets one tell.
    fn is_fair(&self, check: &Check, spread: &Spread<NodeId>) -> bool {
        let all = self.judged(check).len() as f64;
        spread.shares.iter().all(|share| {
            let part = f64::from(share.weight) / spread.whole() as f64;
            let deviation = (all * part * (1.0 - part)).sqrt();
            (self.through(check, share.node) as f64 - all * part).abs() <= DEVIATIONS * deviation
        })
    }

    /// Whether the ICMP error came that the check waits for, and no answer.
    pub(super) fn is_rejected(&self, check: &Check) -> bool {
        let Expect::Rejected(wanted) = &check.expect else { return false };
        self.errors.iter().any(|(from, error)| error.is(*from, wanted))
            && self.answered(check).all(|attempt| attempt.refused)
    }

    /// The sending that shows most: one that held, else one with an answer, else one whose order is
    /// sure, else the one that came furthest; among equals the last.
    pub(super) fn best(&self, lab: &Lab, check: &Check) -> Option<&Attempt> {
        self.judged(check).iter().max_by_key(|attempt| {
            let answered = attempt.answered.is_some();
            let held = answered && attempt.fault(lab, check).is_none();
            let forth = Trail::new(lab, &attempt.sightings, Leg::Forth);
            let back = Trail::new(lab, &attempt.sightings, Leg::Back);
            let is_timed = forth.is_timed() && back.is_timed() && forth.len() > 0;
            (held, answered, is_timed, back.len(), forth.len())
        })
    }

    /// Whether it, though it must not, came to its target or was answered. A datagram or a
    /// connection has come through when it is answered there, since a filter of the target's own
    /// may drop what is seen arriving.
    pub(super) fn came_through(&self, lab: &Lab, check: &Check) -> bool {
        self.attempts.iter().any(|attempt| {
            let is_answered = attempt.answered.is_some() && !attempt.refused;
            match &check.to {
                Target::Node { takers, vrf, .. } => {
                    let vrf = vrf.as_ref().map(|vrf| vrf.as_str());
                    let forth = Trail::new(lab, &attempt.sightings, Leg::Forth);
                    let has_replied = attempt.sightings.iter().any(|sighting| {
                        takers.contains(&sighting.node)
                            && sighting.direction == Direction::Outgoing
                            && matches!(sighting.packet.message, Message::Reply(_))
                    });
                    takers.iter().any(|node| forth.arrived(*node, vrf))
                        && match check.protocol() {
                            Protocol::Echo => true,
                            Protocol::Tcp(_) | Protocol::Udp(_) => is_answered || has_replied,
                        }
                }
                Target::Address(_) | Target::OnLink { .. } => is_answered,
            }
        })
    }
}
