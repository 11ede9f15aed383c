//! What the executor asks of a kernel, so that a test can stand between the two.

use crate::kernel::{Machine, Refused};
use crate::plan::{Action, Plan, State};
use std::io;
use std::time::Duration;

/// Who carries out actions.
pub trait Kernel {
    /// Makes a namespace with a mark.
    ///
    /// # Errors
    /// What the kernel refused.
    fn namespace(&mut self, name: &str, mark: &str) -> Result<(), Refused>;

    /// Carries out an action that goes by itself.
    ///
    /// # Errors
    /// What the kernel refused.
    fn execute_single(&mut self, action: &Action) -> Result<(), Refused>;

    /// Carries out actions that go out in one call.
    ///
    /// # Errors
    /// The first action that the kernel refused; those behind it may have been carried out.
    fn send(&mut self, actions: &[&Action]) -> Result<(), Refused>;

    /// What it holds in the namespaces of a plan.
    ///
    /// # Errors
    /// A namespace cannot be read.
    fn observe(&mut self, plan: &Plan) -> io::Result<State>;

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

    fn execute_single(&mut self, action: &Action) -> Result<(), Refused> {
        Machine::execute_single(self, action)
    }

    fn send(&mut self, actions: &[&Action]) -> Result<(), Refused> {
        Machine::send(self, actions)
    }

    fn observe(&mut self, plan: &Plan) -> io::Result<State> {
        Machine::observe(self, plan)
    }

    fn wait_for_ports(
        &mut self,
        namespace: &str,
        moment: Duration,
    ) -> Result<Option<String>, Refused> {
        Machine::wait_for_ports(self, namespace, moment)
    }
}
