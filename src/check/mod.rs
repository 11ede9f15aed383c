//! Does the lab work? Every check is a probe that is followed through the lab.
//!
//! A probe is an ICMP echo or a datagram that bears a mark of its own, or a connection from a port of
//! its own. A packet socket in every namespace sees it go by, with the interface, the direction and
//! the label stack, so that arrival is judged where it takes place: customers share addresses, and
//! somebody else's answer proves nothing. The far side of a datagram or a connection is opened for
//! the check. All checks run at once, on one thread, and leave the lab as it is.
//!
//! Why a check fails, [`explain`] finds by the [model](crate::verify) of what the kernels hold, beside what was
//! built and what was seen.

mod attempt;
mod capture;
mod cause;
mod control;
mod delay;
mod diagnosis;
mod filter;
mod flight;
mod frame;
mod holder;
mod icmp;
mod judgement;
mod launch;
mod mark;
mod message;
mod observe;
mod path;
mod probe;
mod program;
mod reader;
mod ready;
mod report;
mod run;
mod sender;
mod server;
mod shape;
mod sockets;
mod transfer;
mod tunnel;
mod unique;
mod verdict;
mod watch;

pub use cause::explain;
pub use observe::{ObserveError, observe};
pub use report::{
    CheckResult, Flows, IcmpAnswer, ProbeResult, Report, Responder, RouteAnswer, Seen,
    ServerResult, Visit,
};
pub use run::{run, run_until};
pub use sockets::{Error, files};
pub use tunnel::Tunnel;
