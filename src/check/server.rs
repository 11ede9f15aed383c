//! The far sides of connections and datagrams: who takes what comes to them. Where nobody does and
//! nobody will, one is opened for as long as probes go to it.

use super::holder::on_link;
use super::mark::{Data, Mark, Signature};
use super::ready::Ready;
use super::transfer::Echo;
use crate::compile::{
    Answerer, Arrival, Check, Expect, InterfaceId, Lab, Node, NodeId, Protocol, RejectionKind,
    Target,
};
use crate::kernel::{EndedCommand, Home, Process, Transport, Worker, listener};
use crate::state;
use crate::sys::allow_fragments;
use nix::sys::epoll::Epoll;
use nix::sys::socket::{MsgFlags, SockFlag, SockaddrStorage, accept4, recvmsg, sendto};
use socket2::{Domain, SockAddr, Socket, Type};
use std::collections::BTreeSet;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// How many connections may wait to be taken.
const BACKLOG: i32 = 4096;
/// How much of a command is told.
const SHOWN: usize = 60;

/// Where a far side is: at a node's address, in the VRF or on the link that has it.
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
pub(super) struct Server<'a> {
    /// Where it is.
    pub(super) site: Site<'a>,
    /// How many probes go to it.
    pub(super) users: usize,
    /// Who has it, once that was asked and while it has users.
    serving: Option<Serving>,
    /// Its socket, while this run has it.
    socket: Option<Socket>,
    /// Whether data comes over its connections, which is sent back.
    pub(super) echoes: bool,
    /// The connections over which it does.
    open: Vec<Echo>,
}

/// Who takes what comes to a far side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Serving {
    /// This run, for as long as probes go to it.
    Opened,
    /// A server that was there, and its process where that can be told.
    Found(Option<Process>),
    /// Nobody, and the check asks for a server that is there.
    Missing,
    /// Nobody, while these commands of the node run and may begin to.
    Awaited(Vec<String>),
    /// Nobody, since the commands of the node have ended, not all of them well: what became of each.
    Ended(Vec<String>),
    /// Nobody, since it could not be opened.
    Failed(String),
}

/// What is done where nobody listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Policy {
    /// It is opened.
    Open,
    /// It is opened unless commands of the node were meant to do so.
    Await,
    /// Nothing.
    Demand,
}

impl Policy {
    fn of(check: &Check) -> Self {
        let is_served = |arrival: &Arrival<NodeId>| arrival.answerer == Answerer::Server;
        if wants_none(check) || check.arrival().is_some_and(is_served) {
            return Policy::Demand;
        }
        match check.sends.protocol {
            // Nobody means the port of flows that name none.
            Protocol::Echo => Policy::Open,
            Protocol::Tcp(_) | Protocol::Udp(_) if check.sends.opened => Policy::Open,
            Protocol::Tcp(_) | Protocol::Udp(_) => Policy::Await,
        }
    }
}

/// Whether a check wants nobody to listen.
pub(super) fn wants_none(check: &Check) -> bool {
    match &check.expect {
        Expect::Rejected(rejection) => rejection.kind == RejectionKind::PortUnreachable,
        Expect::Arrives(arrival) => arrival.answerer == Answerer::Refusal,
        Expect::Spreads(_) | Expect::Lost => false,
    }
}

/// A check's far sides for one of its addresses: at the node it names, else at every node that has
/// the address.
pub(super) fn sites<'a>(lab: &'a Lab, check: &Check, to: IpAddr) -> Vec<Site<'a>> {
    let protocol = check.protocol();
    if protocol == Protocol::Echo {
        return Vec::new();
    }
    let named = match &check.to {
        Target::Node { takers, vrf, .. } => Some((takers, vrf.as_ref())),
        Target::Address(_) => None,
        Target::OnLink { address, interface } => {
            let site = |(node, port): (NodeId, InterfaceId)| {
                let device = lab[node].interfaces[port.0].name.as_str();
                Site { node, device: Some(device), address: *address, protocol }
            };
            return on_link(lab, check.from.node, interface, *address).map(site).collect();
        }
    };
    let holders = lab.holders(to).into_iter();
    holders
        .filter(|(node, table, _)| {
            named.is_none_or(|(takers, vrf)| {
                let vrf = vrf.and_then(|vrf| lab[*node].vrf(vrf.as_str()));
                takers.contains(node) && vrf.is_none_or(|vrf| vrf.table == *table)
            })
        })
        .map(|(node, table, _)| {
            let vrf = lab[node].vrfs.iter().find(|vrf| vrf.table == table);
            Site { node, device: vrf.map(|vrf| vrf.name.as_str()), address: to, protocol }
        })
        .collect()
}

impl<'a> Server<'a> {
    /// One that nobody has been asked about.
    pub(super) fn new(site: Site<'a>) -> Self {
        let (serving, socket, open) = (None, None, Vec::new());
        Self { site, users: 0, serving, socket, echoes: false, open }
    }

    /// Sees to it that somebody answers there, if that may be; the worker is in the node's namespace.
    /// Says who does, and gives the socket if one was opened. `own` are the inodes of those that the
    /// run has opened elsewhere.
    pub(super) fn prepare(
        &mut self,
        lab: &Lab,
        check: &Check,
        worker: &Worker,
        own: &BTreeSet<u64>,
    ) -> (Serving, Option<BorrowedFd<'_>>) {
        let policy = Policy::of(check);
        match &self.serving {
            Some(Serving::Opened) if policy == Policy::Demand => return (Serving::Missing, None),
            Some(known @ (Serving::Opened | Serving::Found(_))) => return (known.clone(), None),
            Some(
                Serving::Missing | Serving::Awaited(_) | Serving::Ended(_) | Serving::Failed(_),
            )
            | None => {}
        }
        let serving = self.serving(lab, policy, worker, own);
        self.serving = Some(serving.clone());
        (serving, self.socket.as_ref().map(|socket| socket.as_fd()))
    }

    fn serving(
        &mut self,
        lab: &Lab,
        policy: Policy,
        worker: &Worker,
        own: &BTreeSet<u64>,
    ) -> Serving {
        match self.site.listener(worker, own) {
            // One that is bound to another VRF is not in the way of a second one.
            Ok(Some(process)) if is_taken(&bind(self.site)) => return Serving::Found(process),
            Ok(_) => {}
            Err(error) => return Serving::Failed(error.to_string()),
        }
        let meant = match policy {
            Policy::Demand => Some(Serving::Missing),
            Policy::Await => meant(lab, &lab[self.site.node]),
            Policy::Open => None,
        };
        if let Some(nobody) = meant {
            return nobody;
        }
        let socket = listen(self.site);
        if is_taken(&socket) {
            return Serving::Found(None);
        }
        match socket {
            Ok(socket) => {
                self.socket = Some(socket);
                Serving::Opened
            }
            Err(error) => Serving::Failed(error.to_string()),
        }
    }

    /// One probe fewer goes to it; behind the last one it is closed, and no longer among `own`.
    pub(super) fn release(&mut self, own: &mut BTreeSet<u64>) {
        self.users -= 1;
        if self.users == 0 {
            if let Some(inode) = self.socket.as_ref().and_then(|socket| inode(socket.as_fd()).ok())
            {
                own.remove(&inode);
            }
            (self.serving, self.socket) = (None, None);
            self.open.clear();
        }
    }

    /// Takes the connections and answers the datagrams that wait.
    pub(super) fn serve(&self, signature: &Signature) {
        let Some(socket) = &self.socket else { return };
        match self.site.protocol {
            Protocol::Udp(_) => answer(socket, signature),
            Protocol::Tcp(_) if self.echoes => {}
            Protocol::Tcp(_) => {
                // That it was made is all that is asked of a connection.
                while let Ok(connection) = accept4(socket.as_raw_fd(), SockFlag::SOCK_CLOEXEC) {
                    let _ = nix::unistd::close(connection);
                }
            }
            Protocol::Echo => {}
        }
    }

    /// Takes connections over which data comes, and sends back what has come. Says how much that is, of each
    /// attempt.
    pub(super) fn echo(
        &mut self,
        signature: &Signature,
        epoll: &Epoll,
        ready: Ready,
    ) -> io::Result<Vec<(Mark, u64)>> {
        let (Some(socket), Some(port)) = (&self.socket, self.site.protocol.port()) else {
            return Ok(Vec::new());
        };
        if !self.echoes {
            return Ok(Vec::new());
        }
        while let Ok((connection, from)) = socket.accept() {
            connection.set_nonblocking(true)?;
            let from = from.as_socket().map(|from| from.port());
            let echo = Echo::new(connection, signature.connection(from.unwrap_or_default(), port));
            epoll.add(&echo, ready.event())?;
            self.open.push(echo);
        }
        // One that its sender has closed is done.
        self.open.retain_mut(|echo| {
            echo.go_on().is_ok()
                && epoll.modify(&*echo, &mut ready.event_for(echo.interest())).is_ok()
        });
        Ok(self.open.iter().filter_map(|echo| Some((echo.mark?, echo.taken))).collect())
    }
}

impl Site<'_> {
    /// The process of the server that is there, in the namespace that the worker is in.
    fn listener(
        &self,
        worker: &Worker,
        own: &BTreeSet<u64>,
    ) -> io::Result<Option<Option<Process>>> {
        let (transport, port) = match self.protocol {
            Protocol::Tcp(port) => (Transport::Tcp, port.get()),
            Protocol::Udp(port) => (Transport::Udp, port.get()),
            Protocol::Echo => return Ok(None),
        };
        let found = listener(worker, transport, self.address, port, self.device, own)?;
        Ok(found.map(|found| found.process))
    }
}

/// Why nobody is to open a port in the place of a node's commands, if so.
fn meant(lab: &Lab, node: &Node) -> Option<Serving> {
    if node.run.is_empty() {
        return None;
    }
    // What cannot be told is taken for running, so that no port of a command is opened.
    let home = Home::of(state::directory(&lab.name));
    let mut ended = home.ended_commands().unwrap_or_default();
    ended.retain(|ended| ended.node == node.name.as_str());
    let running = node
        .run
        .iter()
        .enumerate()
        .filter(|(place, _)| ended.iter().all(|ended| ended.number != place + 1));
    let running: Vec<String> = running.map(|(_, command)| shown(command.line.as_str())).collect();
    if !running.is_empty() {
        return Some(Serving::Awaited(running));
    }
    // What has set up something and is done was no server.
    let has_failed = ended.iter().any(EndedCommand::is_failure);
    let ended = ended.iter().map(|ended| format!("`{}` {}", shown(&ended.command), ended.end));
    has_failed.then(|| Serving::Ended(ended.collect()))
}

/// The first line of a command, cut off where it is long.
fn shown(line: &str) -> String {
    let first = line.lines().next().unwrap_or_default();
    match first.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &first[..end]),
        None if first.len() < line.trim_end().len() => format!("{first} …"),
        None => first.to_owned(),
    }
}

/// The number by which the kernel lists a socket.
pub(super) fn inode(socket: BorrowedFd<'_>) -> io::Result<u64> {
    Ok(nix::sys::stat::fstat(socket)?.st_ino)
}

fn is_taken<T>(bound: &io::Result<T>) -> bool {
    bound.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse)
}

fn listen(site: Site<'_>) -> io::Result<Socket> {
    let socket = bind(site)?;
    match site.protocol {
        Protocol::Tcp(_) => socket.listen(BACKLOG)?,
        Protocol::Udp(_) | Protocol::Echo => {}
    }
    Ok(socket)
}

fn bind(site: Site<'_>) -> io::Result<Socket> {
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
