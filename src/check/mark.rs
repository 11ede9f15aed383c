//! The mark by which a probe is known again: addresses cannot do it, since customers share them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;

/// Where source ports are taken from: part of those that the kernel gives to clients.
const PORTS: Range<u16> = 40_000..60_000;

/// A number that this run's probes bear and no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token([u8; 8]);

/// What a probe bears: its number in this run, and the attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// The probe.
    pub(super) probe: u32,
    /// Which sending of it, from 0.
    pub(super) attempt: u16,
}

/// What the data of a datagram says that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Data {
    /// A probe that is to be answered.
    Request,
    /// A probe from an address that no answer would come back to.
    Silent,
    /// An answer.
    Reply,
}

/// How the packets of this run are known: by the token in their data, or, since the first segment
/// of a connection has none, by their ports.
#[derive(Debug)]
pub(super) struct Signature {
    pub(super) token: Token,
    /// The mark of each connection by its own port, with the port it goes to.
    connections: BTreeMap<u16, (Mark, u16)>,
    next: u16,
}

impl Token {
    /// A new one.
    pub(super) fn random() -> io::Result<Self> {
        let mut bytes = [0; 8];
        File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// Its first half, for a filter in the kernel to look at.
    pub(super) fn word(self) -> u32 {
        let [a, b, c, d, ..] = self.0;
        u32::from_be_bytes([a, b, c, d])
    }

    /// An echo request from its identifier on: what follows type, code and checksum.
    pub(super) fn echo(self, mark: Mark, size: usize) -> Vec<u8> {
        // Identifier and sequence number are for the eyes of whoever captures packets.
        let [.., high, low] = mark.probe.to_be_bytes();
        let [first, second] = mark.attempt.to_be_bytes();
        let mut bytes = vec![high, low, first, second];
        bytes.extend(self.data(mark, Data::Request, size));
        bytes
    }

    /// The data of a probe of this size.
    pub(super) fn data(self, mark: Mark, data: Data, size: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(size);
        bytes.extend(self.0);
        bytes.extend(mark.probe.to_be_bytes());
        bytes.extend(mark.attempt.to_be_bytes());
        bytes.push(match data {
            Data::Request => 0,
            Data::Silent => 1,
            Data::Reply => 2,
        });
        bytes.resize(size, 0);
        bytes
    }

    /// The mark in a probe's data.
    pub(super) fn read(self, bytes: &[u8]) -> Option<(Mark, Data)> {
        let bytes = bytes.strip_prefix(&self.0)?;
        let (probe, bytes) = bytes.split_first_chunk::<4>()?;
        let (attempt, bytes) = bytes.split_first_chunk::<2>()?;
        let data = match bytes.first()? {
            0 => Data::Request,
            1 => Data::Silent,
            2 => Data::Reply,
            _ => return None,
        };
        let mark =
            Mark { probe: u32::from_be_bytes(*probe), attempt: u16::from_be_bytes(*attempt) };
        Some((mark, data))
    }
}

impl Signature {
    /// That of a new run. The ports begin at a place that varies, so that two runs at once seldom
    /// want the same ones.
    pub(super) fn new(token: Token) -> Self {
        let span = u32::from(PORTS.end - PORTS.start);
        let next = PORTS.start + (token.word() % span) as u16;
        Self { token, connections: BTreeMap::new(), next }
    }

    /// All ports that it may give, both ends included.
    pub(super) const PORTS: (u16, u16) = (PORTS.start, PORTS.end - 1);

    /// A source port, each in its turn.
    pub(super) fn port(&mut self) -> u16 {
        let port = self.next;
        self.next = if port + 1 == PORTS.end { PORTS.start } else { port + 1 };
        port
    }

    /// From now on a connection between these ports bears this mark.
    pub(super) fn connect(&mut self, mark: Mark, from: u16, to: u16) {
        self.connections.insert(from, (mark, to));
    }

    /// The mark of a connection by its ports, the client's first.
    pub(super) fn connection(&self, from: u16, to: u16) -> Option<Mark> {
        self.connections.get(&from).filter(|(_, port)| *port == to).map(|(mark, _)| *mark)
    }
}

#[cfg(test)]
impl Token {
    pub(super) const TEST: Token = Token(*b"vrflab!!");
}
