//! Processes that live in a namespace and would keep it.

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

/// A process in a namespace, held so that its number cannot come to mean another one.
#[derive(Debug)]
pub struct Holder {
    pid: Pid,
    fd: OwnedFd,
}

/// The processes that are in one of these namespaces, given by inode. This process is never among
/// them.
///
/// # Errors
/// `/proc` cannot be read.
pub fn holders(namespaces: &BTreeSet<u64>) -> io::Result<Vec<Holder>> {
    let mut holders = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(number) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
        let pid = Pid::from_raw(number);
        if pid == Pid::this() || !is_in(pid, namespaces) {
            continue;
        }
        match super::raw::pidfd_open(pid) {
            // Only now is it sure that the number still means the process that was looked at.
            Ok(fd) if is_in(pid, namespaces) => holders.push(Holder { pid, fd }),
            Ok(_) | Err(Errno::ESRCH) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(holders)
}

fn is_in(pid: Pid, namespaces: &BTreeSet<u64>) -> bool {
    fs::metadata(format!("/proc/{pid}/ns/net"))
        .is_ok_and(|namespace| namespaces.contains(&namespace.ino()))
}

impl Holder {
    /// Its number.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    fn signal(&self, signal: Signal) -> io::Result<()> {
        match kill(self.pid, signal) {
            Ok(()) | Err(Errno::ESRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// How long processes have to end by themselves, with what they still have to write.
const GRACE: Duration = Duration::from_secs(1);

/// Asks processes to end, ends those that do not, and waits until all have ended.
///
/// # Errors
/// The kernel refuses.
pub fn end(holders: Vec<Holder>) -> io::Result<()> {
    holders.iter().try_for_each(|holder| holder.signal(Signal::SIGTERM))?;
    let deadline = Instant::now() + GRACE;
    let ended = |holder: &Holder| {
        let left = deadline.saturating_duration_since(Instant::now());
        wait(holder, PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO))
    };
    let mut stubborn = Vec::new();
    for holder in holders {
        if !ended(&holder)? {
            holder.signal(Signal::SIGKILL)?;
            stubborn.push(holder);
        }
    }
    stubborn.iter().try_for_each(|holder| wait(holder, PollTimeout::NONE).map(drop))
}

/// Waits until a process has ended, and says whether it has.
fn wait(holder: &Holder, timeout: PollTimeout) -> io::Result<bool> {
    let mut ended = [PollFd::new(holder.fd.as_fd(), PollFlags::POLLIN)];
    loop {
        match poll(&mut ended, timeout) {
            Err(Errno::EINTR) => {}
            result => return result.map(|ready| ready > 0).map_err(io::Error::from),
        }
    }
}
