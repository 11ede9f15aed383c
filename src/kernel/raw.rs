//! All unsafe code of the program: system calls that no well-kept crate has a safe name for, each
//! wrapped so that no caller can misuse it.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{SigHandler, Signal};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;
use tokio::io::unix::AsyncFd;

use super::FileLimit;

/// `pidfd_open(2)`: a file that becomes readable when the process ends.
pub(super) fn pidfd_open(pid: Pid) -> Result<OwnedFd, Errno> {
    // SAFETY: the call takes two integers and touches no memory of ours.
    let answer = unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) };
    let fd = Errno::result(answer)?;
    let fd = RawFd::try_from(fd).expect("a file descriptor fits its type");
    // SAFETY: the kernel has just made this descriptor, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// `pidfd_send_signal(2)`: a signal to the very process that is held.
pub(super) fn pidfd_send_signal(process: &OwnedFd, signal: Signal) -> Result<(), Errno> {
    let none = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: without a description of the signal the kernel reads no memory of ours.
    let answer = unsafe {
        libc::syscall(libc::SYS_pidfd_send_signal, process.as_raw_fd(), signal as i32, none, 0)
    };
    Errno::result(answer).map(drop)
}

/// The number of the calling thread's network namespace, which no other one of this boot has or gets:
/// `SO_NETNS_COOKIE`. Nothing where the kernel does not know it, before Linux 5.14.
pub(super) fn namespace_cookie() -> io::Result<Option<u64>> {
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

/// How long the two clocks are held against each other; the error is a few parts in a million.
#[cfg(target_arch = "x86_64")]
const MEASURE: Duration = Duration::from_millis(20);

/// The rate of this machine's time stamp counter in kHz, measured against the kernel's raw clock.
///
/// The guest of an emulated machine reads this very counter, so that its clock is as true as the
/// figure it is told.
#[cfg(target_arch = "x86_64")]
pub fn tsc_khz() -> io::Result<u64> {
    let (start_ticks, start) = paired_clocks()?;
    std::thread::sleep(MEASURE);
    let (end_ticks, end) = paired_clocks()?;
    let elapsed = end.saturating_sub(start).as_nanos().max(1);
    Ok((u128::from(end_ticks.wrapping_sub(start_ticks)) * 1_000_000 / elapsed) as u64)
}

/// One reading of both clocks. The counter is read on both sides of the clock, and the closest of
/// several readings is taken, so that being interrupted between the two does not falsify them.
#[cfg(target_arch = "x86_64")]
fn paired_clocks() -> io::Result<(u64, Duration)> {
    // SAFETY: RDTSC reads a register and touches no memory.
    let ticks = || unsafe { std::arch::x86_64::_rdtsc() };
    let mut best = (u64::MAX, 0, Duration::ZERO);
    for _ in 0..64 {
        let before = ticks();
        let clock = Duration::from(clock_gettime(ClockId::CLOCK_MONOTONIC_RAW)?);
        let width = ticks().wrapping_sub(before);
        if width < best.0 {
            best = (width, before.wrapping_add(width / 2), clock);
        }
    }
    Ok((best.1, best.2))
}

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

/// The size of a terminal, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowSize {
    /// Lines.
    pub rows: u16,
    /// Characters per line.
    pub columns: u16,
}

/// The size of the terminal, or an error where `terminal` is none.
pub fn window_size(terminal: impl AsFd) -> io::Result<WindowSize> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the kernel writes one `winsize` to the pointer, which lives longer than the call.
    match unsafe { libc::ioctl(terminal.as_fd().as_raw_fd(), libc::TIOCGWINSZ, &mut size) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(WindowSize { rows: size.ws_row, columns: size.ws_col }),
    }
}

/// Gives the terminal a new size; its foreground processes are told by `SIGWINCH`.
pub fn set_window_size(terminal: impl AsFd, size: WindowSize) -> io::Result<()> {
    let size =
        libc::winsize { ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the kernel reads one `winsize` from the pointer, which lives longer than the call.
    match unsafe { libc::ioctl(terminal.as_fd().as_raw_fd(), libc::TIOCSWINSZ, &size) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
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

/// Something that a network device leaves to its hardware, or to the far end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offload {
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
    pub(super) const ALL: [Offload; 5] = [
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
    pub(super) fn is_on(self, device: &str) -> io::Result<bool> {
        Ok(ethtool(device, [self.question(), 0])? != 0)
    }

    /// Ends it, or begins with it, for a device of the calling thread's namespace.
    pub(super) fn turn(self, device: &str, on: bool) -> io::Result<()> {
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

/// Puts the file under the care of the runtime, which then tells when it can be read or written.
pub fn watch(file: File) -> io::Result<AsyncFd<File>> {
    // SAFETY: a `File` owns its descriptor and keeps it until it is dropped.
    unsafe { AsyncFd::register(file) }.map_err(Into::into)
}

#[cfg(test)]
#[cfg(target_arch = "x86_64")]
mod tests {
    use super::*;

    #[test]
    fn two_measurements_of_the_counter_agree() {
        let (first, second) = (tsc_khz().unwrap(), tsc_khz().unwrap());
        assert!(first > 100_000, "{first} kHz is no counter of this age");
        assert!(first.abs_diff(second) * 2_000 < first, "{first} and {second} kHz");
    }
}

/// The command numbers of `bpf(2)` and the kinds it is given here (`linux/bpf.h`).
mod bpf {
    pub(super) const PROG_LOAD: libc::c_int = 5;
    pub(super) const PROG_ATTACH: libc::c_int = 8;
    pub(super) const CGROUP_SOCK: u32 = 9;
    pub(super) const CGROUP_INET_SOCK_CREATE: u32 = 2;

    /// One instruction; the two registers share a byte.
    #[repr(C)]
    pub(super) struct Instruction {
        pub(super) code: u8,
        pub(super) registers: u8,
        pub(super) offset: i16,
        pub(super) immediate: i32,
    }

    /// The fields of `union bpf_attr` for loading, up to the last one used.
    #[repr(C)]
    #[derive(Default)]
    pub(super) struct Load {
        pub(super) kind: u32,
        pub(super) count: u32,
        pub(super) instructions: u64,
        pub(super) license: u64,
        pub(super) log: [u64; 2],
        pub(super) version_and_flags: [u32; 2],
        pub(super) name: [u8; 16],
        pub(super) device: u32,
        pub(super) expected: u32,
    }

    /// The fields of `union bpf_attr` for attaching.
    #[repr(C)]
    pub(super) struct Attach {
        pub(super) target: u32,
        pub(super) program: u32,
        pub(super) kind: u32,
        pub(super) flags: u32,
    }
}

/// Loads a program for control groups that binds every new socket to the device of this index.
pub(super) fn load_socket_binder(index: u32) -> io::Result<OwnedFd> {
    use bpf::{Instruction, Load};
    let instruction =
        |code, registers, immediate| Instruction { code, registers, offset: 0, immediate };
    let program = [
        // r2 = index; the socket is in r1, and its first field is the device; answer 1: allow.
        instruction(0xb7, 0x02, index.cast_signed()),
        instruction(0x63, 0x21, 0),
        instruction(0xb7, 0x00, 1),
        instruction(0x95, 0x00, 0),
    ];
    let load = Load {
        kind: bpf::CGROUP_SOCK,
        count: program.len() as u32,
        instructions: program.as_ptr() as u64,
        license: c"MIT".as_ptr() as u64,
        expected: bpf::CGROUP_INET_SOCK_CREATE,
        ..Load::default()
    };
    // SAFETY: the kernel reads the structure and what its two pointers point to, all of which live
    // longer than the call.
    let answer =
        unsafe { libc::syscall(libc::SYS_bpf, bpf::PROG_LOAD, &raw const load, size_of::<Load>()) };
    let fd = RawFd::try_from(Errno::result(answer)?).expect("a file descriptor fits its type");
    // SAFETY: the kernel has just made this descriptor, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Has the kernel run a program for every socket that is made in a control group.
pub(super) fn attach_to_cgroup(program: &OwnedFd, group: &File) -> io::Result<()> {
    let number = |fd: RawFd| u32::try_from(fd).expect("an open descriptor is not negative");
    let attach = bpf::Attach {
        target: number(group.as_raw_fd()),
        program: number(program.as_raw_fd()),
        kind: bpf::CGROUP_INET_SOCK_CREATE,
        flags: 0,
    };
    // SAFETY: the kernel reads the structure, which lives longer than the call.
    let answer = unsafe {
        libc::syscall(libc::SYS_bpf, bpf::PROG_ATTACH, &raw const attach, size_of::<bpf::Attach>())
    };
    Errno::result(answer)?;
    Ok(())
}

/// Sets an option of a socket that is one integer.
pub(super) fn set_option(socket: &impl AsFd, level: i32, name: i32, value: i32) -> io::Result<()> {
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
