//! Takes away what a lab made, and nothing else.

use crate::document::LabName;
use crate::kernel::{
    Groups, Home, Identity, Namespace, Noted, Remaining, Worker, end, forget_groups, is_own,
    mount_namespace, on_worker, process_with_mounts,
};
use crate::state::{self, Footprint, Lock, Phase, Record, RecordError};
use nix::unistd::Pid;
use std::collections::BTreeSet;
use std::fs;
use std::io;

/// What a teardown could not take away.
#[derive(Debug, thiserror::Error)]
pub enum TeardownError {
    /// A namespace that bears the name and not the mark: somebody else's.
    #[error("`{namespace}` is not this lab's, so it is left alone")]
    NotOurs {
        /// Its name.
        namespace: String,
    },
    /// A namespace that could not be taken away.
    #[error("the namespace `{namespace}` cannot be taken away: {error}")]
    Failed {
        /// Its name.
        namespace: String,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// A lab whose namespaces have their names in another mount namespace.
    #[error(
        "{lab} was made in another mount namespace, and can be taken down there: `nsenter -t {process} \
         -m vrflab down {lab}`"
    )]
    Elsewhere {
        /// The lab.
        lab: LabName,
        /// A process from which they are seen.
        process: Pid,
    },
    /// Processes of the lab that cannot be ended; their namespaces stay with them.
    #[error("processes of the lab cannot be ended: {}", named(.processes))]
    Alive {
        /// Their numbers.
        processes: Vec<Pid>,
    },
    /// Processes of which it is not known whether they are in the lab, as they may not be looked at.
    #[error(
        "processes that may be in the lab cannot be looked at without CAP_SYS_PTRACE: {}",
        named(.processes)
    )]
    Unseen {
        /// Their numbers.
        processes: Vec<Pid>,
    },
    /// What there is could not be found out, or the record could not be ended.
    #[error("something may be left: {error}")]
    Unknown {
        /// Why.
        #[source]
        error: io::Error,
    },
    /// The record, the lock or what there is cannot be read.
    #[error(transparent)]
    State {
        /// Why.
        error: io::Error,
    },
}

/// How many processes are named.
const MAX_NAMED: usize = 8;

fn named(processes: &[Pid]) -> String {
    let name = |pid: &Pid| match fs::read_to_string(format!("/proc/{pid}/comm")) {
        Ok(name) => format!("{pid} ({})", name.trim_end()),
        Err(_) => pid.to_string(),
    };
    let names: Vec<String> = processes.iter().take(MAX_NAMED).map(name).collect();
    match processes.len().saturating_sub(MAX_NAMED) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

/// Takes a lab away with its record. One without a record goes as [`down_by_marks`] has it.
///
/// # Errors
/// `/proc` cannot be read, or the record cannot be removed.
pub fn down(lock: Lock) -> io::Result<Vec<TeardownError>> {
    let left = clear(&lock)?;
    if !left.iter().any(TeardownError::is_failure) {
        lock.forget()?;
    }
    Ok(left)
}

/// [`down`] for a lab whose record cannot be read: what was noted as its own goes, and what bears a mark
/// of it.
///
/// # Errors
/// As [`down`].
pub fn down_by_marks(lock: Lock) -> io::Result<Vec<TeardownError>> {
    let left = on_worker(|worker| take_marked(lock.lab(), worker))?;
    if !left.iter().any(TeardownError::is_failure) {
        lock.forget()?;
    }
    Ok(left)
}

/// [`down`] for whoever builds the lab anew: lock and record are kept, so that nobody comes in between
/// and the lab's text is not lost.
///
/// # Errors
/// As [`down`].
pub fn clear(lock: &Lock) -> io::Result<Vec<TeardownError>> {
    let (footprint, record) = match Record::load(lock.lab()) {
        Ok(None) => return on_worker(|worker| take_marked(lock.lab(), worker)),
        Ok(Some(record)) => (record.footprint.clone(), Some(record)),
        Err(RecordError::Version { footprint, .. }) => (*footprint, None),
        Err(error) => return Err(error.into()),
    };
    if let Some(process) = elsewhere(&footprint)? {
        return Ok(vec![TeardownError::Elsewhere { lab: footprint.lab, process }]);
    }
    if let Some(mut record) = record {
        record.phase = Phase::Going;
        // That /run is full is no reason to keep what is there.
        let _unwritten: Result<(), io::Error> = record.store(lock);
    }
    on_worker(|worker| teardown(&footprint, worker))
}

/// Ends the processes in a lab's namespaces and takes the namespaces away; their devices, routes
/// and settings go with them. Goes on after a failure and returns all of them.
///
/// # Errors
/// `/proc` cannot be read.
pub fn teardown(lab: &Footprint, worker: &mut Worker) -> io::Result<Vec<TeardownError>> {
    take_away(&lab.lab, &lab.namespaces, &|alias| alias == lab.mark, worker)
}

/// [`teardown`] of whatever was noted of a lab or bears a mark of its name.
fn take_marked(lab: &LabName, worker: &mut Worker) -> io::Result<Vec<TeardownError>> {
    take_away(lab, &[], &|alias| Record::is_mark_of(alias, lab), worker)
}

/// Takes away the namespaces that a record names, and all others that were noted or that bear the mark: a
/// record may be right and say too little.
fn take_away(
    lab: &LabName,
    recorded: &[String],
    is_mark: &dyn Fn(&str) -> bool,
    worker: &mut Worker,
) -> io::Result<Vec<TeardownError>> {
    let mut left = Vec::new();
    let mut ours = Vec::new();
    let mut inodes = BTreeSet::new();
    let home = Home::of(state::directory(lab));
    let noted = home.noted()?;
    let known: BTreeSet<&String> = recorded.iter().chain(noted.keys()).collect();
    let mut nodes: Vec<Identity> = noted.values().cloned().collect();
    let others = Namespace::names()?;
    let others = others.iter().filter(|name| !known.contains(name)).map(|name| (name, false));
    for (name, is_known) in known.iter().map(|name| (*name, true)).chain(others) {
        let owner = whose(name, is_mark, &noted, worker);
        if !is_known && !matches!(owner, Ok(Whose::Ours { .. })) {
            // Whatever cannot be opened or entered bears no mark.
            continue;
        }
        match owner {
            Ok(Whose::Ours { inode, identity }) => {
                inodes.insert(inode);
                nodes.extend(identity.filter(|_| !noted.contains_key(name)));
                ours.push(name);
            }
            Ok(Whose::Unfinished) => match Namespace::release_unfinished(name) {
                Ok(true) => {}
                Ok(false) => left.push(TeardownError::NotOurs { namespace: name.clone() }),
                Err(error) => left.push(TeardownError::Failed { namespace: name.clone(), error }),
            },
            Ok(Whose::Nobodys) => {}
            Ok(Whose::Others) => left.push(TeardownError::NotOurs { namespace: name.clone() }),
            Err(error) => left.push(TeardownError::Failed { namespace: name.clone(), error }),
        }
    }
    // A process that lived on would hold its namespace, with all that is in it.
    let Remaining { alive, unseen } = end(&inodes, &Groups::of(&home, &nodes)?)?;
    if !alive.is_empty() {
        left.push(TeardownError::Alive { processes: alive });
        return Ok(left);
    }
    if !unseen.is_empty() {
        left.push(TeardownError::Unseen { processes: unseen });
    }
    for name in ours {
        if let Err(error) = Namespace::release(name) {
            left.push(TeardownError::Failed { namespace: name.clone(), error });
        }
    }
    forget_groups(&home, &nodes, worker)?;
    Ok(left)
}

impl TeardownError {
    /// Whether it is this lab's and should have gone.
    pub fn is_failure(&self) -> bool {
        match self {
            TeardownError::NotOurs { .. } | TeardownError::Unseen { .. } => false,
            TeardownError::Failed { .. }
            | TeardownError::Elsewhere { .. }
            | TeardownError::Alive { .. }
            | TeardownError::Unknown { .. }
            | TeardownError::State { .. } => true,
        }
    }
}

/// A process that sees a lab's namespaces, where they were named in another mount namespace and are not
/// seen here. Nothing where nobody sees them any more: then no name holds them.
///
/// # Errors
/// `/proc` or a namespace cannot be read.
pub fn elsewhere(lab: &Footprint) -> io::Result<Option<Pid>> {
    match lab.mount_namespace {
        Some(mounts)
            if mounts != mount_namespace()? && !faults(lab, &lab.namespaces)?.is_empty() =>
        {
            process_with_mounts(mounts)
        }
        Some(_) | None => Ok(None),
    }
}

/// The node that the caller is in, by its namespace: a lab that is made there has its names where nobody
/// else sees them.
///
/// # Errors
/// The labs there are cannot be read.
pub fn within() -> io::Result<Option<String>> {
    let Some(own) = Identity::own()? else { return Ok(None) };
    for lab in state::names()? {
        // What cannot be read there is that lab's trouble.
        let noted = Home::of(state::directory(&lab)).noted().unwrap_or_default();
        if let Some((name, _)) = noted.into_iter().find(|(_, identity)| *identity == own) {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// What is wrong with the name of one of a lab's namespaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Something else bears it.
    Foreign,
    /// Nothing does, or what does is no namespace yet.
    Missing,
}

/// Those of these names that do not lead to the lab's own namespaces.
///
/// # Errors
/// A namespace cannot be looked at.
pub fn faults<'a>(
    lab: &Footprint,
    names: impl IntoIterator<Item = &'a (impl AsRef<str> + ?Sized + 'a)> + Send,
) -> io::Result<Vec<(&'a str, Fault)>> {
    let noted = Home::of(state::directory(&lab.lab)).noted()?;
    on_worker(|worker| {
        let mut faults = Vec::new();
        for name in names.into_iter().map(AsRef::as_ref) {
            match whose(name, &|alias| alias == lab.mark, &noted, worker)? {
                Whose::Others => faults.push((name, Fault::Foreign)),
                Whose::Unfinished | Whose::Nobodys => faults.push((name, Fault::Missing)),
                Whose::Ours { .. } => {}
            }
        }
        Ok(faults)
    })
}

/// The first of these names that somebody else's namespace bears.
///
/// # Errors
/// A namespace cannot be looked at.
pub fn foreign<'a>(
    lab: &Footprint,
    names: impl IntoIterator<Item = &'a (impl AsRef<str> + ?Sized + 'a)> + Send,
) -> io::Result<Option<&'a str>> {
    let mut faults = faults(lab, names)?.into_iter();
    Ok(faults.find(|(_, fault)| *fault == Fault::Foreign).map(|(name, _)| name))
}

enum Whose {
    /// It is the lab's.
    Ours {
        /// Its inode.
        inode: u64,
        /// What the kernel tells it from others by, where it has that.
        identity: Option<Identity>,
    },
    /// A name that is not a namespace yet, which only its maker's death leaves so.
    Unfinished,
    /// There is no such name.
    Nobodys,
    /// It is something else.
    Others,
}

fn whose(
    name: &str,
    is_mark: &dyn Fn(&str) -> bool,
    noted: &Noted,
    worker: &mut Worker,
) -> io::Result<Whose> {
    match Namespace::open(name) {
        Ok(namespace) => Ok(match is_own(&namespace, is_mark, noted, worker)? {
            (true, identity) => Whose::Ours { inode: namespace.inode(), identity },
            (false, _) => Whose::Others,
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Whose::Nobodys),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            Ok(if Namespace::is_unfinished(name)? { Whose::Unfinished } else { Whose::Others })
        }
        Err(error) => Err(error),
    }
}
