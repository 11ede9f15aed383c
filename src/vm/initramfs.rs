//! The first root of the guest: this very program as its init, the libraries it needs, and the
//! modules that must be there before the host's root can be mounted.

use fs_err::{self as fs, File};
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::cpio::Archive;
use super::dirs::Dirs;
use super::elf::{Elf, without_symbols};
use super::error::Error;
use super::guest_kernel::GuestKernel;
use super::modules::Modules;
use super::order::Stamp;
use super::unpack::unpack;

/// What the channel and the root filesystem take. Either bus is there, because the machine may
/// have to be tried again as another one.
const FOR_ROOT: [&str; 6] =
    ["virtio_mmio", "virtio_pci", "virtio_console", "9pnet_virtio", "9p", "overlay"];

/// What nearly every lab takes, loaded at boot because loading on demand starts a process for
/// each. All others come on demand.
const FOR_LABS: [&str; 8] =
    ["vrf", "veth", "bridge", "mpls_router", "mpls_iptunnel", "mpls_gso", "sch_netem", "dummy"];

/// How many are kept in the cache.
const KEPT: usize = 6;

/// Where the initramfs holds what the agent looks for.
pub(super) mod place {
    /// The modules for the channel and the root, in order.
    pub const ROOT_MODULES: &str = "modules/root";
    /// The modules for labs, in order.
    pub const LAB_MODULES: &str = "modules/labs";
    /// The host's directory of all modules.
    pub const MODULES_PATH: &str = "modules-path";
    /// The [`Stamp`](super::Stamp) of the program that is the init, by name.
    pub const STAMP: &str = "stamp";
}

/// The initramfs for this kernel and this program: the one in the cache, or a new one.
pub(super) fn prepare(dirs: &Dirs, kernel: &GuestKernel) -> Result<PathBuf, Error> {
    let program = Path::new("/proc/self/exe");
    let metadata = fs::metadata(program).map_err(|error| Error::file("read", program, error))?;
    let stamp = Stamp::of(&metadata);
    let lists = kernel.modules.join("modules.dep");
    let lists = fs::metadata(&lists).map_err(|error| Error::file("read", &lists, error))?;
    let mut hasher = DefaultHasher::new();
    (stamp.name(), Stamp::of(&lists).name(), &kernel.modules, FOR_ROOT, FOR_LABS).hash(&mut hasher);
    let path = dirs.cache.join(format!("initramfs-{:016x}", hasher.finish()));
    if !is_whole(&path) {
        let failed = |error| Error::file("write", &path, error);
        let partial = path.with_extension(std::process::id().to_string());
        write(&partial, program, &stamp, kernel).map_err(failed)?;
        fs::rename(&partial, &path).map_err(failed)?;
        remove_old(&dirs.cache);
    }
    Ok(path)
}

/// Keeps the newest few: other builds of this program may be in use beside this one. One that
/// cannot be removed is only a waste of space.
fn remove_old(cache: &Path) {
    let Ok(entries) = fs::read_dir(cache) else { return };
    let mut found: Vec<(SystemTime, PathBuf)> = entries
        .flatten()
        .filter(|entry| entry.file_name().as_bytes().starts_with(b"initramfs-"))
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    found.sort();
    for (_, path) in found.iter().rev().skip(KEPT) {
        let _ = fs::remove_file(path);
    }
}

fn write(path: &Path, program: &Path, stamp: &Stamp, kernel: &GuestKernel) -> io::Result<()> {
    let mut archive = Archive::new(BufWriter::new(File::create(path)?));
    for directory in ["dev", "proc", "sys", "modules", place::ROOT_MODULES, place::LAB_MODULES] {
        archive.directory(directory)?;
    }
    archive.character_device("dev/console", 5, 1)?;
    archive.file(place::STAMP, stamp.name().as_bytes())?;
    let modules = fs::canonicalize(&kernel.modules)?;
    archive.file(place::MODULES_PATH, modules.as_os_str().as_bytes())?;

    let executable = fs::read(program)?;
    let interpreter = Elf::parse(&executable).and_then(|elf| elf.interpreter);
    add_libraries(&mut archive, interpreter)?;
    archive.program("init", &without_symbols(executable))?;

    let modules = Modules::read(&kernel.modules)?;
    let root = modules.in_order(&FOR_ROOT);
    let labs = modules.in_order(&[&FOR_ROOT[..], &FOR_LABS].concat()).split_off(root.len());
    for (directory, files) in [(place::ROOT_MODULES, root), (place::LAB_MODULES, labs)] {
        for (index, file) in files.iter().enumerate() {
            let content = unpack(fs::read(file)?)?;
            archive.file(&format!("{directory}/{index:03}"), &content)?;
        }
    }
    // What has its name is there to its end, whatever befalls the host meanwhile.
    archive.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}

/// Whether a file is an archive to its end: one that was cut off would boot no machine, again and again.
fn is_whole(path: &Path) -> bool {
    let end = || -> io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(END)))?;
        let mut end = Vec::new();
        file.read_to_end(&mut end)?;
        Ok(end)
    };
    end().is_ok_and(|end| end.windows(TRAILER.len()).any(|it| it == TRAILER))
}

/// The name of an archive's last entry.
const TRAILER: &[u8] = b"TRAILER!!!";

/// The last entry is within so many bytes of the end.
const END: u64 = 1024;

/// Packs the loader and the shared libraries of this process, which are those that the same
/// program needs in the guest, under the paths where the loader looks for them.
fn add_libraries(
    archive: &mut Archive<impl Write>,
    interpreter: Option<PathBuf>,
) -> io::Result<()> {
    let Some(interpreter) = interpreter else { return Ok(()) };
    let maps = fs::read_to_string("/proc/self/maps")?;
    let mut files: BTreeSet<PathBuf> = maps
        .lines()
        .filter_map(|line| line.split_once('/').map(|(_, path)| PathBuf::from(format!("/{path}"))))
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().contains(".so")))
        .collect();
    files.retain(|file| file.file_name() != interpreter.file_name());
    files.insert(interpreter);
    let mut made = BTreeSet::new();
    for file in files {
        let Some(inside) = file.to_str().and_then(|path| path.strip_prefix('/')) else { continue };
        for (end, _) in inside.match_indices('/') {
            if made.insert(inside[..end].to_owned()) {
                archive.directory(&inside[..end])?;
            }
        }
        archive.program(inside, &without_symbols(fs::read(&file)?))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_that_was_cut_off_anywhere_is_not_whole() {
        let path = std::env::temp_dir().join(format!("vrflab-initramfs-{}", std::process::id()));
        let mut archive = Archive::new(Vec::new());
        archive.file("file", &[7; 3000]).unwrap();
        let bytes = archive.finish().unwrap();
        fs::write(&path, &bytes).unwrap();
        assert!(is_whole(&path));
        for length in (0..bytes.len()).step_by(100) {
            fs::write(&path, &bytes[..length]).unwrap();
            assert!(!is_whole(&path), "{length} of {}", bytes.len());
        }
        fs::remove_file(&path).unwrap();
        assert!(!is_whole(&path));
    }
}
