//! Options of sockets, and what is asked through one.

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// Sets an option of a socket that is one integer.
pub fn set_option(socket: &impl AsFd, level: i32, name: i32, value: i32) -> io::Result<()> {
    let fd = socket.as_fd().as_raw_fd();
    let length = libc::socklen_t::try_from(size_of::<i32>()).expect("a small number");
    // SAFETY: the pointer and the length are those of one integer that outlives the call.
    let answer = unsafe { libc::setsockopt(fd, level, name, (&raw const value).cast(), length) };
    Ok(Errno::result(answer).map(drop)?)
}

/// Says whether a socket's packets may be fragmented, whatever the kernel has heard of the path:
/// `IP_MTU_DISCOVER` and `IPV6_MTU_DISCOVER` (`ip(7)`, `ipv6(7)`), `IPV6_DONTFRAG` (RFC 3542).
pub fn allow_fragments(socket: impl AsFd, ipv6: bool, allowed: bool) -> io::Result<()> {
    let set = |level, name, value| set_option(&socket, level, name, value);
    match (ipv6, allowed) {
        (false, true) => set(libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_DONT),
        (false, false) => set(libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_PROBE),
        // The sender alone fragments IPv6, to what it has heard of the path.
        (true, true) => Ok(()),
        (true, false) => {
            let probe = libc::IPV6_PMTUDISC_PROBE;
            set(libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, probe)?;
            set(libc::IPPROTO_IPV6, libc::IPV6_DONTFRAG, 1)
        }
    }
}

/// How many frames a packet socket has lost since that was asked for the last time, because nobody had read those
/// before them: `PACKET_STATISTICS` (`packet(7)`).
pub fn lost_frames(socket: &impl AsFd) -> io::Result<u32> {
    let mut counted = libc::tpacket_stats { tp_packets: 0, tp_drops: 0 };
    let mut length =
        libc::socklen_t::try_from(size_of::<libc::tpacket_stats>()).expect("a small number");
    // SAFETY: the pointers are those of the counters and of their length, which outlive the call.
    let answer = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_STATISTICS,
            (&raw mut counted).cast(),
            &raw mut length,
        )
    };
    Errno::result(answer)?;
    Ok(counted.tp_drops)
}

/// The number of the calling thread's network namespace, which no other one of this boot has or gets:
/// `SO_NETNS_COOKIE`. Nothing where the kernel does not know it, before Linux 5.14.
pub fn namespace_cookie() -> io::Result<Option<u64>> {
    let socket = socket(AddressFamily::Unix, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    let mut cookie = 0_u64;
    let mut length = libc::socklen_t::try_from(size_of::<u64>()).expect("a small number");
    // SAFETY: the pointers are those of a number and of its length, which outlive the call.
    let answer = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_NETNS_COOKIE,
            (&raw mut cookie).cast(),
            &raw mut length,
        )
    };
    match Errno::result(answer) {
        Ok(_) => Ok(Some(cookie)),
        Err(Errno::ENOPROTOOPT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Sets the loopback device of the calling thread's network namespace up.
pub fn loopback_up() -> io::Result<()> {
    let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    let mut request = libc::ifreq {
        ifr_name: [0; libc::IFNAMSIZ],
        ifr_ifru: libc::__c_anonymous_ifr_ifru { ifru_flags: libc::IFF_UP as libc::c_short },
    };
    request.ifr_name[0] = b'l' as libc::c_char;
    request.ifr_name[1] = b'o' as libc::c_char;
    // SAFETY: the kernel reads one `ifreq` from the pointer, whose name ends in a zero.
    match unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &request) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
