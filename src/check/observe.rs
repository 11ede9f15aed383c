//! Reading a lab that stands back from its kernel.

use crate::compile::Lab;
use crate::kernel::{foreign_rulesets, observe_all, on_worker};
use crate::plan::{PlanError, lower};
use crate::verify::{Standing, beside};
use std::io;

/// Why a lab was not read back.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// A namespace of it cannot be read.
    #[error("the lab cannot be read back: {0}")]
    Io(#[from] io::Error),
    /// The lab is no plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
}

/// Reads what the kernel holds of a lab, and of what decides about packets beside it.
///
/// # Errors
/// It cannot be read.
pub fn observe(lab: &Lab) -> Result<Standing, ObserveError> {
    let plan = lower(lab)?;
    let beside = beside(&plan)?;
    let state = on_worker(|worker| {
        let mut state = observe_all(&[&plan, &beside], worker)?;
        state.resources.extend(foreign_rulesets(&plan, worker)?);
        Ok::<_, io::Error>(state)
    })?;
    Ok(Standing::new(lab, plan, &beside, state))
}
