//! Making a lab stand.

use super::change::ChangeError;
use super::definition::{CompileError, CompiledLab};
use super::error::{DownError, OpenError, elsewhere};
use super::lacks::Lacks;
use super::observer::{Observer, Steps};
use super::open_files::{self, OpenFilesError};
use super::running::RunningLab;
use crate::compile::names;
use crate::document::LabName;
use crate::executor::{self, BuildError, Fault, TeardownError};
use crate::kernel::Home;
use crate::state::{self, Commands, Lock, Phase, Record, RecordError, Verify};
use std::io;
use std::path::PathBuf;

/// How a lab is built.
#[derive(Debug, Clone, Copy)]
pub struct UpOptions {
    /// Whether its checks are to be run after: they take open files, which are counted before anything
    /// is made.
    pub checks: bool,
    /// Whether what was made is read back from the kernel and compared; a reset does likewise.
    pub verify: Verify,
    /// Whether the lab stays locked until the [`RunningLab`] is dropped, so that nobody comes between the
    /// build and what follows.
    pub keep_lock: bool,
}

impl Default for UpOptions {
    fn default() -> Self {
        Self { checks: true, verify: Verify::Before, keep_lock: false }
    }
}

/// Why a lab was not built.
#[derive(Debug, thiserror::Error)]
pub enum UpError {
    /// The caller is in a node of a lab, where nobody else would see the lab's namespaces.
    #[error(
        "this is in the node `{node}` of a lab, where nobody else would see a lab's namespaces; make it \
         outside of the node"
    )]
    WithinNode {
        /// The node's namespace.
        node: String,
    },
    /// Too few files may be open.
    #[error(transparent)]
    OpenFiles(#[from] OpenFilesError),
    /// The kernel, or the user, lacks something.
    #[error(transparent)]
    Lacks(Lacks),
    /// The file says what this kernel, or nft, would refuse.
    #[error(transparent)]
    Wrong(CompileError),
    /// A lab of the name stands, made from another file.
    #[error(
        "{lab} is up already, made from another file ({}): `vrflab down {lab}` takes it away, and \
         `vrflab up --name NAME` makes one beside it", .path.display()
    )]
    Other {
        /// The lab.
        lab: LabName,
        /// The file of what stands.
        path: PathBuf,
    },
    /// The lab stands, and could not be led to what its file says now.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// The lab stands, with its commands or without them where it is to be the other way.
    #[error("{lab} is up already and {commands}; `vrflab down {lab}` takes it away")]
    OtherCommands {
        /// The lab.
        lab: LabName,
        /// Those of what stands.
        commands: Commands,
    },
    /// The lab stands, and some of its namespaces are not there or not its own.
    #[error("{lab}: is up, and not whole; `vrflab reset {lab}` builds it anew")]
    NotWhole {
        /// The lab.
        lab: LabName,
        /// What is wrong with which namespace.
        faults: Vec<(String, Fault)>,
    },
    /// What was left of it half-built could not be taken away.
    #[error(transparent)]
    InTheWay(DownError),
    /// A lab of the name cannot be worked on.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The build was refused or ended.
    #[error(transparent)]
    Build(BuildError),
    /// Nothing can be tried, or written, here.
    #[error(transparent)]
    Io(io::Error),
}

impl From<RecordError> for UpError {
    fn from(error: RecordError) -> Self {
        Self::Open(error.into())
    }
}

impl CompiledLab {
    /// Builds the lab; refused or interrupted, it takes back all it made. A lab of the name that stands is
    /// led to this one by the steps in which they differ, and what is the same is not touched.
    ///
    /// # Errors
    /// Why it was not built.
    pub fn up(
        &self,
        options: &UpOptions,
        observer: &mut impl Observer,
    ) -> Result<RunningLab, UpError> {
        let name = self.name();
        outside_of_nodes()?;
        open_files::suffice(self.lab(), true, options.checks)?;
        let is_there = matches!(Record::load(name), Ok(Some(_)) | Err(_));
        if let Some(lacks) = self.lacks().filter(|_| !is_there) {
            return Err(UpError::Lacks(lacks.clone()));
        }
        let diagnostics = executor::rehearse(&self.plan, self.file()).map_err(UpError::Io)?;
        if !diagnostics.is_empty() {
            return Err(UpError::Wrong(CompileError { file: self.file().clone(), diagnostics }));
        }
        observer.locking();
        let lock = Lock::take(name, || observer.waiting(name)).map_err(OpenError::from)?;
        observer.locked();
        let left = match Record::load(name)? {
            Some(record) if record.phase == Phase::Up => {
                self.has_the_same_commands(&record)?;
                self.is_whole(&record)?;
                let (mut running, lock) = self.lead(record, lock, observer)?;
                running.lock = Some(lock).filter(|_| options.keep_lock);
                return Ok(running);
            }
            Some(record) => Some(record.phase),
            None => state::is_noted(name).map_err(OpenError::from)?.then_some(Phase::Begun),
        };
        if let Some(phase) = left {
            observer.clearing(name, phase);
            let left = executor::clear(&lock).map_err(OpenError::from)?;
            if left.iter().any(TeardownError::is_failure) {
                return Err(UpError::InTheWay(DownError { left }));
            }
        }
        observer.building(self.lab());
        let record = match self.prepare(&lock, options.verify) {
            Ok(record) => record,
            Err(error) => {
                lock.forget().map_err(OpenError::from)?;
                return Err(OpenError::from(error).into());
            }
        };
        let mut steps = Steps { observer, of: self.plan.steps().len() };
        let lock = executor::build(&self.plan, record.clone(), lock, &mut steps)
            .map_err(UpError::Build)?;
        let lock = Some(lock).filter(|_| options.keep_lock);
        Ok(RunningLab::made(record, lock, self.built.clone()))
    }

    /// Writes what is there before the first namespace, and returns the record of what is to come.
    fn prepare(&self, lock: &Lock, verify: Verify) -> io::Result<Record> {
        let lab = self.lab();
        Home::of(state::directory(&lab.name)).write_names(&names(lab))?;
        let mut record = Record::begun(lab, self.path.clone(), self.commands, verify)?;
        record.keep(&self.built, lock)?;
        Ok(record)
    }

    /// Sees that what stands under the name runs its commands, or does not, as this one is to.
    pub(super) fn has_the_same_commands(&self, record: &Record) -> Result<(), UpError> {
        let (ours, theirs) = (self.commands, record.commands);
        if ours.left_out == theirs.left_out || ours.number == 0 || theirs.number == 0 {
            return Ok(());
        }
        Err(UpError::OtherCommands { lab: record.lab().clone(), commands: theirs })
    }

    fn is_whole(&self, record: &Record) -> Result<(), UpError> {
        let (lab, footprint) = (record.lab(), &record.footprint);
        if let Some(process) = executor::elsewhere(footprint).map_err(OpenError::from)? {
            return Err(elsewhere(lab, process).into());
        }
        let faults = executor::faults(footprint, &footprint.namespaces).map_err(UpError::Io)?;
        let faults: Vec<(String, Fault)> =
            faults.into_iter().map(|(namespace, fault)| (namespace.to_owned(), fault)).collect();
        match faults.is_empty() {
            true => Ok(()),
            false => Err(UpError::NotWhole { lab: lab.clone(), faults }),
        }
    }
}

/// Refuses to make a lab from within a node of one.
pub(super) fn outside_of_nodes() -> Result<(), UpError> {
    match executor::within().map_err(OpenError::from)? {
        None => Ok(()),
        Some(node) => Err(UpError::WithinNode { node }),
    }
}
