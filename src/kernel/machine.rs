//! The kernel as the executor uses it: actions by name go in, numbers stay here.

use super::message::{self, LOOPBACK, Numbers};
use super::nft_tables::nft_generation;
use super::refused::{Reason, Refused};
use super::settle::{self, settle};
use super::socket::{SendError, Socket};
use super::{
    Groups, Home, Identity, Namespace, Worker, end, forget_groups, observe, offload, program, stop,
    supervisor, sysctl, wireguard,
};
use crate::compile::{MAIN, Nexthop};
use crate::plan::{Action, Plan, Resource, State, Transport, fresh};
use std::collections::{BTreeSet, HashMap};
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
    /// Other namespaces of the lab, whose devices have indices.
    standing: Vec<String>,
}

#[derive(Debug)]
struct Building {
    namespace: Namespace,
    devices: HashMap<String, u32>,
}

impl<'w> Machine<'w> {
    /// Nothing is built yet.
    pub fn new(worker: &'w mut Worker, home: Home) -> Self {
        Self {
            worker,
            built: HashMap::new(),
            first: None,
            last: None,
            numbered: 0,
            home,
            inherited: None,
            standing: Vec::new(),
        }
    }

    /// A lab stands, whose namespaces have these names.
    pub fn standing(worker: &'w mut Worker, home: Home, namespaces: Vec<String>) -> Self {
        Self { standing: namespaces, ..Self::new(worker, home) }
    }

    /// What the kernel holds in the namespaces of a plan.
    ///
    /// # Errors
    /// A namespace cannot be read.
    pub fn observe(&mut self, plan: &Plan) -> io::Result<State> {
        observe(plan, self.worker)
    }

    /// Makes a namespace with a mark, in which nothing of the host's settings is left.
    ///
    /// # Errors
    /// What the kernel refused; the name is not there then.
    pub fn namespace(&mut self, name: &str, mark: &str) -> Result<(), Refused> {
        let mut socket = None;
        let (inherited, home) = (&mut self.inherited, &self.home);
        let namespace = self.worker.create(name, |worker| {
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

    /// Carries out an action that goes by itself and makes no namespace.
    ///
    /// # Errors
    /// What the kernel refused, or the program that the action starts.
    pub fn execute_single(&mut self, action: &Action) -> Result<(), Refused> {
        let is_made = action.made().is_some();
        if let (Resource::Namespace { namespace }, false) = (action.resource(), is_made) {
            return self.delete_namespace(namespace);
        }
        self.join(action.namespace())?;
        let building = self.built.get(action.namespace()).expect(BUILDING);
        self.worker.enter(&building.namespace)?;
        match action.resource() {
            Resource::Sysctl { key, value, optional, .. } => {
                // What the kernel had cannot always be known; it goes with what the setting is of.
                let value = if is_made { Some(value.as_str()) } else { fresh(key) };
                match value.map_or(Ok(()), |value| sysctl::write(self.worker, key, value)) {
                    Err(error) if *optional && error.kind() == io::ErrorKind::NotFound => Ok(()),
                    written => Ok(written?),
                }
            }
            Resource::NoOffload { device, .. } => Ok(offload::turn(self.worker, device, !is_made)?),
            Resource::Wireguard { device, settings, .. } => {
                let settings = is_made.then_some(settings);
                Ok(wireguard::configure(self.worker, device, settings)?)
            }
            Resource::Ruleset { namespace, ruleset } => {
                match action {
                    Action::Add(_) => program::load_ruleset(self.worker, ruleset)?,
                    Action::Replace { .. } => program::replace_ruleset(self.worker, ruleset)?,
                    Action::Delete(_) => program::replace_ruleset(self.worker, "")?,
                }
                let generation = nft_generation(self.worker).map_err(io::Error::from)?;
                Ok(self.home.note_ruleset(namespace, generation)?)
            }
            Resource::EtcFile { namespace, path, text } => {
                let text = is_made.then_some(text.as_str());
                Ok(self.home.write_etc(namespace, path, text)?)
            }
            Resource::Command { namespace, node, number, .. } => {
                stop::stop(&self.home, namespace, *number)?;
                Ok(self.home.forget_end(node, *number)?)
            }
            Resource::Namespace { .. }
            | Resource::Veth { .. }
            | Resource::Device { .. }
            | Resource::Master { .. }
            | Resource::BridgeVlan { .. }
            | Resource::BridgePort { .. }
            | Resource::Mtu { .. }
            | Resource::Fdb { .. }
            | Resource::Neighbour { .. }
            | Resource::Qdisc { .. }
            | Resource::Up { .. }
            | Resource::Address { .. }
            | Resource::Rule { .. }
            | Resource::NexthopObject { .. }
            | Resource::Route { .. }
            | Resource::MplsRoute { .. } => unreachable!("not an action that goes alone: {action}"),
        }
    }

    /// Carries out actions in one go: any number that make devices, or any number that configure or
    /// start programs in one namespace.
    ///
    /// # Errors
    /// The first action that the kernel refused; those behind it may have been carried out.
    pub fn send(&mut self, actions: &[&Action]) -> Result<(), Refused> {
        let Some(first) = actions.first() else { return Ok(()) };
        match first.transport() {
            Transport::Process => return supervisor::start(actions, &self.home),
            Transport::Devices => self.join_all(actions)?,
            Transport::Single | Transport::Configuration => self.join(first.namespace())?,
        }
        for action in actions {
            self.number(action);
        }
        if actions.iter().any(|action| minds_carriers(action)) {
            self.enter(first.namespace())?;
            settle()?;
        }
        let requests: Vec<_> =
            actions.iter().map(|action| message::requests(action, self)).collect();
        debug_assert!(requests.iter().all(|requests| requests.len() == 1), "one each");
        let socket = match first.transport() {
            Transport::Devices => &mut self.first.as_mut().expect(BUILDING).1,
            Transport::Single | Transport::Configuration | Transport::Process => {
                self.socket(first.namespace())?
            }
        };
        Ok(socket.send(requests.into_iter().flatten().collect())?)
    }

    fn enter(&mut self, namespace: &str) -> io::Result<()> {
        self.worker.enter(&self.built.get(namespace).expect(BUILDING).namespace)
    }

    /// A socket in a namespace: actions that configure one follow each other.
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
        self.join(namespace)?;
        self.enter(namespace)?;
        Ok(settle::ports(moment)?)
    }

    /// Gets hold of a namespace that stands, for what is done to it.
    fn join(&mut self, name: &str) -> Result<(), Refused> {
        if !self.built.contains_key(name) {
            let namespace = Namespace::open(name)?;
            self.worker.enter(&namespace)?;
            let devices: HashMap<String, u32> = super::interfaces(self.worker)?
                .into_iter()
                .map(|(device, state)| (device, state.index))
                .collect();
            // New devices get indices that none has.
            let highest = devices.values().max().map_or(0, |index| index + 1);
            self.numbered = self.numbered.max(highest.saturating_sub(FIRST_INDEX));
            self.built.insert(name.to_owned(), Building { namespace, devices });
            if self.first.is_none() {
                self.first = Some((name.to_owned(), Socket::open()?));
            }
        }
        Ok(())
    }

    /// Gets hold of all of a lab that stands, no two devices of which have one index, before more are
    /// made.
    fn join_all(&mut self, actions: &[&Action]) -> Result<(), Refused> {
        for name in std::mem::take(&mut self.standing) {
            // One that was just deleted is nobody's.
            if Namespace::path(&name).exists() {
                self.join(&name)?;
            }
        }
        for action in actions {
            for (namespace, _) in action.resource().devices() {
                self.join(namespace)?;
            }
        }
        if self.first.is_none() {
            let name = actions[0].namespace();
            self.enter(name)?;
            self.first = Some((name.to_owned(), Socket::open()?));
        }
        Ok(())
    }

    /// Ends the processes of a namespace and takes its name away.
    fn delete_namespace(&mut self, name: &str) -> Result<(), Refused> {
        self.built.remove(name);
        let is_other = |it: &(String, Socket)| it.0 != name;
        self.first = self.first.take().filter(is_other);
        self.last = self.last.take().filter(is_other);
        let nodes: Vec<Identity> = self.home.noted()?.remove(name).into_iter().collect();
        let inode = Namespace::open(name)?.inode();
        let remaining = end(&BTreeSet::from([inode]), &Groups::of(&self.home, &nodes)?)?;
        if let Some(process) = remaining.alive.first() {
            let refusal = Reason::Program(format!("process {process} does not end"));
            return Err(Refused { index: 0, refusal });
        }
        Namespace::release(name)?;
        self.home.forget_node(name)?;
        Ok(forget_groups(&self.home, &nodes, self.worker)?)
    }

    /// Gives indices to the devices that an action makes, no two devices of a lab the same one: up to
    /// Linux 6.12 a new device's index must be free in the sender's namespace too.
    fn number(&mut self, action: &Action) {
        for (namespace, device) in action.made().into_iter().flat_map(Resource::devices) {
            let building = self.built.get_mut(namespace).expect(BUILDING);
            building.devices.insert(device.to_owned(), FIRST_INDEX + self.numbered);
            self.numbered += 1;
        }
    }

    fn building(&self, namespace: &str) -> &Building {
        self.built.get(namespace).expect(BUILDING)
    }
}

/// Whether the kernel looks for a gateway in a way that leaves out links whose carrier it has yet to
/// notice: for IPv6 and outside the table that the route itself is in.
fn minds_carriers(action: &Action) -> bool {
    let Some(resource) = action.made() else { return false };
    match resource {
        Resource::NexthopObject { .. } => true,
        Resource::Route { route, .. } => {
            let found = |nexthop: &Nexthop| nexthop.via.is_some_and(|via| via.is_ipv6());
            route.table != MAIN && route.nexthops.iter().any(found)
        }
        Resource::Namespace { .. }
        | Resource::Sysctl { .. }
        | Resource::Veth { .. }
        | Resource::Device { .. }
        | Resource::Wireguard { .. }
        | Resource::Master { .. }
        | Resource::Up { .. }
        | Resource::Address { .. }
        | Resource::Rule { .. }
        | Resource::Ruleset { .. }
        | Resource::BridgeVlan { .. }
        | Resource::BridgePort { .. }
        | Resource::Mtu { .. }
        | Resource::Fdb { .. }
        | Resource::Neighbour { .. }
        | Resource::Qdisc { .. }
        | Resource::NoOffload { .. }
        | Resource::EtcFile { .. }
        | Resource::Command { .. }
        | Resource::MplsRoute { .. } => false,
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
