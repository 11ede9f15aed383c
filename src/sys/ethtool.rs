//! What devices leave to their hardware, by the ioctls of `ethtool(8)`.

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use std::io;
use std::os::fd::AsRawFd;

/// Something that a network device leaves to its hardware, or to the far end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offload {
    /// Checking the checksums of what comes in.
    ReceiveChecksums,
    /// Computing those of what goes out.
    TransmitChecksums,
    /// Cutting TCP's segments.
    TcpSegments,
    /// Cutting segments as late as can be.
    Segments,
    /// Joining what comes in to larger packets.
    Joining,
}

impl Offload {
    /// All of them.
    pub const ALL: [Offload; 5] = [
        Self::ReceiveChecksums,
        Self::TransmitChecksums,
        Self::TcpSegments,
        Self::Segments,
        Self::Joining,
    ];

    /// The command of `linux/ethtool.h` that asks for it; the next one sets it.
    fn question(self) -> u32 {
        match self {
            Self::ReceiveChecksums => 0x14,
            Self::TransmitChecksums => 0x16,
            Self::TcpSegments => 0x1e,
            Self::Segments => 0x23,
            Self::Joining => 0x2b,
        }
    }

    /// Whether a device of the calling thread's namespace does it.
    pub fn is_on(self, device: &str) -> io::Result<bool> {
        Ok(ethtool(device, [self.question(), 0])? != 0)
    }

    /// Ends it, or begins with it, for a device of the calling thread's namespace.
    pub fn turn(self, device: &str, on: bool) -> io::Result<()> {
        ethtool(device, [self.question() + 1, u32::from(on)]).map(|_| ())
    }
}

/// Has the kernel carry out one command on a `struct ethtool_value`, and returns the value.
fn ethtool(device: &str, mut command: [u32; 2]) -> io::Result<u32> {
    let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    let mut request = libc::ifreq {
        ifr_name: [0; libc::IFNAMSIZ],
        ifr_ifru: libc::__c_anonymous_ifr_ifru { ifru_data: command.as_mut_ptr().cast() },
    };
    if device.len() >= libc::IFNAMSIZ {
        return Err(Errno::ENODEV.into());
    }
    for (to, from) in request.ifr_name.iter_mut().zip(device.bytes()) {
        *to = from as libc::c_char;
    }
    // SAFETY: the kernel reads one `ifreq`, whose name ends in a zero, and reads and writes the two
    // numbers that it points to, which is all that the commands of `Offload` touch.
    match unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL, &mut request) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(command[1]),
    }
}
