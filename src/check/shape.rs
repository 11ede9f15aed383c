//! What a probe's packets look like, whatever their protocol, as options of the socket that sends
//! them.

use super::message::Version;
use crate::compile::{Check, Expect};
use crate::sys::allow_fragments;
use socket2::{SockAddr, Socket};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What a socket is told before it sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Shape<'a> {
    /// The VRF device, or the interface of a link, that it is bound to.
    pub(super) device: Option<&'a str>,
    /// Its family.
    pub(super) version: Version,
    /// Whether its packets are fragmented.
    fragments: Fragments,
    /// Their time to live.
    ttl: u8,
    /// Their type of service or traffic class.
    tos: u8,
    /// The mark that the sender's rules see.
    mark: u32,
    /// Their source address, where it is said.
    pub(super) source: Option<IpAddr>,
    /// Whether that need not be one of the node's.
    pub(super) foreign: bool,
}

/// Whether packets may be fragmented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fragments {
    /// They may, by whomever.
    Allowed,
    /// Nobody may, nor does the sender heed what it has heard of the path.
    Refused,
    /// As the kernel has it for programs: it heeds what it has heard of the path.
    ByPath,
}

impl<'a> Shape<'a> {
    /// That of a check's probes in one family.
    pub(super) fn of(check: &'a Check, version: Version) -> Self {
        Self {
            device: check.device().map(|device| device.as_str()),
            version,
            fragments: match (check.sends.df, check.sends.transfer) {
                (true, _) => Fragments::Refused,
                (false, None) => Fragments::Allowed,
                (false, Some(_)) => Fragments::ByPath,
            },
            ttl: check.sends.ttl(),
            tos: check.sends.tos,
            mark: check.sends.mark,
            source: check.sends.from,
            foreign: check.sends.from.is_some() && check.expect == Expect::Lost,
        }
    }

    /// Tells a socket all but its address.
    pub(super) fn dress(&self, socket: &Socket) -> io::Result<()> {
        socket.set_nonblocking(true)?;
        socket.bind_device(self.device.map(str::as_bytes))?;
        match self.fragments {
            Fragments::Allowed => allow_fragments(socket, self.version == Version::V6, true)?,
            Fragments::Refused => allow_fragments(socket, self.version == Version::V6, false)?,
            Fragments::ByPath => {}
        }
        let ttl = self.ttl.into();
        let tos = self.tos.into();
        match self.version {
            Version::V4 => {
                socket.set_ttl_v4(ttl)?;
                socket.set_tos_v4(tos)?;
            }
            Version::V6 => {
                socket.set_unicast_hops_v6(ttl)?;
                socket.set_tclass_v6(tos)?;
            }
        }
        if self.mark != 0 {
            socket.set_mark(self.mark)?;
        }
        match (self.version, self.foreign) {
            (_, false) => Ok(()),
            (Version::V4, true) => socket.set_ip_transparent_v4(true),
            (Version::V6, true) => socket.set_ip_transparent_v6(true),
        }
    }

    /// Gives a socket its source address, and a port where it has any.
    pub(super) fn bind(&self, socket: &Socket, port: u16) -> io::Result<()> {
        let any = match self.version {
            Version::V4 => IpAddr::from(Ipv4Addr::UNSPECIFIED),
            Version::V6 => Ipv6Addr::UNSPECIFIED.into(),
        };
        let address = SocketAddr::new(self.source.unwrap_or(any), port);
        socket.bind(&SockAddr::from(address))
    }
}
