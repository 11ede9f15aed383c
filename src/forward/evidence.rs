//! What decided: the resource, with its place in the file, or what the kernel has of its own accord.

use crate::diagnostic::Span;
use crate::plan::Resource;

/// What decided something about a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence<'a> {
    /// A resource that was asked for, or observed: a route, a rule, an address, a setting.
    Resource {
        /// It.
        resource: &'a Resource,
        /// Where the file asks for it; [`Span::NONE`] where it was observed.
        span: Span,
    },
    /// What the kernel has by itself.
    Kernel(KernelFact),
    /// That something is not there.
    Absent(Absent),
}

/// What the kernel has by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KernelFact {
    /// The rule at 0 that looks up the namespace's own addresses.
    LocalRule,
    /// The rule at 1000 that looks up the table of a packet's VRF.
    VrfRule,
    /// The rule at 32766 that looks up the main table.
    MainRule,
    /// The rule at 32767 that looks up the default table. IPv4 only.
    DefaultRule,
    /// `127.0.0.0/8` and `::1` on `lo`.
    Loopback,
    /// `fe80::/64` on every interface that is up.
    LinkLocal,
    /// The entries of the labels 0 and 2, which pop to `lo`.
    ExplicitNull,
    /// The default of the setting with this name.
    Default(&'static str),
}

/// What is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Absent {
    /// A route for the destination, in all tables that the rules look up.
    Route,
    /// A route for the label.
    MplsRoute,
    /// Somebody on the link with the address.
    Neighbour,
    /// Carrier: the far end of the link, or the device below, is down or not there.
    Carrier,
    /// An address that a packet of the node could have as its source.
    Source,
    /// The device, or the flag that it is up.
    Device,
}
