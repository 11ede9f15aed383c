//! The first process inherits every orphan, and waits for all of them together with its own.

use std::collections::HashMap;
use std::io;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use tokio::sync::oneshot;

use super::super::frame::End;

/// The processes whose end somebody wants to know.
#[derive(Clone, Default)]
pub(super) struct Reaper(Arc<Mutex<HashMap<Pid, oneshot::Sender<End>>>>);

impl Reaper {
    fn table(&self) -> MutexGuard<'_, HashMap<Pid, oneshot::Sender<End>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a process. While that goes on nothing is waited for, so that a process cannot have
    /// been waited for before it is known.
    pub fn start(&self, command: &mut Command) -> io::Result<(Child, oneshot::Receiver<End>)> {
        let mut table = self.table();
        let child = command.spawn()?;
        let (sender, receiver) = oneshot::channel();
        table.insert(Pid::from_raw(child.id().cast_signed()), sender);
        Ok((child, receiver))
    }

    /// Waits for all processes that have ended. To be called when the kernel says that some have.
    pub fn reap(&self) {
        let mut table = self.table();
        loop {
            let (pid, end) = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, status)) => (pid, End::Exited(status as u8)),
                Ok(WaitStatus::Signaled(pid, signal, _)) => (pid, End::Killed(signal as i32 as u8)),
                Ok(WaitStatus::StillAlive) | Err(_) => return,
                Ok(_) => continue,
            };
            if let Some(sender) = table.remove(&pid) {
                // Nobody listens any more when the command's session is gone.
                let _ = sender.send(end);
            }
        }
    }
}
