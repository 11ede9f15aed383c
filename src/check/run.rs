//! All checks at once: sending, watching, waiting.

use super::icmp::{Message, Version};
use super::mark::{Mark, Token};
use super::probe::{Attempt, Probe, Progress};
use super::report::{CheckResult, Report};
use super::sender::{Received, Sender};
use super::sockets::{self, Error, Origin};
use super::verdict;
use super::watch::{Sighting, Watch};
use crate::compile::{Check, Expect, Lab, Target};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

/// How many probes may be on their way without being late, so that no queue overflows.
const WINDOW: usize = 256;
/// When a probe is late and no longer holds up others.
const LATE: Duration = Duration::from_millis(300);
/// How many threads close the sockets.
const CLOSERS: usize = 32;
/// How soon an interrupt is noticed.
const ATTENTION: Duration = Duration::from_millis(100);
/// How long an answer may take that must not come.
const SILENCE: Duration = Duration::from_secs(1);

/// Makes all checks of a lab that stands, and tells of each as soon as it is known whether it holds,
/// by its place; what must not arrive, and what failed and is explained, is known last.
///
/// # Errors
/// The namespaces cannot be entered or watched. A check that fails is no error.
pub fn run(
    lab: &Lab,
    checks: &[Check],
    on_result: impl FnMut(usize, &CheckResult),
) -> Result<Report, Error> {
    run_until(lab, checks, || false, on_result)
}

/// [`run`], until `interrupted` says that nobody waits for it any more.
///
/// # Errors
/// As [`run`], and [`Error::Interrupted`].
pub fn run_until(
    lab: &Lab,
    checks: &[Check],
    interrupted: impl Fn() -> bool,
    mut on_result: impl FnMut(usize, &CheckResult),
) -> Result<Report, Error> {
    if checks.is_empty() {
        return Ok(Report::of(Vec::new()));
    }
    sockets::raise_file_limit();
    let mut run = Run::open(lab, checks)?;
    let mut results: Vec<Option<CheckResult>> = vec![None; checks.len()];
    run.all(interrupted, |run, check| {
        let result = verdict::held(run, check);
        on_result(check, &result);
        results[check] = Some(result);
    })?;
    let held: Vec<bool> = results.iter().map(Option::is_some).collect();
    let results = results
        .into_iter()
        .enumerate()
        .map(|(check, result)| {
            result.unwrap_or_else(|| {
                let result = verdict::remaining(&run, check, &held);
                on_result(check, &result);
                result
            })
        })
        .collect();
    Ok(Report::of(results))
}

/// Everything that is open while checks are made.
#[derive(Debug)]
pub(super) struct Run<'a> {
    /// The lab.
    pub(super) lab: &'a Lab,
    /// Its checks.
    pub(super) checks: &'a [Check],
    /// A probe per address of each check, the checks in order.
    pub(super) probes: Vec<Probe>,
    watches: Vec<Watch>,
    /// A socket that could not be opened, for want of its VRF, is a refusal for its probes.
    senders: Vec<io::Result<Sender>>,
    epoll: Epoll,
    /// The slowest answer so far.
    slowest: Duration,
}

impl<'a> Run<'a> {
    fn open(lab: &'a Lab, checks: &'a [Check]) -> Result<Self, Error> {
        let mut origins: BTreeMap<Origin<'a>, usize> = BTreeMap::new();
        let mut probes = Vec::new();
        for (place, check) in checks.iter().enumerate() {
            let addresses = match &check.to {
                Target::Node { addresses, .. } => addresses.as_slice(),
                Target::Address(address) => std::slice::from_ref(address),
            };
            for &to in addresses {
                let vrf = check.from.vrf.as_ref().map(|vrf| vrf.as_str());
                let next = origins.len();
                let sender =
                    *origins.entry((check.from.node, vrf, Version::of(to))).or_insert(next);
                probes.push(Probe::new(place, sender, to));
            }
        }
        let token = Token::random()?;
        let (watches, senders) = sockets::open(lab, token, &origins)?;
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map_err(io::Error::from)?;
        let event = |place: usize| EpollEvent::new(EpollFlags::EPOLLIN, place as u64);
        for (place, watch) in watches.iter().enumerate() {
            epoll.add(watch, event(place)).map_err(io::Error::from)?;
        }
        for (place, sender) in senders.iter().enumerate() {
            if let Ok(sender) = sender {
                epoll.add(sender, event(watches.len() + place)).map_err(io::Error::from)?;
            }
        }
        Ok(Self { lab, checks, probes, watches, senders, epoll, slowest: Duration::ZERO })
    }

    /// Sends and waits until there is nothing more to wait for. Tells of each check whose probes
    /// must arrive and have all done so.
    fn all(
        &mut self,
        interrupted: impl Fn() -> bool,
        mut on_held: impl FnMut(&Self, usize),
    ) -> Result<(), Error> {
        let mut open = vec![0_usize; self.checks.len()];
        for probe in &self.probes {
            open[probe.check] += 1;
        }
        // Those that must not arrive are waited for longest, so they go first.
        let mut order: Vec<usize> = (0..self.probes.len()).collect();
        order.sort_by_key(|&probe| self.expect(probe) != Expect::Lost);
        let mut waiting = order.into_iter().peekable();
        let mut flying: Vec<usize> = Vec::new();
        while waiting.peek().is_some() || !flying.is_empty() {
            if interrupted() {
                return Err(Error::Interrupted);
            }
            let now = Instant::now();
            for &probe in &flying {
                let expect = self.expect(probe);
                if self.probes[probe].next_sending(expect).is_some_and(|next| next <= now) {
                    self.send(probe);
                }
            }
            let mut room = WINDOW
                .saturating_sub(flying.iter().filter(|&&probe| !self.is_late(probe, now)).count());
            while room > 0 {
                let Some(probe) = waiting.next() else { break };
                self.send(probe);
                flying.push(probe);
                room -= 1;
            }
            self.wait(&flying, waiting.peek().is_some())?;
            let now = Instant::now();
            let mut still = Vec::with_capacity(flying.len());
            for probe in flying {
                match self.progress(probe, now) {
                    Progress::Open => still.push(probe),
                    Progress::Failed => {}
                    Progress::Held => {
                        let check = self.probes[probe].check;
                        open[check] -= 1;
                        if open[check] == 0 {
                            on_held(self, check);
                        }
                    }
                }
            }
            flying = still;
        }
        Ok(())
    }

    fn expect(&self, probe: usize) -> Expect {
        self.checks[self.probes[probe].check].expect
    }

    fn is_late(&self, probe: usize, now: Instant) -> bool {
        let last = self.probes[probe].attempts.last();
        last.is_none_or(|last| now.duration_since(last.sent) > LATE)
    }

    /// What is known of a probe. One that must not arrive is never held here: it is given up when
    /// nothing has been heard for long enough, and judged when all is over.
    fn progress(&self, probe: usize, now: Instant) -> Progress {
        let probe = &self.probes[probe];
        let check = &self.checks[probe.check];
        match check.expect {
            Expect::Arrives => probe.progress(self.lab, check, now),
            Expect::Lost => {
                let first = probe.attempts.first().map_or(now, |attempt| attempt.sent);
                // Under emulation an answer may take longer than anybody thought.
                if now.duration_since(first) >= SILENCE.max(self.slowest * 2) {
                    Progress::Failed
                } else {
                    Progress::Open
                }
            }
        }
    }

    fn send(&mut self, place: usize) {
        let probe = &mut self.probes[place];
        let attempt = probe.attempts.len();
        let mark = Mark { probe: place as u32, attempt: attempt as u16 };
        probe.attempts.push(Attempt {
            sent: Instant::now(),
            answered: None,
            sightings: Vec::new(),
        });
        let sent = match &self.senders[probe.sender] {
            Ok(sender) => sender.send(mark, probe.to),
            Err(error) => Err(match error.raw_os_error() {
                Some(number) => io::Error::from_raw_os_error(number),
                None => error.kind().into(),
            }),
        };
        probe.refusal = sent.err();
    }

    /// Waits until something comes or is due, and takes in all that came.
    fn wait(&mut self, flying: &[usize], more: bool) -> Result<(), Error> {
        let now = Instant::now();
        let due = flying
            .iter()
            .flat_map(|&place| {
                let probe = &self.probes[place];
                let expect = self.expect(place);
                let end = match expect {
                    Expect::Arrives => probe.deadline(),
                    Expect::Lost => probe
                        .attempts
                        .first()
                        .map(|first| first.sent + SILENCE.max(self.slowest * 2)),
                };
                let late = probe.attempts.last().filter(|_| more).map(|last| last.sent + LATE);
                [probe.next_sending(expect), end, late.filter(|late| *late > now)]
            })
            .flatten()
            .min();
        let timeout = due.map_or(SILENCE, |due| due.saturating_duration_since(now)).min(ATTENTION);
        // One more millisecond, since epoll counts in whole ones and would come back too early.
        let timeout = u16::try_from(timeout.as_millis() + 1).unwrap_or(u16::MAX);
        if self.read(timeout.into())? {
            // What led to an answer was seen before it: read again before it is judged.
            self.read(EpollTimeout::ZERO)?;
        }
        Ok(())
    }

    /// Waits for sockets with something to read, and reads them. Says whether there was an answer.
    fn read(&mut self, timeout: EpollTimeout) -> Result<bool, Error> {
        let mut events = vec![EpollEvent::empty(); self.watches.len() + self.senders.len() + 1];
        let ready = match self.epoll.wait(&mut events, timeout) {
            Ok(ready) => ready,
            Err(nix::Error::EINTR) => 0,
            Err(error) => return Err(io::Error::from(error).into()),
        };
        let mut answered = false;
        let mut buffer = [0; 2048];
        for event in &events[..ready] {
            let place = event.data() as usize;
            if let Some(watch) = self.watches.get(place) {
                while let Some(sighting) = watch.receive(&mut buffer)? {
                    see(&mut self.probes, sighting);
                }
            } else if let Ok(sender) = &self.senders[place - self.watches.len()] {
                let place = place - self.watches.len();
                while let Some(received) = sender.receive(&mut buffer)? {
                    if let Some(rtt) = take(&mut self.probes, place, received) {
                        self.slowest = self.slowest.max(rtt);
                        answered = true;
                    }
                }
            }
        }
        Ok(answered)
    }
}

impl Drop for Run<'_> {
    /// Closing a packet socket waits until no processor is in the midst of handling a frame, which
    /// would be seconds for hundreds of them one after the other. Those that wait at the same time
    /// wait together.
    fn drop(&mut self) {
        let mut watches = std::mem::take(&mut self.watches);
        let each = watches.len().div_ceil(CLOSERS).max(1);
        std::thread::scope(|scope| {
            while !watches.is_empty() {
                let some = watches.split_off(watches.len().saturating_sub(each));
                scope.spawn(move || drop(some));
            }
        });
    }
}

/// Puts down where a probe was seen.
fn see(probes: &mut [Probe], sighting: Sighting) {
    let (Message::Request(mark) | Message::Reply(mark)) = sighting.packet.message else { return };
    let probe = probes.get_mut(mark.probe as usize);
    let attempt = probe.and_then(|probe| probe.attempts.get_mut(usize::from(mark.attempt)));
    if let Some(attempt) = attempt {
        attempt.sightings.push(sighting);
    }
}

/// Puts down what came back to a sender. Says how long an answer took.
fn take(probes: &mut [Probe], sender: usize, received: Received) -> Option<Duration> {
    let (Message::Reply(mark) | Message::Error { mark, .. }) = received.message else {
        return None;
    };
    let probe = probes.get_mut(mark.probe as usize)?;
    if probe.sender != sender {
        // Another socket in the same namespace: it gets a copy of its neighbours' answers.
        return None;
    }
    if let Message::Error { error, .. } = received.message {
        let error = (received.source, error);
        if !probe.errors.contains(&error) {
            probe.errors.push(error);
        }
        return None;
    }
    if received.source != probe.to {
        if !probe.strangers.contains(&received.source) {
            probe.strangers.push(received.source);
        }
        return None;
    }
    let attempt = probe.attempts.get_mut(usize::from(mark.attempt))?;
    let now = Instant::now();
    attempt.answered.get_or_insert(now);
    Some(now.duration_since(attempt.sent))
}
