//! Sending a probe.

use super::attempt::Attempt;
use super::flight::Flight;
use super::mark::{Data, Mark};
use super::message::Version;
use super::ready::Ready;
use super::run::Run;
use super::server::{Serving, inode};
use super::shape::Shape;
use super::sockets;
use crate::compile::{Expect, NodeId, Protocol, Spread};
use std::io;
use std::net::IpAddr;

impl Run<'_> {
    /// Sends a probe once more.
    pub(super) fn send(&mut self, place: usize) {
        let mark = Mark { probe: place as u32, attempt: self.probes[place].attempts.len() as u16 };
        if self.check(place).sends.sport.is_some() {
            // The port is wanted again.
            self.probes[place].attempts.iter_mut().for_each(|attempt| attempt.flight = None);
        }
        let servers = self.prepare(place);
        self.probes[place].attempts.push(Attempt { servers, ..Attempt::new() });
        let sent = self.launch(place, mark);
        let delay = self.delays.at(self.check(place).from.node);
        let probe = &mut self.probes[place];
        probe.keep(delay);
        match sent {
            Ok(flight) => {
                probe.refusal = None;
                if let Some(attempt) = probe.attempts.last_mut() {
                    attempt.flight = flight;
                }
            }
            Err(error) => probe.refusal = Some(error),
        }
    }

    /// Sees to the far sides of a probe. Says who answers at each.
    fn prepare(&mut self, place: usize) -> Vec<(NodeId, Serving)> {
        let (lab, check) = (self.lab, self.check(place));
        let is_first = self.probes[place].attempts.is_empty();
        let mut servings = Vec::with_capacity(self.probes[place].servers.len());
        for &number in &self.probes[place].servers {
            let server = &mut self.sockets.servers[number];
            server.users += usize::from(is_first);
            let node = server.site.node;
            let entered = sockets::enter(self.worker, lab, node);
            let prepared = entered.and_then(|()| {
                let own = &mut self.sockets.own;
                let (serving, opened) = server.prepare(lab, check, self.worker, own);
                if let Some(socket) = opened {
                    own.insert(inode(socket)?);
                    self.epoll.add(socket, Ready::Server(number).event())?;
                }
                Ok(serving)
            });
            servings
                .push((node, prepared.unwrap_or_else(|error| Serving::Failed(error.to_string()))));
        }
        servings
    }

    /// Sends an attempt; what has a socket of its own is given back.
    fn launch(&mut self, place: usize, mark: Mark) -> io::Result<Option<Flight>> {
        let (probe, check) = (&self.probes[place], self.check(place));
        let to = probe.to;
        let size = usize::from(check.sends.data());
        let mut shape = Shape::of(check, Version::of(to));
        let flight = match check.protocol() {
            Protocol::Echo => {
                return match &self.sockets.senders[probe.sender] {
                    Ok(sender) => sender.send(self.signature.token, mark, to, size).map(|()| None),
                    Err(error) => Err(match error.raw_os_error() {
                        Some(number) => io::Error::from_raw_os_error(number),
                        None => error.kind().into(),
                    }),
                };
            }
            Protocol::Tcp(port) => {
                sockets::enter(self.worker, self.lab, check.from.node)?;
                Flight::connect(&mut self.signature, shape, mark, &check.sends, (to, port))?
            }
            Protocol::Udp(port) => {
                let mut data = Data::Request;
                if let Expect::Spreads(Spread { sources: Some(sources), .. }) = &check.expect {
                    let count = check.count().unwrap_or(1);
                    // A router takes no packet from an address of its own.
                    let mut number = usize::from(mark.attempt)..usize::from(mark.attempt) + count;
                    let foreign = number.find_map(|number| {
                        let source = nth(*sources, number, count);
                        self.lab.holders(source).is_empty().then_some(source)
                    });
                    shape.source = foreign.or(shape.source);
                    shape.foreign = true;
                    data = Data::Silent;
                }
                let data = self.signature.token.data(mark, data, size);
                sockets::enter(self.worker, self.lab, check.from.node)?;
                let sport = check.sends.sport;
                Flight::send(&mut self.signature, shape, sport, (to, port), &data)?
            }
        };
        let ready = Ready::Flight { probe: mark.probe, attempt: mark.attempt };
        self.epoll.add(&flight, ready.event_of(&flight))?;
        Ok(Some(flight))
    }
}

/// One of so many addresses that lie evenly over a prefix, its first and last one left out.
fn nth(prefix: ipnet::IpNet, number: usize, count: usize) -> IpAddr {
    let bits = u32::from(prefix.max_prefix_len() - prefix.prefix_len()).min(64);
    let room = (1_u128 << bits).saturating_sub(2).max(1);
    let offset = 1 + (number as u128 * room / count as u128) % room;
    match prefix.network() {
        IpAddr::V4(first) => std::net::Ipv4Addr::from_bits(first.to_bits() + offset as u32).into(),
        IpAddr::V6(first) => std::net::Ipv6Addr::from_bits(first.to_bits() + offset).into(),
    }
}
