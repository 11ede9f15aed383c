//! How many files this process may have open: as many as it may ask for, while what it starts for
//! others gets back what the caller of this program had.

use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};
use serde::{Deserialize, Serialize};
use std::io;
use std::sync::OnceLock;

/// The soft and the hard limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileLimit {
    soft: rlim_t,
    hard: rlim_t,
}

/// That of the caller.
static CALLERS: OnceLock<FileLimit> = OnceLock::new();

impl FileLimit {
    /// Raises this process's soft limit to the hard one, for the namespaces and the sockets of a large
    /// lab, and keeps in mind what it was.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn raise() -> io::Result<()> {
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
        CALLERS.get_or_init(|| Self { soft, hard });
        Ok(setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?)
    }

    /// That of the caller; what is in force where it was never raised.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn callers() -> io::Result<Self> {
        match CALLERS.get() {
            Some(limit) => Ok(*limit),
            None => getrlimit(Resource::RLIMIT_NOFILE)
                .map(|(soft, hard)| Self { soft, hard })
                .map_err(io::Error::from),
        }
    }

    /// Puts it in force. Only system calls are made.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn set(self) -> io::Result<()> {
        Ok(setrlimit(Resource::RLIMIT_NOFILE, self.soft, self.hard)?)
    }

    /// How many files may be open at the most.
    pub fn most(self) -> usize {
        usize::try_from(self.hard).unwrap_or(usize::MAX)
    }
}
