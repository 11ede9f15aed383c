//! Reading what came: what probes were seen, what answered them, what the far sides are asked.

use super::delay::Delays;
use super::flight::Landing;
use super::icmp::IcmpError;
use super::mark::Mark;
use super::message::Message;
use super::probe::Probe;
use super::ready::Ready;
use super::run::{ATTENTION, LATE, Run};
use super::sender::Received;
use super::sockets::Error;
use super::transfer::Moved;
use super::watch::Sighting;
use crate::compile::{Answerer, Check, Protocol, RejectionKind};
use nix::sys::epoll::{EpollEvent, EpollTimeout};
use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// How many sockets are looked at in one pass.
const TURN: usize = 1024;

/// What a pass over the sockets leaves to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// Whatever had come before the pass began was read.
    Complete,
    /// There may be more: sockets that were not looked at, or what led to an answer that was read.
    Partial,
}

impl Run<'_> {
    /// Waits until something comes or is due, and reads it. Gives the moment up to which all that came
    /// was read, which is the one to judge by.
    pub(super) fn wait(&mut self, flying: &[usize], more: bool) -> Result<Instant, Error> {
        let now = Instant::now();
        let due = flying
            .iter()
            .flat_map(|&place| {
                let (probe, check) = (&self.probes[place], self.check(place));
                let late = probe.attempts.last().filter(|_| more).map(|last| last.sent + LATE);
                [
                    probe.next_sending(check),
                    probe.deadline(check, self.slowest),
                    late.filter(|late| *late > now),
                ]
            })
            .flatten()
            .chain(self.turns(flying).into_iter().map(|(_, due)| due))
            .min();
        let timeout = due.map_or(ATTENTION, |due| due.saturating_duration_since(now));
        // Up to a whole millisecond, since epoll counts in those and would come back too early.
        let millis = timeout.min(ATTENTION).as_micros().div_ceil(1000);
        let timeout = u16::try_from(millis).unwrap_or(u16::MAX);
        match self.epoll.wait(&mut [EpollEvent::empty()], timeout) {
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(error) => return Err(io::Error::from(error).into()),
        }
        read_up(|| self.read())
    }

    /// Reads the sockets that have something to read.
    fn read(&mut self) -> Result<Pass, Error> {
        let mut events = [EpollEvent::empty(); TURN];
        let ready = match self.epoll.wait(&mut events, EpollTimeout::ZERO) {
            Ok(ready) => ready,
            Err(nix::Error::EINTR) => return Ok(Pass::Partial),
            Err(error) => return Err(io::Error::from(error).into()),
        };
        let mut pass = if ready == TURN { Pass::Partial } else { Pass::Complete };
        let mut buffer = [0; 2048];
        let ready: Vec<Ready> = events[..ready].iter().filter_map(Ready::of).collect();
        // What waits for an answer of ours comes first: that takes part of its round trip.
        for ready in &ready {
            if let Ready::Server(place) = *ready {
                let server = &mut self.sockets.servers[place];
                server.serve(&self.signature);
                for (mark, taken) in server.echo(&self.signature, &self.epoll, *ready)? {
                    take_in(&mut self.probes, mark, taken);
                }
            }
        }
        for ready in ready {
            let rtt = match ready {
                Ready::Watch(place) => {
                    let watch = &self.sockets.watches[place];
                    while let Some(sighting) = watch.receive(&self.signature, &mut buffer)? {
                        see(&mut self.probes, self.checks, &self.delays, sighting);
                    }
                    None
                }
                Ready::Sender(place) => {
                    let Ok(sender) = &self.sockets.senders[place] else { continue };
                    let mut slowest = None;
                    while let Some(received) = sender.receive(&self.signature, &mut buffer)? {
                        slowest = slowest.max(take(&mut self.probes, self.checks, place, received));
                    }
                    slowest
                }
                Ready::Server(_) => None,
                Ready::Flight { probe, attempt } => self.land(probe as usize, attempt.into())?,
            };
            if let Some(rtt) = rtt {
                self.slowest = self.slowest.max(rtt);
                pass = Pass::Partial;
            }
        }
        Ok(pass)
    }

    /// Takes in what became of an attempt with a socket of its own. Says how long its answer took.
    fn land(&mut self, probe: usize, attempt: usize) -> io::Result<Option<Duration>> {
        let ready = Ready::Flight { probe: probe as u32, attempt: attempt as u16 };
        let probe = self.probes.get_mut(probe);
        let attempt = probe.and_then(|probe| probe.attempts.get_mut(attempt));
        let Some(attempt) = attempt else { return Ok(None) };
        let Some(flight) = &mut attempt.flight else { return Ok(None) };
        let landing = flight.landing()?;
        attempt.moved = flight.moved(attempt.moved);
        let Some(landing) = landing else {
            if flight.is_connection() {
                // An error ends it, and epoll would tell of it for ever.
                self.epoll.delete(flight)?;
            }
            return Ok(None);
        };
        if let Landing::Moving(interest) = landing {
            self.epoll.modify(flight, &mut ready.event_for(interest))?;
            return Ok(None);
        }
        let now = Instant::now();
        attempt.answered = Some(now);
        attempt.refused = landing == Landing::Refused;
        attempt.flight = None;
        // How much data there is says nothing of how slow an answer may be.
        let rtt = now.duration_since(attempt.sent);
        Ok(Some(if attempt.moved.is_some() { Duration::ZERO } else { rtt }))
    }
}

/// Reads until nothing is left that had come when the last pass began, and gives that moment.
///
/// An answer may be read ahead of the sightings that led to it, which wait in other sockets. They had
/// come before it, so a pass that begins after it was read finds them.
fn read_up<E>(mut pass: impl FnMut() -> Result<Pass, E>) -> Result<Instant, E> {
    loop {
        let begun = Instant::now();
        match pass()? {
            Pass::Complete => return Ok(begun),
            Pass::Partial => {}
        }
    }
}

/// Puts down where a probe was seen.
fn see(probes: &mut [Probe], checks: &[Check], delays: &Delays, sighting: Sighting) {
    let (Message::Request(mark)
    | Message::Reply(mark)
    | Message::Reset(mark)
    | Message::Error { mark, .. }) = sighting.packet.message;
    let Some(probe) = probes.get_mut(mark.probe as usize) else { return };
    probe.keep(delays.at(sighting.node));
    if let Message::Error { error, .. } = sighting.packet.message
        && !is_refusal(&checks[probe.check], probe, sighting.packet.source, error)
    {
        return;
    }
    if let Some(attempt) = probe.attempts.get_mut(usize::from(mark.attempt)) {
        attempt.sightings.push(sighting);
    }
}

/// Whether an ICMP error is the refusal that a check of a datagram waits for: the target itself says
/// that nobody listens.
fn is_refusal(check: &Check, probe: &Probe, source: IpAddr, error: IcmpError) -> bool {
    let waits = check.arrival().is_some_and(|arrival| arrival.answerer == Answerer::Refusal);
    waits
        && matches!(check.protocol(), Protocol::Udp(_))
        && source == probe.to
        && error.name() == Some(RejectionKind::PortUnreachable)
}

/// Puts down how many bytes of an attempt's data have come to its far side.
fn take_in(probes: &mut [Probe], mark: Mark, taken: u64) {
    let probe = probes.get_mut(mark.probe as usize);
    let attempt = probe.and_then(|probe| probe.attempts.get_mut(usize::from(mark.attempt)));
    if let Some(attempt) = attempt {
        let moved = attempt.moved.unwrap_or_else(Moved::none);
        let at = if moved.taken < Some(taken) { Instant::now() } else { moved.at };
        attempt.moved = Some(Moved { taken: Some(taken), at, ..moved });
    }
}

/// Puts down what came back to a sender. Says how long an answer took.
fn take(
    probes: &mut [Probe],
    checks: &[Check],
    sender: usize,
    received: Received,
) -> Option<Duration> {
    let (Message::Reply(mark) | Message::Error { mark, .. }) = received.message else {
        return None;
    };
    let probe = probes.get_mut(mark.probe as usize)?;
    if probe.sender != sender {
        // Another socket in the same namespace: it gets a copy of its neighbours' answers.
        return None;
    }
    let mut refused = false;
    if let Message::Error { error, .. } = received.message {
        refused = is_refusal(&checks[probe.check], probe, received.source, error);
        let error = (received.source, error);
        if !probe.errors.contains(&error) {
            probe.errors.push(error);
        }
        if !refused {
            return None;
        }
    }
    if received.source != probe.to {
        if !probe.strangers.contains(&received.source) {
            probe.strangers.push(received.source);
        }
        return None;
    }
    let attempt = probe.attempts.get_mut(usize::from(mark.attempt))?;
    let now = Instant::now();
    match attempt.answered {
        Some(_) => attempt.duplicates += 1,
        None => attempt.answered = Some(now),
    }
    attempt.refused |= refused;
    Some(now.duration_since(attempt.sent))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    #[test]
    fn nothing_is_judged_before_a_pass_that_began_behind_the_last_answer_has_read_all() {
        // The first pass is cut off, the next two meet answers whose sightings wait behind them.
        let mut passes =
            VecDeque::from([Pass::Partial, Pass::Partial, Pass::Partial, Pass::Complete]);
        let mut begun = Vec::new();
        let read = read_up(|| -> Result<Pass, std::convert::Infallible> {
            begun.push(Instant::now());
            Ok(passes.pop_front().expect("no pass follows a complete one"))
        });
        let Ok(read) = read;
        assert_eq!(begun.len(), 4);
        assert!(begun[2] <= read && read <= begun[3]);
    }
}
