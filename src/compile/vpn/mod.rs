//! VPNs over MPLS: which tables at the provider's edge belong together, and the labels between them.
//!
//! A packet from one edge to another carries two labels. The outer one leads to the far edge and is
//! the same at every router of the core; the inner one says into which VRF of the far edge.

mod backbone;
mod import;
mod joined;
mod overlap;

pub(super) use backbone::Core;
pub(super) use import::{importers, routes as imported};
pub(super) use joined::check as check_joined;
pub(super) use overlap::hold as hold_apart;
