//! Changing a lab that stands.

use crate::kernel::{Home, Machine, Reason, Refused, Worker, observe, on_worker};
use crate::plan::{Edit, Plan, Way, edits};
use crate::state::{self, Lock};
use std::collections::BTreeSet;
use std::io;

/// Why a lab was not changed, or not whole.
#[derive(Debug)]
pub enum Unchanged {
    /// The kernel refused a change; those before it were made.
    Refused {
        /// The change.
        edit: Box<Edit>,
        /// What was said.
        reason: Reason,
    },
    /// The lab cannot be looked at.
    Io(io::Error),
}

impl From<io::Error> for Unchanged {
    fn from(error: io::Error) -> Self {
        Unchanged::Io(error)
    }
}

/// Leads a standing lab from what `before` made to what `after` says. In the namespaces of `healed`,
/// what the kernel has lost of it comes back too. Returns how many routes came and went.
///
/// # Errors
/// The kernel refused something; what came before it was done.
pub fn change(
    lock: &Lock,
    before: &Plan,
    after: &Plan,
    healed: &BTreeSet<String>,
) -> Result<usize, Unchanged> {
    let home = Home::of(state::directory(lock.lab()));
    on_worker(|worker| {
        let observed = observe(after, worker)?;
        let first = edits(before, after, &observed, healed);
        carry_out(&first.devices, worker, &home)?;
        // What comes up gets from the kernel what it makes by itself, and may lose what it had.
        let observed = observe(after, worker)?;
        let then = edits(before, after, &observed, healed);
        carry_out(&then.routes, worker, &home)?;
        carry_out(&then.last, worker, &home)?;
        Ok(then.routes.iter().filter(|edit| !matches!(edit, Edit::Make(_))).count())
    })
}

fn carry_out(edits: &[Edit], worker: &mut Worker, home: &Home) -> Result<(), Unchanged> {
    let mut machine = Machine::new(worker, home.clone());
    let alone = |edit: &Edit| matches!(edit, Edit::Make(op) if op.way() == Way::Alone);
    let joins = |one: &Edit, other: &Edit| {
        one.namespace() == other.namespace() && !alone(one) && !alone(other)
    };
    for together in edits.chunk_by(joins) {
        let done = match &together[0] {
            Edit::Make(op) if op.way() == Way::Alone => {
                machine.join(op.namespace()).and_then(|()| machine.alone(op))
            }
            _ => machine.edit(together),
        };
        done.map_err(|Refused { index, refusal }| Unchanged::Refused {
            edit: Box::new(together[index].clone()),
            reason: refusal,
        })?;
    }
    Ok(())
}
