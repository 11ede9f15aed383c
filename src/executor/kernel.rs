//! What the executor asks of a kernel, so that a test can stand between the two.

use crate::kernel::{Machine, Refused};
use crate::plan::Op;

/// Who carries out steps.
pub trait Kernel {
    /// Makes a namespace with a mark.
    ///
    /// # Errors
    /// What the kernel refused.
    fn namespace(&mut self, name: &str, mark: &str) -> Result<(), Refused>;

    /// Carries out a step that goes alone.
    ///
    /// # Errors
    /// What the kernel refused.
    fn alone(&mut self, op: &Op) -> Result<(), Refused>;

    /// Carries out steps that go out in one call.
    ///
    /// # Errors
    /// The first step that the kernel refused.
    fn send(&mut self, ops: &[&Op]) -> Result<(), Refused>;
}

impl Kernel for Machine<'_> {
    fn namespace(&mut self, name: &str, mark: &str) -> Result<(), Refused> {
        Machine::namespace(self, name, mark)
    }

    fn alone(&mut self, op: &Op) -> Result<(), Refused> {
        Machine::alone(self, op)
    }

    fn send(&mut self, ops: &[&Op]) -> Result<(), Refused> {
        Machine::send(self, ops)
    }
}
