//! The mounts of one command: over the paths that must be fresh lies the host's root as it is now.

use std::fs;
use std::io;
use std::path::Path;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::chdir;

use super::super::order::Order;
use super::{FRESH, PROGRAM_SOURCES};

/// Moves the calling thread, and what it starts, to a mount namespace of its own.
pub(super) fn separate() -> io::Result<()> {
    Ok(unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_FS)?)
}

/// Binds what the order names in the namespace of the calling thread, and changes to its working
/// directory.
pub(super) fn bind(order: &Order) -> io::Result<()> {
    let directory = &order.directory;
    let mut outside: Vec<(&Path, &str)> =
        order.fresh.iter().map(|path| (path.as_path(), FRESH)).collect();
    outside.extend(order.program_directory.as_deref().map(|path| (path, PROGRAM_SOURCES)));
    let (inside, mut outside): (Vec<_>, Vec<_>) =
        outside.into_iter().partition(|(path, _)| path.starts_with(directory));
    // Outer directories first, so that an inner one is not covered by them.
    outside.sort();
    outside.dedup_by_key(|(path, _)| *path);
    for (path, source) in outside {
        if let Place::Host = place_of(path) {
            bind_one(source, path)?;
            remount_read_only(path)?;
        }
    }
    match place_of(directory) {
        Place::Host => bind_one(FRESH, directory)?,
        // Nothing can be bound over the root, so what is written there could not arrive: better
        // that it cannot be written.
        Place::Root => remount_read_only(directory)?,
        Place::Guest => {}
    }
    // The working directory is fresh with all that is in it; programs come faster this way.
    for (path, source) in inside {
        if path != directory && source == PROGRAM_SOURCES {
            bind_one(source, path)?;
        }
    }
    // The rest of the host's files is to be seen, but not written.
    umount2(FRESH, MntFlags::MNT_DETACH)?;
    umount2(PROGRAM_SOURCES, MntFlags::MNT_DETACH)?;
    chdir(directory).map_err(|error| naming("change to", directory)(error))
}

/// Whose a path is.
enum Place {
    Root,
    /// The guest has its own, the same for every kernel.
    Guest,
    Host,
}

fn place_of(path: &Path) -> Place {
    if path == Path::new("/") {
        return Place::Root;
    }
    let own =
        path == Path::new("/dev") || ["/proc", "/sys"].iter().any(|own| path.starts_with(own));
    if own { Place::Guest } else { Place::Host }
}

fn bind_one(root: &str, path: &Path) -> io::Result<()> {
    let source = Path::new(root).join(path.strip_prefix("/").unwrap_or(path));
    // The directory may be younger than what the cached root below the overlay knows.
    fs::create_dir_all(path)?;
    mount(Some(&source), path, None::<&str>, MsFlags::MS_BIND, None::<&str>)
        .map_err(naming("bind", path))
}

fn remount_read_only(path: &Path) -> io::Result<()> {
    let flags = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY;
    mount(None::<&str>, path, None::<&str>, flags, None::<&str>)
        .map_err(naming("make read-only", path))
}

fn naming(action: &'static str, path: &Path) -> impl Fn(nix::Error) -> io::Error {
    move |error| io::Error::other(format!("cannot {action} {}: {}", path.display(), error.desc()))
}
