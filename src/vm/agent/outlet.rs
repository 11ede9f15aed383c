//! Files that may make one wait: pipes, terminals, the port.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use tokio::io::unix::AsyncFd;

/// A file that is read and written without holding up anything else.
pub(super) struct Outlet(AsyncFd<File>);

impl Outlet {
    pub fn new(file: File) -> io::Result<Self> {
        let flags = OFlag::from_bits_truncate(fcntl(file.as_fd(), FcntlArg::F_GETFL)?);
        fcntl(file.as_fd(), FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
        Ok(Self(crate::sys::watch(file)?))
    }

    pub fn file(&self) -> &File {
        self.0.get_ref()
    }

    /// Reads what is there, or waits for something to be there.
    pub async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut ready = self.0.readable().await?;
            if let Ok(outcome) = ready.try_io(|file| file.get_ref().read(buffer)) {
                return ended_as_zero(outcome);
            }
        }
    }

    /// Reads what is there; zero where nothing is.
    pub fn read_now(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match ended_as_zero(self.file().read(buffer)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            outcome => outcome,
        }
    }

    pub async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let mut ready = self.0.writable().await?;
            if let Ok(outcome) = ready.try_io(|file| file.get_ref().write(bytes)) {
                bytes = &bytes[outcome?..];
            }
        }
        Ok(())
    }
}

/// A terminal that nobody has open any more answers with an error where a pipe just ends.
fn ended_as_zero(outcome: io::Result<usize>) -> io::Result<usize> {
    match outcome {
        Err(error) if error.raw_os_error() == Some(libc::EIO) => Ok(0),
        outcome => outcome,
    }
}
