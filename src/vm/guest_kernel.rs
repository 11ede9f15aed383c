//! The kernel that runs in the guest, as it is kept on the host.

use std::fs;
use std::path::{Path, PathBuf};

use super::dirs::Dirs;
use super::error::Error;
use super::modules::Modules;
use super::unpack::inner_kernel;

/// What a kernel must be able to do to be worth starting.
const REQUIRED: [&str; 6] = ["vrf", "mpls_router", "mpls_iptunnel", "9p", "overlay", "veth"];

/// A guest kernel that is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestKernel {
    /// Its version, as `uname -r` in the guest says it.
    pub version: String,
    /// The kernel itself, ready to be started by QEMU.
    pub image: PathBuf,
    /// Its modules: `…/lib/modules/VERSION`.
    pub modules: PathBuf,
}

impl GuestKernel {
    /// The one that is set up, if there is one.
    pub(super) fn current(dirs: &Dirs) -> Result<Option<Self>, Error> {
        let link = link(dirs);
        let Ok(directory) = fs::canonicalize(&link) else { return Ok(None) };
        let version = directory.file_name().map(|name| name.to_string_lossy().into_owned());
        let Some(version) = version else { return Ok(None) };
        let image = directory.join("kernel");
        let modules = directory.join("lib/modules").join(&version);
        Ok((image.is_file() && modules.is_dir()).then_some(Self { version, image, modules }))
    }

    /// Makes a guest kernel of an image and the directory of its modules, which is moved or, where
    /// it belongs to somebody else, linked to. The new one is put in place as a whole or not at all.
    pub(super) fn install(
        dirs: &Dirs,
        stage: &Path,
        image: &Path,
        modules: &Path,
    ) -> Result<Self, Error> {
        let version = modules.file_name().map(|name| name.to_string_lossy().into_owned());
        let version = version.ok_or_else(|| Error::NotAKernel {
            file: modules.to_owned(),
            why: "the directory of modules is named by the kernel's version".to_owned(),
        })?;
        let lists = Modules::read(modules).map_err(|error| Error::NotAKernel {
            file: modules.to_owned(),
            why: format!("it has no modules.dep ({error}); depmod writes it"),
        })?;
        let missing: Vec<String> =
            REQUIRED.into_iter().filter(|name| !lists.has(name)).map(str::to_owned).collect();
        if !missing.is_empty() {
            return Err(Error::PoorKernel { version, missing });
        }
        let bytes = fs::read(image).map_err(|error| Error::file("read", image, error))?;
        let kernel = startable(image, bytes)?;

        let new = stage.join("new");
        let parent = new.join("lib/modules");
        let place = parent.join(&version);
        let kernel_file = new.join("kernel");
        fs::create_dir_all(&parent).map_err(|error| Error::file("make", &parent, error))?;
        fs::write(&kernel_file, kernel)
            .map_err(|error| Error::file("write", &kernel_file, error))?;
        if modules.starts_with(stage) {
            fs::rename(modules, &place).map_err(|error| Error::file("move", modules, error))?;
        } else {
            std::os::unix::fs::symlink(modules, &place)
                .map_err(|error| Error::file("link to", modules, error))?;
        }

        // What is put in its place is there to its end, whatever befalls the host meanwhile.
        nix::unistd::sync();
        let kernels = dirs.data.join("kernels");
        let target = kernels.join(&version);
        fs::create_dir_all(&kernels).map_err(|error| Error::file("make", &kernels, error))?;
        if target.exists() {
            let old = stage.join("old");
            fs::rename(&target, &old).map_err(|error| Error::file("replace", &target, error))?;
        }
        fs::rename(&new, &target).map_err(|error| Error::file("make", &target, error))?;
        let new_link = stage.join("link");
        let link = link(dirs);
        std::os::unix::fs::symlink(Path::new("kernels").join(&version), &new_link)
            .and_then(|()| fs::rename(&new_link, &link))
            .map_err(|error| Error::file("make", &link, error))?;
        Self::current(dirs)?.ok_or(Error::NoGuestKernel)
    }
}

fn link(dirs: &Dirs) -> PathBuf {
    dirs.data.join("guest-kernel")
}

/// The kernel in the form that starts fastest.
fn startable(image: &Path, bytes: Vec<u8>) -> Result<Vec<u8>, Error> {
    if super::elf::Elf::parse(&bytes).is_some() {
        return Ok(bytes);
    }
    if let Some(kernel) = inner_kernel(&bytes) {
        return Ok(super::elf::without_symbols(kernel));
    }
    // A compression that is not known here: QEMU starts the packed image as well.
    if bytes.get(0x202..0x206) == Some(b"HdrS") {
        return Ok(bytes);
    }
    let why = "it is neither a vmlinuz nor a vmlinux for x86_64".to_owned();
    Err(Error::NotAKernel { file: image.to_owned(), why })
}
