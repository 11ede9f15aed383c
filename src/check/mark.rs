//! The mark by which a probe is known again: addresses cannot do it, since customers share them.

use std::fs::File;
use std::io::{self, Read};

/// How long the data of an echo request is, as of `ping`.
const DATA: usize = 56;

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
    pub(super) fn write(self, mark: Mark) -> Vec<u8> {
        let probe = mark.probe.to_be_bytes();
        let mut bytes = Vec::with_capacity(4 + DATA);
        // The identifier is for the eyes of whoever captures packets.
        bytes.extend(&probe[2..]);
        bytes.extend(mark.attempt.to_be_bytes());
        bytes.extend(self.0);
        bytes.extend(probe);
        bytes.resize(4 + DATA, 0);
        bytes
    }

    /// The mark of an echo request or reply, given from its identifier on.
    pub(super) fn read(self, bytes: &[u8]) -> Option<Mark> {
        let (identifier, bytes) = bytes.split_first_chunk::<2>()?;
        let (attempt, bytes) = bytes.split_first_chunk::<2>()?;
        let probe = bytes.strip_prefix(&self.0)?.first_chunk::<4>()?;
        (probe[2..] == *identifier).then_some(Mark {
            probe: u32::from_be_bytes(*probe),
            attempt: u16::from_be_bytes(*attempt),
        })
    }
}

#[cfg(test)]
impl Token {
    pub(super) const TEST: Token = Token(*b"vrflab!!");
}
