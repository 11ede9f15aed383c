//! Waiting for bridges that run the spanning tree protocol.

use super::{ApplyError, Kernel, Observer};
use crate::kernel::Reason;
use crate::plan::{Resource, Step};
use std::time::{Duration, Instant};

/// How long one bridge is looked at, between two looks at whether the user wants to end it.
const MOMENT: Duration = Duration::from_millis(200);
/// With the timers that bridges are made with, a port forwards after 4 s, and 10 s if something that
/// was heard has to be forgotten first. This is more than either, for machines that are busy.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Waits until every port of each such bridge forwards or blocks.
///
/// # Errors
/// Some do neither for too long, a namespace cannot be read, or the observer has enough.
pub(super) fn wait(
    steps: &[&Step],
    kernel: &mut impl Kernel,
    observer: &mut impl Observer,
) -> Result<(), ApplyError> {
    let bridges: Vec<&Step> = steps.iter().copied().filter(|step| runs_stp(step)).collect();
    let end = Instant::now() + TIMEOUT;
    // One that is ready can be so no longer when the next one is: what counts is a turn without a wait.
    let mut ready = 0;
    for step in bridges.iter().cycle() {
        if ready == bridges.len() {
            break;
        }
        if observer.waiting().is_break() {
            return Err(ApplyError::Interrupted);
        }
        let stopped = |refusal| ApplyError::Refused {
            done: steps.len(),
            step: Box::new((*step).clone()),
            reason: refusal,
        };
        match kernel.wait_for_ports(step.action.namespace(), Duration::ZERO) {
            Ok(None) => {
                ready += 1;
                continue;
            }
            Ok(Some(port)) if Instant::now() > end => {
                return Err(stopped(Reason::SpanningTree(port)));
            }
            Ok(Some(_)) => ready = 0,
            Err(refused) => return Err(stopped(refused.refusal)),
        }
        kernel
            .wait_for_ports(step.action.namespace(), MOMENT)
            .map_err(|refused| stopped(refused.refusal))?;
    }
    Ok(())
}

fn runs_stp(step: &Step) -> bool {
    let device = step.action.made();
    matches!(device, Some(Resource::Device { device, .. })
        if device.kind.as_bridge().is_some_and(|bridge| bridge.stp))
}
