//! Packet sockets: every frame that passes a namespace's interfaces, without touching it.

use crate::sys::lost_frames;
use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, TimestampingFlag,
    Timestamps, recvmsg, setsockopt, sockopt,
};
use socket2::{SockFilter, Socket};
use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

/// Room for a burst of frames that nobody has read yet; only what is queued takes memory.
const BUFFER: usize = 4 << 20;

/// A socket that sees the frames of every interface of one namespace, from the network header on.
#[derive(Debug)]
pub struct PacketSocket(Socket);

/// A frame as a [`PacketSocket`] saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The EtherType.
    pub protocol: u16,
    /// The index of the interface.
    pub interface: u32,
    /// Where it was going.
    pub direction: Direction,
    /// When the kernel took it in, on the one clock of all namespaces. Missing in the first
    /// moments after the first socket asked for times, since the kernel begins later.
    pub time: Option<Duration>,
    /// The frame from its network header on, cut off where the filter says.
    pub bytes: &'a [u8],
}

/// Which way a frame passes an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// It came in and is meant for this machine.
    Incoming,
    /// It goes out.
    Outgoing,
    /// It came in and is meant for somebody else, or for many.
    Passing,
}

impl PacketSocket {
    /// Opens one in the namespace of the running thread, for the frames that a filter lets through.
    ///
    /// # Errors
    /// What the kernel answers: without `CAP_NET_RAW` it refuses.
    pub fn open(filter: &[SockFilter]) -> io::Result<Self> {
        Self::with_room(BUFFER, filter)
    }

    /// The same, with room for so many bytes of frames that nobody has read yet.
    ///
    /// # Errors
    /// As [`PacketSocket::open`].
    pub fn with_room(buffer: usize, filter: &[SockFilter]) -> io::Result<Self> {
        let fd = nix::sys::socket::socket(
            nix::sys::socket::AddressFamily::Packet,
            SockType::Datagram,
            SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC,
            SockProtocol::EthAll,
        )?;
        let socket = Socket::from(fd);
        socket.attach_filter(filter)?;
        // Above the system's limit where this process may, else as much as it gives.
        if setsockopt(&socket, sockopt::RcvBufForce, &buffer).is_err() {
            socket.set_recv_buffer_size(buffer)?;
        }
        ask_for_times(&socket)?;
        Ok(Self(socket))
    }

    /// How many frames it has lost since that was asked for the last time, for want of room.
    ///
    /// # Errors
    /// What the kernel answers.
    pub fn lost(&self) -> io::Result<u32> {
        lost_frames(self)
    }

    /// The next frame, or nothing where none is queued.
    ///
    /// # Errors
    /// What the kernel answers.
    pub fn receive<'a>(&self, buffer: &'a mut [u8]) -> io::Result<Option<Frame<'a>>> {
        let mut control = cmsg_space!(Timestamps);
        let (length, address, time) = {
            let mut parts = [IoSliceMut::new(buffer)];
            let message = loop {
                match recvmsg::<LinkAddr>(
                    self.0.as_raw_fd(),
                    &mut parts,
                    Some(&mut control),
                    MsgFlags::empty(),
                ) {
                    Ok(message) => break message,
                    // ENETDOWN is told once, when an interface goes down; the socket lives on.
                    Err(Errno::EINTR | Errno::ENETDOWN) => {}
                    Err(Errno::EAGAIN) => return Ok(None),
                    Err(error) => return Err(error.into()),
                }
            };
            let time = message.cmsgs()?.find_map(|control| {
                let ControlMessageOwned::ScmTimestampsns(times) = control else { return None };
                Some(times.system)
            });
            (message.bytes, message.address, time)
        };
        let Some(address) = address else { return Ok(None) };
        let direction = match address.pkttype() {
            libc::PACKET_HOST => Direction::Incoming,
            libc::PACKET_OUTGOING => Direction::Outgoing,
            _ => Direction::Passing,
        };
        Ok(Some(Frame {
            protocol: u16::from_be(address.protocol()),
            interface: u32::try_from(address.ifindex()).unwrap_or_default(),
            direction,
            time: time.map(Duration::from),
            bytes: &buffer[..length.min(buffer.len())],
        }))
    }
}

/// Has the kernel tell when it took in what a socket receives.
pub(super) fn ask_for_times(socket: &Socket) -> io::Result<()> {
    // SO_TIMESTAMPNS would fill a missing time with the moment of reading, which orders nothing.
    let times = TimestampingFlag::SOF_TIMESTAMPING_RX_SOFTWARE
        | TimestampingFlag::SOF_TIMESTAMPING_SOFTWARE;
    Ok(setsockopt(socket, sockopt::Timestamping, &times)?)
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
