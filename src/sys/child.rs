//! What a command is before it begins.

use super::FileLimit;
use nix::sys::signal::{SigHandler, Signal};
use std::io;
use std::os::fd::RawFd;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Puts the command into a session of its own, with its standard input as controlling terminal.
pub fn lead_session_on_terminal(command: &mut Command) {
    let prepare = || {
        nix::unistd::setsid()?;
        // SAFETY: the ioctl takes a number and no pointer.
        match unsafe { libc::ioctl(libc::STDIN_FILENO, libc::TIOCSCTTY, 0) } {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    };
    // SAFETY: both calls are plain system calls, which may be made between fork and exec.
    unsafe { command.pre_exec(prepare) };
}

/// Lets the command be killed when the thread that started it ends, however that happens.
pub fn die_with_parent(command: &mut Command) {
    let prepare = || nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).map_err(Into::into);
    // SAFETY: the call is a plain system call, which may be made between fork and exec.
    unsafe { command.pre_exec(prepare) };
}

/// Lets the command have this limit of open files, whatever that of this process is.
pub fn limit_files(command: &mut Command, limit: FileLimit) {
    // SAFETY: the call is a plain system call, which may be made between fork and exec.
    unsafe { command.pre_exec(move || limit.set()) };
}

/// Lets the command inherit no open file but its standard streams: whatever else this process was
/// started with, a lock or an end of a pipe, is not kept by what outlives it.
pub fn inherit_only_streams(command: &mut Command) {
    let first = libc::STDERR_FILENO + 1;
    let prepare = move || {
        let flags = libc::CLOSE_RANGE_CLOEXEC;
        // SAFETY: the call takes three numbers, and closes nothing before the program is replaced.
        if unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, flags) } == 0 {
            return Ok(());
        }
        // Before Linux 5.11 each has to be told by itself.
        let (limit, _) =
            nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE)?;
        for fd in first..RawFd::try_from(limit).unwrap_or(RawFd::MAX) {
            // SAFETY: the call takes three numbers; one that is not open is refused and no loss.
            unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
        }
        Ok(())
    };
    // SAFETY: these are plain system calls, which may be made between fork and exec.
    unsafe { command.pre_exec(prepare) };
}

/// Gives a signal its default action back.
///
/// # Errors
/// There is no such signal, or its action cannot be changed.
pub fn default_action(signal: i32) -> io::Result<()> {
    let signal = Signal::try_from(signal)?;
    // SAFETY: no handler is installed, so that nothing runs when the signal comes.
    unsafe { nix::sys::signal::signal(signal, SigHandler::SigDfl) }?;
    Ok(())
}
