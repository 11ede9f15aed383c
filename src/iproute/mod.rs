//! iproute2's own words, as they stand inside a topology's strings.
//!
//! One file per thing that `ip` or `tc` can add: each has its type, its parser and its printer, and
//! what is printed parses to the same. The grammar is that of `ip-route(8)`, `ip-rule(8)`,
//! `tc-netem(8)`, `tc-tbf(8)` and `bridge(8)`.

mod address;
mod attributes;
mod encap;
mod fdb;
mod filter;
mod fq_codel;
mod htb;
mod label;
mod leaf;
mod mac;
mod neighbour;
mod label_route;
mod metric;
mod netem;
mod police;
mod quantity;
mod nexthop;
mod nexthop_object;
mod route;
mod rule;
mod rule_protocol;
mod seg6;
mod seg6local;
mod table;
mod tbf;
mod vlan;
mod words;

pub use address::is_link_local;
pub use attributes::{Attributes, Congestion, Preference, Protocol, Scope};
pub use encap::{Encap, Tunnel};
pub use fdb::{FdbEntry, FdbPlace};
pub use filter::{Filter, Flower, Match};
pub use fq_codel::FqCodel;
pub(crate) use fq_codel::shown;
pub use htb::{Htb, HtbClass};
pub use label::{IncomingLabel, Label, parse_labels, print_labels};
pub use label_route::{LabelNexthop, LabelRoute};
pub use leaf::{Leaf, Prio};
pub use mac::Mac;
pub use metric::{Metric, Value};
pub use neighbour::{Neighbour, NeighbourEntry};
pub use netem::{Chance, Delay, Distribution, LinkRate, Loss, Netem, Reorder, Slot};
pub use nexthop::{Nexthop, Realms};
pub use nexthop_object::{Leads, NexthopObject, Resilient};
pub use police::Police;
pub use quantity::{Rate, Share, Size, Time};
pub use route::{Route, RouteKind};
pub use rule::{Rule, RuleAction};
pub use rule_protocol::RuleProtocol;
pub use seg6::{Seg6, Seg6Mode};
pub use seg6local::{Inner, Seg6local};
pub use table::Table;
pub use tbf::{Peak, Queue, Tbf};
pub use vlan::Vlan;
pub(crate) use words::{Words, code_point, code_point_name, not, number, type_of_service, unknown};
