//! Takes away what a lab made, and nothing else.

use crate::kernel::{Namespace, Worker, end, forget_bindings, holders, mark_of, on_worker};
use crate::state::{Lock, Record};
use std::collections::BTreeSet;
use std::io;

/// What a teardown could not take away.
#[derive(Debug)]
pub enum Left {
    /// A namespace that bears the name and not the mark: somebody else's.
    NotOurs {
        /// Its name.
        namespace: String,
    },
    /// A namespace that could not be taken away.
    Failed {
        /// Its name.
        namespace: String,
        /// Why.
        error: io::Error,
    },
    /// What there is could not be found out, or the record could not be ended.
    Unknown {
        /// Why.
        error: io::Error,
    },
}

/// Takes a lab away with its record; a lock on a lab without one only loses its directory.
///
/// # Errors
/// `/proc` cannot be read, or the record cannot be removed.
pub fn down(lock: Lock) -> io::Result<Vec<Left>> {
    let left = clear(&lock)?;
    if !left.iter().any(Left::is_failure) {
        lock.forget()?;
    }
    Ok(left)
}

/// [`down`] for whoever builds the lab anew: the lock is kept, so that nobody comes in between.
///
/// # Errors
/// As [`down`].
pub fn clear(lock: &Lock) -> io::Result<Vec<Left>> {
    let Some(record) = Record::load(lock.lab())? else { return Ok(Vec::new()) };
    let left = on_worker(|worker| teardown(&record, worker))?;
    // What could not be taken away stays known. What is somebody else's was never ours to know.
    if !left.iter().any(Left::is_failure) {
        Record::remove(lock)?;
    }
    Ok(left)
}

/// Ends the processes in a lab's namespaces and takes the namespaces away; their devices, routes
/// and settings go with them. Goes on after a failure and returns all of them.
///
/// # Errors
/// `/proc` cannot be read.
pub fn teardown(record: &Record, worker: &mut Worker) -> io::Result<Vec<Left>> {
    let mut left = Vec::new();
    let mut ours = Vec::new();
    let mut inodes = BTreeSet::new();
    for name in &record.namespaces {
        match whose(name, &record.mark, worker) {
            Ok(Whose::Ours(inode)) => {
                inodes.insert(inode);
                ours.push(name);
            }
            Ok(Whose::Unfinished) => ours.push(name),
            Ok(Whose::Nobodys) => {}
            Ok(Whose::Others) => left.push(Left::NotOurs { namespace: name.clone() }),
            Err(error) => left.push(Left::Failed { namespace: name.clone(), error }),
        }
    }
    // A process that lived on would hold its namespace, with all that is in it. Whoever is asked to
    // end may start another one for that.
    while !inodes.is_empty() {
        let holders = holders(&inodes)?;
        if holders.is_empty() {
            break;
        }
        end(holders)?;
    }
    for name in ours {
        if let Err(error) = Namespace::release(name) {
            left.push(Left::Failed { namespace: name.clone(), error });
        }
    }
    forget_bindings(record.lab.as_str(), worker)?;
    Ok(left)
}

impl Left {
    /// Whether it is this lab's and should have gone.
    pub fn is_failure(&self) -> bool {
        match self {
            Left::NotOurs { .. } => false,
            Left::Failed { .. } | Left::Unknown { .. } => true,
        }
    }
}

/// Those of these names that somebody else's namespace bears: one without the record's mark.
///
/// # Errors
/// A namespace cannot be looked at.
pub fn strangers<'a>(
    record: &Record,
    names: impl IntoIterator<Item = &'a (impl AsRef<str> + ?Sized + 'a)> + Send,
) -> io::Result<Vec<&'a str>> {
    on_worker(|worker| {
        let mut strangers = Vec::new();
        for name in names {
            match whose(name.as_ref(), &record.mark, worker)? {
                Whose::Others => strangers.push(name.as_ref()),
                Whose::Ours(_) | Whose::Unfinished | Whose::Nobodys => {}
            }
        }
        Ok(strangers)
    })
}

enum Whose {
    /// It bears the lab's mark.
    Ours(u64),
    /// A name that is not a namespace yet, which only its maker's death leaves so.
    Unfinished,
    /// There is no such name.
    Nobodys,
    /// It bears another mark or none.
    Others,
}

fn whose(name: &str, mark: &str, worker: &mut Worker) -> io::Result<Whose> {
    match Namespace::open(name) {
        Ok(namespace) => Ok(match mark_of(&namespace, worker)? == mark {
            true => Whose::Ours(namespace.inode()),
            false => Whose::Others,
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Whose::Nobodys),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(Whose::Unfinished),
        Err(error) => Err(error),
    }
}
