//! Network namespaces and their names under `/run/netns`, as `ip netns` knows them.

use super::message::LOOPBACK;
use super::{Socket, Worker};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::stat::fstat;
use rtnetlink::LinkUnspec;
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::link::LinkAttribute;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
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
    /// There is no such name (`NotFound`), it is a plain file (`InvalidData`), or this process may
    /// not open it.
    pub fn open(name: &str) -> io::Result<Self> {
        let path = Self::path(name);
        let file = File::open(&path)?;
        if !is_namespace(&file)? {
            let what = format!("{} is not a namespace", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        Self::new(name, file.into())
    }

    /// Makes a namespace on this worker, lets `prepare` mark it, and only then gives it its name,
    /// so that none without a mark can ever be left behind. The worker stays in it.
    ///
    /// # Errors
    /// What the kernel answers, or `prepare`; the name is not there then.
    pub fn create<E: From<io::Error>>(
        name: &str,
        worker: &mut Worker,
        prepare: impl FnOnce(&mut Worker) -> Result<(), E>,
    ) -> Result<Self, E> {
        let namespace = Self::new(name, worker.unshare()?)?;
        worker.enter(&namespace)?;
        prepare(worker)?;
        let path = Self::path(name);
        OpenOptions::new().write(true).create_new(true).mode(0o444).open(&path)?;
        let source = format!("/proc/self/fd/{}", namespace.fd.as_raw_fd());
        if let Err(error) =
            mount(Some(source.as_str()), &path, None::<&str>, MsFlags::MS_BIND, None::<&str>)
        {
            fs::remove_file(&path)?;
            return Err(io::Error::from(error).into());
        }
        Ok(namespace)
    }

    /// Takes the name away; the namespace is gone when nothing else holds it. A name that is not
    /// there is no error.
    ///
    /// # Errors
    /// What the kernel answers.
    pub fn release(name: &str) -> io::Result<()> {
        let path = Self::path(name);
        match umount2(&path, MntFlags::MNT_DETACH) {
            // EINVAL: a plain file, left by a process that died between making and mounting it.
            Ok(()) | Err(nix::Error::EINVAL | nix::Error::ENOENT) => {}
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

    fn new(name: &str, fd: OwnedFd) -> io::Result<Self> {
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

/// The mark that a namespace bears as the alias of its `lo`; empty where it bears none.
///
/// # Errors
/// What the kernel answers.
pub fn mark_of(namespace: &Namespace, worker: &mut Worker) -> io::Result<String> {
    worker.enter(namespace)?;
    let lo = LinkUnspec::new_with_index(LOOPBACK).build();
    let answer = Socket::open()?.ask(RouteNetlinkMessage::GetLink(lo)).map_err(io::Error::from)?;
    let RouteNetlinkMessage::NewLink(link) = answer else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    Ok(link
        .attributes
        .into_iter()
        .find_map(|attribute| match attribute {
            LinkAttribute::IfAlias(alias) => Some(alias),
            _ => None,
        })
        .unwrap_or_default())
}

/// Whether an open file is a namespace and not a plain file.
fn is_namespace(file: &File) -> io::Result<bool> {
    Ok(nix::sys::statfs::fstatfs(file)?.filesystem_type() == nix::sys::statfs::NSFS_MAGIC)
}
