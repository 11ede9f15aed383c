//! The only room with netlink and with entering namespaces.
//!
//! A netlink socket, like every socket, belongs to the namespace of the thread that opened it. So
//! whatever changes namespaces does so on a [`Worker`]: a thread of its own that ends afterwards,
//! never a thread of an async runtime and never the process's first thread.

pub mod feature;
mod command;
mod control_group;
mod counters;
mod distribution;
mod drop_trace;
mod encap;
mod enter;
mod family;
mod held;
mod holder;
mod home;
mod identity;
mod listener;
mod lookup;
mod machine;
mod message;
mod namespace;
mod offload;
mod neighbour;
mod nexthop;
mod nft_tables;
mod observe;
mod output;
mod packet;
mod checksum;
mod class;
mod qdisc;
mod program;
mod refused;
mod rehearsal;
mod route;
mod rule;
mod seg6local;
mod settle;
mod socket;
mod solicit;
mod static_key;
mod stop;
mod supervisor;
mod tc;
pub mod sysctl;
mod vrf_bind;
mod vrf_rule;
mod wireguard;
mod worker;

pub use checksum::checksum;
pub use command::{CommandEnd, EndedCommand};
pub use control_group::{Groups, forget_groups};
pub use counters::error_counters;
pub use drop_trace::{DropTrace, KernelDrop, KernelLookup};
pub use enter::{Entry, EntryError};
pub use held::HeldProcess;
pub use holder::{Remaining, end, processes_in};
pub use home::Home;
pub use identity::{Identity, Noted, is_own};
pub use listener::{Listener, Process, Transport, listener};
pub use lookup::{InterfaceState, Lookup, Match, Origin, RouteQuery, Way, interfaces};
pub use machine::Machine;
pub use namespace::{
    DIRECTORY, Namespace, mount_namespace, prepare_directory, process_with_mounts,
};
pub use observe::{LackingRoute, foreign_rulesets, lacking_routes, observe, observe_all};
pub use output::{Kept, Outputs};
pub use packet::{Direction, Frame, PacketSocket};
pub use refused::{Reason, Refused};
pub use rehearsal::rehearse;
pub use socket::{Mode, Refusal, SendError, Socket};
pub use solicit::{Mac, Solicitation};
pub use static_key::StaticKeys;
pub use supervisor::supervise;
pub use vrf_rule::forwarded_packets_match_rules_by_vrf;
pub use worker::{Worker, on_worker};
