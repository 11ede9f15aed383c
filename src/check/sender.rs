//! The sockets that probes leave from and answers come back to.

use super::filter;
use super::frame::Packet;
use super::icmp::{Message, Version};
use super::mark::{Mark, Token};
use nix::errno::Errno;
use nix::sys::socket::{SockaddrStorage, recvfrom};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// A raw ICMP socket in one namespace, bound to a VRF or to nothing.
#[derive(Debug)]
pub(super) struct Sender {
    socket: Socket,
    token: Token,
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
    pub(super) fn open(token: Token, version: Version, vrf: Option<&str>) -> io::Result<Self> {
        let (domain, protocol, filter) = match version {
            Version::V4 => (Domain::IPV4, Protocol::ICMPV4, filter::answers_ipv4(token)),
            Version::V6 => (Domain::IPV6, Protocol::ICMPV6, filter::answers_ipv6(token)),
        };
        let socket = Socket::new(domain, Type::RAW, Some(protocol))?;
        socket.attach_filter(&filter)?;
        socket.set_nonblocking(true)?;
        socket.bind_device(vrf.map(str::as_bytes))?;
        Ok(Self { socket, token, version })
    }

    /// Sends a probe.
    pub(super) fn send(&self, mark: Mark, to: IpAddr) -> io::Result<()> {
        let bytes = self.version.request(self.token, mark);
        self.socket.send_to(&bytes, &SockAddr::from(SocketAddr::new(to, 0))).map(|_| ())
    }

    /// The next thing that came back, or nothing where none is queued.
    pub(super) fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<Received>> {
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
                Version::V4 => Packet::parse_ipv4(self.token, bytes)
                    .map(|packet| Received { source: packet.source, message: packet.message }),
                Version::V6 => Message::parse(self.token, Version::V6, bytes).and_then(|message| {
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
