//! Ending one of a node's commands.

use super::{Home, Namespace};
use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

/// How long a command may take to end when it is asked to.
const GRACE: Duration = Duration::from_secs(1);
/// How long it may take when it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// How long until it is looked at again.
const PAUSE: Duration = Duration::from_millis(10);

/// Ends a command with all that it started, but for what went into a process group of its own.
///
/// # Errors
/// It does not end, or it cannot be asked to.
pub(super) fn stop(home: &Home, namespace: &str, number: usize) -> io::Result<()> {
    let Some(group) = home.noted_command(namespace, number)? else { return Ok(()) };
    // Its supervisor tells by this that its end is nobody's concern.
    home.forget_command(namespace, number)?;
    // The number may be another one's by now.
    let own = Namespace::open(namespace)?.inode();
    let is_own = |pid: i32| fs::metadata(format!("/proc/{pid}/ns/net")).map(|it| it.ino() == own);
    let begun = Instant::now();
    while is_own(group).unwrap_or(false) {
        let signal = match begun.elapsed() {
            passed if passed > STOP_TIMEOUT => return Err(io::ErrorKind::TimedOut.into()),
            passed if passed > GRACE => Signal::SIGKILL,
            _ => Signal::SIGTERM,
        };
        match killpg(Pid::from_raw(group), signal) {
            Ok(()) => std::thread::sleep(PAUSE),
            Err(Errno::ESRCH) => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
