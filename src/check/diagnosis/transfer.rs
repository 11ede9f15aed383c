//! What is said of data that did not come back.

use crate::check::attempt::Attempt;
use crate::check::server::Serving;
use crate::check::transfer::Moved;
use crate::check::verdict::{sender, target};
use crate::compile::{Check, Lab, NodeId};

/// The reason in one line.
pub(super) fn stalled(lab: &Lab, check: &Check, moved: Moved) -> String {
    let total = check.sends.transfer.map_or(0, |volume| volume.bytes());
    let (from, to) = (sender(lab, check), target(lab, check));
    let taken = match moved.taken {
        Some(taken) => format!("{to} took in {taken} of {total} bytes"),
        None => format!("{from} sent {total} bytes"),
    };
    format!("{taken}, and {} came back", moved.back)
}

/// What that hints at.
pub(super) fn explain(check: &Check, attempt: &Attempt, moved: Moved) -> String {
    let is_found = |(_, serving): &(NodeId, Serving)| matches!(serving, Serving::Found(_));
    if attempt.servers.iter().any(is_found) {
        return "It need not send back what it gets: data is for a port that nobody has."
            .to_owned();
    }
    let total = check.sends.transfer.map_or(0, |volume| volume.bytes());
    let way = match moved.taken {
        Some(taken) if taken < total => "to the far side",
        Some(_) | None => "there or back",
    };
    let size = moved.segment.map(|size| format!(" of {size} bytes of data")).unwrap_or_default();
    format!(
        "The connection was made, so small packets pass. Segments{size} were lost on their way {way}, as where a link \
         takes less and no ICMP error comes back that says so."
    )
}
