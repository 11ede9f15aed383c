//! Binding every socket of a command to a VRF, as `ip vrf exec` does: a control group with a program
//! that the kernel runs when a socket is made.
//!
//! The program is four instructions that store the VRF device's index in the new socket's
//! `bound_dev_if`, the first field of `struct bpf_sock` (`linux/bpf.h`).

use super::{Worker, raw};
use nix::mount::{MsFlags, mount};
use nix::net::if_::if_nametoindex;
use nix::sched::{CloneFlags, unshare};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Where the control groups are mounted when the host has no mount of them: in a mount namespace
/// that ends with the thread.
const OWN_MOUNT: &str = "/run/vrflab";

/// Puts this process into a control group whose sockets are bound to the VRF device. The thread is
/// in the node's network namespace.
///
/// # Errors
/// The kernel has no control groups of version 2 or no programs for them, or refuses.
pub(super) fn bind(vrf: &str, group: &Path) -> io::Result<()> {
    let index = if_nametoindex(vrf)?;
    let directory = root()?.join(group).join(vrf);
    fs::create_dir_all(&directory)?;
    let program = raw::load_socket_binder(index)?;
    let opened = File::open(&directory)?;
    raw::attach_to_cgroup(&program, &opened)?;
    fs::write(directory.join("cgroup.procs"), std::process::id().to_string())
}

/// Does work in a control group whose sockets are bound to the VRF device, and leaves it again: what
/// was started meanwhile stays in it.
///
/// # Errors
/// As [`bind`], or the work's own.
pub(super) fn bound<T>(
    vrf: &str,
    group: &Path,
    work: impl FnOnce() -> io::Result<T>,
) -> io::Result<T> {
    let groups = fs::read_to_string("/proc/self/cgroup")?;
    let before = groups.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default();
    let before = root()?.join(before).join("cgroup.procs");
    bind(vrf, group)?;
    let result = work();
    fs::write(before, std::process::id().to_string())?;
    result
}

/// The control group, below the root of all, of [`watch_nothing`].
const EMPTY_GROUP: &str = "vrflab.held";

/// Attaches a program to a control group that no process is ever in, so that the kernel is ready for
/// others of its kind for good.
///
/// # Errors
/// As [`bind`].
pub(super) fn watch_nothing() -> io::Result<()> {
    let directory = root()?.join(EMPTY_GROUP);
    fs::create_dir_all(&directory)?;
    raw::attach_to_cgroup(&raw::load_socket_binder(0)?, &File::open(directory)?)
}

/// Takes away a lab's control groups, which no process is in any more. Where the host has no mount
/// of them, the worker gets one of its own, which nobody else sees.
///
/// # Errors
/// The kernel refuses.
pub fn forget(lab: &str, _worker: &mut Worker) -> io::Result<()> {
    // Without control groups there are none of ours.
    let Ok(root) = root() else { return Ok(()) };
    remove_below(&root.join(group_of_lab(lab)))
}

/// The control group of all that is a lab's. Below it they are named as iproute2 names those of `ip
/// vrf exec`, NAMESPACE-ns/vrf/VRF, which is where `ip vrf pids` looks. It takes what follows the
/// first `/vrf/` of a path for the VRF's name, so that no part before that may be `vrf`.
pub(super) fn group_of_lab(lab: &str) -> PathBuf {
    PathBuf::from(format!("vrflab-{lab}"))
}

fn remove_below(directory: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_below(&entry.path())?;
        }
    }
    // A control group's files are the kernel's and go with it.
    fs::remove_dir(directory)
}

/// The root of the control groups of version 2: where the host has mounted it, else a mount that
/// only this thread sees.
fn root() -> io::Result<PathBuf> {
    let mounts = fs::read_to_string("/proc/thread-self/mounts")?;
    let mounted = mounts.lines().find_map(|line| {
        let mut words = line.split(' ').skip(1);
        let (point, kind) = (words.next()?, words.next()?);
        (kind == "cgroup2").then(|| PathBuf::from(point))
    });
    if let Some(mounted) = mounted {
        return Ok(mounted);
    }
    let none = None::<&str>;
    unshare(CloneFlags::CLONE_NEWNS)?;
    mount(none, "/", none, MsFlags::MS_PRIVATE | MsFlags::MS_REC, none)?;
    mount(Some("cgroup2"), OWN_MOUNT, Some("cgroup2"), MsFlags::empty(), none)?;
    Ok(PathBuf::from(OWN_MOUNT))
}
