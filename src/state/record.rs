//! The record of one lab.

use super::{Lock, at, directory};
use crate::document::LabName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The name of the record in the lab's directory.
const FILE: &str = "lab.json";

/// What is known of a lab that stands or was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its name.
    #[serde(with = "lab_name")]
    pub lab: LabName,
    /// How far its making got.
    pub phase: Phase,
    /// The mount namespace in which its namespaces have their names.
    #[serde(default)]
    pub mount_namespace: Option<u64>,
    /// What its namespaces bear as the alias of their `lo`.
    pub mark: String,
    /// The names of its namespaces, those not made yet too.
    pub namespaces: Vec<String>,
    /// The names of its nodes.
    #[serde(default)]
    pub nodes: Vec<String>,
    /// The user who brought it up.
    #[serde(default)]
    pub user: Option<u32>,
    /// The path it was made from, absolute; nothing for standard input.
    pub path: Option<PathBuf>,
    /// The name of the file as the user gave it.
    pub source: String,
    /// The file's text.
    pub text: String,
    /// Whether the text is DOT, and not YAML.
    pub dot: bool,
    /// The texts of the files that it names.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// The commands that the file starts.
    #[serde(default)]
    pub commands: Commands,
    /// What was changed since it came up, by interface.
    #[serde(default)]
    pub changes: Vec<Change>,
}

/// The commands that a lab's file starts in its nodes, as root.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commands {
    /// How many there are.
    pub number: usize,
    /// Whether the lab was built without starting any.
    pub left_out: bool,
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

impl Record {
    /// A mark that no other lab has, of this one or of any earlier time.
    ///
    /// # Errors
    /// `/dev/urandom` cannot be read.
    pub fn new_mark(lab: &LabName) -> io::Result<String> {
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
    pub fn load(lab: &LabName) -> io::Result<Option<Self>> {
        match read(&directory(lab).join(FILE)) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| {
                let what = format!(
                    "{lab}: its record {} cannot be read: {error}; another version of vrflab may \
                     have written it, and `vrflab down --force {lab}` takes away what bears the \
                     lab's mark",
                    directory(lab).join(FILE).display()
                );
                io::Error::new(io::ErrorKind::InvalidData, what)
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => {
                let what = format!(
                    "{lab}: its record {} cannot be read: {error}",
                    directory(lab).join(FILE).display()
                );
                Err(io::Error::new(error.kind(), what))
            }
        }
    }

    /// Writes the record whole: a reader sees the one before or this one.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn store(&self, lock: &Lock) -> io::Result<()> {
        debug_assert_eq!(lock.lab(), &self.lab);
        let directory = directory(&self.lab);
        let draft = directory.join(".lab.json");
        fs::write(&draft, serde_json::to_vec(self)?)
            .and_then(|()| fs::rename(&draft, directory.join(FILE)))
            .map_err(at(&draft))
    }
}

/// The bytes of a file. What stands in its place and is none, such as a pipe, is not waited for.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut file =
        fs::OpenOptions::new().read(true).custom_flags(nix::libc::O_NONBLOCK).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is not a file"));
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

mod lab_name {
    use super::LabName;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(name: &LabName, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(name.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<LabName, D::Error> {
        let name = String::deserialize(from)?;
        LabName::new(name).ok_or_else(|| D::Error::custom("not a lab's name"))
    }
}
