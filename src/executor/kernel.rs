//! What the executor asks of a kernel, so that a test can stand between the two.

use crate::kernel::{Machine, Refused};
use crate::plan::Op;
use std::time::Duration;

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

    /// Waits, no longer than `moment`, until every port of a namespace's bridges forwards or blocks.
    /// Returns one that does neither, and what it does.
    ///
    /// # Errors
    /// The namespace cannot be read.
    fn wait_for_ports(
        &mut self,
        namespace: &str,
        moment: Duration,
    ) -> Result<Option<String>, Refused>;
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

    fn wait_for_ports(
        &mut self,
        namespace: &str,
        moment: Duration,
    ) -> Result<Option<String>, Refused> {
        Machine::wait_for_ports(self, namespace, moment)
    }
}
