//! A thread that may change its namespace, because it ends afterwards.

use super::Namespace;
use nix::sched::{CloneFlags, setns, unshare};
use std::fs::File;
use std::io;
use std::marker::PhantomData;
use std::os::fd::OwnedFd;

/// The right to change the network namespace of the running thread.
///
/// It exists only inside [`on_worker`] and cannot leave its thread.
#[derive(Debug)]
pub struct Worker {
    /// The inode of the namespace that the thread is in, where a [`Namespace`] brought it there.
    current: Option<u64>,
    not_send: PhantomData<*const ()>,
}

/// Runs `work` on a thread of its own and returns what it returns.
pub fn on_worker<T: Send>(work: impl FnOnce(&mut Worker) -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| work(&mut Worker { current: None, not_send: PhantomData }));
        match thread.join() {
            Ok(value) => value,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

impl Worker {
    /// Brings the thread into a namespace. Sockets opened and `/proc/sys/net` read from now on are
    /// that namespace's.
    ///
    /// # Errors
    /// What `setns(2)` answers.
    pub fn enter(&mut self, namespace: &Namespace) -> io::Result<()> {
        if self.current != Some(namespace.inode()) {
            setns(namespace, CloneFlags::CLONE_NEWNET)?;
            self.current = Some(namespace.inode());
        }
        Ok(())
    }

    /// Makes a namespace, lets `prepare` mark it, and only then gives it its name, so that none
    /// without a mark can ever be left behind. The thread stays in it.
    ///
    /// # Errors
    /// What the kernel answers, or `prepare`; the name is not there then.
    pub fn create<E: From<io::Error>>(
        &mut self,
        name: &str,
        prepare: impl FnOnce(&mut Self) -> Result<(), E>,
    ) -> Result<Namespace, E> {
        let namespace = Namespace::new(name, self.unshare()?)?;
        self.enter(&namespace)?;
        prepare(self)?;
        namespace.bind()?;
        Ok(namespace)
    }

    /// Brings the thread into a new namespace that has no name and is gone with its last user.
    ///
    /// # Errors
    /// What `unshare(2)` answers.
    pub fn unshare(&mut self) -> io::Result<OwnedFd> {
        unshare(CloneFlags::CLONE_NEWNET)?;
        self.current = None;
        // /proc/self is the process's first thread, which stays where it was.
        Ok(File::open("/proc/thread-self/ns/net")?.into())
    }
}
