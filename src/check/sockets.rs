//! The sockets of a run: opened in the nodes' namespaces, read in one place.

use super::icmp::Version;
use super::mark::Token;
use super::sender::Sender;
use super::watch::Watch;
use crate::compile::{Lab, NodeId};
use crate::kernel::{Namespace, on_worker};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::collections::BTreeMap;
use std::io;

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

/// A sender is one for a node, a VRF and a family.
pub(super) type Origin<'a> = (NodeId, Option<&'a str>, Version);

/// A watch per node, and the senders in the order of their numbers. A sender that could not be
/// opened, for want of its VRF, is a refusal for its probes.
pub(super) type Sockets = (Vec<Watch>, Vec<io::Result<Sender>>);

/// Opens the sockets of all nodes, each in its namespace.
pub(super) fn open(
    lab: &Lab,
    token: Token,
    origins: &BTreeMap<Origin<'_>, usize>,
) -> Result<Sockets, Error> {
    on_worker(|worker| {
        let mut watches = Vec::with_capacity(lab.nodes.len());
        let mut senders: Vec<(usize, io::Result<Sender>)> = Vec::with_capacity(origins.len());
        for (place, node) in lab.nodes.iter().enumerate() {
            let id = NodeId(place);
            Namespace::open(&node.namespace)
                .and_then(|namespace| worker.enter(&namespace))
                .map_err(|source| Error::Enter {
                    node: node.name.to_string(),
                    namespace: node.namespace.clone(),
                    source,
                })?;
            let watch = Watch::open(token, id, worker)
                .map_err(|source| Error::Watch { node: node.name.to_string(), source })?;
            watches.push(watch);
            let here = (id, None, Version::V4)..(NodeId(place + 1), None, Version::V4);
            for (&(_, vrf, version), &sender) in origins.range(here) {
                senders.push((sender, Sender::open(token, version, vrf)));
            }
        }
        senders.sort_by_key(|(place, _)| *place);
        Ok((watches, senders.into_iter().map(|(_, sender)| sender).collect()))
    })
}

/// A lab of a thousand nodes needs some thousand sockets; the limit that programs start with is
/// often 1024, and the one they may raise it to far higher.
pub(super) fn raise_file_limit() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
    {
        // Where it fails, opening sockets says what is missing.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}
