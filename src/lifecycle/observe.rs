//! Reading a lab that stands back from its kernel.

use super::check::changes;
use super::error::{OpenError, own, standing};
use super::observer::Observer;
use super::running::RunningLab;
use crate::check;
use crate::compile::Lab;
use crate::diagnostic::Source;
use crate::verify::Standing;

/// A lab that stands, as its kernel holds it.
#[derive(Debug)]
pub struct Observed {
    /// The lab, with what was changed since it came up.
    pub lab: Lab,
    /// The file that it was built from.
    pub file: Source,
    /// What its kernel holds, beside what was built.
    pub standing: Standing,
}

/// Why a lab was not read back.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// It cannot be worked on.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] check::ObserveError),
}

impl RunningLab {
    /// Reads what the lab's kernel holds of it.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn observe(&self, observer: &mut impl Observer) -> Result<Observed, ObserveError> {
        let name = self.name();
        let _held = self.hold(observer)?;
        let record = standing(name)?;
        let built = record.built().map_err(OpenError::Built)?;
        own(&record.footprint, &record.footprint.namespaces)?;
        observer.locked();
        let file = built.source.clone();
        let lab = built.clone().standing(&record.changes);
        let changes = changes(&built, &record.changes, name.as_str());
        let standing = check::observe(&lab)?.with_changes(changes);
        Ok(Observed { lab, file, standing })
    }
}
