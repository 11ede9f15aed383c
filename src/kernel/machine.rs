//! The kernel as the executor uses it: steps by name go in, numbers stay here.

use super::message::{self, LOOPBACK, Numbers};
use super::settle::{self, settle};
use super::socket::{Refusal, SendError, Socket};
use super::{Home, Namespace, Worker, offload, program, supervisor, sysctl};
use crate::compile::{MAIN, Nexthop};
use crate::plan::{Edit, Op, Way};
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::Duration;

/// The first index that is given to a device. Lower ones are left to `lo` and to the tunnel devices
/// that some modules put into every new namespace.
const FIRST_INDEX: u32 = 101;
/// What a plan's order of steps promises.
const BUILDING: &str = "a namespace is made before anything in it";

/// Namespaces that are being built. Each is held by one open file and no more: there may be as many as
/// this process may open.
#[derive(Debug)]
pub struct Machine<'w> {
    worker: &'w mut Worker,
    built: HashMap<String, Building>,
    /// The namespace whose socket makes the devices of all, and that.
    first: Option<(String, Socket)>,
    /// The namespace that was last configured, and the socket in it.
    last: Option<(String, Socket)>,
    /// How many devices have got an index.
    numbered: u32,
    /// What programs in the namespaces see as their own.
    home: Home,
    /// What has to be written in every new namespace; known once the first is there.
    inherited: Option<Vec<(String, String)>>,
}

#[derive(Debug)]
struct Building {
    namespace: Namespace,
    devices: HashMap<String, u32>,
}

/// A step that the kernel refused.
#[derive(Debug, thiserror::Error)]
#[error("{refusal}")]
pub struct Refused {
    /// Its place among the steps that were sent together.
    pub index: usize,
    /// What was said.
    pub refusal: Reason,
}

/// Why a step was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The kernel would not.
    #[error("{0}")]
    Kernel(#[from] Refusal),
    /// A program that the step starts said so.
    #[error("{0}")]
    Program(String),
    /// Bridges have not found their spanning tree in time.
    #[error("{0}, and neither forwarding nor blocking")]
    SpanningTree(String),
}

impl<'w> Machine<'w> {
    /// Nothing is built yet.
    pub fn new(worker: &'w mut Worker, home: Home) -> Self {
        let built = HashMap::new();
        Self { worker, built, first: None, last: None, numbered: 0, home, inherited: None }
    }

    /// Makes a namespace with a mark, in which nothing of the host's settings is left.
    ///
    /// # Errors
    /// What the kernel refused; the name is not there then.
    pub fn namespace(&mut self, name: &str, mark: &str) -> Result<(), Refused> {
        let mut socket = None;
        let (inherited, home) = (&mut self.inherited, &self.home);
        let namespace = Namespace::create(name, self.worker, |worker| {
            let mut own = Socket::open()?;
            own.send(message::mark(mark))?;
            socket = Some(own);
            if inherited.is_none() {
                *inherited = Some(sysctl::inherited(worker)?);
            }
            for (key, value) in inherited.iter().flatten() {
                sysctl::write(worker, key, value)?;
            }
            home.note(name, worker)?;
            Ok::<(), SendError>(())
        })?;
        let socket = socket.expect("the namespace was marked through its socket");
        let devices = HashMap::from([("lo".to_owned(), LOOPBACK)]);
        self.built.insert(name.to_owned(), Building { namespace, devices });
        self.first.get_or_insert_with(|| (name.to_owned(), socket));
        Ok(())
    }

    /// Carries out a step that goes alone and makes no namespace.
    ///
    /// # Errors
    /// What the kernel refused, or the program that the step starts.
    pub fn alone(&mut self, op: &Op) -> Result<(), Refused> {
        let building = self.built.get(op.namespace()).expect(BUILDING);
        self.worker.enter(&building.namespace)?;
        match op {
            Op::Sysctl { key, value, optional, .. } => {
                match sysctl::write(self.worker, key, value) {
                    Err(error) if *optional && error.kind() == io::ErrorKind::NotFound => Ok(()),
                    written => Ok(written?),
                }
            }
            Op::NoOffload { device, .. } => Ok(offload::turn_off(self.worker, device)?),
            Op::Filter { ruleset, .. } => program::load_ruleset(self.worker, ruleset),
            Op::Etc { namespace, path, text } => Ok(self.home.write_etc(namespace, path, text)?),
            Op::Namespace { .. }
            | Op::Veth { .. }
            | Op::Device { .. }
            | Op::Enslave { .. }
            | Op::BridgeVlan { .. }
            | Op::Qdisc { .. }
            | Op::Up { .. }
            | Op::Address { .. }
            | Op::Rule { .. }
            | Op::NexthopObject { .. }
            | Op::Route { .. }
            | Op::LabelRoute { .. }
            | Op::Run { .. } => unreachable!("not a step that goes alone: {op}"),
        }
    }

    /// Carries out steps in one go: any number that make devices, or any number that configure or
    /// start programs in one namespace.
    ///
    /// # Errors
    /// The first step that the kernel refused; those behind it may have been carried out.
    pub fn send(&mut self, ops: &[&Op]) -> Result<(), Refused> {
        let Some(first) = ops.first() else { return Ok(()) };
        if first.way() == Way::Process {
            return supervisor::start(ops, &self.home);
        }
        for op in ops {
            self.number(op);
        }
        if ops.iter().any(|op| minds_carriers(op)) {
            self.enter(first.namespace())?;
            settle()?;
        }
        let requests: Vec<_> = ops.iter().map(|op| message::requests(op, self)).collect();
        debug_assert!(requests.iter().all(|requests| requests.len() == 1), "one step, one request");
        let socket = match first.way() {
            Way::Devices => &mut self.first.as_mut().expect(BUILDING).1,
            Way::Alone | Way::Configuration | Way::Process => self.socket(first.namespace())?,
        };
        Ok(socket.send(requests.into_iter().flatten().collect())?)
    }

    fn enter(&mut self, namespace: &str) -> io::Result<()> {
        self.worker.enter(&self.built.get(namespace).expect(BUILDING).namespace)
    }

    /// A socket in a namespace: steps that configure one follow each other.
    fn socket(&mut self, namespace: &str) -> io::Result<&mut Socket> {
        let last = match self.last.take().filter(|(name, _)| name == namespace) {
            Some(last) => last,
            None => {
                self.enter(namespace)?;
                (namespace.to_owned(), Socket::open()?)
            }
        };
        Ok(&mut self.last.insert(last).1)
    }

    /// Waits, no longer than `moment`, until every port of a namespace's bridges forwards or blocks.
    /// Returns one that does neither, and what it does.
    ///
    /// # Errors
    /// The namespace cannot be read.
    pub fn wait_for_ports(
        &mut self,
        namespace: &str,
        moment: Duration,
    ) -> Result<Option<String>, Refused> {
        self.enter(namespace)?;
        Ok(settle::ports(moment)?)
    }

    /// Gets hold of a namespace that stands, for what is done to it.
    ///
    /// # Errors
    /// It is not there, or cannot be entered.
    pub fn join(&mut self, name: &str) -> Result<(), Refused> {
        if !self.built.contains_key(name) {
            let namespace = Namespace::open(name)?;
            self.worker.enter(&namespace)?;
            let devices = super::interfaces(self.worker)?
                .into_iter()
                .map(|(device, state)| (device, state.index))
                .collect();
            self.built.insert(name.to_owned(), Building { namespace, devices });
        }
        Ok(())
    }

    /// Changes a namespace that stands.
    ///
    /// # Errors
    /// The first change that the kernel refused; those behind it may have been made.
    pub fn edit(&mut self, edits: &[Edit]) -> Result<(), Refused> {
        let Some(name) = edits.first().map(Edit::namespace) else { return Ok(()) };
        self.join(name)?;
        if edits.iter().any(|edit| matches!(edit, Edit::Make(_) | Edit::PutRoute { .. })) {
            self.enter(name)?;
            settle()?;
        }
        let requests: Vec<_> = edits.iter().map(|edit| message::edit(edit, self)).collect();
        debug_assert!(requests.iter().all(|requests| requests.len() == 1), "one each");
        Ok(self.socket(name)?.send(requests.into_iter().flatten().collect())?)
    }

    /// Gives indices to the devices that a step makes, no two devices of a lab the same one: up to
    /// Linux 6.12 a new device's index must be free in the sender's namespace too.
    fn number(&mut self, op: &Op) {
        let mut give = |namespace: &str, device: &str| {
            let building = self.built.get_mut(namespace).expect(BUILDING);
            building.devices.insert(device.to_owned(), FIRST_INDEX + self.numbered);
            self.numbered += 1;
        };
        op.devices().into_iter().for_each(|(namespace, device)| give(namespace, device));
    }

    fn building(&self, namespace: &str) -> &Building {
        self.built.get(namespace).expect(BUILDING)
    }
}

/// Whether the kernel looks for a step's gateway in a way that leaves out links whose carrier it has
/// yet to notice: for IPv6 and outside the table that the step itself is about.
fn minds_carriers(op: &Op) -> bool {
    match op {
        Op::NexthopObject { .. } => true,
        Op::Route { route, .. } => {
            let found = |nexthop: &Nexthop| nexthop.via.is_some_and(|via| via.is_ipv6());
            route.table != MAIN && route.nexthops.iter().any(found)
        }
        Op::Namespace { .. }
        | Op::Sysctl { .. }
        | Op::Veth { .. }
        | Op::Device { .. }
        | Op::Enslave { .. }
        | Op::Up { .. }
        | Op::Address { .. }
        | Op::Rule { .. }
        | Op::Filter { .. }
        | Op::BridgeVlan { .. }
        | Op::Qdisc { .. }
        | Op::NoOffload { .. }
        | Op::Etc { .. }
        | Op::Run { .. }
        | Op::LabelRoute { .. } => false,
    }
}

impl Numbers for Machine<'_> {
    fn index(&self, namespace: &str, device: &str) -> u32 {
        // An index that nothing has makes the kernel say what is wrong, at the step's own place.
        self.building(namespace).devices.get(device).copied().unwrap_or(u32::from(u16::MAX))
    }

    fn fd(&self, namespace: &str) -> RawFd {
        self.building(namespace).namespace.as_fd().as_raw_fd()
    }
}

impl From<SendError> for Refused {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Refused { index, refusal } => Self { index, refusal: refusal.into() },
            SendError::Io(error) => error.into(),
        }
    }
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        let errno = nix::Error::from_raw(error.raw_os_error().unwrap_or(nix::libc::EIO));
        Self { index: 0, refusal: Refusal { errno, sentence: None }.into() }
    }
}
