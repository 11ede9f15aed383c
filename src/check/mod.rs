//! Does the lab work? Every check is a probe that is followed through the lab.
//!
//! A probe is an ICMP echo that bears a mark of its own. A packet socket in every namespace sees it
//! go by, with the interface, the direction and the label stack, so that arrival is judged where it
//! takes place: customers share addresses, and somebody else's answer proves nothing. All checks run
//! at once, on one thread, and leave the lab as it is.
//!
//! When a check fails, the kernels along the way are asked what they would do with the packet; see
//! [`kernel::Lookup`](crate::kernel::Lookup).

mod diagnosis;
mod filter;
mod frame;
mod icmp;
mod mark;
mod path;
mod probe;
mod report;
mod run;
mod sender;
mod sockets;
mod verdict;
mod watch;

pub use report::{CheckResult, ProbeResult, Report, Visit};
pub use run::{run, run_until};
pub use sockets::Error;
