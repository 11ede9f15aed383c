//! Control groups of version 2. The processes of a node are in one of the node's own where the host has
//! them: a teardown finds those there too that have left the node's namespace or may not be looked
//! at, and ends them in one go, whatever they start meanwhile.

use super::{Home, Identity, Worker};
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{Pid, SysconfVar, sysconf};
use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Where the control groups are mounted when the host has no mount of them: in a mount namespace
/// that ends with the thread.
const OWN_MOUNT: &str = "/run/vrflab";

/// Puts this process into a control group, where one can be had.
pub(super) fn join(group: &Path) {
    let joined = mounted().and_then(|root| match root {
        Some(root) => {
            let directory = root.join(group);
            make(&directory)?;
            fs::write(directory.join("cgroup.procs"), "0")
        }
        None => Ok(()),
    });
    // Containers often see them and may not write there; a teardown looks at namespaces as well.
    let _none_to_be_had: Result<(), io::Error> = joined;
}

/// Leaves a control group that this process has joined, perhaps after it was taken away with its lab,
/// and takes it away where it is empty.
pub(super) fn leave(group: &Path) {
    let Ok(Some(root)) = mounted() else { return };
    if fs::write(root.join("cgroup.procs"), "0").is_ok() {
        for directory in group.ancestors().filter(|it| !it.as_os_str().is_empty()) {
            // One that is not empty belongs to somebody still.
            let _is_in_use: Result<(), io::Error> = fs::remove_dir(root.join(directory));
        }
    }
}

/// Makes a control group and those above it, which may go with another lab's at this moment.
pub(super) fn make(directory: &Path) -> io::Result<()> {
    loop {
        match fs::create_dir_all(directory) {
            Err(error) if is_gone(&error) => {}
            made => return made.map_err(at(directory)),
        }
    }
}

/// The control groups of a lab's nodes, those that are there.
#[derive(Debug, Default)]
pub struct Groups {
    directories: Vec<PathBuf>,
    /// Whether the nodes' processes could be put there.
    are_used: bool,
    /// When the lab was begun, since the machine booted.
    since: Duration,
}

impl Groups {
    /// Those of these nodes.
    ///
    /// # Errors
    /// They cannot be looked for.
    pub fn of(home: &Home, nodes: &[Identity]) -> io::Result<Self> {
        let since = home.noted_since();
        let Some(root) = mounted()? else { return Ok(Self { since, ..Self::default() }) };
        let directories = nodes.iter().map(|node| root.join(home.group_of(Some(node))));
        Ok(Self {
            directories: directories.filter(|group| group.is_dir()).collect(),
            are_used: make(&root.join(home.group_of_lab())).is_ok(),
            since,
        })
    }

    /// Whether a process that may not be looked at can be one of the lab's: where there are control
    /// groups it would be in one of them, and who is older than the lab was not started in it.
    pub(super) fn may_lack(&self, pid: Pid) -> bool {
        !self.are_used && started(pid).is_some_and(|started| started >= self.since)
    }

    /// The processes in them.
    pub(super) fn processes(&self) -> io::Result<Vec<Pid>> {
        let mut processes = Vec::new();
        for group in self.directories.iter().map(|group| below(group)) {
            for directory in group? {
                let file = directory.join("cgroup.procs");
                let text = match fs::read_to_string(&file) {
                    Err(error) if is_gone(&error) => continue,
                    text => text.map_err(at(&file))?,
                };
                let numbers = text.lines().filter_map(|line| line.parse().ok());
                processes.extend(numbers.map(Pid::from_raw));
            }
        }
        Ok(processes)
    }

    /// Ends everything in them, and what is just being started too.
    pub(super) fn kill(&self) {
        for group in &self.directories {
            // Before Linux 5.14 there is no such file, and each process is ended by itself.
            let _unknown: Result<(), io::Error> = fs::write(group.join("cgroup.kill"), "1");
        }
    }
}

/// Takes away a lab's control groups, in which no process of the lab is any more. Where the host has no
/// mount of them, the worker gets one of its own, which nobody else sees.
///
/// # Errors
/// The kernel refuses.
pub fn forget_groups(home: &Home, nodes: &[Identity], _worker: &mut Worker) -> io::Result<()> {
    // Without control groups there are none of ours.
    let Ok(root) = root() else { return Ok(()) };
    for node in nodes.iter().map(Some).chain([None]) {
        let mut directories = below(&root.join(home.group_of(node)))?;
        while let Some(directory) = directories.pop() {
            remove(&directory)?;
        }
    }
    // Another lab of the name, in a container of its own, may have some below it too, for as long as it
    // stands.
    remove_empty(&root.join(home.group_of_lab()))
}

/// Takes away a control group once the last process has wholly left it.
fn remove(directory: &Path) -> io::Result<()> {
    wait_until_empty(directory)?;
    remove_empty(directory)
}

fn remove_empty(directory: &Path) -> io::Result<()> {
    // A control group's files are the kernel's and go with it.
    match fs::remove_dir(directory) {
        Err(error) if is_gone(&error) => Ok(()),
        // A command that came too late is in it: it finds no lab, and takes it away when it leaves.
        Err(error) if error.raw_os_error() == Some(Errno::EBUSY as i32) => Ok(()),
        other => other.map_err(at(directory)),
    }
}

/// A process that has ended may be counted for a moment more.
fn wait_until_empty(directory: &Path) -> io::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(1);
    let mut file = match File::open(directory.join("cgroup.events")) {
        Err(error) if is_gone(&error) => return Ok(()),
        file => file.map_err(at(directory))?,
    };
    loop {
        // Only what is read through the same file counts as seen, and is not told of again.
        let mut events = String::new();
        match file.rewind().and_then(|()| file.read_to_string(&mut events)) {
            Err(error) if is_gone(&error) => return Ok(()),
            read => read.map_err(at(directory))?,
        };
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || !events.lines().any(|line| line == "populated 1") {
            return Ok(());
        }
        let mut changed = [PollFd::new(file.as_fd(), PollFlags::POLLPRI)];
        let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
        match poll(&mut changed, left) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// A control group and all below it, each behind the one that it is in.
fn below(group: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = vec![group.to_owned()];
    let mut next = 0;
    while let Some(directory) = found.get(next).cloned() {
        next += 1;
        let entries = match fs::read_dir(&directory) {
            Err(error) if is_gone(&error) => continue,
            entries => entries.map_err(at(&directory))?,
        };
        for entry in entries {
            let entry = entry.map_err(at(&directory))?;
            if entry.file_type().map_err(at(&directory))?.is_dir() {
                found.push(entry.path());
            }
        }
    }
    Ok(found)
}

/// An error with the place where it happened. That of a control group that has just gone has a number which
/// no [`io::ErrorKind`] stands for, so it is looked at before.
fn at(place: &Path) -> impl FnOnce(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("{}: {error}", place.display()))
}

fn is_gone(error: &io::Error) -> bool {
    matches!(error.raw_os_error().map(Errno::from_raw), Some(Errno::ENOENT | Errno::ENODEV))
}

/// When a process was started, since the machine booted; nothing for one of the kernel's own threads,
/// which are in no lab.
fn started(pid: Pid) -> Option<Duration> {
    const PF_KTHREAD: u32 = 0x0020_0000;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, behind_name) = stat.rsplit_once(") ")?;
    let mut fields = behind_name.split(' ').skip(6);
    let flags: u32 = fields.next()?.parse().ok()?;
    let ticks: u64 = fields.nth(12)?.parse().ok()?;
    let per_second = u64::try_from(sysconf(SysconfVar::CLK_TCK).ok()??).ok()?;
    (flags & PF_KTHREAD == 0).then(|| Duration::from_secs(ticks / per_second))
}

/// The root of the control groups, where the host has mounted them.
fn mounted() -> io::Result<Option<PathBuf>> {
    const MOUNTS: &str = "/proc/thread-self/mounts";
    let mounts = fs::read_to_string(MOUNTS).map_err(at(Path::new(MOUNTS)))?;
    Ok(mounts.lines().find_map(|line| {
        let mut words = line.split(' ').skip(1);
        let (point, kind) = (words.next()?, words.next()?);
        (kind == "cgroup2").then(|| PathBuf::from(point))
    }))
}

/// The root of the control groups: where the host has mounted it, else a mount that only this thread
/// sees.
pub(super) fn root() -> io::Result<PathBuf> {
    if let Some(mounted) = mounted()? {
        return Ok(mounted);
    }
    let none = None::<&str>;
    unshare(CloneFlags::CLONE_NEWNS)?;
    mount(none, "/", none, MsFlags::MS_PRIVATE | MsFlags::MS_REC, none)?;
    mount(Some("cgroup2"), OWN_MOUNT, Some("cgroup2"), MsFlags::empty(), none)
        .map_err(|errno| at(Path::new(OWN_MOUNT))(errno.into()))?;
    Ok(PathBuf::from(OWN_MOUNT))
}
