//! Files that a runtime waits for.

use std::fs::File;
use std::io;
use tokio::io::unix::AsyncFd;

/// Puts the file under the care of the runtime, which then tells when it can be read or written.
pub fn watch(file: File) -> io::Result<AsyncFd<File>> {
    // SAFETY: a `File` owns its descriptor and keeps it until it is dropped.
    unsafe { AsyncFd::register(file) }.map_err(Into::into)
}
