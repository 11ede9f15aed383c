//! Programs that the kernel runs when a socket is made (`bpf(2)`, `linux/bpf.h`).

use nix::errno::Errno;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

const PROG_LOAD: libc::c_int = 5;
const PROG_ATTACH: libc::c_int = 8;
const CGROUP_SOCK: u32 = 9;
const CGROUP_INET_SOCK_CREATE: u32 = 2;

/// One instruction; the two registers share a byte.
#[repr(C)]
struct Instruction {
    code: u8,
    registers: u8,
    offset: i16,
    immediate: i32,
}

/// The fields of `union bpf_attr` for loading, up to the last one used.
#[repr(C)]
#[derive(Default)]
struct Load {
    kind: u32,
    count: u32,
    instructions: u64,
    license: u64,
    log: [u64; 2],
    version_and_flags: [u32; 2],
    name: [u8; 16],
    device: u32,
    expected: u32,
}

/// The fields of `union bpf_attr` for attaching.
#[repr(C)]
struct Attach {
    target: u32,
    program: u32,
    kind: u32,
    flags: u32,
}

/// Loads a program for control groups that binds every new socket to the device of this index.
pub fn load_socket_binder(index: u32) -> io::Result<OwnedFd> {
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
        kind: CGROUP_SOCK,
        count: program.len() as u32,
        instructions: program.as_ptr() as u64,
        license: c"MIT".as_ptr() as u64,
        expected: CGROUP_INET_SOCK_CREATE,
        ..Load::default()
    };
    // SAFETY: the kernel reads the structure and what its two pointers point to, all of which live
    // longer than the call.
    let answer =
        unsafe { libc::syscall(libc::SYS_bpf, PROG_LOAD, &raw const load, size_of::<Load>()) };
    let fd = RawFd::try_from(Errno::result(answer)?).expect("a file descriptor fits its type");
    // SAFETY: the kernel has just made this descriptor, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Has the kernel run a program for every socket that is made in a control group.
pub fn attach_to_cgroup(program: &OwnedFd, group: &File) -> io::Result<()> {
    let number = |fd: RawFd| u32::try_from(fd).expect("an open descriptor is not negative");
    let attach = Attach {
        target: number(group.as_raw_fd()),
        program: number(program.as_raw_fd()),
        kind: CGROUP_INET_SOCK_CREATE,
        flags: 0,
    };
    // SAFETY: the kernel reads the structure, which lives longer than the call.
    let answer = unsafe {
        libc::syscall(libc::SYS_bpf, PROG_ATTACH, &raw const attach, size_of::<Attach>())
    };
    Errno::result(answer)?;
    Ok(())
}
