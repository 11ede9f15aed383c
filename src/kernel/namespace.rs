//! Network namespaces and their names under `/run/netns`, as `ip netns` knows them.

use fs_err as fs;
use nix::libc;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::stat::fstat;
use nix::unistd::Pid;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Where the names of namespaces are.
pub const DIRECTORY: &str = "/run/netns";

/// A network namespace that is held open.
#[derive(Debug)]
pub struct Namespace {
    name: String,
    inode: u64,
    fd: OwnedFd,
}

impl Namespace {
    /// Opens the namespace of this name.
    ///
    /// # Errors
    /// There is no such name (`NotFound`), it is something else (`InvalidData`), or this process may
    /// not open it.
    pub fn open(name: &str) -> io::Result<Self> {
        let path = Self::path(name);
        // What is there is looked at before it is opened: to open a device or a FIFO does something,
        // and a link leads elsewhere.
        let there = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_PATH | libc::O_NOFOLLOW)
            .open(&path)?;
        if !is_namespace(&there)? {
            let what = format!("{} is not a namespace", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        Self::new(name, File::open(format!("/proc/self/fd/{}", there.as_raw_fd()))?.into())
    }

    /// All names that there are, of namespaces and of what else is among them.
    ///
    /// # Errors
    /// The directory of names cannot be read; that there is none is no error.
    pub fn names() -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(DIRECTORY) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let names = entries.map(|entry| Ok(entry?.file_name().into_string().ok()));
        names.filter_map(io::Result::transpose).collect()
    }

    /// Whether a name that is no namespace is what `Worker::create` leaves where it dies before
    /// its end: an empty file that nobody may write.
    ///
    /// # Errors
    /// It cannot be looked at.
    pub fn is_unfinished(name: &str) -> io::Result<bool> {
        let metadata = Self::path(name).symlink_metadata()?;
        let may_write = metadata.mode() & 0o222 != 0;
        Ok(metadata.is_file() && metadata.len() == 0 && !may_write)
    }

    /// Takes away an unfinished name; false where something is mounted on it, which is somebody
    /// else's doing.
    ///
    /// # Errors
    /// What the kernel answers.
    pub fn release_unfinished(name: &str) -> io::Result<bool> {
        match fs::remove_file(Self::path(name)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Gives the namespace its name.
    pub(super) fn bind(&self) -> io::Result<()> {
        let path = Self::path(&self.name);
        OpenOptions::new().write(true).create_new(true).mode(0o444).open(&path)?;
        let source = format!("/proc/self/fd/{}", self.fd.as_raw_fd());
        if let Err(error) =
            mount(Some(source.as_str()), &path, None::<&str>, MsFlags::MS_BIND, None::<&str>)
        {
            fs::remove_file(&path)?;
            return Err(error.into());
        }
        Ok(())
    }

    /// Takes the name away; the namespace is gone when nothing else holds it. A name that is not
    /// there is no error.
    ///
    /// # Errors
    /// What the kernel answers.
    pub fn release(name: &str) -> io::Result<()> {
        let path = Self::path(name);
        match umount2(&path, MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW) {
            Ok(()) | Err(nix::Error::ENOENT) => {}
            Err(error) => return Err(error.into()),
        }
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The inode that tells it from every other namespace while it is there.
    pub fn inode(&self) -> u64 {
        self.inode
    }

    /// The file that bears a name.
    pub fn path(name: &str) -> PathBuf {
        Path::new(DIRECTORY).join(name)
    }

    /// The namespace of an open file, which is to have this name.
    pub(super) fn new(name: &str, fd: OwnedFd) -> io::Result<Self> {
        let inode = fstat(&fd)?.st_ino;
        Ok(Self { name: name.to_owned(), inode, fd })
    }
}

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Makes the directory of names, and shares its mounts with other mount namespaces as `ip netns`
/// does, so that a name taken away here does not live on there.
///
/// # Errors
/// What the kernel answers.
pub fn prepare_directory() -> io::Result<()> {
    share_directory().map_err(|error| {
        let what = format!("{DIRECTORY} cannot be a directory of names: {error}");
        io::Error::new(error.kind(), what)
    })
}

fn share_directory() -> io::Result<()> {
    fs::create_dir_all(DIRECTORY)?;
    let share = || {
        mount(
            None::<&str>,
            DIRECTORY,
            None::<&str>,
            MsFlags::MS_SHARED | MsFlags::MS_REC,
            None::<&str>,
        )
    };
    match share() {
        // It is no mount of its own yet.
        Err(nix::Error::EINVAL) => {
            mount(
                Some(DIRECTORY),
                DIRECTORY,
                None::<&str>,
                MsFlags::MS_BIND | MsFlags::MS_REC,
                None::<&str>,
            )?;
            share()?;
        }
        other => other?,
    }
    Ok(())
}

/// The mount namespace of this process, given by its inode: names of namespaces are mounts, which others
/// may not see.
///
/// # Errors
/// `/proc` cannot be read.
pub fn mount_namespace() -> io::Result<u64> {
    Ok(fs::metadata("/proc/thread-self/ns/mnt")?.ino())
}

/// A process that is in this mount namespace, if any is that may be looked at.
///
/// # Errors
/// `/proc` cannot be read.
pub fn process_with_mounts(inode: u64) -> io::Result<Option<Pid>> {
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(number) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
        let mounts = fs::metadata(format!("/proc/{number}/ns/mnt"));
        if mounts.is_ok_and(|mounts| mounts.ino() == inode) {
            return Ok(Some(Pid::from_raw(number)));
        }
    }
    Ok(None)
}

/// Whether an open file is a namespace and not a plain file.
fn is_namespace(file: &File) -> io::Result<bool> {
    Ok(nix::sys::statfs::fstatfs(file)?.filesystem_type() == nix::sys::statfs::NSFS_MAGIC)
}
