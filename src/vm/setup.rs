//! Getting a guest kernel, without installing one on the host.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

use super::archive;
use super::dirs::Dirs;
use super::error::Error;
use super::guest_kernel::GuestKernel;
use super::tool::{Tool, said};

const DPKG: Tool = Tool {
    name: "dpkg",
    purpose: "unpack the guest kernel",
    help: "vrflab vm setup --vmlinuz FILE --modules DIR, with a kernel you have",
};

const DEPMOD: Tool = Tool {
    name: "depmod",
    purpose: "list the modules of the guest kernel",
    help: "sudo apt-get install kmod",
};

/// Where the guest kernel is to come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KernelSource {
    /// The package archive of this Debian or Ubuntu.
    Archive,
    /// Files that are there.
    Files {
        /// The kernel: `vmlinuz` or `vmlinux`.
        image: PathBuf,
        /// Its modules: `…/lib/modules/VERSION`, with the lists that `depmod` writes.
        modules: PathBuf,
    },
}

/// What [`setup`] found or did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setup {
    /// A guest kernel was there, and none was asked for in its place.
    Already(GuestKernel),
    /// This one was put there.
    Done(GuestKernel),
}

/// Gets a guest kernel where there is none, or in any case when forced to. `progress` is told what
/// is being done.
pub fn setup(
    source: &KernelSource,
    force: bool,
    progress: &mut dyn FnMut(&str),
) -> Result<Setup, Error> {
    super::readiness::right_architecture()?;
    super::readiness::QEMU.find()?;
    let dirs = Dirs::open()?;
    let lock = dirs.data.join("setup.lock");
    let file = File::create(&lock).map_err(|error| Error::file("open", &lock, error))?;
    let _lock = Flock::lock(file, FlockArg::LockExclusive)
        .map_err(|(_, error)| Error::file("lock", &lock, error.into()))?;
    if let (false, KernelSource::Archive, Some(kernel)) =
        (force, source, GuestKernel::current(&dirs)?)
    {
        return Ok(Setup::Already(kernel));
    }

    // What an interrupted run has left is in the way of nobody but us, who hold the lock.
    let stage = dirs.data.join("stage");
    remove(&stage)?;
    fs::create_dir(&stage).map_err(|error| Error::file("make", &stage, error))?;
    let installed = match source {
        KernelSource::Archive => from_archive(&dirs, &stage, progress),
        KernelSource::Files { image, modules } => {
            let modules =
                fs::canonicalize(modules).map_err(|error| Error::file("find", modules, error))?;
            GuestKernel::install(&dirs, &stage, image, &modules)
        }
    };
    remove(&stage)?;
    // Another kernel may well start where the last one did not.
    let _ = fs::remove_file(super::engine::Verdict::file(&dirs));
    installed.map(Setup::Done)
}

fn remove(stage: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(stage) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::file("remove", stage, error))
        }
        _ => Ok(()),
    }
}

fn from_archive(
    dirs: &Dirs,
    stage: &Path,
    progress: &mut dyn FnMut(&str),
) -> Result<GuestKernel, Error> {
    DPKG.find()?;
    DEPMOD.find()?;
    let packages = match archive::newest_kernel() {
        Err(Error::Archive(_)) if nix::unistd::geteuid().is_root() => {
            progress("fetching the package lists");
            archive::update_lists()?;
            archive::newest_kernel()?
        }
        found => found?,
    };
    progress(&format!("downloading {}", packages.names.join(", ")));
    archive::download(&packages, stage)?;
    progress("unpacking it");
    let tree = stage.join("tree");
    let entries = fs::read_dir(stage).map_err(|error| Error::file("read", stage, error))?;
    let files = entries.flatten().map(|entry| entry.path());
    for package in files.filter(|path| path.extension().is_some_and(|extension| extension == "deb"))
    {
        said(DPKG.command(&["-x".as_ref(), package.as_os_str(), tree.as_os_str()])?)?;
    }
    let (image, modules) = pick(&tree, stage, &packages.version)?;
    said(DEPMOD.command(&["-b".as_ref(), stage.as_os_str(), packages.version.as_ref()])?)?;
    GuestKernel::install(dirs, stage, &image, &modules)
}

/// Finds the image and the modules in the unpacked packages and puts the modules where `depmod`
/// looks for them: newer packages have them below `/usr`.
fn pick(tree: &Path, stage: &Path, version: &str) -> Result<(PathBuf, PathBuf), Error> {
    let missing = |what: &str| Error::Archive(format!("the packages of {version} have no {what}"));
    let image = [format!("boot/vmlinuz-{version}"), format!("usr/lib/modules/{version}/vmlinuz")];
    let image = image.map(|path| tree.join(path)).into_iter().find(|path| path.is_file());
    let found = ["lib/modules", "usr/lib/modules"].map(|path| tree.join(path).join(version));
    let found = found.into_iter().find(|path| path.is_dir()).ok_or_else(|| missing("modules"))?;
    let parent = stage.join("lib/modules");
    let modules = parent.join(version);
    fs::create_dir_all(&parent)
        .and_then(|()| fs::rename(&found, &modules))
        .map_err(|error| Error::file("move", &found, error))?;
    Ok((image.ok_or_else(|| missing("image"))?, modules))
}
