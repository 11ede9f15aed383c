//! iproute2's own words, as they stand inside a topology's strings.
//!
//! One file per thing that `ip` can add: each has its type, its parser and its printer, and what is
//! printed parses to the same. The grammar is that of `ip-route(8)`.

mod attributes;
mod encap;
mod label;
mod label_route;
mod nexthop;
mod nexthop_object;
mod route;
mod rule;
mod words;

pub use attributes::{Attributes, Metric, Protocol, Scope, Value};
pub use encap::{Encap, Seg6Mode, Tunnel};
pub use label::{IncomingLabel, Label, parse_labels, print_labels};
pub use label_route::{LabelNexthop, LabelRoute};
pub use nexthop::Nexthop;
pub use nexthop_object::{Leads, NexthopObject, Resilient};
pub use route::{Route, RouteKind, Table};
pub use rule::{Rule, RuleAction};
