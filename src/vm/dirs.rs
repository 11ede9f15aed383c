//! Where things are kept on the host: what lives long, what can be made again, what runs now.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

use super::error::Error;

/// The environment variable that puts the runtime directory elsewhere, and so a second machine
/// beside the user's own.
pub const RUNTIME_DIR_VARIABLE: &str = "VRFLAB_RUNTIME_DIR";

/// The three directories of one user.
#[derive(Debug, Clone)]
pub(super) struct Dirs {
    /// Guest kernels.
    pub data: PathBuf,
    /// The initramfs, and what was found out about this machine.
    pub cache: PathBuf,
    /// The socket, the locks and the logs of the running machine.
    pub runtime: PathBuf,
}

impl Dirs {
    /// Finds the directories and makes those that are missing.
    pub fn open() -> Result<Self, Error> {
        let dirs = Self::named()?;
        let home = std::env::home_dir().filter(|home| !home.is_dir());
        for dir in [&dirs.data, &dirs.cache] {
            // Whoever has no home is not given one.
            if let Some(home) = home.as_ref().filter(|home| dir.starts_with(home)) {
                return Err(Error::MissingHome { dir: home.clone() });
            }
            fs::create_dir_all(dir)
                .map_err(|error| Error::file("make the directory", dir, error))?;
        }
        make_private(&dirs.runtime)?;
        Ok(dirs)
    }

    /// Finds the directories and makes none: `None` where no machine can be running, since the one
    /// for it is not there.
    pub fn find() -> Result<Option<Self>, Error> {
        let dirs = Self::named()?;
        if !dirs.runtime.exists() {
            return Ok(None);
        }
        make_private(&dirs.runtime)?;
        Ok(Some(dirs))
    }

    fn named() -> Result<Self, Error> {
        Ok(Self {
            data: below_home("XDG_DATA_HOME", ".local/share")?,
            cache: below_home("XDG_CACHE_HOME", ".cache")?,
            runtime: runtime(),
        })
    }

    pub fn socket(&self) -> PathBuf {
        self.runtime.join("control")
    }

    pub fn start_lock(&self) -> PathBuf {
        self.runtime.join("start.lock")
    }

    pub fn broker_lock(&self) -> PathBuf {
        self.runtime.join("broker.lock")
    }

    /// The processes that are the machine.
    pub fn processes(&self) -> PathBuf {
        self.runtime.join("processes")
    }

    /// Where the guest may write.
    pub fn written(&self) -> PathBuf {
        self.runtime.join("written")
    }

    pub fn broker_log(&self) -> PathBuf {
        self.runtime.join("broker.log")
    }

    pub fn qemu_log(&self) -> PathBuf {
        self.runtime.join("qemu.log")
    }

    pub fn console_log(&self) -> PathBuf {
        self.runtime.join("console.log")
    }
}

fn below_home(variable: &str, otherwise: &str) -> Result<PathBuf, Error> {
    let given = std::env::var_os(variable).map(PathBuf::from).filter(|dir| dir.is_absolute());
    let base = match given {
        Some(base) => base,
        None => std::env::home_dir().ok_or(Error::NoHome)?.join(otherwise),
    };
    Ok(base.join("vrflab"))
}

/// The runtime directory: what the environment gives, or one inside it where others can enter that.
fn runtime() -> PathBuf {
    let given = given_runtime();
    // Once made it stays the one, so that every verb finds the same whatever became of the modes.
    let inside = given.join(format!("vrflab-{}", geteuid()));
    if inside.is_dir() || can_hold_a_private_one(&given) { inside } else { given }
}

/// Whether others can enter a directory but not take away or replace what this user makes in it.
fn can_hold_a_private_one(dir: &Path) -> bool {
    let Ok(found) = fs::symlink_metadata(dir) else { return false };
    let (mode, owner) = (found.mode(), found.uid());
    let is_safe = mode & 0o022 == 0 || mode & 0o1000 != 0;
    let is_trusted = owner == geteuid().as_raw() || owner == 0;
    found.is_dir() && mode & 0o077 != 0 && is_safe && is_trusted
}

fn given_runtime() -> PathBuf {
    if let Some(dir) = std::env::var_os(RUNTIME_DIR_VARIABLE).filter(|dir| !dir.is_empty()) {
        // The broker works in another directory.
        return std::path::absolute(&dir).unwrap_or_else(|_| dir.into());
    }
    let user = geteuid();
    if user.is_root() {
        return "/run/vrflab-vm".into();
    }
    let given = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let usual = PathBuf::from(format!("/run/user/{user}"));
    match given.into_iter().chain([usual]).find(|dir| dir.is_absolute() && dir.is_dir()) {
        Some(dir) => dir.join("vrflab"),
        None => PathBuf::from(format!("/tmp/vrflab-{user}")),
    }
}

/// Makes a directory that only its owner can enter, or makes sure that the one there is such: in
/// `/tmp` somebody else may have been first.
fn make_private(dir: &Path) -> Result<(), Error> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(Error::file("make the directory", dir, error)),
    }
    let found = fs::symlink_metadata(dir).map_err(|error| Error::file("look at", dir, error))?;
    if !found.is_dir() || found.uid() != geteuid().as_raw() || found.mode() & 0o077 != 0 {
        return Err(Error::NotPrivate { dir: dir.to_owned() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn others_may_enter_a_directory_that_holds_a_private_one_and_not_write_to_it() {
        let base = std::env::temp_dir().join(format!("vrflab-holds-{}", std::process::id()));
        fs::create_dir(&base).unwrap();
        let of_mode = |mode: u32| {
            fs::set_permissions(&base, fs::Permissions::from_mode(mode)).unwrap();
            can_hold_a_private_one(&base)
        };
        assert!(of_mode(0o755) && of_mode(0o711) && of_mode(0o1777));
        assert!(!of_mode(0o700), "it is private itself");
        assert!(!of_mode(0o777) && !of_mode(0o775), "others could put another one in its place");
        fs::remove_dir(&base).unwrap();
        assert!(!can_hold_a_private_one(&base));
    }

    #[test]
    fn a_directory_that_others_can_enter_is_refused() {
        let base = std::env::temp_dir().join(format!("vrflab-dirs-{}", std::process::id()));
        make_private(&base).unwrap();
        make_private(&base).unwrap();
        fs::set_permissions(&base, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(make_private(&base), Err(Error::NotPrivate { .. })));
        fs::remove_dir(&base).unwrap();
        std::os::unix::fs::symlink("/tmp", &base).unwrap();
        assert!(matches!(make_private(&base), Err(Error::NotPrivate { .. })));
        fs::remove_file(&base).unwrap();
    }
}
