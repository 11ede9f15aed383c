//! Waiting for bridges that run the spanning tree protocol.

use super::{ApplyError, Kernel, Observer};
use crate::kernel::Reason;
use crate::link::StpTimers;
use crate::plan::{Resource, Step};
use std::time::{Duration, Instant};

/// How long one bridge is looked at, between two looks at whether the user wants to end it.
const MOMENT: Duration = Duration::from_millis(200);
/// How much longer than its timers say a bridge may take, for machines that are busy.
const GRACE: Duration = Duration::from_secs(20);

/// Waits until every port of each such bridge forwards or blocks.
///
/// # Errors
/// Some do neither for too long, a namespace cannot be read, or the observer has enough.
pub(super) fn wait(
    steps: &[&Step],
    kernel: &mut impl Kernel,
    observer: &mut impl Observer,
) -> Result<(), ApplyError> {
    let bridges = steps.iter().filter_map(|step| Some((*step, stp_timers(step)?)));
    let (bridges, timers): (Vec<&Step>, Vec<StpTimers>) = bridges.unzip();
    // A port listens and learns before it forwards, and what was heard may have to be forgotten first.
    let slowest = timers.iter().map(|it| it.max_age + 2 * it.forward_delay).max().unwrap_or(0);
    let end = Instant::now() + Duration::from_millis(10 * u64::from(slowest)) + GRACE;
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

/// The timers of a bridge that runs the protocol.
fn stp_timers(step: &Step) -> Option<StpTimers> {
    let Some(Resource::Device { device, .. }) = step.action.made() else { return None };
    device.kind.as_bridge().filter(|bridge| bridge.stp).map(|bridge| bridge.timers)
}
