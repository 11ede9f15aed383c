//! Binding every socket of a command to a VRF, as `ip vrf exec` does: a control group with a program
//! that the kernel runs when a socket is made.
//!
//! The program is four instructions that store the VRF device's index in the new socket's
//! `bound_dev_if`, the first field of `struct bpf_sock` (`linux/bpf.h`).

use super::control_group::{make, root};
use crate::sys;
use fs_err::{self as fs, File};
use nix::net::if_::if_nametoindex;
use std::io;
use std::path::Path;

/// Puts this process into a control group whose sockets are bound to the VRF device. The thread is
/// in the node's network namespace.
///
/// # Errors
/// The kernel has no control groups of version 2 or no programs for them, or refuses.
pub(super) fn bind(vrf: &str, group: &Path) -> io::Result<()> {
    let index = if_nametoindex(vrf)?;
    let directory = root()?.join(group).join("vrf").join(vrf);
    make(&directory)?;
    let program = sys::load_socket_binder(index)?;
    let opened = File::open(&directory)?;
    sys::attach_to_cgroup(&program, opened.file())?;
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
    sys::attach_to_cgroup(&sys::load_socket_binder(0)?, File::open(directory)?.file())
}
