//! A process held so that its number cannot come to mean another one.

use crate::sys;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

/// A process of this host that is not ours to wait for.
#[derive(Debug)]
pub struct HeldProcess {
    pid: Pid,
    fd: OwnedFd,
}

impl HeldProcess {
    /// The process that has this number; nothing where none has it.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn open(pid: Pid) -> io::Result<Option<Self>> {
        match sys::pidfd_open(pid) {
            Ok(fd) => Ok(Some(Self { pid, fd })),
            Err(Errno::ESRCH) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Its number.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Sends a signal. One that has ended, or may not be sent any, gets none.
    ///
    /// # Errors
    /// The kernel refuses for another reason.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        match sys::pidfd_send_signal(&self.fd, signal) {
            Ok(()) | Err(Errno::ESRCH | Errno::EPERM) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits until it has ended, or the time is over, and says whether it has ended.
    ///
    /// # Errors
    /// The kernel refuses to wait.
    pub fn wait(&self, deadline: Instant) -> io::Result<bool> {
        let mut ended = [PollFd::new(self.fd.as_fd(), PollFlags::POLLIN)];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match poll(&mut ended, PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO)) {
                Err(Errno::EINTR) => {}
                result => return result.map(|count| count > 0).map_err(io::Error::from),
            }
        }
    }

    /// Whether it is stopped, by a signal or by a debugger.
    pub fn is_stopped(&self) -> bool {
        let state = fields(self.pid).and_then(|fields| fields.first().cloned());
        state.is_some_and(|state| matches!(state.as_str(), "T" | "t")) && !self.has_ended()
    }

    /// When it was started, in the kernel's ticks since the machine booted; nothing where it has ended.
    pub fn started(&self) -> Option<u64> {
        let started = fields(self.pid).and_then(|fields| fields.get(19)?.parse().ok());
        // Until here the number has meant this very process.
        started.filter(|_| !self.has_ended())
    }

    fn has_ended(&self) -> bool {
        self.wait(Instant::now() + Duration::ZERO).unwrap_or(true)
    }
}

/// What the kernel says of a process, from its state on, which is the third of all fields: a name with
/// blanks and brackets stands before it.
fn fields(pid: Pid) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    Some(fields.split_whitespace().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_process_that_is_stopped_is_told_from_one_that_runs_and_one_that_has_ended() {
        let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
        let process = HeldProcess::open(Pid::from_raw(child.id().cast_signed())).unwrap().unwrap();
        let started = process.started();
        assert!(started.is_some() && !process.is_stopped());
        process.signal(Signal::SIGSTOP).unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        while !process.is_stopped() && Instant::now() < deadline {
            std::thread::yield_now();
        }
        assert!(process.is_stopped() && process.started() == started);
        assert!(!process.wait(Instant::now()).unwrap());
        process.signal(Signal::SIGKILL).unwrap();
        assert!(process.wait(deadline).unwrap());
        assert!(!process.is_stopped() && process.started().is_none());
        child.wait().unwrap();
        process.signal(Signal::SIGKILL).unwrap();
    }
}
