//! Sockets of one probe each: a datagram or a connection that is under way.

use super::mark::{Mark, Signature};
use super::message::Version;
use super::shape::Shape;
use nix::errno::Errno;
use socket2::{Domain, SockAddr, Socket, Type};
use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU16;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

/// How many source ports are tried before the last one's refusal counts.
const TRIES: usize = 32;

/// A probe with a port. Closing it leaves nothing behind: a connection is reset.
#[derive(Debug)]
pub(super) struct Flight {
    socket: Socket,
    kind: Kind,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Connection,
    Datagram,
}

/// What became of a probe with a port.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Landing {
    /// There is an answer.
    Answered,
    /// The far side wants no connection.
    Refused,
}

impl Flight {
    /// Begins a connection from the namespace of the running thread.
    pub(super) fn connect(
        signature: &mut Signature,
        shape: Shape<'_>,
        mark: Mark,
        sport: Option<NonZeroU16>,
        (to, port): (IpAddr, NonZeroU16),
    ) -> io::Result<Self> {
        let (socket, from) = open(signature, shape, Type::STREAM, sport)?;
        signature.connect(mark, from, port.get());
        socket.set_linger(Some(Duration::ZERO))?;
        match socket.connect(&SockAddr::from(SocketAddr::new(to, port.get()))) {
            Err(error) if error.raw_os_error() != Some(Errno::EINPROGRESS as i32) => Err(error),
            Ok(()) | Err(_) => Ok(Self { socket, kind: Kind::Connection }),
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
    pub(super) fn landing(&self) -> io::Result<Option<Landing>> {
        match self.kind {
            Kind::Connection => match self.socket.take_error()? {
                None if self.socket.peer_addr().is_ok() => Ok(Some(Landing::Answered)),
                None => Ok(None),
                Some(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    Ok(Some(Landing::Refused))
                }
                Some(_) => Ok(None),
            },
            // What the answer says is no matter: a server of somebody's own may speak first.
            Kind::Datagram => match (&self.socket).read(&mut [0; 64]) {
                Ok(_) => Ok(Some(Landing::Answered)),
                Err(_) => Ok(None),
            },
        }
    }

    /// Whether something to be read or written is what it waits for.
    pub(super) fn is_connection(&self) -> bool {
        match self.kind {
            Kind::Connection => true,
            Kind::Datagram => false,
        }
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
