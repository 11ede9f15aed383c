//! The mounts of one command: over the paths that must be fresh lies the host's root as it is now.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::chdir;

use super::super::order::Order;
use super::{FRESH, PROGRAM_SOURCES, WRITTEN, WRITTEN_PROGRAMS};

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
            bind_one(&on_host(source, path), path)?;
            remount_read_only(path)?;
        }
    }
    match (place_of(directory), &order.written) {
        (Place::Host, Some(written)) => bind_one(&Path::new(WRITTEN).join(written), directory)?,
        (Place::Host, None) => {
            bind_one(&on_host(FRESH, directory), directory)?;
            remount_read_only(directory)?;
        }
        // Nothing can be bound over the root, so what is written there could not arrive: better
        // that it cannot be written.
        (Place::Root, _) => remount_read_only(directory)?,
        (Place::Guest, _) => {}
    }
    // The working directory is fresh with all that is in it; programs come faster this way.
    for (path, source) in inside {
        if path != directory && source == PROGRAM_SOURCES {
            let source = match (&order.written, path.strip_prefix(directory)) {
                (Some(written), Ok(below)) => Path::new(WRITTEN_PROGRAMS).join(written).join(below),
                (None, _) | (_, Err(_)) => on_host(source, path),
            };
            bind_one(&source, path)?;
        }
    }
    // What else of the host's files there is need not be seen twice.
    for mounted in [FRESH, PROGRAM_SOURCES, WRITTEN, WRITTEN_PROGRAMS] {
        umount2(mounted, MntFlags::MNT_DETACH)?;
    }
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

/// A path of the host's below a mount of its root.
fn on_host(root: &str, path: &Path) -> PathBuf {
    Path::new(root).join(path.strip_prefix("/").unwrap_or(path))
}

fn bind_one(source: &Path, path: &Path) -> io::Result<()> {
    // The directory may be younger than what the cached root below the overlay knows.
    fs::create_dir_all(path)?;
    mount(Some(source), path, None::<&str>, MsFlags::MS_BIND, None::<&str>)
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
