//! What a device leaves to hardware that is not there: checksums and the cutting of segments.
//!
//! Over a veth pair nobody computes a checksum, and a packet may be of many segments: faster, and
//! not what a capture on a real wire shows.

use super::Worker;
use crate::sys::Offload;
use std::io;

/// Ends all of it, or begins with all of it, for a device of the namespace that the worker is in.
pub(super) fn turn(_in_namespace: &Worker, device: &str, on: bool) -> io::Result<()> {
    Offload::ALL.into_iter().try_for_each(|offload| offload.turn(device, on))
}

/// Whether all of it is off.
pub(super) fn is_off(_in_namespace: &Worker, device: &str) -> io::Result<bool> {
    for offload in Offload::ALL {
        if offload.is_on(device)? {
            return Ok(false);
        }
    }
    Ok(true)
}
