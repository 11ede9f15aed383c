//! Which socket has something to read, as it is put down with the kernel.

use super::flight::Flight;
use nix::sys::epoll::{EpollEvent, EpollFlags};

/// A socket by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ready {
    /// A watch.
    Watch(usize),
    /// A sender.
    Sender(usize),
    /// A far side.
    Server(usize),
    /// That of one attempt of a probe.
    Flight {
        /// The probe.
        probe: u32,
        /// The attempt.
        attempt: u16,
    },
}

/// Where the kind of socket stands in the number that the kernel keeps.
const KIND: u32 = 56;

impl Ready {
    /// For a socket that is read.
    pub(super) fn event(self) -> EpollEvent {
        EpollEvent::new(EpollFlags::EPOLLIN, self.number())
    }

    /// For a probe: a connection can be written to once it is made.
    pub(super) fn event_of(self, flight: &Flight) -> EpollEvent {
        let flags = if flight.is_connection() { EpollFlags::EPOLLOUT } else { EpollFlags::EPOLLIN };
        EpollEvent::new(flags, self.number())
    }

    /// For a socket that waits for these.
    pub(super) fn event_for(self, flags: EpollFlags) -> EpollEvent {
        EpollEvent::new(flags, self.number())
    }

    fn number(self) -> u64 {
        let (kind, place) = match self {
            Ready::Watch(place) => (1, place as u64),
            Ready::Sender(place) => (2, place as u64),
            Ready::Server(place) => (3, place as u64),
            Ready::Flight { probe, attempt } => (4, u64::from(probe) << 16 | u64::from(attempt)),
        };
        kind << KIND | place
    }

    /// What an event is about.
    pub(super) fn of(event: &EpollEvent) -> Option<Self> {
        let number = event.data();
        let place = number & ((1 << KIND) - 1);
        Some(match number >> KIND {
            1 => Ready::Watch(place as usize),
            2 => Ready::Sender(place as usize),
            3 => Ready::Server(place as usize),
            4 => Ready::Flight { probe: (place >> 16) as u32, attempt: place as u16 },
            _ => return None,
        })
    }
}
