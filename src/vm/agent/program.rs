//! The builds of `vrflab` that run in the guest, kept in its memory: reading one of many megabytes
//! through the shared directory for each command would take longer than most commands.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::super::elf::{Elf, without_symbols};
use super::super::order::Stamp;
use super::{PROGRAM_SOURCES, PROGRAMS};

/// The headers of a program, and the name of its loader, are within so many bytes.
const HEADERS: u64 = 64 * 1024;

static COPIES: AtomicU64 = AtomicU64::new(0);

fn path_of(name: &str) -> PathBuf {
    Path::new(PROGRAMS).join(name).join("vrflab")
}

/// Keeps a build under the name of its stamp.
pub(super) fn keep(name: &str, program: &[u8]) -> io::Result<()> {
    // Two commands may bring the same build at the same time, and a file that is open for writing
    // cannot be run.
    let copy = COPIES.fetch_add(1, Ordering::Relaxed);
    let partial = Path::new(PROGRAMS).join(format!("{copy}.partial"));
    fs::write(&partial, program)?;
    fs::set_permissions(&partial, fs::Permissions::from_mode(0o755))?;
    let path = path_of(name);
    fs::create_dir_all(Path::new(PROGRAMS).join(name))?;
    fs::rename(partial, path)
}

/// The path of the build with this stamp, brought from the host if it is not here yet.
pub(super) fn bring(path: &Path, stamp: &Stamp) -> io::Result<PathBuf> {
    let name = stamp.name();
    let kept = path_of(&name);
    if kept.exists() {
        return Ok(kept);
    }
    let source = Path::new(PROGRAM_SOURCES).join(path.strip_prefix("/").unwrap_or(path));
    keep(&name, &read(File::open(source)?, stamp)?)?;
    forget_others(&name)?;
    Ok(kept)
}

/// Reads the part of a program that is needed to run it, which the headers at its beginning tell.
fn read(mut file: File, stamp: &Stamp) -> io::Result<Vec<u8>> {
    if file.metadata()?.len() != stamp.size {
        return Err(io::Error::other("it was replaced in this moment; try again"));
    }
    let mut program = Vec::new();
    file.by_ref().take(HEADERS).read_to_end(&mut program)?;
    let end = Elf::parse(&program).map_or(stamp.size, |elf| elf.end);
    file.take(end.saturating_sub(HEADERS)).read_to_end(&mut program)?;
    Ok(without_symbols(program))
}

/// A build that has been replaced is not run again; one that still runs lives on without a name.
fn forget_others(name: &str) -> io::Result<()> {
    for entry in fs::read_dir(PROGRAMS)? {
        let entry = entry?;
        if entry.file_name() != name && entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}
