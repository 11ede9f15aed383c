//! What programs in a node see as their own: names in `/etc/hosts` and of tables, files below `/etc`,
//! and `/run`.

use super::{EndedCommand, Identity, Noted, Outputs, Worker, identity};
use crate::compile::Names;
use fs_err as fs;
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What stays of the host's `/run` in a node's own, so that this program and `ip netns` work there.
const KEPT: [&str; 2] = ["netns", "vrflab"];

/// Where iproute2 has the names of tables: the first of these that a machine has is read.
const TABLES: [&str; 3] =
    ["/etc/iproute2/rt_tables", "/usr/share/iproute2/rt_tables", "/usr/lib/iproute2/rt_tables"];

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

    /// The control group, below the root of all, of all that is a lab's. No part of it may be `vrf`:
    /// iproute2 takes what follows the first `/vrf/` for the name of a VRF.
    pub(super) fn group_of_lab(&self) -> PathBuf {
        let lab = self.directory.file_name().unwrap_or_default().to_string_lossy();
        PathBuf::from(format!("vrflab-{lab}"))
    }

    /// That of a node, which the node's number tells from those of others of its name; before Linux
    /// 5.14 there is none.
    pub(super) fn group_of(&self, node: Option<&Identity>) -> PathBuf {
        self.group_of_lab().join(node.map_or(0, Identity::cookie).to_string())
    }

    /// That of a node's processes. Those that are bound to a VRF are below it, where `ip vrf pids`
    /// looks: in NAMESPACE-ns/vrf/VRF.
    pub(super) fn control_group(&self, namespace: &str) -> io::Result<PathBuf> {
        let node = self.noted()?.remove(namespace);
        Ok(self.group_of(node.as_ref()).join(format!("{namespace}-ns")))
    }

    /// Writes what nodes call by name, in the place of what was written before.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn write_names(&self, names: &Names) -> io::Result<()> {
        let directory = self.names();
        remove(&directory)?;
        let [texts, hosts, tables] = ["texts", "hosts", "tables"].map(|kind| directory.join(kind));
        [&texts, &hosts, &tables].into_iter().try_for_each(fs::create_dir_all)?;
        for (place, text) in names.hosts.iter().enumerate() {
            fs::write(texts.join(place.to_string()), text)?;
        }
        let known = TABLES.iter().find_map(|tables| fs::read_to_string(tables).ok());
        for node in &names.nodes {
            symlink(texts.join(node.hosts.to_string()), hosts.join(&node.namespace))?;
            for (vrf, text) in &node.vrfs {
                let bound = self.hosts(&node.namespace, Some(vrf.as_str()));
                fs::create_dir_all(bound.parent().unwrap_or(&bound))?;
                symlink(texts.join(text.to_string()), bound)?;
            }
            if let (Some(known), false) = (&known, node.tables.is_empty()) {
                let own = node.tables.iter().map(|(name, number)| format!("{number} {name}\n"));
                let text = format!("{}\n{}", known.trim_end(), own.collect::<String>());
                fs::write(tables.join(&node.namespace), text)?;
            }
        }
        Ok(())
    }

    fn names(&self) -> PathBuf {
        self.directory.join("names")
    }

    /// What a node's programs see as `/etc/hosts`, those that are bound to a VRF that of the VRF.
    fn hosts(&self, namespace: &str, vrf: Option<&str>) -> PathBuf {
        let kind = vrf.map_or_else(|| "hosts".to_owned(), |vrf| format!("hosts%{vrf}"));
        self.names().join(kind).join(namespace)
    }

    /// The file that notes which namespaces were made.
    fn identities(&self) -> PathBuf {
        self.directory.join("namespaces")
    }

    /// Notes that the namespace that the worker is in is to have this name.
    pub(super) fn note(&self, name: &str, worker: &Worker) -> io::Result<()> {
        identity::note(&self.identities(), name, worker)
    }

    /// When, since the machine booted, the first of the namespaces was made.
    pub(super) fn noted_since(&self) -> Duration {
        identity::noted_since(&self.identities())
    }

    /// The namespaces that were made, by name.
    ///
    /// # Errors
    /// The file cannot be read; that there is none is no error.
    pub fn noted(&self) -> io::Result<Noted> {
        identity::read_noted(&self.identities())
    }

    /// The output of the lab's commands.
    pub fn outputs(&self) -> Outputs {
        Outputs::of(self.directory.file_name().unwrap_or_default())
    }

    /// Takes away what an earlier lab of the name has left: output, the nodes' own files, and which
    /// namespaces it had.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn clear(&self) -> io::Result<()> {
        self.outputs().clear()?;
        remove(&self.ends())?;
        remove(&self.directory.join("nodes"))?;
        remove_file(&self.identities())
    }

    /// Takes away a node's own files, which another one of its name is not to have.
    pub(super) fn forget_node(&self, namespace: &str) -> io::Result<()> {
        remove(&self.directory.join("nodes").join(namespace))
    }

    /// Notes the process group of a command that was started.
    pub(super) fn note_command(
        &self,
        namespace: &str,
        number: usize,
        group: i32,
    ) -> io::Result<()> {
        let file = self.command(namespace, number);
        fs::create_dir_all(file.parent().unwrap_or(&file))?;
        fs::write(file, group.to_string())
    }

    /// The process group of a command that was started; nothing where none is noted.
    pub(super) fn noted_command(&self, namespace: &str, number: usize) -> io::Result<Option<i32>> {
        match fs::read_to_string(self.command(namespace, number)) {
            Ok(text) => Ok(text.parse().ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Forgets a command that is to be ended.
    pub(super) fn forget_command(&self, namespace: &str, number: usize) -> io::Result<()> {
        remove_file(&self.command(namespace, number))
    }

    fn command(&self, namespace: &str, number: usize) -> PathBuf {
        self.directory.join("nodes").join(namespace).join("commands").join(number.to_string())
    }

    /// Notes at which of its generations what nft has loaded in a node is the lab's ruleset; nothing where the
    /// kernel does not count them.
    pub(super) fn note_ruleset(&self, namespace: &str, generation: Option<u32>) -> io::Result<()> {
        let file = self.ruleset(namespace);
        let Some(generation) = generation else { return remove_file(&file) };
        fs::create_dir_all(file.parent().unwrap_or(&file))?;
        fs::write(file, generation.to_string())
    }

    /// The generation that was noted; nothing where none was.
    pub(super) fn noted_ruleset(&self, namespace: &str) -> io::Result<Option<u32>> {
        match fs::read_to_string(self.ruleset(namespace)) {
            Ok(text) => Ok(text.parse().ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn ruleset(&self, namespace: &str) -> PathBuf {
        self.directory.join("nodes").join(namespace).join("ruleset")
    }

    /// Keeps how a command ended.
    pub(super) fn record_end(&self, ended: &EndedCommand) -> io::Result<()> {
        let (ends, name) = (self.ends(), format!("{}.{}", ended.node, ended.number));
        // Whoever reads it meanwhile finds it whole or not at all.
        let draft = ends.join(format!(".{name}"));
        fs::create_dir(&ends).or_else(|error| {
            let exists = error.kind() == io::ErrorKind::AlreadyExists;
            if exists { Ok(()) } else { Err(error) }
        })?;
        fs::write(&draft, serde_json::to_vec(ended)?)?;
        fs::rename(draft, ends.join(name))
    }

    /// The lab's commands that failed, by node and number.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn failed_commands(&self) -> io::Result<Vec<EndedCommand>> {
        let mut failed = self.ended_commands()?;
        failed.retain(EndedCommand::is_failure);
        Ok(failed)
    }

    /// The lab's commands that have ended, by node and number.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn ended_commands(&self) -> io::Result<Vec<EndedCommand>> {
        let entries = match fs::read_dir(self.ends()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut ended = Vec::new();
        for entry in entries {
            let entry = entry?;
            if !entry.file_name().as_bytes().starts_with(b".") {
                ended.push(serde_json::from_slice(&fs::read(entry.path())?)?);
            }
        }
        ended.sort_by(|one: &EndedCommand, other| {
            (&one.node, one.number).cmp(&(&other.node, other.number))
        });
        Ok(ended)
    }

    /// Forgets how a command ended.
    pub(super) fn forget_end(&self, node: &str, number: usize) -> io::Result<()> {
        remove_file(&self.ends().join(format!("{node}.{number}")))
    }

    fn ends(&self) -> PathBuf {
        self.directory.join("ends")
    }

    /// Puts a file below a node's own `/etc`, or takes it away where there is no text.
    pub(super) fn write_etc(
        &self,
        namespace: &str,
        path: &str,
        text: Option<&str>,
    ) -> io::Result<()> {
        let file = self.etc(namespace).join(path);
        let Some(text) = text else { return remove_file(&file) };
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
    pub(super) fn show(&self, namespace: &str, vrf: Option<&str>) -> io::Result<()> {
        let named = Path::new("/etc/netns").join(namespace);
        let own = self.etc(namespace);
        show_etc(&named)?;
        show_etc(&own)?;
        let is_own = |path: &str| [&named, &own].iter().any(|etc| etc.join(path).exists());
        let hosts = self.hosts(namespace, vrf);
        if hosts.exists() && !is_own("hosts") {
            bind(&hosts, Path::new("/etc/hosts"))?;
        }
        let tables = self.names().join("tables").join(namespace);
        let known = TABLES.iter().map(Path::new).find(|tables| tables.exists());
        if let (Some(known), true) = (known, tables.exists() && !is_own("iproute2")) {
            bind(&tables, known)?;
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

fn remove_file(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn remove(directory: &Path) -> io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
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
    mount(Some(source), target, None::<&str>, flags, None::<&str>).map_err(|error| {
        if error != Errno::ENOTDIR {
            return error.into();
        }
        let target = target.display();
        let why = format!("{target} is a file on one side and a directory on the other");
        io::Error::new(io::ErrorKind::NotADirectory, why)
    })
}
