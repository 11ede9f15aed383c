//! Sockets of one probe each: a datagram or a connection that is under way.

use super::mark::{Mark, Signature};
use super::message::Version;
use super::shape::Shape;
use super::transfer::{Moved, Transfer};
use crate::compile::Sends;
use nix::errno::Errno;
use nix::sys::epoll::EpollFlags;
use socket2::{Domain, SockAddr, Socket, Type};
use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU16;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// How many source ports are tried before the last one's refusal counts.
const TRIES: usize = 32;

/// A probe with a port. Closing it leaves nothing behind: a connection is reset.
#[derive(Debug)]
pub(super) struct Flight {
    socket: Socket,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Connection,
    /// A connection over which data goes.
    Transfer(Transfer),
    Datagram,
}

/// What became of a probe with a port.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Landing {
    /// There is an answer.
    Answered,
    /// The far side wants no connection.
    Refused,
    /// Data is under way, and goes on when this is so.
    Moving(EpollFlags),
}

impl Flight {
    /// Begins a connection from the namespace of the running thread.
    pub(super) fn connect(
        signature: &mut Signature,
        shape: Shape<'_>,
        mark: Mark,
        sends: &Sends,
        (to, port): (IpAddr, NonZeroU16),
    ) -> io::Result<Self> {
        let (socket, from) = open(signature, shape, Type::STREAM, sends.sport)?;
        let kind = match sends.transfer {
            Some(volume) => Kind::Transfer(Transfer::new(volume.bytes())),
            None => Kind::Connection,
        };
        signature.connect(mark, from, port.get());
        socket.set_linger(Some(Duration::ZERO))?;
        match socket.connect(&SockAddr::from(SocketAddr::new(to, port.get()))) {
            Err(error) if error.raw_os_error() != Some(Errno::EINPROGRESS as i32) => Err(error),
            Ok(()) | Err(_) => Ok(Self { socket, kind }),
        }
    }

    /// Sends a datagram from the namespace of the running thread.
    pub(super) fn send(
        signature: &mut Signature,
        shape: Shape<'_>,
        sport: Option<NonZeroU16>,
        (to, port): (IpAddr, NonZeroU16),
        data: &[u8],
    ) -> io::Result<Self> {
        let (socket, _) = open(signature, shape, Type::DGRAM, sport)?;
        socket.connect(&SockAddr::from(SocketAddr::new(to, port.get())))?;
        socket.send(data)?;
        Ok(Self { socket, kind: Kind::Datagram })
    }

    /// What became of it, as far as is known. Errors that an ICMP message has brought are read from
    /// that message, which says more.
    pub(super) fn landing(&mut self) -> io::Result<Option<Landing>> {
        match &mut self.kind {
            Kind::Connection => connection(&self.socket),
            Kind::Transfer(transfer) => match connection(&self.socket)? {
                Some(Landing::Answered) => {
                    let is_broken = transfer.go_on(&self.socket).is_err();
                    let all = transfer.is_done().then_some(Landing::Answered);
                    Ok(all.or((!is_broken).then_some(Landing::Moving(transfer.interest()))))
                }
                other => Ok(other),
            },
            // What the answer says is no matter: a server of somebody's own may speak first.
            Kind::Datagram => match (&self.socket).read(&mut [0; 64]) {
                Ok(_) => Ok(Some(Landing::Answered)),
                Err(_) => Ok(None),
            },
        }
    }

    /// Whether it is a connection, which can be written to once it is made.
    pub(super) fn is_connection(&self) -> bool {
        match self.kind {
            Kind::Connection | Kind::Transfer(_) => true,
            Kind::Datagram => false,
        }
    }

    /// How far its data has come, beside what was known of it.
    pub(super) fn moved(&self, before: Option<Moved>) -> Option<Moved> {
        let Kind::Transfer(transfer) = &self.kind else { return None };
        if !transfer.has_begun {
            return before;
        }
        let before = before.unwrap_or_else(Moved::none);
        let at = if transfer.back() > before.back { Instant::now() } else { before.at };
        let segment = self.socket.tcp_mss().ok();
        Some(Moved { back: transfer.back(), segment, at, ..before })
    }
}

/// What became of a connection.
fn connection(socket: &Socket) -> io::Result<Option<Landing>> {
    match socket.take_error()? {
        None if socket.peer_addr().is_ok() => Ok(Some(Landing::Answered)),
        None => Ok(None),
        Some(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            Ok(Some(Landing::Refused))
        }
        Some(_) => Ok(None),
    }
}

/// A socket with the source port that a check says, or with one that nobody in its namespace has.
fn open(
    signature: &mut Signature,
    shape: Shape<'_>,
    kind: Type,
    sport: Option<NonZeroU16>,
) -> io::Result<(Socket, u16)> {
    let domain = match shape.version {
        Version::V4 => Domain::IPV4,
        Version::V6 => Domain::IPV6,
    };
    let socket = Socket::new(domain, kind, None)?;
    shape.dress(&socket)?;
    if let Some(port) = sport {
        if shape.version == Version::V6 {
            // A socket of IPv4 may have the port as well.
            socket.set_only_v6(true)?;
        }
        shape.bind(&socket, port.get())?;
        return Ok((socket, port.get()));
    }
    let mut left = TRIES;
    loop {
        let port = signature.port();
        left -= 1;
        match shape.bind(&socket, port) {
            Ok(()) => return Ok((socket, port)),
            Err(error) if left > 0 && error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => return Err(error),
        }
    }
}

impl AsFd for Flight {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
