//! What programs in a node see as their own: names in `/etc/hosts`, files below `/etc`, and `/run`.

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

/// What stays of the host's `/run` in a node's own, so that this program and `ip netns` work there.
const KEPT: [&str; 2] = ["netns", "vrflab"];

/// A lab's directory, in which the nodes' own files are.
#[derive(Debug, Clone)]
pub struct Home {
    directory: PathBuf,
}

impl Home {
    /// The one in a lab's directory.
    pub fn of(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// The lab's directory.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The file that all nodes see as `/etc/hosts`.
    pub fn hosts(&self) -> PathBuf {
        self.directory.join("hosts")
    }

    /// Where the output of the lab's commands is kept: beside the lab's directory, since it stays
    /// when the lab goes.
    pub fn outputs(&self) -> PathBuf {
        let mut name = std::ffi::OsString::from(".output-");
        name.push(self.directory.file_name().unwrap_or_default());
        self.directory.with_file_name(name)
    }

    /// The file with the output of a node's command, counted from 1.
    pub fn output(&self, node: &str, number: usize) -> PathBuf {
        self.outputs().join(format!("{node}.{number}"))
    }

    /// Takes away what an earlier lab of the name has left: output, and the nodes' own files.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn clear(&self) -> io::Result<()> {
        for left in [self.outputs(), self.directory.join("nodes")] {
            match fs::remove_dir_all(left) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// Puts a file below a node's own `/etc`.
    pub(super) fn write_etc(&self, namespace: &str, path: &str, text: &str) -> io::Result<()> {
        let file = self.etc(namespace).join(path);
        fs::create_dir_all(file.parent().unwrap_or(&file))?;
        fs::write(file, text)
    }

    /// Makes the `/run` of a node whose programs are to have their own.
    pub(super) fn make_run(&self, namespace: &str) -> io::Result<()> {
        KEPT.iter().try_for_each(|kept| fs::create_dir_all(self.run(namespace).join(kept)))
    }

    fn etc(&self, namespace: &str) -> PathBuf {
        self.directory.join("nodes").join(namespace).join("etc")
    }

    fn run(&self, namespace: &str) -> PathBuf {
        self.directory.join("nodes").join(namespace).join("run")
    }

    /// Shows the node's own files, in the mount namespace of this thread alone. What is in
    /// `/etc/netns/NAMESPACE` is shown too, as `ip netns exec` does.
    pub(super) fn show(&self, namespace: &str) -> io::Result<()> {
        let named = Path::new("/etc/netns").join(namespace);
        let own = self.etc(namespace);
        show_etc(&named)?;
        show_etc(&own)?;
        let hosts = self.hosts();
        if hosts.exists() && ![named, own].iter().any(|etc| etc.join("hosts").exists()) {
            bind(&hosts, Path::new("/etc/hosts"))?;
        }
        let run = self.run(namespace);
        if run.exists() {
            let kept = KEPT.map(|name| File::open(Path::new("/run").join(name)));
            bind(&run, Path::new("/run"))?;
            for (name, opened) in KEPT.iter().zip(kept) {
                let opened = opened?;
                let source = format!("/proc/self/fd/{}", opened.as_raw_fd());
                bind(Path::new(&source), &Path::new("/run").join(name))?;
            }
        }
        Ok(())
    }
}

/// Puts what is in a directory in the place of what `/etc` has under the same names.
fn show_etc(own: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(own) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?.collect::<io::Result<Vec<_>>>()?,
    };
    let place = |entry: &fs::DirEntry| Path::new("/etc").join(entry.file_name());
    // Nothing can be mounted on a name that is not there, so such names come from a layer above.
    if entries.iter().any(|entry| !place(entry).exists()) {
        let layers = format!("lowerdir={}:/etc", own.display());
        mount(Some("overlay"), "/etc", Some("overlay"), MsFlags::empty(), Some(layers.as_str()))?;
    }
    // A directory in that layer is one with the host's; the node's takes its place.
    entries.iter().try_for_each(|entry| bind(&entry.path(), &place(entry)))
}

fn bind(source: &Path, target: &Path) -> io::Result<()> {
    let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
    mount(Some(source), target, None::<&str>, flags, None::<&str>).map_err(|error| match error {
        Errno::ENOTDIR => io::Error::new(
            io::ErrorKind::NotADirectory,
            format!("{} is a file on one side and a directory on the other", target.display()),
        ),
        error => error.into(),
    })
}
