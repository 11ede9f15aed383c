//! Becoming a command inside a node.

use super::{Home, Namespace, control_group, vrf_bind};
use crate::sys::{self, FileLimit};
use fs_err as fs;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::signal::SigSet;
use nix::sys::stat::Mode;
use std::convert::Infallible;
use std::ffi::{CString, OsString};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What a command sees of the node that it runs in.
#[derive(Debug)]
pub struct Entry<'a> {
    /// The node's namespace.
    pub namespace: &'a Namespace,
    /// What the command sees as the node's own.
    pub home: Home,
    /// The VRF device that its sockets are bound to.
    pub vrf: Option<&'a str>,
}

/// Why a command could not be started.
#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    /// The node could not be entered.
    #[error("cannot {action}: {error}")]
    Enter {
        /// What was tried.
        action: &'static str,
        /// What the kernel answered.
        error: io::Error,
    },
    /// The lab is being taken down.
    #[error("the lab is being taken down")]
    Going,
    /// The command could not be run.
    #[error("{}: {}", command.to_string_lossy(), errno.desc())]
    Command {
        /// Its name.
        command: OsString,
        /// What the kernel answered.
        errno: Errno,
    },
}

impl EntryError {
    /// The exit status that shells have for it.
    pub fn status(&self) -> u8 {
        match self {
            EntryError::Enter { .. } | EntryError::Going => 125,
            EntryError::Command { errno: Errno::ENOENT, .. } => 127,
            EntryError::Command { .. } => 126,
        }
    }
}

impl Entry<'_> {
    /// Turns this process into the command, in the node: its interfaces and settings below `/sys`
    /// and `/proc/sys`, its neighbours' names in `/etc/hosts`, and its own files.
    ///
    /// Only the calling thread changes its namespaces, and the command takes its place. `stands` is
    /// asked once it is in the node: a teardown that begins later finds it there.
    ///
    /// # Errors
    /// The node cannot be entered or is being taken down, or the command cannot be run.
    pub fn become_command(
        &self,
        command: &[OsString],
        stands: impl FnOnce() -> bool,
    ) -> Result<Infallible, EntryError> {
        self.enter()?;
        if !stands() {
            if let Ok(group) = self.home.control_group(self.namespace.name()) {
                control_group::leave(&group);
            }
            return Err(EntryError::Going);
        }
        let words: Vec<CString> = command
            .iter()
            .map(|word| CString::new(word.as_bytes()))
            .collect::<Result<_, _>>()
            .map_err(|_| EntryError::Command {
                command: command[0].clone(),
                errno: Errno::EINVAL,
            })?;
        fresh_signals().map_err(|error| EntryError::Enter {
            action: "give the command its signals back",
            error,
        })?;
        FileLimit::callers().and_then(FileLimit::set).map_err(|error| EntryError::Enter {
            action: "give the command its limit of open files back",
            error,
        })?;
        let Err(errno) = nix::unistd::execvp(&words[0], &words);
        Err(EntryError::Command { command: command[0].clone(), errno })
    }

    /// Brings this thread into the node.
    ///
    /// # Errors
    /// The node cannot be entered.
    pub(super) fn enter(&self) -> Result<(), EntryError> {
        let step = |action| move |error: io::Error| EntryError::Enter { action, error };
        let group = self.home.control_group(self.namespace.name());
        let group = group.map_err(step("look for the node's control group"))?;
        control_group::join(&group);
        setns(self.namespace, CloneFlags::CLONE_NEWNET)
            .map_err(io::Error::from)
            .map_err(step("enter the node's namespace"))?;
        if let Some(vrf) = self.vrf {
            vrf_bind::bind(vrf, &group).map_err(step("bind the command to its VRF"))?;
        }
        self.see_the_node().map_err(step("show the node its own /sys, /etc and /run"))
    }

    fn see_the_node(&self) -> io::Result<()> {
        let none = None::<&str>;
        unshare(CloneFlags::CLONE_NEWNS)?;
        // Names that are taken away outside must go here too, and nothing done here must get out.
        mount(none, "/", none, MsFlags::MS_SLAVE | MsFlags::MS_REC, none)?;
        let below = mounts_below_sys()?;
        match mount(Some("sysfs"), "/sys", Some("sysfs"), MsFlags::empty(), none) {
            Ok(()) => {}
            // Whoever enters a node from within it has its /sys already.
            Err(Errno::EBUSY) => return self.home.show(self.namespace.name(), self.vrf),
            Err(error) => return Err(error.into()),
        }
        // A new /sys hides control groups, tracing and what else tools in a node look for.
        for (point, held) in below {
            let source = format!("/proc/self/fd/{}", held.as_raw_fd());
            let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
            mount(Some(source.as_str()), &point, none, flags, none)?;
        }
        self.home.show(self.namespace.name(), self.vrf)
    }
}

/// What is mounted below `/sys`, each held open; what is mounted in one of them comes with it.
fn mounts_below_sys() -> io::Result<Vec<(PathBuf, OwnedFd)>> {
    let mounts = fs::read_to_string("/proc/thread-self/mounts")?;
    let points = mounts.lines().filter_map(|line| line.split(' ').nth(1)).map(Path::new);
    let mut points: Vec<&Path> =
        points.filter(|point| point.starts_with("/sys") && *point != Path::new("/sys")).collect();
    points.sort();
    points.dedup_by(|point, outer| point.starts_with(outer));
    let hold = |point: &Path| Ok((point.to_owned(), open(point, OFlag::O_PATH, Mode::empty())?));
    points.into_iter().map(hold).collect()
}

/// Undoes what Rust's runtime does to a process, which would go over to the command: that SIGPIPE is
/// ignored. No signal is blocked; what the caller wants ignored, as with `nohup`, stays so.
fn fresh_signals() -> io::Result<()> {
    sys::default_action(nix::libc::SIGPIPE)?;
    Ok(SigSet::empty().thread_set_mask()?)
}
