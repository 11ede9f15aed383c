//! Processes that live in a namespace and would keep it.

use super::{Groups, HeldProcess};
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

/// What is left when processes were ended.
#[derive(Debug, Default)]
pub struct Remaining {
    /// Those that cannot be ended.
    pub alive: Vec<Pid>,
    /// Those that may not be looked at, so that it is not known where they are.
    pub unseen: Vec<Pid>,
}

/// How long processes have to end by themselves, with what they still have to write.
const GRACE: Duration = Duration::from_secs(1);

/// How long it is tried to end processes.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// Ends the processes that are in these namespaces, given by inode, or in these control groups: they are
/// asked to, and ended after a while. This process is never among them.
///
/// # Errors
/// `/proc` cannot be read, or the kernel refuses.
pub fn end(namespaces: &BTreeSet<u64>, groups: &Groups) -> io::Result<Remaining> {
    let begun = Instant::now();
    loop {
        let (holders, unseen) = find(namespaces, groups)?;
        let passed = begun.elapsed();
        if holders.is_empty() || passed > SHUTDOWN_TIMEOUT {
            let alive = holders.iter().map(|holder| holder.pid()).collect();
            return Ok(Remaining { alive, unseen });
        }
        // Whoever is asked to end may start another one for that, which is asked too. Past the time
        // for that nobody gets any more: of a chain of processes none would ever be asked twice.
        let left = GRACE.saturating_sub(passed);
        let signal = if left.is_zero() { Signal::SIGKILL } else { Signal::SIGTERM };
        if left.is_zero() {
            groups.kill();
        }
        // Whoever may not be ended lives on, and is said to.
        holders.iter().try_for_each(|holder| holder.signal(signal))?;
        let deadline = Instant::now() + if left.is_zero() { GRACE } else { left };
        holders.iter().try_for_each(|holder| holder.wait(deadline).map(drop))?;
    }
}

/// The processes that are in these namespaces, given by inode, as far as they may be looked at.
///
/// # Errors
/// `/proc` cannot be read.
pub fn processes_in(namespaces: &BTreeSet<u64>) -> io::Result<Vec<Pid>> {
    let (holders, _) = find(namespaces, &Groups::default())?;
    Ok(holders.iter().map(|holder| holder.pid()).collect())
}

/// The processes that are there, and those of which that cannot be said.
fn find(namespaces: &BTreeSet<u64>, groups: &Groups) -> io::Result<(Vec<HeldProcess>, Vec<Pid>)> {
    let in_groups: BTreeSet<i32> = groups.processes()?.into_iter().map(Pid::as_raw).collect();
    let (mut holders, mut unseen) = (Vec::new(), Vec::new());
    if namespaces.is_empty() && in_groups.is_empty() {
        return Ok((holders, unseen));
    }
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(number) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
        let pid = Pid::from_raw(number);
        let place = |pid| match in_groups.contains(&number) {
            true => Place::Inside,
            false => place(pid, namespaces),
        };
        if pid == Pid::this() {
            continue;
        }
        match place(pid) {
            Place::Outside => continue,
            Place::Unknown if groups.may_lack(pid) => unseen.push(pid),
            Place::Unknown => continue,
            Place::Inside => match HeldProcess::open(pid) {
                // Only now is it sure that the number still means the process that was looked at.
                Ok(held) => holders.extend(held.filter(|_| place(pid) == Place::Inside)),
                // Those that are held are ended first, and the others found then.
                Err(error) if is_full(&error) && !holders.is_empty() => break,
                Err(error) => return Err(error),
            },
        }
    }
    Ok((holders, unseen))
}

/// Whether this process has as many files open as it may.
fn is_full(error: &io::Error) -> bool {
    error.raw_os_error() == Some(nix::libc::EMFILE)
}

/// Where a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In one of the namespaces.
    Inside,
    /// In another one, or it has ended.
    Outside,
    /// It may not be looked at.
    Unknown,
}

fn place(pid: Pid, namespaces: &BTreeSet<u64>) -> Place {
    let of = |path: String| match fs::metadata(path) {
        Ok(namespace) if namespaces.contains(&namespace.ino()) => Place::Inside,
        Ok(_) => Place::Outside,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Place::Unknown,
        Err(_) => Place::Outside,
    };
    if fs::exists(format!("/proc/{pid}/ns/net")).unwrap_or(true) {
        return of(format!("/proc/{pid}/ns/net"));
    }
    // The first thread has ended, and others may live on.
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let mut places = threads.map(|thread| of(format!("{}/ns/net", thread.path().display())));
    places.find(|place| *place != Place::Outside).unwrap_or(Place::Outside)
}
