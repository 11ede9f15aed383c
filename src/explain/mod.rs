//! Why does it not reach? One question answered at length: what the file means to become of a packet, what the
//! kernels' state makes of it, what the kernels say when they are asked, and what is seen when it is sent.
//!
//! An [`Explanation`] says where the first of these part, and what mends it. Of a file there is only the first:
//! [`of_file`]. [`of_standing`] asks about a lab that stands.

mod explanation;
mod lookups;
mod observe;
mod words;

pub use explanation::{Counted, Explanation, ProbeExplanation, Trace};
pub use lookups::{LookupVerdict, NodeLookup, RoundTripLookups};
pub use observe::{Error, of_file, of_standing};
