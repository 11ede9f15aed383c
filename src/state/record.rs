//! The record of one lab.

use super::{Lock, RECORD, at, directory};
use crate::compile::{Lab, Node};
use crate::document::{DeviceName, LabName, NodeName};
use crate::kernel::{checksum, mount_namespace};
use nix::unistd::geteuid;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// What records are written in: the number of their own schema, and the version of the program, as
/// what was built is kept just as that version has it in memory.
pub const SCHEMA: &str = concat!("4+", env!("CARGO_PKG_VERSION"));

/// What a lab has in the kernel, by which it is told from others and taken down. Records of all
/// versions say it in the same words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Footprint {
    /// The lab's name.
    pub lab: LabName,
    /// The mount namespace in which its namespaces have their names.
    #[serde(default)]
    pub mount_namespace: Option<u64>,
    /// What its namespaces bear as the alias of their `lo`.
    pub mark: String,
    /// The names of its namespaces, those not made yet too.
    pub namespaces: Vec<String>,
}

/// What is known of a lab that stands or was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// What it is written in, [`SCHEMA`].
    schema: String,
    /// What it has in the kernel.
    #[serde(flatten)]
    pub footprint: Footprint,
    /// How far its making got.
    pub phase: Phase,
    /// Its nodes.
    pub nodes: Vec<NodeOutline>,
    /// The user who brought it up.
    pub user: Option<u32>,
    /// The path it was made from, absolute; nothing for standard input.
    pub path: Option<PathBuf>,
    /// The commands that the file starts.
    pub commands: Commands,
    /// Whether it was verified when it came up.
    pub verify: Verify,
    /// What was changed since it came up, by interface.
    pub changes: Vec<Change>,
    /// Where what was built is kept.
    pub(super) built: Option<Kept>,
}

/// Where what a lab was built from is kept, and by what it is known to be the one that the record is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// The number of its file: another takes its place only once the record names it.
    pub(super) number: u32,
    /// The CRC-32 of what is in the file.
    pub(super) checksum: u32,
}

impl Kept {
    /// The name of its file in the lab's directory.
    pub(super) fn file(&self) -> String {
        format!("built-{}", self.number)
    }
}

/// What verbs that look into one node have to know of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeOutline {
    /// Its name.
    pub name: NodeName,
    /// The name of its namespace.
    pub namespace: String,
    /// The names of its VRFs.
    pub vrfs: Vec<DeviceName>,
    /// The commands that are started in it.
    pub commands: Vec<String>,
}

impl NodeOutline {
    fn of(node: &Node) -> Self {
        Self {
            name: node.name.clone(),
            namespace: node.namespace.clone(),
            vrfs: node.vrfs.iter().map(|vrf| vrf.name.clone()).collect(),
            commands: node.run.iter().map(|command| command.line.value.clone()).collect(),
        }
    }
}

/// The commands that a lab's file starts in its nodes, as root.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commands {
    /// How many there are.
    pub number: usize,
    /// Whether the lab was built without starting any.
    pub left_out: bool,
}

/// Whether what was made is read back from the kernel and compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verify {
    /// It is, before the first command of the file's own may change something.
    Before,
    /// It is not.
    Never,
}

impl fmt::Display for Commands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let commands = match self.number {
            1 => "1 command".to_owned(),
            number => format!("{number} commands"),
        };
        match self.left_out {
            false => write!(f, "runs {commands} as root in its nodes"),
            true => write!(f, "was built without running its {commands}"),
        }
    }
}

/// What was changed at an interface since the lab came up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Its node.
    pub node: String,
    /// Its name.
    pub interface: String,
    /// Whether it is up or down, where not as the file says.
    pub link: Option<LinkChange>,
    /// What follows `netem`, in place of what the file says.
    pub netem: Option<String>,
    /// What follows `tbf`, in place of what the file says.
    pub tbf: Option<String>,
}

/// How a link was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkChange {
    /// Its end was brought up, of which the file says that it is down.
    Up,
    /// Its end was brought down.
    Down,
    /// Its end was brought down, and routes go round it.
    DownAndRerouted,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Change { node, interface, link, netem, tbf } = self;
        let link = link.map(|link| match link {
            LinkChange::Up => "was brought up".to_owned(),
            LinkChange::Down => "was brought down".to_owned(),
            LinkChange::DownAndRerouted => "was brought down, routes lead round it".to_owned(),
        });
        let netem = netem.as_ref().map(|words| format!("has netem {words}"));
        let tbf = tbf.as_ref().map(|words| format!("has tbf {words}"));
        let said: Vec<String> = [link, netem, tbf].into_iter().flatten().collect();
        write!(f, "since it came up, {interface} of {node} {}", said.join(", "))
    }
}

impl Change {
    /// Whether everything is as the file says.
    pub fn is_nothing(&self) -> bool {
        self.link.is_none() && self.netem.is_none() && self.tbf.is_none()
    }
}

impl Record {
    /// The changes at an interface, none where there are none yet.
    pub fn change(&mut self, node: &str, interface: &str) -> &mut Change {
        let known = self.changes.iter().position(|it| it.node == node && it.interface == interface);
        let place = known.unwrap_or_else(|| {
            self.changes.push(Change {
                node: node.to_owned(),
                interface: interface.to_owned(),
                link: None,
                netem: None,
                tbf: None,
            });
            self.changes.len() - 1
        });
        &mut self.changes[place]
    }
}

/// How far the making of a lab got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Begun, and not finished or not rolled back yet.
    Begun,
    /// All of its plan was carried out.
    Up,
    /// Being taken away, and not gone yet.
    Going,
}

/// Why there is no record to work with.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Another version of the program wrote it: the lab can be taken down, and nothing else.
    #[error(
        "{lab}: its record {} is that of another version of vrflab ({}, not {SCHEMA}), which can still \
         work on the lab; this one can only remove it: `vrflab down {lab}`",
        .path.display(), .schema, lab = .footprint.lab
    )]
    Version {
        /// What it is written in.
        schema: String,
        /// What the lab has in the kernel.
        footprint: Box<Footprint>,
        /// The record.
        path: PathBuf,
    },
    /// It is damaged, or no record of this lab.
    #[error(
        "{lab}: its record {} cannot be read: {cause}; another version of vrflab may have written it, \
         and `vrflab down --force {lab}` takes away what bears the lab's mark", .path.display()
    )]
    Damaged {
        /// The lab.
        lab: LabName,
        /// The record.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        cause: io::Error,
    },
    /// The file system does not give it.
    #[error("{lab}: its record {} cannot be read: {cause}", .path.display())]
    Io {
        /// The lab.
        lab: LabName,
        /// The record.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
}

impl From<RecordError> for io::Error {
    fn from(error: RecordError) -> Self {
        let kind = match &error {
            RecordError::Version { .. } | RecordError::Damaged { .. } => io::ErrorKind::InvalidData,
            RecordError::Io { cause, .. } => cause.kind(),
        };
        io::Error::new(kind, error)
    }
}

impl Record {
    /// The record of a lab that is led from what it is the record of to another one of its name.
    pub fn edited(&self, lab: &Lab, path: Option<PathBuf>, commands: Commands) -> Self {
        let nodes = lab.nodes.iter().map(NodeOutline::of).collect();
        Self { nodes, path, commands, ..self.clone() }
    }

    /// The record of a lab that nothing is there of yet.
    ///
    /// # Errors
    /// No mark can be made, or the mount namespace cannot be told.
    pub fn begun(
        lab: &Lab,
        path: Option<PathBuf>,
        commands: Commands,
        verify: Verify,
    ) -> io::Result<Self> {
        Ok(Self {
            schema: SCHEMA.to_owned(),
            footprint: Footprint {
                lab: lab.name.clone(),
                mount_namespace: Some(mount_namespace()?),
                mark: Self::new_mark(&lab.name)?,
                namespaces: lab.nodes.iter().map(|node| node.namespace.clone()).collect(),
            },
            phase: Phase::Begun,
            nodes: lab.nodes.iter().map(NodeOutline::of).collect(),
            user: Some(invoking_user()),
            path,
            commands,
            verify,
            changes: Vec::new(),
            built: None,
        })
    }

    /// The record of the same lab, which is to be built anew: nothing of it is there, and nothing is
    /// changed.
    ///
    /// # Errors
    /// As [`Record::begun`].
    pub fn anew(&self) -> io::Result<Self> {
        let lab = self.lab();
        let footprint = Footprint {
            mark: Self::new_mark(lab)?,
            mount_namespace: Some(mount_namespace()?),
            ..self.footprint.clone()
        };
        let user = Some(invoking_user());
        let (phase, changes) = (Phase::Begun, Vec::new());
        Ok(Self { footprint, phase, user, changes, ..self.clone() })
    }

    /// The lab's name.
    pub fn lab(&self) -> &LabName {
        &self.footprint.lab
    }

    /// The node of a name.
    pub fn node(&self, name: &str) -> Option<&NodeOutline> {
        self.nodes.iter().find(|node| node.name.as_str() == name)
    }

    /// A mark that no other lab has, of this one or of any earlier time.
    fn new_mark(lab: &LabName) -> io::Result<String> {
        let mut random = [0; 8];
        fs::File::open("/dev/urandom")?.read_exact(&mut random)?;
        Ok(format!("vrflab {lab} {:016x}", u64::from_ne_bytes(random)))
    }

    /// Whether this is the mark of any lab of the name.
    pub fn is_mark_of(mark: &str, lab: &LabName) -> bool {
        let random = mark
            .strip_prefix("vrflab ")
            .and_then(|rest| rest.strip_prefix(lab.as_str())?.strip_prefix(' '));
        random.is_some_and(|it| it.len() == 16 && it.bytes().all(|byte| byte.is_ascii_hexdigit()))
    }

    /// The record of a lab, if there is one.
    ///
    /// # Errors
    /// It cannot be read, or another version wrote it.
    pub fn load(lab: &LabName) -> Result<Option<Self>, RecordError> {
        let path = directory(lab).join(RECORD);
        let bytes = match read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(RecordError::Io { lab: lab.clone(), path, cause }),
        };
        Self::read(&bytes, lab, path).map(Some)
    }

    fn read(bytes: &[u8], lab: &LabName, path: PathBuf) -> Result<Self, RecordError> {
        let damaged =
            |cause| Err(RecordError::Damaged { lab: lab.clone(), path: path.clone(), cause });
        let integrity = Integrity::of(bytes);
        if integrity == Integrity::Damaged {
            return damaged(io::Error::other("its checksum is wrong"));
        }
        match serde_json::from_slice::<Envelope>(bytes) {
            Ok(Envelope { footprint, .. }) if footprint.lab != *lab => {
                damaged(io::Error::other(format!("it is that of {}", footprint.lab)))
            }
            Ok(Envelope { schema, footprint }) if schema != SCHEMA => {
                Err(RecordError::Version { schema, footprint: Box::new(footprint), path })
            }
            Ok(_) if integrity == Integrity::Unknown => {
                damaged(io::Error::other("it has no checksum"))
            }
            Ok(_) => serde_json::from_slice(bytes).or_else(|error| damaged(error.into())),
            Err(error) => damaged(error.into()),
        }
    }

    /// Writes the record whole: a reader sees the one before or this one.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn store(&self, lock: &Lock) -> io::Result<()> {
        debug_assert_eq!(lock.lab(), self.lab());
        replace(self.lab(), RECORD, &sealed(&serde_json::to_vec(self)?))
    }
}

/// The user who runs this program, who may have become root by `sudo` for it.
pub fn invoking_user() -> u32 {
    let user = geteuid();
    let before = std::env::var("SUDO_UID").ok().and_then(|it| it.parse().ok());
    before.filter(|_| user.is_root()).unwrap_or(user.as_raw())
}

/// A JSON object with the checksum of all that follows as its first member.
fn sealed(json: &[u8]) -> Vec<u8> {
    let rest = json.strip_prefix(b"{").expect("a record is an object");
    [seal(rest).as_bytes(), rest].concat()
}

fn seal(rest: &[u8]) -> String {
    format!("{{\"checksum\":\"{:08x}\",", checksum(rest))
}

/// Whether a record is as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Integrity {
    Whole,
    Damaged,
    /// It has no checksum, as those of early versions.
    Unknown,
}

impl Integrity {
    fn of(record: &[u8]) -> Self {
        match record.split_at_checked(seal(b"").len()) {
            Some((written, rest)) if written == seal(rest).as_bytes() => Integrity::Whole,
            _ if record.starts_with(b"{\"checksum\":") => Integrity::Damaged,
            _ => Integrity::Unknown,
        }
    }
}

/// What records of all versions have.
#[derive(Deserialize)]
struct Envelope {
    #[serde(default = "first")]
    schema: String,
    #[serde(flatten)]
    footprint: Footprint,
}

/// What records that name no schema are written in.
fn first() -> String {
    "0".to_owned()
}

/// Writes a file in a lab's directory whole.
pub(super) fn replace(lab: &LabName, name: &str, bytes: &[u8]) -> io::Result<()> {
    let directory = directory(lab);
    let draft = directory.join(format!(".{name}"));
    fs::write(&draft, bytes)
        .and_then(|()| fs::rename(&draft, directory.join(name)))
        .map_err(at(&draft))
}

/// The bytes of a file. What stands in its place and is none, such as a pipe, is not waited for.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut file =
        fs::OpenOptions::new().read(true).custom_flags(nix::libc::O_NONBLOCK).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is not a file"));
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_which_any_bit_is_flipped_is_damaged() {
        let lab = LabName::new("two").unwrap();
        let json = serde_json::json!({
            "schema": SCHEMA, "lab": "two", "mount_namespace": 4026531832_u64,
            "mark": "vrflab two 63d66fdbaad49ada", "namespaces": ["two-a", "two-b"], "phase": "up",
            "nodes": [{"name": "a", "namespace": "two-a", "vrfs": [], "commands": ["sleep 1"]}],
            "user": 0, "path": "/two.dot", "commands": {"number": 1, "left_out": false},
            "verify": "before", "changes": [], "built": {"number": 0, "checksum": 3477476811_u64},
        });
        let json = serde_json::to_vec(&json).unwrap();
        let path = PathBuf::from(RECORD);
        let bytes = sealed(&json);
        Record::read(&bytes, &lab, path.clone()).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let read = Record::read(&flipped, &lab, path.clone());
            assert!(matches!(read, Err(RecordError::Damaged { .. })), "bit {bit}: {read:?}");
        }
        let without = Record::read(&json, &lab, path);
        assert!(matches!(without, Err(RecordError::Damaged { .. })), "{without:?}");
    }
}
