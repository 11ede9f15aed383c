//! A probe: one address, sent to once or many times, and all that became of it.

use super::attempt::{Attempt, Fault};
use super::icmp::IcmpError;
use super::unique::Inquiry;
use crate::compile::{Check, Expect, Lab, NodeId};
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
/// How long data may take to go on.
const STALL: Duration = Duration::from_secs(5);
/// How many sendings a probe has that must not arrive.
const UNWELCOME: usize = 2;
/// How many answers may come on a way that the check does not want, before it has failed.
const CHANCES: usize = 2;
/// How long an answer may take that must not come, or that comes after all others.
const SILENCE: Duration = Duration::from_secs(1);
/// How much longer than the lab's own delays a packet may take to be seen again.
const MARGIN: Duration = Duration::from_millis(300);
/// How long one may take that comes after all others, however long a round trip may take.
const LONGEST: Duration = Duration::from_secs(60);
/// The time between probes that are counted.
const INTERVAL: Duration = Duration::from_millis(10);
/// The time between flows.
const FLOW_INTERVAL: Duration = Duration::from_millis(2);
/// The time between probes of one node that an ICMP error is to come of. Once some have gone to an
/// address, a kernel saves up for a second for the next one (`icmp_ratelimit`), and for a second
/// more where it is about a route (`net.ipv4.route.error_cost`); asking sooner spends the savings.
pub(super) const ERROR_INTERVAL: Duration = Duration::from_millis(2100);
/// How many more of them a probe waits for than there are others of its node.
const ERROR_TURNS: u32 = 2;
/// One address that a check sends to.
#[derive(Debug)]
pub(super) struct Probe {
    /// The check's place.
    pub(super) check: usize,
    /// The place of the socket.
    pub(super) sender: usize,
    /// To whom.
    pub(super) to: IpAddr,
    /// The places of the far sides that were opened for it.
    pub(super) servers: Vec<usize>,
    /// Where its arrival is looked for, if no answer is waited for.
    pub(super) witnesses: Vec<NodeId>,
    /// How many probes of its node wait for an ICMP error, of which kernels send few at once.
    pub(super) rivals: u32,
    /// Every sending, in order.
    pub(super) attempts: Vec<Attempt>,
    /// Why the kernel did not send it, the last time.
    pub(super) refusal: Option<io::Error>,
    /// ICMP errors that came back, each once.
    pub(super) errors: Vec<(IpAddr, IcmpError)>,
    /// Others that answered.
    pub(super) strangers: Vec<IpAddr>,
    /// Until when it, or its answer, may be kept by a node where it was seen.
    pub(super) kept: Option<Instant>,
    /// Who else has the target, where the check asks for that.
    pub(super) inquiry: Option<Inquiry>,
    /// What was made out of it. What comes after that does not change it, and is still told.
    pub(super) verdict: Progress,
}

/// What is known of a probe.
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
            servers: Vec::new(),
            witnesses: Vec::new(),
            rivals: 0,
            attempts: Vec::new(),
            refusal: None,
            errors: Vec::new(),
            strangers: Vec::new(),
            kept: None,
            inquiry: None,
            verdict: Progress::Open,
        }
    }

    /// When it is to be sent for the next time. One that waits for an ICMP error is sent again when
    /// it is its turn among those of its node.
    pub(super) fn next_sending(&self, check: &Check) -> Option<Instant> {
        if self.inquiry.is_some() {
            return None;
        }
        let first = self.attempts.first()?;
        let sent = self.attempts.len();
        if let Some(count) = check.count() {
            let interval = match check.expect {
                Expect::Spreads(_) => FLOW_INTERVAL,
                Expect::Arrives(_) | Expect::Lost | Expect::Rejected(_) => INTERVAL,
            };
            let Some(begin) = self.attempts.get(1) else {
                let silence = (first.sent + SILENCE).max(self.kept.unwrap_or(first.sent));
                return Some(first.answered.unwrap_or(silence));
            };
            return (sent <= count).then(|| begin.sent + interval * (sent as u32 - 1));
        }
        if check.sends.transfer.is_some() {
            return None;
        }
        let after = match check.expect {
            Expect::Arrives(_) | Expect::Spreads(_) => SCHEDULE.get(sent),
            Expect::Lost => SCHEDULE[..UNWELCOME].get(sent),
            Expect::Rejected(_) => None,
        };
        Some(first.sent + *after?)
    }

    /// The attempts that are judged. Where they are counted, one goes before them: while it is on its
    /// way neighbours are found, which takes time and is not to be measured.
    pub(super) fn judged(&self, check: &Check) -> &[Attempt] {
        match check.count() {
            Some(_) => self.attempts.get(1..).unwrap_or_default(),
            None => &self.attempts,
        }
    }

    /// Puts down that it was seen where it may be kept for so long.
    pub(super) fn keep(&mut self, delay: Duration) {
        if delay > Duration::ZERO {
            self.kept = self.kept.max(Some(Instant::now() + delay + MARGIN));
        }
    }

    /// When it is given up, `slowest` being the time of the slowest answer of all: under emulation
    /// one may take longer than anybody thought. While it may be in a queue that the lab has, it is
    /// waited for.
    pub(super) fn deadline(&self, check: &Check, slowest: Duration) -> Option<Instant> {
        if let Some(inquiry) = &self.inquiry {
            return Some(inquiry.until);
        }
        let deadline = self.patience(check, slowest)?;
        let first = self.attempts.first()?.sent;
        let kept = self.kept.map(|kept| kept.min(first + LONGEST));
        kept.max(Some(deadline))
    }

    fn patience(&self, check: &Check, slowest: Duration) -> Option<Instant> {
        let (first, last) = (self.attempts.first()?.sent, self.attempts.last()?.sent);
        if check.sends.transfer.is_some() {
            let moved = self.attempts.last()?.moved.map_or(first, |moved| moved.at);
            return Some((moved + STALL).min(first + LONGEST));
        }
        let silence = SILENCE.max(slowest * 2);
        match (&check.expect, check.count()) {
            (_, Some(count)) if self.attempts.len() <= count => None,
            (_, Some(_)) => {
                let arrival = check.arrival();
                let rtt = arrival.and_then(|arrival| arrival.rtt);
                let slow = rtt.map_or(0, |rtt| rtt.limit().nanoseconds().saturating_mul(2));
                Some(last + silence.max(Duration::from_nanos(slow).min(LONGEST)))
            }
            (Expect::Arrives(_) | Expect::Spreads(_), None) => Some(first + PATIENCE),
            (Expect::Lost, None) => Some(first + silence),
            (Expect::Rejected(_), None) => {
                Some(first + PATIENCE.max(ERROR_INTERVAL * (self.rivals + ERROR_TURNS)))
            }
        }
    }

    /// What is known of it. One that must not arrive is never held here: it is given up when nothing
    /// has been heard for long enough, and judged when all is over.
    pub(super) fn progress(
        &self,
        lab: &Lab,
        check: &Check,
        slowest: Duration,
        now: Instant,
    ) -> Progress {
        let is_over = self.deadline(check, slowest).is_some_and(|deadline| deadline <= now);
        if self.inquiry.is_some() {
            return match is_over {
                false => Progress::Open,
                true if self.others(lab, check).is_none() => Progress::Held,
                true => Progress::Failed,
            };
        }
        if let Some(count) = check.count() {
            let judged = self.judged(check);
            let is_complete = judged.len() == count
                && judged.iter().all(|attempt| self.is_done(lab, check, attempt));
            return match is_over || is_complete {
                false => Progress::Open,
                true if self.shortcoming(lab, check).is_none() => Progress::Held,
                true => Progress::Failed,
            };
        }
        let mut judged = 0;
        match check.expect {
            Expect::Arrives(_) | Expect::Spreads(_) => {
                for attempt in self.answered(check) {
                    match attempt.fault(lab, check) {
                        None => return Progress::Held,
                        Some(Fault::Unsure) => {}
                        Some(_) => judged += 1,
                    }
                }
            }
            Expect::Lost => {}
            Expect::Rejected(_) if self.is_rejected(check) => return Progress::Held,
            Expect::Rejected(_) => {}
        }
        if judged >= CHANCES || is_over { Progress::Failed } else { Progress::Open }
    }
}
