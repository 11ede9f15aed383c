//! Packets that run in a circle until their time to live is over.

use crate::check::path::Trail;
use crate::check::watch::Sighting;

/// The arrivals of one round, where a packet came in twice through the same interface.
pub(super) fn find<'a>(trail: &Trail<'a>) -> Option<Vec<&'a Sighting>> {
    let arrivals = trail.arrivals();
    let is_same = |a: &Sighting, b: &Sighting| {
        a.node == b.node && a.interface == b.interface && a.packet.tunnels == b.packet.tunnels
    };
    let (first, again) = arrivals.iter().enumerate().find_map(|(at, sighting)| {
        let again = arrivals[at + 1..].iter().position(|later| is_same(sighting, later))?;
        Some((at, at + 1 + again))
    })?;
    Some(arrivals[first..again].to_vec())
}
