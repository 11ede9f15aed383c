//! The sockets of a run: opened in the nodes' namespaces, read in one place.

use super::control;
use super::filter::{self, Sought};
use super::message::Version;
use super::run::WINDOW;
use super::sender::Sender;
use super::server::{self, Server, Site};
use super::shape::Shape;
use super::watch::Watch;
use crate::compile::{Check, Lab, NodeId, Protocol};
use crate::kernel::{Namespace, Worker};
use std::collections::{BTreeMap, BTreeSet};
use std::io;

/// How many threads close the sockets.
const CLOSERS: usize = 32;

/// Why the checks could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A node's namespace cannot be entered.
    #[error("cannot enter `{namespace}`, the namespace of {node}: {source}")]
    Enter {
        /// The node.
        node: String,
        /// Its namespace.
        namespace: String,
        /// What the kernel answers.
        source: io::Error,
    },
    /// A namespace cannot be watched.
    #[error(
        "cannot watch the packets in {node}: {source}; checks need root, or CAP_NET_RAW and CAP_SYS_ADMIN"
    )]
    Watch {
        /// The node.
        node: String,
        /// What the kernel answers.
        source: io::Error,
    },
    /// The caller wished it.
    #[error("the checks were interrupted")]
    Interrupted,
    /// Something else failed.
    #[error("the checks were given up: {0}")]
    Io(#[from] io::Error),
}

/// A sender is one for a node and a shape.
pub(super) type Origin<'a> = (NodeId, Shape<'a>);

/// What is open in the namespaces of a lab.
#[derive(Debug)]
pub(super) struct Sockets<'a> {
    /// A watch per node.
    pub(super) watches: Vec<Watch>,
    /// The senders by their numbers. One that could not be opened, for want of its VRF, is a refusal
    /// for its probes.
    pub(super) senders: Vec<io::Result<Sender>>,
    /// The far sides by their numbers.
    pub(super) servers: Vec<Server<'a>>,
    /// The inodes of those that are open.
    pub(super) own: BTreeSet<u64>,
}

impl<'a> Sockets<'a> {
    /// Opens the sockets of all nodes, each in its namespace.
    pub(super) fn open(
        lab: &Lab,
        sought: Sought,
        origins: &BTreeMap<Origin<'_>, usize>,
        sites: BTreeMap<Site<'a>, usize>,
        worker: &mut Worker,
    ) -> Result<Self, Error> {
        let mut watches = Vec::with_capacity(lab.nodes.len());
        let filter = filter::frames(sought);
        let mut senders: Vec<(usize, io::Result<Sender>)> = Vec::with_capacity(origins.len());
        let mut origins = origins.iter().peekable();
        for (place, node) in lab.nodes.iter().enumerate() {
            let id = NodeId(place);
            enter(worker, lab, id).map_err(|source| Error::Enter {
                node: node.name.to_string(),
                namespace: node.namespace.clone(),
                source,
            })?;
            let watch = Watch::open(&filter, id, worker)
                .map_err(|source| Error::Watch { node: node.name.to_string(), source })?;
            watches.push(watch);
            while let Some((origin, number)) = origins.next_if(|((node, _), _)| *node == id) {
                senders.push((*number, Sender::open(sought, origin.1)));
            }
        }
        let servers = sites.into_iter().map(|(site, number)| (number, Server::new(site)));
        let (senders, servers) = (in_order(senders), in_order(servers.collect()));
        Ok(Self { watches, senders, servers, own: BTreeSet::new() })
    }
}

/// Brings the worker into a node. No namespace is held open: a lab may have more of them than files may
/// be open.
pub(super) fn enter(worker: &mut Worker, lab: &Lab, node: NodeId) -> io::Result<()> {
    worker.enter(&Namespace::open(&lab[node].namespace)?)
}

/// How many files the checks of a lab have open at the most.
pub fn files(lab: &Lab, checks: &[Check]) -> usize {
    let controls = control::missing(lab, checks);
    let (mut origins, mut sites) = (BTreeSet::new(), BTreeSet::new());
    let mut flights = Vec::new();
    for check in checks.iter().chain(&controls) {
        for &to in check.to.addresses() {
            origins.insert((check.from.node, Shape::of(check, Version::of(to))));
            sites.extend(server::sites(lab, check, to));
            if check.protocol() != Protocol::Echo {
                // A transfer has both ends open.
                let ends = if check.sends.transfer.is_some() { 2 } else { 1 };
                flights.push(ends * check.count().unwrap_or(1));
            }
        }
    }
    // Probes beyond the window wait for others to be done.
    flights.sort_unstable();
    let flights: usize = flights.iter().rev().take(WINDOW).sum();
    lab.nodes.len() + origins.len() + sites.len() + flights
}

fn in_order<T>(mut numbered: Vec<(usize, T)>) -> Vec<T> {
    numbered.sort_by_key(|(number, _)| *number);
    numbered.into_iter().map(|(_, it)| it).collect()
}

impl Drop for Sockets<'_> {
    /// Closing a packet socket waits until no processor is in the midst of handling a frame, which
    /// would be seconds for hundreds of them one after the other. Those that wait at the same time
    /// wait together.
    fn drop(&mut self) {
        let mut watches = std::mem::take(&mut self.watches);
        let each = watches.len().div_ceil(CLOSERS).max(1);
        std::thread::scope(|scope| {
            while !watches.is_empty() {
                let some = watches.split_off(watches.len().saturating_sub(each));
                scope.spawn(move || drop(some));
            }
        });
    }
}
