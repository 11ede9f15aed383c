//! How many files may be open here, and how many are needed.

use super::exit::{Exit, cannot};
use crate::check;
use crate::compile::Lab;
use crate::kernel::FileLimit;

/// What is open beside a lab's namespaces and the sockets of its checks: streams, locks, the host's own
/// namespace, pipes to what is started.
const BESIDE: usize = 40;

/// Lets this process open as many files as it may.
pub(super) fn raise_limit() -> Result<(), Exit> {
    FileLimit::raise().map_err(|error| cannot(format!("the limit of open files: {error}")))?;
    may_open(BESIDE, "vrflab")
}

/// Says so where building a lab, or its checks, take more files than may be open.
pub(super) fn suffice(lab: &Lab, is_built: bool, is_checked: bool) -> Result<(), Exit> {
    let built = if is_built { lab.nodes.len() } else { 0 };
    let checked = if is_checked { check::files(lab, &lab.checks) } else { 0 };
    may_open(built.max(checked) + BESIDE, lab.name.as_str())
}

fn may_open(needed: usize, who: &str) -> Result<(), Exit> {
    let most = FileLimit::callers().map_err(cannot)?.most();
    if needed <= most {
        return Ok(());
    }
    Err(cannot(format!(
        "{who} needs {needed} open files, and at most {most} may be open here; as root, `ulimit -Hn \
         {needed}` in the shell that starts vrflab allows them"
    )))
}
