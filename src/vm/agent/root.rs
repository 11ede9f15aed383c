//! Making the host's root the guest's, so that what is done to it stays in the guest.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::mount::{MsFlags, mount};
use nix::sys::resource::{Resource, setrlimit};
use nix::unistd::{chdir, chroot, sethostname};

use super::super::engine::{self, CACHED_ROOT, FRESH_ROOT, PROGRAM_ROOT};
use super::super::initramfs::place;
use super::{FRESH, PROGRAM_SOURCES, PROGRAMS, WRITTEN, WRITTEN_PROGRAMS};

/// Where the modules are held while their place is prepared.
const HELD: &str = "/.vrflab/modules";

/// The size of one message of 9p; larger ones gain nothing.
const MESSAGE: &str = "version=9p2000.L,trans=virtio,msize=512000";

const QUIET: MsFlags = MsFlags::MS_NOSUID.union(MsFlags::MS_NODEV).union(MsFlags::MS_NOEXEC);

/// What is set for the whole guest. Neighbour tables are shared by all namespaces, so a large lab
/// needs large ones.
const SYSCTLS: [(&str, &str); 13] = [
    ("net/ipv4/neigh/default/gc_thresh1", "8192"),
    ("net/ipv4/neigh/default/gc_thresh2", "32768"),
    ("net/ipv4/neigh/default/gc_thresh3", "65536"),
    ("net/ipv6/neigh/default/gc_thresh1", "8192"),
    ("net/ipv6/neigh/default/gc_thresh2", "32768"),
    ("net/ipv6/neigh/default/gc_thresh3", "65536"),
    ("fs/inotify/max_user_instances", "8192"),
    ("fs/inotify/max_user_watches", "262144"),
    ("kernel/printk", "3 4 1 3"),
    ("net/core/rmem_max", "16777216"),
    ("net/core/wmem_max", "16777216"),
    ("kernel/keys/maxkeys", "20000"),
    // Drops nothing, and keeps the kernel from a line in its log for each time that something is.
    ("vm/drop_caches", "4"),
];

/// What the first steps need: devices and the kernel's own files.
pub(super) fn mount_kernel_filesystems() -> io::Result<()> {
    attach("devtmpfs", "/dev", MsFlags::MS_NOSUID, "")?;
    attach("proc", "/proc", QUIET, "")?;
    attach("sysfs", "/sys", QUIET, "")
}

/// The host's root as the guest's: what lies below the overlay stays open, since no path leads to
/// it from within.
#[derive(Clone)]
pub(super) struct HostRoot {
    lower: Arc<File>,
}

impl HostRoot {
    /// Forgets what was looked up on the host, so that whatever looks next sees it as it is then.
    /// What is in use at the time stays as it was found.
    pub fn refresh(&self) -> io::Result<()> {
        // A remount drops all names that are not in use, and changes nothing where it says what
        // holds already. Names of the overlay hold those below it, so they go first.
        let lower = format!("/proc/self/fd/{}", self.lower.as_raw_fd());
        for (root, flags) in [("/", MsFlags::empty()), (lower.as_str(), MsFlags::MS_RDONLY)] {
            let flags = flags | MsFlags::MS_REMOUNT;
            mount(None::<&str>, root, None::<&str>, flags, None::<&str>).map_err(naming(root))?;
        }
        // What the names stood for is kept for a while even so, with its mode and its content. An
        // inode that was used since the last time is passed over once.
        (0..2).try_for_each(|_| fs::write("/proc/sys/vm/drop_caches", DROP_ALL))
    }
}

/// Has the kernel drop the content of files, then names and inodes, that are not in use. An inode
/// that still has content would stay.
const DROP_ALL: &str = "3";

/// Mounts the host's root below an overlay and goes there.
pub(super) fn become_host_root() -> io::Result<HostRoot> {
    let modules = OsString::from_vec(fs::read(Path::new("/").join(place::MODULES_PATH))?);
    let stamp = fs::read_to_string(Path::new("/").join(place::STAMP))?;
    let program = fs::read("/init")?;

    attach("tmpfs", "/layers", MsFlags::empty(), "mode=755")?;
    for layer in ["lower", "upper", "work", "root"] {
        fs::create_dir(Path::new("/layers").join(layer))?;
    }
    mount_9p(CACHED_ROOT, "/layers/lower", MsFlags::MS_RDONLY, "loose")?;
    let lower = Arc::new(File::open("/layers/lower")?);
    let layers = "lowerdir=/layers/lower,upperdir=/layers/upper,workdir=/layers/work";
    attach("overlay", "/layers/root", MsFlags::empty(), layers)?;
    let (read, written) = (MsFlags::MS_RDONLY, MsFlags::empty());
    for (tag, target, flags, cache) in [
        (FRESH_ROOT, FRESH, read, "none"),
        (PROGRAM_ROOT, PROGRAM_SOURCES, read, "readahead"),
        (engine::WRITTEN, WRITTEN, written, "none"),
        (engine::WRITTEN_PROGRAMS, WRITTEN_PROGRAMS, written, "readahead"),
    ] {
        mount_9p(tag, &format!("/layers/root{target}"), flags, cache)?;
    }
    for inherited in ["/dev", "/proc", "/sys"] {
        let target = format!("/layers/root{inherited}");
        fs::create_dir_all(&target)?;
        relocate(inherited, &target)?;
    }
    chdir("/layers/root")?;
    relocate(".", "/")?;
    chroot(".")?;
    chdir("/")?;

    fs::create_dir_all(HELD)?;
    fs::create_dir_all(PROGRAMS)?;
    furnish(Path::new(&modules))?;
    super::program::keep(&stamp, &program)?;
    Ok(HostRoot { lower })
}

/// Everything else that programs expect to find.
fn furnish(modules: &Path) -> io::Result<()> {
    attach("tmpfs", "/run", MsFlags::MS_NOSUID | MsFlags::MS_NODEV, "mode=755")?;
    // A namespace that one command mounts below /run must be there for all later ones.
    mount(None::<&str>, "/run", None::<&str>, MsFlags::MS_SHARED, None::<&str>)?;
    fs::create_dir_all("/run/lock")?;
    attach("devpts", "/dev/pts", MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC, "mode=620,ptmxmode=666")?;
    attach("tmpfs", "/dev/shm", MsFlags::MS_NOSUID | MsFlags::MS_NODEV, "mode=1777")?;
    attach("cgroup2", "/sys/fs/cgroup", QUIET, "")?;
    attach("tracefs", "/sys/kernel/tracing", QUIET, "")?;
    attach("bpf", "/sys/fs/bpf", QUIET, "mode=700")?;
    for (link, target) in [
        ("/dev/fd", "/proc/self/fd"),
        ("/dev/stdin", "/proc/self/fd/0"),
        ("/dev/stdout", "/proc/self/fd/1"),
        ("/dev/stderr", "/proc/self/fd/2"),
    ] {
        symlink(target, link)?;
    }
    show_modules(modules)?;
    sethostname("vrflab")?;
    crate::sys::loopback_up()?;
    for (name, value) in SYSCTLS {
        // Not every kernel has every one, and none is needed for the guest to work.
        if let Err(error) = fs::write(Path::new("/proc/sys").join(name), value) {
            eprintln!("vrflab: {name} is not set: {error}");
        }
    }
    // A lab of thousands of namespaces holds as many files open.
    setrlimit(Resource::RLIMIT_NOFILE, 65_536, 1_048_576)?;
    Ok(())
}

/// Puts the guest kernel's modules where `modprobe` looks for them, so that the kernel can load
/// on demand what was not loaded at boot.
fn show_modules(modules: &Path) -> io::Result<()> {
    let Some(version) = modules.file_name() else { return Ok(()) };
    // The host may keep them in /lib/modules itself, which is about to be covered.
    mount(Some(modules), HELD, None::<&str>, MsFlags::MS_BIND, None::<&str>)?;
    attach("tmpfs", "/lib/modules", MsFlags::MS_NOSUID | MsFlags::MS_NODEV, "mode=755")?;
    let target = PathBuf::from("/lib/modules").join(version);
    fs::create_dir(&target)?;
    relocate(HELD, &target.to_string_lossy())
}

/// Mounts a filesystem of the kernel, on a directory that is made if need be.
fn attach(kind: &str, target: &str, flags: MsFlags, options: &str) -> io::Result<()> {
    fs::create_dir_all(target)?;
    mount(Some(kind), target, Some(kind), flags, Some(options)).map_err(naming(target))
}

fn mount_9p(tag: &str, target: &str, flags: MsFlags, cache: &str) -> io::Result<()> {
    fs::create_dir_all(target)?;
    let options = format!("{MESSAGE},cache={cache}");
    mount(Some(tag), target, Some("9p"), flags, Some(options.as_str())).map_err(naming(target))
}

fn relocate(from: &str, to: &str) -> io::Result<()> {
    mount(Some(from), to, None::<&str>, MsFlags::MS_MOVE, None::<&str>).map_err(naming(to))
}

fn naming(target: &str) -> impl Fn(nix::Error) -> io::Error {
    move |error| io::Error::other(format!("mounting {target}: {}", error.desc()))
}
