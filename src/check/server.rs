//! The far sides of connections and datagrams, opened for the length of a run.

use super::holder::{holders, on_link};
use super::mark::{Data, Signature};
use crate::compile::{Check, Expect, InterfaceId, Lab, NodeId, Protocol, RejectionKind, Target};
use crate::kernel::raw::allow_fragments;
use nix::sys::socket::{MsgFlags, SockFlag, SockaddrStorage, accept4, recvmsg, sendto};
use socket2::{Domain, SockAddr, Socket, Type};
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// How many connections may wait to be taken.
const BACKLOG: i32 = 4096;

/// Where a far side is opened: at a node's address, in the VRF or on the link that has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Site<'a> {
    /// The node.
    pub(super) node: NodeId,
    /// The VRF, or for a link-local address the interface.
    device: Option<&'a str>,
    /// The address.
    pub(super) address: IpAddr,
    /// The protocol and the port.
    pub(super) protocol: Protocol,
}

/// A far side.
#[derive(Debug)]
pub(super) enum Server {
    /// Opened for this run.
    Ours(Socket, Protocol),
    /// Somebody's own server has the port.
    Theirs,
    /// It could not be opened.
    Closed(io::Error),
}

/// Where a check's far sides are to be opened for one of its addresses: at the node it names, else at
/// every node that has the address. None where an error is to say that nobody listens.
pub(super) fn sites<'a>(lab: &'a Lab, check: &Check, to: IpAddr) -> Vec<Site<'a>> {
    let protocol = check.protocol();
    if protocol == Protocol::Echo {
        return Vec::new();
    }
    if let Expect::Rejected(rejection) = check.expect
        && rejection.kind == RejectionKind::PortUnreachable
    {
        return Vec::new();
    }
    let named = match &check.to {
        Target::Node { node, .. } => Some(*node),
        Target::Address(_) => None,
        Target::OnLink { address, interface } => {
            let site = |(node, port): (NodeId, InterfaceId)| {
                let device = lab[node].interfaces[port.0].name.as_str();
                Site { node, device: Some(device), address: *address, protocol }
            };
            return on_link(lab, check.from.node, interface, *address).map(site).collect();
        }
    };
    let holders = holders(lab, to).into_iter();
    holders
        .filter(|(node, ..)| named.is_none_or(|named| named == *node))
        .map(|(node, table, _)| {
            let vrf = lab[node].vrfs.iter().find(|vrf| vrf.table == table);
            Site { node, device: vrf.map(|vrf| vrf.name.as_str()), address: to, protocol }
        })
        .collect()
}

impl Server {
    /// Opens one in the namespace of the running thread.
    pub(super) fn open(site: Site<'_>) -> Self {
        match listen(site) {
            Ok(socket) => Self::Ours(socket, site.protocol),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Self::Theirs,
            Err(error) => Self::Closed(error),
        }
    }

    /// Its socket, where it has one.
    pub(super) fn socket(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Ours(socket, _) => Some(socket.as_fd()),
            Self::Theirs | Self::Closed(_) => None,
        }
    }

    /// Takes the connections and answers the datagrams that wait.
    pub(super) fn serve(&self, signature: &Signature) {
        match self {
            Self::Ours(socket, Protocol::Udp(_)) => answer(socket, signature),
            Self::Ours(socket, Protocol::Tcp(_)) => {
                // That it was made is all that is asked of a connection.
                while let Ok(connection) = accept4(socket.as_raw_fd(), SockFlag::SOCK_CLOEXEC) {
                    let _ = nix::unistd::close(connection);
                }
            }
            Self::Ours(_, Protocol::Echo) | Self::Theirs | Self::Closed(_) => {}
        }
    }
}

fn listen(site: Site<'_>) -> io::Result<Socket> {
    let Some(port) = site.protocol.port() else { return Err(io::ErrorKind::InvalidInput.into()) };
    let domain = if site.address.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
    let is_connected = matches!(site.protocol, Protocol::Tcp(_));
    let kind = if is_connected { Type::STREAM } else { Type::DGRAM };
    let socket = Socket::new(domain, kind, None)?;
    socket.set_nonblocking(true)?;
    socket.bind_device(site.device.map(str::as_bytes))?;
    if is_connected {
        // What a server that has ended left behind is no server.
        socket.set_reuse_address(true)?;
    } else {
        allow_fragments(&socket, site.address.is_ipv6(), true)?;
    }
    socket.bind(&SockAddr::from(SocketAddr::new(site.address, port)))?;
    if is_connected {
        socket.listen(BACKLOG)?;
    }
    Ok(socket)
}

/// Answers datagrams that bear a mark with as much data as they have, of which only the mark is read.
fn answer(socket: &Socket, signature: &Signature) {
    let socket = socket.as_raw_fd();
    let mut mark = [0; 64];
    loop {
        let mut parts = [IoSliceMut::new(&mut mark)];
        let received = recvmsg::<SockaddrStorage>(socket, &mut parts, None, MsgFlags::MSG_TRUNC);
        let Ok((length, Some(from))) = received.map(|it| (it.bytes, it.address)) else { break };
        if let Some((mark, Data::Request)) = signature.token.read(&mark[..length.min(64)]) {
            let data = signature.token.data(mark, Data::Reply, length);
            // Where the answer cannot be sent, it is missed and its way is looked into.
            let _ = sendto(socket, &data, &from, MsgFlags::empty());
        }
    }
}
