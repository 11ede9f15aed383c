//! Who sees what: one packet socket per namespace.

use super::frame::Packet;
use super::mark::Signature;
use crate::compile::NodeId;
use crate::kernel::{Direction, PacketSocket, Worker, interfaces};
use socket2::SockFilter;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

/// A namespace that is watched.
#[derive(Debug)]
pub(super) struct Watch {
    /// The node whose it is.
    pub(super) node: NodeId,
    socket: PacketSocket,
    names: BTreeMap<u32, String>,
}

/// A packet of a probe at an interface.
#[derive(Debug, Clone)]
pub(super) struct Sighting {
    /// The node.
    pub(super) node: NodeId,
    /// The interface's name.
    pub(super) interface: String,
    /// Which way it was going.
    pub(super) direction: Direction,
    /// When, where the kernel said it.
    pub(super) time: Option<Duration>,
    /// The packet.
    pub(super) packet: Packet,
}

impl Watch {
    /// Begins to watch the namespace that the worker is in.
    pub(super) fn open(filter: &[SockFilter], node: NodeId, worker: &Worker) -> io::Result<Self> {
        let socket = PacketSocket::open(filter)?;
        let names =
            interfaces(worker)?.into_iter().map(|(name, state)| (state.index, name)).collect();
        Ok(Self { node, socket, names })
    }

    /// How many frames were lost since that was asked for the last time.
    pub(super) fn lost(&self) -> io::Result<u32> {
        self.socket.lost()
    }

    /// The next packet that has to do with a probe, or nothing where none is queued.
    pub(super) fn receive(
        &self,
        signature: &Signature,
        buffer: &mut [u8],
    ) -> io::Result<Option<Sighting>> {
        while let Some(frame) = self.socket.receive(buffer)? {
            let Some(packet) = Packet::parse(signature, frame.protocol, frame.bytes) else {
                continue;
            };
            let interface = match self.names.get(&frame.interface) {
                Some(name) => name.clone(),
                None => format!("interface {}", frame.interface),
            };
            let Self { node, .. } = *self;
            let (direction, time) = (frame.direction, frame.time);
            return Ok(Some(Sighting { node, interface, direction, time, packet }));
        }
        Ok(None)
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
