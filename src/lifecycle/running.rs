//! A lab that stands.

use super::error::{DownError, OpenError, recorded, settled};
use super::observer::Observer;
use crate::compile::Lab;
use crate::document::LabName;
use crate::executor::{self, TeardownError};
use crate::state::{Built, Change, Commands, Lock, NodeOutline, Record, RecordError, Shared};

/// A lab that stands. It stays when this is dropped.
#[derive(Debug)]
pub struct RunningLab {
    pub(super) record: Record,
    /// Held from [`up`](super::CompiledLab::up) on, where that was asked for.
    pub(super) lock: Option<Lock>,
    /// What it was built from, where that is at hand.
    pub(super) built: Option<Built>,
    is_new: bool,
    /// By how many steps it was changed.
    applied: Option<usize>,
    down_on_drop: bool,
}

impl RunningLab {
    /// The lab of a name; who builds it or takes it away in this moment is waited for.
    ///
    /// # Errors
    /// There is none, or it cannot be worked on.
    pub fn open(lab: &LabName, observer: &mut impl Observer) -> Result<Self, OpenError> {
        let record = settled(lab, observer)?;
        Ok(Self::found(record, None))
    }

    pub(super) fn found(record: Record, lock: Option<Lock>) -> Self {
        Self { record, lock, built: None, is_new: false, applied: None, down_on_drop: false }
    }

    pub(super) fn made(record: Record, lock: Option<Lock>, built: Built) -> Self {
        let built = Some(built);
        Self { record, lock, built, is_new: true, applied: None, down_on_drop: false }
    }

    pub(super) fn edited(record: Record, built: Built, steps: usize) -> Self {
        let (built, applied) = (Some(built), Some(steps));
        Self { record, lock: None, built, is_new: false, applied, down_on_drop: false }
    }

    /// Takes what is known of the same lab since it was built anew.
    pub(super) fn replace(&mut self, mut running: Self) {
        running.is_new = self.is_new;
        // What was known before is dropped, and the lab is not to go with it.
        let down_on_drop = std::mem::take(&mut self.down_on_drop);
        *self = running;
        self.down_on_drop = down_on_drop;
    }

    /// The same, which is taken down when it is dropped; what cannot be taken down stays.
    pub fn down_on_drop(mut self) -> Self {
        self.down_on_drop = true;
        self
    }

    /// Its name.
    pub fn name(&self) -> &LabName {
        self.record.lab()
    }

    /// Its nodes.
    pub fn nodes(&self) -> &[NodeOutline] {
        &self.record.nodes
    }

    /// The commands that its file starts.
    pub fn commands(&self) -> Commands {
        self.record.commands
    }

    /// What was changed since it came up.
    pub fn changes(&self) -> &[Change] {
        &self.record.changes
    }

    /// Whether it was built by the call that returned it, and did not stand before.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// By how many steps the call that returned it changed the lab that stood; nothing where it built the lab,
    /// or found it as its file has it.
    pub fn applied(&self) -> Option<usize> {
        self.applied
    }

    /// The lab as it stands, with what was changed.
    ///
    /// # Errors
    /// What it was built from cannot be read.
    pub fn lab(&self) -> Result<Lab, OpenError> {
        Ok(self.built()?.standing(&self.record.changes))
    }

    /// What it was built from.
    pub(super) fn built(&self) -> Result<Built, OpenError> {
        match &self.built {
            Some(built) => Ok(built.clone()),
            None => self.record.built().map_err(OpenError::Built),
        }
    }

    /// Sees to it that nobody changes the lab or takes it away while it is looked at.
    pub(super) fn hold(&self, observer: &mut impl Observer) -> Result<Option<Shared>, OpenError> {
        if self.lock.is_some() {
            return Ok(None);
        }
        let name = self.name();
        let held = Shared::take(name, || observer.waiting(name))?;
        held.map(Some).ok_or_else(|| OpenError::Down(name.clone()))
    }

    /// Takes the lock, where it is not held, and reads the record as it is then.
    pub(super) fn lock(lab: &LabName, observer: &mut impl Observer) -> Result<Lock, OpenError> {
        let lock = Lock::take(lab, || observer.waiting(lab))?;
        observer.locked();
        match recorded(lab) {
            Err(OpenError::Down(lab)) => {
                // Its directory was made just now.
                lock.forget()?;
                Err(OpenError::Down(lab))
            }
            Err(error @ OpenError::Unrecorded(_)) => Err(error),
            Ok(_) | Err(_) => Ok(lock),
        }
    }

    /// Takes it down.
    ///
    /// # Errors
    /// What is left of it.
    pub fn down(mut self, observer: &mut impl Observer) -> Result<(), DownError> {
        self.down_on_drop = false;
        match self.lock.take() {
            Some(lock) => take_down(lock, false),
            None => Self::down_by_name(self.name(), false, observer),
        }
    }

    /// Takes down the lab of a name, be it whole or not; by the marks of its namespaces, where its record
    /// cannot be read and that is asked for.
    ///
    /// # Errors
    /// As [`RunningLab::down`].
    pub fn down_by_name(
        lab: &LabName,
        by_marks: bool,
        observer: &mut impl Observer,
    ) -> Result<(), DownError> {
        let lock = Lock::take(lab, || observer.waiting(lab))
            .map_err(|error| DownError { left: vec![TeardownError::State { error }] })?;
        take_down(lock, by_marks)
    }
}

fn take_down(lock: Lock, by_marks: bool) -> Result<(), DownError> {
    let left = match Record::load(lock.lab()) {
        Err(RecordError::Damaged { .. } | RecordError::Io { .. }) if by_marks => {
            executor::down_by_marks(lock)
        }
        Ok(_) | Err(_) => executor::down(lock),
    };
    match left {
        Ok(left) if left.is_empty() => Ok(()),
        Ok(left) => Err(DownError { left }),
        Err(error) => Err(DownError { left: vec![TeardownError::State { error }] }),
    }
}

impl Drop for RunningLab {
    fn drop(&mut self) {
        if !self.down_on_drop {
            return;
        }
        let lock = self.lock.take().map_or_else(|| Lock::take(self.name(), || {}), Ok);
        // There is nobody to be told what is left.
        let _left = lock.map(|lock| take_down(lock, false));
    }
}
