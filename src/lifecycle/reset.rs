//! Bringing a lab back to what its file said.

use super::error::{OpenError, own};
use super::observer::{Observer, Steps};
use super::open_files::{self, OpenFilesError};
use super::running::RunningLab;
use super::up::{UpError, outside_of_nodes};
use crate::compile::names;
use crate::diagnostic::Source;
use crate::document::LabName;
use crate::executor::{self, BuildError};
use crate::kernel::Home;
use crate::plan::{PlanError, lower};
use crate::state::{self, Record, Verify};

/// How a lab is brought back.
#[derive(Debug, Clone, Copy, Default)]
pub struct ResetOptions {
    /// Whether what was made is read back from the kernel and compared; as when the lab came up, where
    /// nothing is said.
    pub verify: Option<Verify>,
}

/// Why a lab was not brought back.
#[derive(Debug, thiserror::Error)]
pub enum ResetError {
    /// It cannot be worked on.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The caller is in a node of a lab, where nobody else would see the lab's namespaces.
    #[error(transparent)]
    Outside(Box<UpError>),
    /// Too few files may be open.
    #[error(transparent)]
    OpenFiles(#[from] OpenFilesError),
    /// The lab is no plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The build was refused or ended; the lab's record stays.
    #[error("{error}")]
    Build {
        /// Why.
        #[source]
        error: BuildError,
        /// The file.
        file: Box<Source>,
    },
}

impl RunningLab {
    /// Takes the lab away and builds it again, as its file had it when it came up. Refused or ended, it
    /// keeps its record, and can be reset again.
    ///
    /// # Errors
    /// Why it is not up.
    pub fn reset(
        &mut self,
        options: &ResetOptions,
        observer: &mut impl Observer,
    ) -> Result<(), ResetError> {
        let name = self.name().clone();
        let held = self.lock.take().is_some();
        let running = Self::reset_by_name(&name, options, observer)?;
        self.replace(running);
        self.lock = self.lock.take().filter(|_| held);
        Ok(())
    }

    /// [`RunningLab::reset`] of the lab of a name, be it whole or not.
    ///
    /// # Errors
    /// As [`RunningLab::reset`].
    pub fn reset_by_name(
        name: &LabName,
        options: &ResetOptions,
        observer: &mut impl Observer,
    ) -> Result<Self, ResetError> {
        outside_of_nodes().map_err(|error| ResetError::Outside(Box::new(error)))?;
        let lock = Self::lock(name, observer)?;
        let record = Record::load(name).map_err(OpenError::from)?;
        let record = record.ok_or_else(|| OpenError::Down(name.clone()))?;
        let mut built = record.built().map_err(OpenError::Built)?;
        // What could not be built again is not taken away.
        open_files::suffice(&built.lab, true, false)?;
        own(&record.footprint, &record.footprint.namespaces)?;
        let plan = lower(&built.lab)?;
        let home = Home::of(state::directory(name));
        home.write_names(&names(&built.lab)).map_err(OpenError::from)?;
        let mut record = record.anew().map_err(OpenError::from)?;
        record.verify = options.verify.unwrap_or(record.verify);
        if built.rerouted.take().is_some() {
            record.keep(&built, &lock).map_err(OpenError::from)?;
        }
        observer.building(&built.lab);
        let mut steps = Steps { observer, of: plan.steps().len() };
        match executor::rebuild(&plan, record.clone(), lock, &mut steps) {
            Ok(lock) => Ok(Self::made(record, Some(lock), built)),
            Err(error) => Err(ResetError::Build { error, file: Box::new(built.source) }),
        }
    }
}
