//! Running a command in a node.

use super::error::{OpenError, own, settled};
use super::observer::Observer;
use super::running::RunningLab;
use crate::diagnostic::nearest;
use crate::document::{DeviceName, LabName};
use crate::kernel::{Entry, EntryError, Home, Namespace};
use crate::state::{self, NodeOutline, Phase, Record};
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::ffi::OsString;
use std::io;

/// A command in a node.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Execution {
    /// The node.
    pub node: String,
    /// The VRF that its sockets are bound to.
    pub vrf: Option<String>,
    /// The program, and its arguments.
    #[serde(with = "words")]
    pub command: Vec<OsString>,
}

/// Why a command was not started.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// The lab cannot be worked on.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The lab has no such node.
    #[error("{lab} has no node `{node}`{}", did_you_mean(.near))]
    NoNode {
        /// The lab.
        lab: LabName,
        /// What was asked for.
        node: String,
        /// What may be meant.
        near: Option<String>,
    },
    /// The node has no such VRF.
    #[error(
        "{node} has no VRF `{vrf}`; it has {}",
        if .known.is_empty() { "none".to_owned() } else { .known.join(", ") }
    )]
    NoVrf {
        /// The node.
        node: String,
        /// What was asked for.
        vrf: String,
        /// What it has.
        known: Vec<String>,
    },
    /// The node's namespace cannot be opened.
    #[error("cannot open `{namespace}`: {error}")]
    Namespace {
        /// Its name.
        namespace: String,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// Something else has the name of the node's namespace.
    #[error("the namespace `{namespace}` is there, and it is not this lab's")]
    Foreign {
        /// Its name.
        namespace: String,
    },
    /// The node cannot be entered, or the command not be run.
    #[error(transparent)]
    Entry(#[from] EntryError),
}

pub(super) fn did_you_mean(near: &Option<String>) -> String {
    near.as_ref().map_or(String::new(), |near| format!("; did you mean `{near}`?"))
}

impl RunningLab {
    /// Turns this process into a command in a node, as `execve` does; whoever wants to go on calls it in
    /// a child.
    ///
    /// # Errors
    /// The command was not started. The calling thread may be in the node then.
    pub fn exec(&self, execution: &Execution) -> Result<Infallible, ExecError> {
        exec(&self.record, execution)
    }

    /// [`RunningLab::exec`] for the lab of a name, which may be half-built. Who takes it away in this moment is
    /// waited for.
    ///
    /// # Errors
    /// As [`RunningLab::exec`].
    pub fn exec_by_name(
        lab: &LabName,
        execution: &Execution,
        observer: &mut impl Observer,
    ) -> Result<Infallible, ExecError> {
        let record = match Record::load(lab).map_err(OpenError::from)? {
            // It can be looked at.
            Some(record) if record.phase == Phase::Begun => record,
            Some(_) | None => settled(lab, observer)?,
        };
        exec(&record, execution)
    }
}

/// The node of a name.
fn node<'a>(record: &'a Record, name: &str) -> Result<&'a NodeOutline, ExecError> {
    record.node(name).ok_or_else(|| {
        let near = nearest(name, record.nodes.iter().map(|node| node.name.as_str()));
        let (near, lab) = (near.map(str::to_owned), record.lab().clone());
        ExecError::NoNode { lab, node: name.to_owned(), near }
    })
}

/// The VRF of a name.
fn vrf<'a>(node: &'a NodeOutline, name: &str) -> Result<&'a DeviceName, ExecError> {
    node.vrfs.iter().find(|vrf| vrf.as_str() == name).ok_or_else(|| ExecError::NoVrf {
        node: node.name.to_string(),
        vrf: name.to_owned(),
        known: node.vrfs.iter().map(DeviceName::to_string).collect(),
    })
}

fn exec(record: &Record, execution: &Execution) -> Result<Infallible, ExecError> {
    let node = node(record, &execution.node)?;
    let vrf = execution.vrf.as_ref().map(|name| vrf(node, name)).transpose()?;
    let name = || node.namespace.clone();
    let namespace = Namespace::open(&node.namespace)
        .map_err(|error| ExecError::Namespace { namespace: name(), error })?;
    own(&record.footprint, [node.namespace.as_str()]).map_err(|error| {
        let OpenError::Foreign { namespace } = error else { return error.into() };
        ExecError::Foreign { namespace }
    })?;
    let home = Home::of(state::directory(record.lab()));
    let entry = Entry { namespace: &namespace, home, vrf: vrf.map(DeviceName::as_str) };
    Ok(entry.become_command(&execution.command, || stands(record))?)
}

/// Whether a lab is the one that it was, and is not being taken down.
fn stands(record: &Record) -> bool {
    let is_same = |it: &Record| it.footprint.mark == record.footprint.mark;
    Record::load(record.lab())
        .is_ok_and(|current| current.is_some_and(|it| is_same(&it) && it.phase != Phase::Going))
}

/// Words as text, but for those that are none.
mod words {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::ffi::OsString;
    use std::os::unix::ffi::{OsStrExt, OsStringExt};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Word {
        Text(String),
        Bytes(Vec<u8>),
    }

    pub(super) fn serialize<S: Serializer>(words: &[OsString], to: S) -> Result<S::Ok, S::Error> {
        let word = |word: &OsString| match word.to_str() {
            Some(text) => Word::Text(text.to_owned()),
            None => Word::Bytes(word.as_bytes().to_vec()),
        };
        words.iter().map(word).collect::<Vec<_>>().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<OsString>, D::Error> {
        let word = |word: Word| match word {
            Word::Text(text) => text.into(),
            Word::Bytes(bytes) => OsString::from_vec(bytes),
        };
        Ok(Vec::deserialize(from)?.into_iter().map(word).collect())
    }
}
