//! The directories of the host that the guest can write to: the working directories of commands.
//!
//! The guest's root could lay hold of all that QEMU exports to it, whatever a command is shown, so
//! that QEMU exports everything read-only but one directory. In that one the working directories
//! are bound when a command comes from them, in a mount namespace of the broker and QEMU alone.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};

use super::super::dirs::Dirs;
use super::super::error::Error;

/// How many working directories there are at once; the next one takes the place of that which no command has
/// come from for the longest time.
const PLACES: usize = 256;

/// What the guest can write to.
pub(super) struct Writable {
    root: PathBuf,
    how: How,
}

enum How {
    /// Working directories are bound to numbered places.
    Bound(Places),
    /// This user cannot mount anything: it is the directory that the machine was started from, if
    /// that is one of the host's.
    Fixed,
}

impl Writable {
    /// Prepares it before QEMU and any thread is there.
    pub fn prepare(dirs: &Dirs, started_from: Option<PathBuf>) -> Result<Self, Error> {
        let empty = dirs.written();
        match DirBuilder::new().mode(0o700).create(&empty) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(Error::file("make the directory", &empty, error));
            }
            Ok(()) | Err(_) => {}
        }
        match make_places(&empty) {
            Ok(()) => Ok(Self { root: empty, how: How::Bound(Places::default()) }),
            Err(error) => {
                eprintln!("vrflab: no mount namespace for working directories: {error}");
                let root = started_from.filter(|directory| can_be_exported(directory));
                Ok(Self { root: root.unwrap_or(empty), how: How::Fixed })
            }
        }
    }

    /// The directory that QEMU exports.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where a working directory is below it, from now on; nothing where it is not, and cannot be
    /// written to.
    pub fn place_of(&mut self, directory: &Path) -> Option<PathBuf> {
        if !can_be_exported(directory) {
            return None;
        }
        let How::Bound(places) = &mut self.how else {
            return directory.strip_prefix(&self.root).ok().map(Path::to_owned);
        };
        let number = places.of(directory);
        if let Err(error) = bind(directory, &self.root.join(number.to_string())) {
            eprintln!("vrflab: {} cannot be exported: {error}", directory.display());
            return None;
        }
        Some(PathBuf::from(number.to_string()))
    }
}

/// Which directory has which place.
#[derive(Default)]
struct Places {
    /// By the number of the place.
    taken: Vec<PathBuf>,
    /// The numbers, that of the directory that was used last at the end.
    used: Vec<usize>,
}

impl Places {
    /// The place of a directory, which may have been another's.
    fn of(&mut self, directory: &Path) -> usize {
        let number = match self.taken.iter().position(|it| it == directory) {
            Some(number) => number,
            None if self.taken.len() < PLACES => {
                self.taken.push(directory.to_owned());
                self.taken.len() - 1
            }
            None => {
                let number = self.used[0];
                self.taken[number] = directory.to_owned();
                number
            }
        };
        self.used.retain(|it| *it != number);
        self.used.push(number);
        number
    }
}

/// Whether a directory is one of the host's, and not all of them.
fn can_be_exported(directory: &Path) -> bool {
    let of_the_guest = ["/proc", "/sys", "/dev"].iter().any(|own| directory.starts_with(own));
    directory.is_absolute() && directory != Path::new("/") && !of_the_guest
}

/// Mounts empty places on a directory, in a mount namespace of this process. The guest can add none,
/// nor put a link in the place of one.
fn make_places(root: &Path) -> io::Result<()> {
    let none = None::<&str>;
    unshare(CloneFlags::CLONE_NEWNS)?;
    // What the host mounts later is seen here; what is mounted here is not seen there.
    mount(none, "/", none, MsFlags::MS_SLAVE | MsFlags::MS_REC, none)?;
    mount(Some("vrflab"), root, Some("tmpfs"), MsFlags::empty(), Some("mode=700,size=64k"))?;
    (0..PLACES).try_for_each(|number| fs::create_dir(root.join(number.to_string())))?;
    // A working directory that holds this one is bound without it.
    mount(none, root, none, MsFlags::MS_UNBINDABLE, none)?;
    mount(none, root, none, MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY, none)?;
    Ok(())
}

/// Binds a directory to its place, unless it is there already; the name may be another one's by now.
fn bind(directory: &Path, place: &Path) -> io::Result<()> {
    let identity = |path: &Path| fs::metadata(path).map(|found| (found.dev(), found.ino()));
    if identity(directory)? == identity(place)? {
        return Ok(());
    }
    // Nothing may be bound there yet.
    let _ = umount2(place, MntFlags::MNT_DETACH);
    let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
    Ok(mount(Some(directory), place, None::<&str>, flags, None::<&str>)?)
}

#[cfg(test)]
mod tests {
    use super::{PLACES, Places};
    use std::path::PathBuf;

    #[test]
    fn one_directory_too_many_takes_the_place_of_the_one_that_is_out_of_use_the_longest() {
        let mut places = Places::default();
        let directory = |number: usize| PathBuf::from(format!("/d{number}"));
        let first: Vec<usize> = (0..PLACES).map(|number| places.of(&directory(number))).collect();
        assert_eq!(first, (0..PLACES).collect::<Vec<_>>());
        assert_eq!(places.of(&directory(0)), 0);
        assert_eq!(places.of(&directory(PLACES)), 1);
        assert_eq!(places.of(&directory(1)), 2);
        assert_eq!(places.of(&directory(0)), 0);
    }
}
