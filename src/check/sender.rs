//! The sockets that echo requests leave from, and that answers and ICMP errors come back to.

use super::filter::{self, Sought};
use super::frame::Packet;
use super::icmp;
use super::mark::{Mark, Signature, Token};
use super::message::{Message, Version};
use super::shape::Shape;
use nix::errno::Errno;
use nix::sys::socket::{SockaddrStorage, recvfrom, setsockopt, sockopt};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// Room for a burst of answers that nobody has read yet; only what is queued takes memory.
const BUFFER: usize = 1 << 20;

/// A raw ICMP socket in one namespace.
#[derive(Debug)]
pub(super) struct Sender {
    socket: Socket,
    version: Version,
}

/// Something that came back.
#[derive(Debug)]
pub(super) struct Received {
    /// From whom.
    pub(super) source: IpAddr,
    /// What.
    pub(super) message: Message,
}

impl Sender {
    /// Opens one in the namespace of the running thread.
    ///
    /// A raw socket, since one that the kernel keeps for `ping` asks for a setting to be changed in
    /// every namespace, and a check must leave the lab as it is.
    pub(super) fn open(sought: Sought, shape: Shape<'_>) -> io::Result<Self> {
        let version = shape.version;
        let (domain, protocol, filter) = match version {
            Version::V4 => (Domain::IPV4, Protocol::ICMPV4, filter::answers_ipv4(sought)),
            Version::V6 => (Domain::IPV6, Protocol::ICMPV6, filter::answers_ipv6(sought)),
        };
        let socket = Socket::new(domain, Type::RAW, Some(protocol))?;
        socket.attach_filter(&filter)?;
        // Above the system's limit where this process may.
        let _ = setsockopt(&socket, sockopt::RcvBufForce, &BUFFER);
        shape.dress(&socket)?;
        if shape.source.is_some() {
            shape.bind(&socket, 0)?;
        }
        Ok(Self { socket, version })
    }

    /// Sends an echo request with so much data.
    pub(super) fn send(&self, token: Token, mark: Mark, to: IpAddr, size: usize) -> io::Result<()> {
        let bytes = icmp::request(self.version, token, mark, size);
        self.socket.send_to(&bytes, &SockAddr::from(SocketAddr::new(to, 0))).map(|_| ())
    }

    /// The next thing that came back, or nothing where none is queued.
    pub(super) fn receive(
        &self,
        signature: &Signature,
        buffer: &mut [u8],
    ) -> io::Result<Option<Received>> {
        loop {
            let (length, from) = match recvfrom::<SockaddrStorage>(self.socket.as_raw_fd(), buffer)
            {
                Ok(received) => received,
                Err(Errno::EINTR) => continue,
                Err(Errno::EAGAIN) => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            let bytes = &buffer[..length];
            let received = match self.version {
                Version::V4 => Packet::parse_ipv4(signature, bytes)
                    .map(|packet| Received { source: packet.source, message: packet.message }),
                Version::V6 => icmp::parse(signature, Version::V6, bytes).and_then(|message| {
                    let source = from.as_ref()?.as_sockaddr_in6()?.ip().into();
                    Some(Received { source, message })
                }),
            };
            if received.is_some() {
                return Ok(received);
            }
        }
    }
}

impl AsFd for Sender {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
