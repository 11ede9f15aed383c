//! What the model says, in words: why a packet was dropped, what is not there, what it does not know.

use super::evidence::{Absent, KernelFact};
use super::outcome::{DropReason, Unmodelled};
use std::fmt;

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DropReason::NoRoute => "no table that its rules look up has a route",
            DropReason::Unreachable => "a route or a rule says unreachable",
            DropReason::Prohibited => "a route or a rule says prohibit",
            DropReason::Blackhole => "a route, a rule or a nexthop object says blackhole",
            DropReason::SourceInvalid => {
                "the route back to the source does not lead through the interface that it came in by"
            }
            DropReason::MartianSource => "the source is one that no packet from outside may have",
            DropReason::MartianDestination => "packets to the destination are not forwarded",
            DropReason::NotForwarding => "the node does not forward",
            DropReason::TtlExceeded => "the TTL ran out where no ICMP error says so",
            DropReason::LabelUnknown => "no MPLS route has the label",
            DropReason::PlatformLabels => "the label is not below net.mpls.platform_labels",
            DropReason::MplsInputOff => "the interface does not take in labelled packets",
            DropReason::MtuTooSmall => "it does not fit the MTU",
            DropReason::FrameTooLong => "the frame is longer than the MTU of the interface allows",
            DropReason::LinkDown => "the device is down",
            DropReason::NoGateway => "a label route to an Ethernet device has no gateway",
            DropReason::NeighbourUnresolved => "nobody on the link has the address",
            DropReason::DropsAll => "the device drops all that is sent through it",
            DropReason::NoSource => "the node has no source address for it",
            DropReason::NoDevice => "the device that the socket is bound to is not there",
            DropReason::Impaired => "the impairment of a device loses all packets",
            DropReason::Filtered => "the nftables ruleset of the node drops it",
        })
    }
}

/// After "the model does not know".
impl fmt::Display for Unmodelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unmodelled::Ruleset => "what the nftables ruleset lets pass",
            Unmodelled::Programs => "which routes and labels the commands add that run there",
            Unmodelled::DeviceKind => "what a tunnel or another device of its kind does",
            Unmodelled::Encapsulation => "what is done with a packet that a route encapsulates so",
            Unmodelled::SeveralOwners => "which of several nodes answers for the address",
            Unmodelled::SilentOwner => {
                "whether a neighbour that does not answer has made itself known by asking"
            }
            Unmodelled::BridgeFragments => {
                "whether a bridge fragments what is too long for its port, as br_netfilter has it"
            }
            Unmodelled::RuleSelector => {
                "whether a rule matches that selects by more than the packet"
            }
            Unmodelled::Multicast => "where multicast and broadcasts go",
            Unmodelled::LinkLocalSource => {
                "what becomes of a packet whose source is a link-local address of the kernel's own"
            }
            Unmodelled::TooManyOutcomes => "all of the many ways that the packet can take",
        })
    }
}

impl fmt::Display for KernelFact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KernelFact::LocalRule => f.write_str("the kernel's rule for the local table"),
            KernelFact::VrfRule => f.write_str("the kernel's rule for VRFs"),
            KernelFact::MainRule => f.write_str("the kernel's rule for the main table"),
            KernelFact::DefaultRule => f.write_str("the kernel's rule for the default table"),
            KernelFact::Loopback => f.write_str("an address of `lo`"),
            KernelFact::LinkLocal => f.write_str("the link-local subnet"),
            KernelFact::ExplicitNull => f.write_str("an explicit null label"),
            KernelFact::Default(name) => write!(f, "the default of `{name}`"),
        }
    }
}

impl fmt::Display for Absent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Absent::Route => "there is no route to it",
            Absent::MplsRoute => "there is no MPLS route for the label",
            Absent::Neighbour => "nobody on the link has the address",
            Absent::Carrier => "the link has no carrier",
            Absent::Source => "there is no source address for it",
            Absent::Device => "the device is down or not there",
        })
    }
}
