//! Whether this machine can run a guest, and what helps where it cannot.

use super::dirs::Dirs;
use super::error::Error;
use super::guest_kernel::GuestKernel;
use super::tool::Tool;

pub(super) const QEMU: Tool = Tool {
    name: super::engine::QEMU,
    purpose: "run the micro-VM",
    help: "sudo apt-get install qemu-system-x86",
};

/// Whether a machine can be started here.
#[derive(Debug)]
pub enum Readiness {
    /// It can, with this guest kernel.
    Ready(GuestKernel),
    /// It cannot; the error names the command that helps.
    NotReady(Error),
}

/// Looks for the engine and for a guest kernel.
pub fn ready() -> Readiness {
    let outside = || if super::inside_guest() { Err(Error::Inside) } else { Ok(()) };
    let found = right_architecture()
        .and_then(|()| outside())
        .and_then(|()| QEMU.find())
        .and_then(|_| GuestKernel::current(&Dirs::open()?)?.ok_or(Error::NoGuestKernel));
    match found {
        Ok(kernel) => Readiness::Ready(kernel),
        Err(error) => Readiness::NotReady(error),
    }
}

pub(super) fn right_architecture() -> Result<(), Error> {
    match std::env::consts::ARCH {
        "x86_64" => Ok(()),
        other => Err(Error::Architecture(other)),
    }
}
