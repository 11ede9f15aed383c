//! Reading a lab that stands back from its kernel.

use crate::compile::Lab;
use crate::kernel::{Home, foreign_rulesets, lacking_routes, observe_all, on_worker};
use crate::plan::{PlanError, lower};
use crate::state;
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
    let home = Home::of(state::directory(&lab.name));
    let (observed, lacking) = on_worker(|worker| {
        let mut observed = observe_all(&[&plan, &beside], worker)?;
        observed.resources.extend(foreign_rulesets(&plan, &home, worker)?);
        let lacking = lacking_routes(&plan, &observed, worker)?;
        Ok::<_, io::Error>((observed, lacking))
    })?;
    let lacking = lacking.into_iter().map(|it| it.route);
    Ok(Standing::new(lab, plan, &beside, observed, lacking.collect()))
}
