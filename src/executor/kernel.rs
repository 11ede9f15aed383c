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

    /// Writes a setting.
    ///
    /// # Errors
    /// What the kernel refused.
    fn sysctl(&mut self, namespace: &str, key: &str, value: &str) -> Result<(), Refused>;

    /// Has a device compute checksums and cut segments itself.
    ///
    /// # Errors
    /// What the kernel refused.
    fn no_offload(&mut self, namespace: &str, device: &str) -> Result<(), Refused>;

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

    fn sysctl(&mut self, namespace: &str, key: &str, value: &str) -> Result<(), Refused> {
        Machine::sysctl(self, namespace, key, value)
    }

    fn no_offload(&mut self, namespace: &str, device: &str) -> Result<(), Refused> {
        Machine::no_offload(self, namespace, device)
    }

    fn send(&mut self, ops: &[&Op]) -> Result<(), Refused> {
        Machine::send(self, ops)
    }
}
