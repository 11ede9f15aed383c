//! One command at a time on one lab.

use super::{DIRECTORY, RECORD, at, directory};
use crate::document::LabName;
use nix::fcntl::{Flock, FlockArg};
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// The right to change a lab. It ends with its holder, however that ends.
#[derive(Debug)]
pub struct Lock {
    lab: LabName,
    _held: Flock<File>,
}

/// The right to look at a lab while nobody changes it.
#[derive(Debug)]
pub struct Shared {
    _held: Flock<File>,
}

/// The turn to send probes, which one process at a time has: it would take the ports that another opens for
/// those of servers, and find them closed in the next moment.
#[derive(Debug)]
pub struct Turn {
    _held: Flock<File>,
}

impl Lock {
    /// Takes the lock; `waiting` is called once if somebody else has it.
    ///
    /// # Errors
    /// The directory cannot be made or locked.
    pub fn take(lab: &LabName, waiting: impl FnOnce()) -> io::Result<Self> {
        let held =
            hold(lab, waiting, FlockArg::LockExclusiveNonblock, FlockArg::LockExclusive, true)?;
        Ok(Self {
            lab: lab.clone(),
            _held: held.expect("the directory is made where it is missing"),
        })
    }

    /// The lab that is locked.
    pub fn lab(&self) -> &LabName {
        &self.lab
    }

    /// Ends the lab's record and gives the lock back.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn forget(self) -> io::Result<()> {
        let own = directory(&self.lab);
        fs::remove_dir_all(&own).map_err(at(&own))?;
        // The directory of all labs goes with the last; it is not empty while another is there.
        fs::remove_dir(DIRECTORY).or_else(|error| {
            let kind = error.kind();
            let is_done =
                matches!(kind, io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotFound);
            if is_done { Ok(()) } else { Err(error) }
        })
    }
}

impl Shared {
    /// Takes the lock with others who only look; `None` where there is no such lab.
    ///
    /// # Errors
    /// The directory cannot be locked.
    pub fn take(lab: &LabName, waiting: impl FnOnce()) -> io::Result<Option<Self>> {
        let held = hold(lab, waiting, FlockArg::LockSharedNonblock, FlockArg::LockShared, false)?;
        Ok(held.map(|held| Self { _held: held }))
    }
}

impl Turn {
    /// Takes the turn of a lab that is looked at, whose record nobody replaces meanwhile.
    ///
    /// # Errors
    /// The record cannot be locked.
    pub fn take(lab: &LabName, waiting: impl FnOnce()) -> io::Result<Self> {
        let path = directory(lab).join(RECORD);
        let file = File::open(&path).map_err(at(&path))?;
        let held = Flock::lock(file, FlockArg::LockExclusiveNonblock).or_else(|(file, error)| {
            if error == nix::Error::EWOULDBLOCK {
                waiting();
                return Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, error)| error);
            }
            Err(error)
        });
        Ok(Self { _held: held? })
    }
}

/// Whether something that is no directory has the name of one.
fn is_in_the_way(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| match found.is_symlink() {
        // One that leads nowhere is never made a directory.
        true => !path.is_dir(),
        false => !found.is_dir(),
    })
}

/// Locks the lab's directory itself, so that the lock leaves nothing behind. Whoever had it may
/// have removed the directory meanwhile; then the next one is made and locked.
fn hold(
    lab: &LabName,
    waiting: impl FnOnce(),
    attempt: FlockArg,
    wait: FlockArg,
    make: bool,
) -> io::Result<Option<Flock<File>>> {
    let path = directory(lab);
    let mut waiting = Some(waiting);
    loop {
        if make {
            // Whoever may list the labs may not hold one of them.
            let all = fs::DirBuilder::new().recursive(true).mode(0o755).create(DIRECTORY);
            // One that others could write to would let them plant links.
            let all =
                all.and_then(|()| fs::set_permissions(DIRECTORY, Permissions::from_mode(0o755)));
            let one = || fs::DirBuilder::new().recursive(true).mode(0o700).create(&path);
            match all.and_then(|()| one()) {
                // The directory of all labs went with another one just now.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                // Or it was there and went before it was looked at, which a file in its place does not.
                Err(error)
                    if error.kind() == io::ErrorKind::AlreadyExists
                        && ![Path::new(DIRECTORY), &path].into_iter().any(is_in_the_way) =>
                {
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    let way =
                        [Path::new(DIRECTORY), &path].into_iter().find(|it| is_in_the_way(it));
                    let way = way.unwrap_or(&path).display();
                    let what = format!("{way} is in the way, and is no directory");
                    return Err(io::Error::new(error.kind(), what));
                }
                made => made.map_err(at(&path))?,
            }
        }
        // What has the name and is no directory, such as a pipe, is not waited for.
        let directory = fs::OpenOptions::new()
            .read(true)
            .custom_flags(nix::libc::O_DIRECTORY | nix::libc::O_NONBLOCK)
            .open(&path);
        let file = match directory {
            Err(error) if error.kind() == io::ErrorKind::NotFound && make => continue,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(at(&path))?,
        };
        let held = match Flock::lock(file, attempt) {
            Ok(held) => held,
            Err((file, nix::Error::EWOULDBLOCK)) => {
                if let Some(waiting) = waiting.take() {
                    waiting();
                }
                Flock::lock(file, wait).map_err(|(_, error)| error)?
            }
            Err((_, error)) => return Err(error.into()),
        };
        let current = fs::metadata(&path).map(|now| now.ino());
        if current.is_ok_and(|inode| held.metadata().is_ok_and(|mine| mine.ino() == inode)) {
            return Ok(Some(held));
        }
    }
}
