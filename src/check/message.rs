//! What a packet of a probe says, whatever its protocol.

use super::icmp::{self, IcmpError};
use super::mark::{Data, Mark, Signature};
use std::net::IpAddr;

/// A message about a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Message {
    /// The probe itself: an echo request, a datagram, the first segment of a connection.
    Request(Mark),
    /// Its answer.
    Reply(Mark),
    /// Its answer is that no connection is wanted.
    Reset(Mark),
    /// An ICMP error that quotes the probe.
    Error {
        /// What it says.
        error: IcmpError,
        /// The mark of what it quotes.
        mark: Mark,
    },
}

/// Which IP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Version {
    /// That of IPv4.
    V4,
    /// That of IPv6.
    V6,
}

impl Version {
    /// The one that goes with an address.
    pub(super) fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }
}

impl Message {
    /// Reads what an IP header with this protocol is followed by; nothing where it is about no
    /// probe of this run.
    pub(super) fn parse(
        signature: &Signature,
        version: Version,
        protocol: u8,
        bytes: &[u8],
    ) -> Option<Self> {
        match (version, protocol) {
            (Version::V4, 1) | (Version::V6, 58) => icmp::parse(signature, version, bytes),
            (_, 17) => Some(match signature.token.read(bytes.get(8..)?)? {
                (mark, Data::Request | Data::Silent) => Self::Request(mark),
                (mark, Data::Reply) => Self::Reply(mark),
            }),
            (_, 6) => segment(signature, bytes),
            _ => None,
        }
    }
}

/// The segments that open or refuse a connection (RFC 9293).
fn segment(signature: &Signature, bytes: &[u8]) -> Option<Message> {
    let header = bytes.first_chunk::<20>()?;
    let source = u16::from_be_bytes([header[0], header[1]]);
    let destination = u16::from_be_bytes([header[2], header[3]]);
    let (syn, reset, acknowledges) =
        (header[13] & 2 != 0, header[13] & 4 != 0, header[13] & 16 != 0);
    let forth = || signature.connection(source, destination);
    let back = || signature.connection(destination, source);
    match (syn, reset, acknowledges) {
        (true, false, false) => forth().map(Message::Request),
        (true, false, true) => back().map(Message::Reply),
        // Once it is there, the client ends a connection in the same way.
        (false, true, _) => back().map(Message::Reset),
        _ => None,
    }
}
