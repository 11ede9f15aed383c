//! The forwarding model: what Linux does with a packet, by the state that namespaces have.
//!
//! A [`Network`] is that state, built from resources: of a [`Plan`](crate::plan::Plan), or of the
//! [`State`](crate::plan::State) that was observed in a kernel. What the kernel has by itself, the routes
//! of addresses, its own rules, carrier, is added here. A [`Probe`] is what a socket sends. An [`Outcome`]
//! is one of the things that can become of it, with the share of flows that fare so, the hops on the way,
//! and the [`Evidence`] for each decision. What the model does not know ends in [`End::Unknown`] with its
//! reason, and in no guess.
//!
//! The room does no input or output, and asks no kernel.

mod alike;
mod asked;
mod build;
mod derive;
mod device;
mod evidence;
mod exchange;
mod flight;
mod input;
mod lookup;
mod mpls;
mod neighbour;
mod network;
mod node;
mod outcome;
mod packet;
mod segment;
mod settings;
mod source;
mod step;
mod table;
mod walk;
mod words;

pub use asked::AskedSetting;
pub use evidence::{Absent, Evidence, KernelFact};
pub use network::Network;
pub use node::is_of_kernel;
pub use outcome::{
    DropReason, End, Exchange, Hop, IcmpError, IcmpKind, Outcome, Outcomes, Unmodelled,
};
pub use packet::{Packet, Probe, Protocol, StackEntry};
pub use step::{Ingress, Step};
pub use walk::Ways;
