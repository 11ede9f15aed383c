//! Applying an edited file to the lab that stands.

use super::change::{ChangeError, rerouted};
use super::definition::{CompileError, CompiledLab, leave_out_commands};
use super::error::{OpenError, own, settled};
use super::observer::Observer;
use super::running::RunningLab;
use super::up::UpError;
use crate::compile::{self, Allocations, Check, Lab, compile_source, names};
use crate::document::{Files, Limits};
use crate::executor::{self, BuildError};
use crate::kernel::{Home, Namespace};
use crate::plan::{Plan, Step, lower};
use crate::state::{self, Built, Change, Lock, Phase, Record};
use std::collections::BTreeSet;
use std::io;

/// What was changed by hand stays, but for what the file has another way now.
static NOTHING: BTreeSet<String> = BTreeSet::new();

/// What leads from the lab that stands to that of its edited file.
pub(super) struct Edit {
    /// What stands was made from it.
    standing: Built,
    built: Built,
    /// What was changed since it came up, and still can be.
    changes: Vec<Change>,
    before: Plan,
    after: Plan,
    /// The namespaces of both.
    namespaces: Vec<String>,
}

impl CompiledLab {
    /// The steps by which [`CompiledLab::up`] would begin: all that build the lab, or those in which what
    /// stands differs from it. Nothing is done.
    ///
    /// # Errors
    /// The lab cannot be looked at, or the file is none of a lab beside what stands.
    pub fn steps(&self, observer: &mut impl Observer) -> Result<Vec<Step>, UpError> {
        let record = match settled(self.name(), observer) {
            Ok(record) => record,
            Err(
                OpenError::Down(_)
                | OpenError::Unrecorded(_)
                | OpenError::HalfBuilt(_)
                | OpenError::HalfTakenDown(_),
            ) => {
                return Ok(self.plan.steps().cloned().collect());
            }
            Err(error) => return Err(error.into()),
        };
        let standing = record.built().map_err(OpenError::Built)?;
        self.has_the_same_commands(&record)?;
        if self.is_of(&standing) {
            return Ok(Vec::new());
        }
        let edit = Edit::of(self, &record, standing)?;
        if edit.is_nothing() {
            return Ok(Vec::new());
        }
        self.may_edit(&record, &edit)?;
        own(&record.footprint, edit.before.namespaces())?;
        let steps = executor::edits(&edit.change(&record));
        steps.map_err(|error| edit.refused(error, None))
    }

    /// Leads what stands to this lab; whatever stops it has what was done rolled back.
    pub(super) fn lead(
        &self,
        record: Record,
        lock: Lock,
        observer: &mut impl Observer,
    ) -> Result<(RunningLab, Lock), UpError> {
        let standing = record.built().map_err(OpenError::Built)?;
        if self.is_of(&standing) {
            return Ok((RunningLab::found(record, None), lock));
        }
        let edit = Edit::of(self, &record, standing)?;
        if edit.is_nothing() {
            return Ok((RunningLab::found(record, None), lock));
        }
        self.may_edit(&record, &edit)?;
        // What it had before the kernel has, but the edit may want more.
        if let Some(lacks) = self.lacks() {
            return Err(UpError::Lacks(lacks.clone()));
        }
        let io = |error: io::Error| UpError::from(OpenError::from(error));
        let home = Home::of(state::directory(self.name()));
        let commands = edit.built.lab.nodes.iter().map(|node| node.run.len()).sum();
        if commands > 0 {
            home.outputs().make(commands).map_err(io)?;
        }
        home.write_names(&names(&edit.built.lab)).map_err(io)?;
        let mut after = record.edited(&edit.built.lab, self.path.clone(), self.commands);
        (after.changes, after.footprint.namespaces) =
            (edit.changes.clone(), edit.namespaces.clone());
        let kept = after.keep(&edit.built, &lock);
        // Whoever is killed in between leaves a lab half-built, with all namespaces that it may have.
        after.phase = Phase::Begun;
        let stored = kept.and_then(|()| after.store(&lock));
        let edited = match stored {
            Ok(()) => executor::edit(&lock, &edit.change(&record), &|| observer.is_interrupted()),
            Err(error) => Err(error.into()),
        };
        let back = |error| {
            let unrecorded = record.store(&lock).err();
            let names = home.write_names(&names(&edit.standing.lab)).err();
            edit.refused(error, unrecorded.or(names))
        };
        let steps = edited.map_err(back)?;
        after.phase = Phase::Up;
        after.footprint.namespaces =
            edit.after.namespaces().into_iter().map(str::to_owned).collect();
        after.store(&lock).map_err(io)?;
        Ok((RunningLab::edited(after, edit.built, steps.len()), lock))
    }

    /// Sees that the lab is that of its file, and that the namespaces that come are nobody's.
    fn may_edit(&self, record: &Record, edit: &Edit) -> Result<(), UpError> {
        if let (Some(path), Some(own)) = (&record.path, &self.path)
            && path != own
        {
            return Err(UpError::Other { lab: self.name().clone(), path: path.clone() });
        }
        let known: BTreeSet<&String> = record.footprint.namespaces.iter().collect();
        let is_taken = |name: &&String| {
            !known.contains(name) && Namespace::path(name).symlink_metadata().is_ok()
        };
        match edit.namespaces.iter().find(is_taken).cloned() {
            None => Ok(()),
            Some(namespace) => Err(UpError::Build(BuildError::Taken { namespace })),
        }
    }

    /// Whether what stands was made from the same text.
    fn is_of(&self, standing: &Built) -> bool {
        standing.source.text == self.built.source.text && standing.lab.files() == self.lab().files()
    }

    /// What the lab is beside what stands: what was chosen for that stays.
    fn beside(&self, kept_allocations: Allocations) -> Result<Built, CompileError> {
        let Built { source, format, lab, rerouted: _ } = &self.built;
        let options = compile::Options {
            name: Some(lab.name.clone()),
            files: Some(Files::Kept(lab.files())),
            kept_allocations,
            // It was compiled already, under whatever limits.
            limits: Limits::none(),
            ..compile::Options::default()
        };
        let (lab, diagnostics) = compile_source(source, *format, &lab.name, &options);
        let file = source.clone();
        let Some(mut lab) = lab else { return Err(CompileError { file, diagnostics }) };
        if self.commands.left_out {
            leave_out_commands(&mut lab);
        }
        Ok(Built { source: file, format: *format, lab, rerouted: None })
    }
}

impl Edit {
    fn of(lab: &CompiledLab, record: &Record, standing: Built) -> Result<Self, UpError> {
        let mut built = lab.beside(standing.lab.allocations.clone()).map_err(UpError::Wrong)?;
        let is_there = |change: &&Change| {
            let node = change.node_in(&built.lab).map(|node| &built.lab[node]);
            node.is_some_and(|node| {
                let name = change.interface.as_str();
                node.interface(name).is_some() || node.vrf(name).is_some()
            })
        };
        let changes: Vec<Change> = record.changes.iter().filter(is_there).cloned().collect();
        built.rerouted = rerouted(&built, &changes)?;
        let before =
            lower(&standing.clone().standing(&record.changes)).map_err(ChangeError::from)?;
        let after = lower(&built.clone().standing(&changes)).map_err(ChangeError::from)?;
        let namespaces = record.footprint.namespaces.iter().map(String::as_str);
        let namespaces: BTreeSet<&str> = namespaces.chain(after.namespaces()).collect();
        let namespaces = namespaces.into_iter().map(str::to_owned).collect();
        Ok(Self { standing, built, changes, before, after, namespaces })
    }

    /// Whether both are the same lab, whatever the comments of its file.
    fn is_nothing(&self) -> bool {
        let checks = |lab: &Lab| lab.checks.iter().map(Check::to_string).collect::<Vec<_>>();
        let [before, after] =
            [&self.before, &self.after].map(|plan| plan.resources().collect::<BTreeSet<_>>());
        before == after && checks(&self.standing.lab) == checks(&self.built.lab)
    }

    fn refused(&self, error: executor::ChangeError, unrecorded: Option<io::Error>) -> UpError {
        ChangeError::Refused { error, file: self.built.source.clone(), unrecorded }.into()
    }

    fn change<'a>(&'a self, record: &'a Record) -> executor::Change<'a> {
        executor::Change {
            mark: &record.footprint.mark,
            namespaces: &self.namespaces,
            before: &self.before,
            after: &self.after,
            healed: &NOTHING,
        }
    }
}
