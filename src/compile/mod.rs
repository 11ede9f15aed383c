//! What was left out, filled in.

mod check;
mod lab;
mod words;

pub use check::{Check, Expect, Hop, Sender, Target};
pub use lab::{
    Interface, InterfaceId, InterfaceKind, Lab, LabelNexthop, LabelRoute, Link, MAIN, Nexthop,
    Node, NodeId, Route, Sysctl, UNREACHABLE_METRIC, Vrf,
};
