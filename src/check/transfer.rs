//! Data that goes over a connection and comes back: both ends of a transfer.
//!
//! A connection that is made shows that small packets pass. Where larger ones vanish, because a link takes less than
//! its neighbours and no ICMP error says so, only data shows it.

use super::mark::Mark;
use nix::sys::epoll::EpollFlags;
use socket2::Socket;
use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

/// How much is written or read at a time. What the data is, is no matter.
const CHUNK: usize = 16 * 1024;

/// How far a transfer has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moved {
    /// How many bytes have come back.
    pub(super) back: u64,
    /// How many the far side has taken in, where this run has opened it.
    pub(super) taken: Option<u64>,
    /// How many bytes of data a segment has at the most.
    pub(super) segment: Option<u32>,
    /// When it has gone on for the last time.
    pub(super) at: Instant,
}

impl Moved {
    /// A connection over which nothing has gone yet.
    pub(super) fn none() -> Self {
        Self { back: 0, taken: None, segment: None, at: Instant::now() }
    }
}

/// The end that sends first, and waits for all of it to come back.
#[derive(Debug)]
pub(super) struct Transfer {
    total: u64,
    sent: u64,
    back: u64,
    /// Whether there is a connection for it.
    pub(super) has_begun: bool,
}

impl Transfer {
    /// One of so many bytes.
    pub(super) fn new(total: u64) -> Self {
        Self { total, sent: 0, back: 0, has_begun: false }
    }

    /// Writes and reads what can be.
    pub(super) fn go_on(&mut self, socket: &Socket) -> io::Result<()> {
        self.has_begun = true;
        write(socket, self.total, &mut self.sent)?;
        read(socket, &mut self.back)
    }

    /// How many bytes have come back.
    pub(super) fn back(&self) -> u64 {
        self.back
    }

    /// Whether all has come back.
    pub(super) fn is_done(&self) -> bool {
        self.back >= self.total
    }

    /// What it waits for.
    pub(super) fn interest(&self) -> EpollFlags {
        interest(self.sent < self.total)
    }
}

/// The far end, which sends back what it gets.
#[derive(Debug)]
pub(super) struct Echo {
    socket: Socket,
    /// Whose connection it is, where its ports say so.
    pub(super) mark: Option<Mark>,
    /// How many bytes it has taken in.
    pub(super) taken: u64,
    given: u64,
}

impl Echo {
    /// That of a connection that was accepted.
    pub(super) fn new(socket: Socket, mark: Option<Mark>) -> Self {
        Self { socket, mark, taken: 0, given: 0 }
    }

    /// Reads what has come, and writes as much back; an error ends it.
    pub(super) fn go_on(&mut self) -> io::Result<()> {
        read(&self.socket, &mut self.taken)?;
        write(&self.socket, self.taken, &mut self.given)
    }

    /// What it waits for.
    pub(super) fn interest(&self) -> EpollFlags {
        interest(self.given < self.taken)
    }
}

impl AsFd for Echo {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn interest(has_to_write: bool) -> EpollFlags {
    match has_to_write {
        true => EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT,
        false => EpollFlags::EPOLLIN,
    }
}

fn write(socket: &Socket, total: u64, sent: &mut u64) -> io::Result<()> {
    while *sent < total {
        let most = CHUNK.min(usize::try_from(total - *sent).unwrap_or(CHUNK));
        match socket.send(&[0; CHUNK][..most]) {
            Ok(length) => *sent += length as u64,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn read(mut socket: &Socket, count: &mut u64) -> io::Result<()> {
    loop {
        match socket.read(&mut [0; CHUNK]) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(length) => *count += length as u64,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
