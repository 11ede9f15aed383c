//! The keys of the language: one table for each kind of map.
//!
//! Everything that depends on which keys there are reads them here: which are unknown, what a DOT
//! string stands for, which values are of the right kind.

use super::{Family, Role, Routing, Ttl};
use crate::link;
use crate::vocabulary::{Choice, Key, Level, Shape, key, words};

impl Choice for Role {
    fn words() -> Vec<(&'static str, Self)> {
        vec![
            ("host", Role::Host),
            ("router", Role::Router),
            ("ce", Role::Ce),
            ("pe", Role::Pe),
            ("p", Role::P),
            ("switch", Role::Switch),
        ]
    }
}

impl Choice for Family {
    fn words() -> Vec<(&'static str, Self)> {
        vec![("ipv4", Family::Ipv4), ("ipv6", Family::Ipv6), ("dual", Family::Dual)]
    }
}

impl Choice for Routing {
    fn words() -> Vec<(&'static str, Self)> {
        vec![("auto", Routing::Auto), ("none", Routing::None)]
    }
}

impl Choice for Ttl {
    fn words() -> Vec<(&'static str, Self)> {
        vec![("uniform", Ttl::Uniform), ("pipe", Ttl::Pipe)]
    }
}

impl Role {
    /// Its word in a file.
    pub fn word(self) -> &'static str {
        let known = <Self as Choice>::words().into_iter().find(|(_, role)| *role == self);
        known.expect("every role has its word").0
    }
}

/// No keys from elsewhere.
fn none() -> &'static [&'static Key] {
    &[]
}

/// The smallest MTU with which IPv4 works, and the largest that Linux gives a veth.
const MTU: Shape = Shape::Number(68, 65535);
/// What Linux takes for a VRF device, the largest being what such a device begins with.
const VRF_MTU: Shape = Shape::Number(1280, 65575);
const ANY: Shape = Shape::Number(0, u32::MAX);
const ADDRESSES: Shape = Shape::List(&Shape::Address);
const END_ADDRESSES: Shape = Shape::List(&Shape::EndAddress);
const LOOPBACKS: Shape = Shape::List(&Shape::Loopback);
const LINES: Shape = Shape::List(&Shape::Line);
const NAMES: Shape = Shape::List(&Shape::Line);

/// The whole file.
pub(super) static LAB: Level = Level {
    what: "a lab",
    short: None,
    more: none,
    keys: &[
        key("name", Shape::Line, "The lab's name."),
        key("netns", Shape::Line, "How a node's namespace is named, with {lab} and {node}."),
        key("family", Shape::OneOf(words::<Family>), "Which addresses the compiler allocates."),
        key("addressing", Shape::Map(&ADDRESSING), "The pools it allocates them from."),
        key("routing", Shape::OneOf(words::<Routing>), "Which routes the compiler fills in."),
        key("vpn", Shape::Map(&VPN), "How VPNs are compiled."),
        key(
            "defaults",
            Shape::Map(&DEFAULTS),
            "What nodes and links say unless they say otherwise.",
        ),
        key("nodes", Shape::Named(&Shape::Map(&NODE)), "The nodes by name."),
        key("links", Shape::List(&Shape::Link), "The links between them."),
        key(
            "checks",
            LINES,
            "What must hold of the running lab, a line each: `h1 -> h3 via r1 tcp 80`, `h1 !> h2`, \
             `pe1%blue -> 10.2.1.10 size 1472 df`. The words after the ends are `via`, `back via`, \
             `tcp`, `udp`, `served`, `refused`, `opened`, `unique`, `size`, `df`, `hops`, `from`, `sport`, `data`, `tos`, `dscp`, `mark`, `count`, `ttl`, `rtt`, `loss`, `spread`, and \
             `error` after `!>`.",
        ),
    ],
};

/// `defaults`.
pub(super) static DEFAULTS: Level = Level {
    what: "`defaults`",
    short: None,
    more: none,
    keys: &[
        key("node", Shape::Map(&NODE), "Beneath every node."),
        key("link", Shape::Map(&LINK), "Beneath every link."),
    ],
};

/// `vpn`.
pub(super) static VPN: Level = Level {
    what: "`vpn`",
    short: None,
    more: none,
    keys: &[
        key("php", Shape::Flag, "Whether the last router before the egress pops the outer label."),
        key(
            "ttl",
            Shape::OneOf(words::<Ttl>),
            "Whether labels begin with the packet's TTL (uniform) or with 255 (pipe).",
        ),
    ],
};

/// `addressing`.
pub(super) static ADDRESSING: Level = Level {
    what: "`addressing`",
    short: None,
    more: none,
    keys: &[
        key("links", Shape::Address, "A /31 per link."),
        key("lans", Shape::Address, "A /24 per LAN."),
        key("loopbacks", Shape::Address, "A /32 per router."),
        key("links6", Shape::Address, "A /127 per link."),
        key("lans6", Shape::Address, "A /64 per LAN."),
        key("loopbacks6", Shape::Address, "A /128 per router."),
    ],
};

/// A node.
pub(super) static NODE: Level = Level {
    what: "a node",
    short: None,
    more: none,
    keys: &[
        key("role", Shape::OneOf(words::<Role>), "What the node is for."),
        key("forwarding", Shape::Flag, "Whether it forwards, whatever its role."),
        key("stp", Shape::Flag, "Whether its bridges run the kernel's spanning tree protocol."),
        key("routing", Shape::OneOf(words::<Routing>), "Which routes the compiler fills in here."),
        key("subnet", ADDRESSES, "The subnet of a switch's LAN."),
        key("loopback", LOOPBACKS, "Addresses on its `lo`."),
        key("vrfs", Shape::Named(&Shape::Map(&VRF)), "Its VRFs by name."),
        key("interfaces", Shape::Named(&Shape::Map(&INTERFACE)), "Its interfaces by name."),
        key("tables", Shape::Named(&ANY), "Names for routing tables."),
        key("routes", LINES, "What follows `ip route add`."),
        key("nexthops", LINES, "What follows `ip nexthop add`."),
        key("rules", LINES, "What follows `ip rule add`."),
        key("local_rule", ANY, "The priority of the local table's lookup."),
        key("mpls", LINES, "What follows `ip -f mpls route add`."),
        key("neighbours", LINES, "What follows `ip neigh add`."),
        key("sysctls", Shape::Named(&Shape::Line), "Settings of the kernel by name."),
        key("nft", Shape::Map(&CONTENT), "A ruleset for nft."),
        key("etc", Shape::Named(&Shape::Map(&CONTENT)), "Files that the node has below /etc."),
        key("run", Shape::List(&Shape::Map(&COMMAND)), "Commands started in the node."),
    ],
};

/// A text, in the lab's file or in one of its own.
pub(super) static CONTENT: Level = Level {
    what: "a text",
    short: Some("text"),
    more: none,
    keys: &[
        key("text", Shape::Line, "The text itself."),
        key("file", Shape::Line, "The file that holds it, seen from the lab's."),
    ],
};

/// A command of a node.
pub(super) static COMMAND: Level = Level {
    what: "a command",
    short: Some("command"),
    more: none,
    keys: &[
        key("command", Shape::Line, "What a shell runs."),
        key("vrf", Shape::Line, "The VRF that its sockets are bound to."),
    ],
};

/// A VRF of a node.
pub(super) static VRF: Level = Level {
    what: "a VRF",
    short: Some("table"),
    more: none,
    keys: &[
        key("table", ANY, "Its routing table."),
        key("addresses", LOOPBACKS, "Addresses on the VRF device."),
        key("import", NAMES, "VPNs whose routes this one gets."),
        key("fallthrough", Shape::Flag, "Whether a lookup that finds nothing goes on to main."),
        key("mtu", VRF_MTU, "The largest packet that the node itself sends in it, in bytes."),
        key("netem", Shape::Line, "What follows `tc qdisc add … netem`, on the VRF device."),
        key("tbf", Shape::Line, "What follows `tc qdisc add … tbf`, on the VRF device."),
        key("qdisc", Shape::Line, "The queue behind these, as of an interface."),
        key("classes", LINES, "What follows `tc class add`, of a queue `htb`."),
        key("filters", LINES, "What follows `tc filter add`: which packets go to which class."),
        key("up", Shape::Flag, "Whether the VRF device is up."),
    ],
};

/// An interface of a node.
pub(super) static INTERFACE: Level = Level {
    what: "an interface",
    short: None,
    more: link::keys,
    keys: &[
        key("addresses", ADDRESSES, "Its addresses."),
        key("vrf", Shape::Line, "The VRF that it is in."),
        key("mtu", MTU, "The largest packet in bytes."),
        key("mac", Shape::Mac, "Its MAC address."),
        key("mpls", Shape::Flag, "Whether it takes labelled packets."),
        key("netem", Shape::Line, "What follows `tc qdisc add … netem`."),
        key("tbf", Shape::Line, "What follows `tc qdisc add … tbf`."),
        key("qdisc", Shape::Line, "What follows `tc qdisc add`: `fq_codel …`, `prio …`, `htb …`."),
        key("classes", LINES, "What follows `tc class add`, of a queue `htb`."),
        key("filters", LINES, "What follows `tc filter add`: which packets go to which class."),
        key("police", Shape::Line, "How much may come in: what follows `… action police`."),
        key("offload", Shape::Flag, "Whether checksums and segments are left to the far end."),
        key("up", Shape::Flag, "Whether it is up."),
        key("vlans", LINES, "What follows `bridge vlan add vid`, of a bridge or its port."),
        key(
            "fdb",
            LINES,
            "What follows `bridge fdb add` but for the device, of a VXLAN or a bridge's port.",
        ),
        key(
            "bridge_port",
            Shape::Line,
            "What follows `bridge link set dev IF`, of a bridge's port.",
        ),
        key("kind", Shape::OneOf(words::<link::KindName>), "What it is, if no link makes it."),
    ],
};

/// A link. What belongs to one end has `tail` or `head` before it and wins over what is said of
/// both.
pub(super) static LINK: Level = Level {
    what: "a link",
    short: None,
    more: none,
    keys: &[
        key("ends", Shape::List(&Shape::End), "Its two ends, `node` or `node:interface`."),
        key("subnet", ADDRESSES, "Its subnet, of which an end may say the host part alone."),
        key("addresses", Shape::List(&END_ADDRESSES), "The addresses of its two ends."),
        key("tailaddresses", END_ADDRESSES, "The addresses of its first end."),
        key("headaddresses", END_ADDRESSES, "The addresses of its second end."),
        key("vrf", Shape::Line, "The VRF for each end that can be in it."),
        key("tailvrf", Shape::Line, "The VRF that its first end is in."),
        key("headvrf", Shape::Line, "The VRF that its second end is in."),
        key("mtu", MTU, "The largest packet in bytes."),
        key("tailmtu", MTU, "The MTU of its first end."),
        key("headmtu", MTU, "The MTU of its second end."),
        key("tailmac", Shape::Mac, "The MAC address of its first end."),
        key("headmac", Shape::Mac, "The MAC address of its second end."),
        key("mpls", Shape::Flag, "Whether its ends take labelled packets."),
        key("tailmpls", Shape::Flag, "Whether its first end takes labelled packets."),
        key("headmpls", Shape::Flag, "Whether its second end takes labelled packets."),
        key("netem", Shape::Line, "What follows `tc qdisc add … netem`, both ways."),
        key("tailnetem", Shape::Line, "The same for what its first end sends."),
        key("headnetem", Shape::Line, "The same for what its second end sends."),
        key("tbf", Shape::Line, "What follows `tc qdisc add … tbf`, both ways."),
        key("tailtbf", Shape::Line, "The same for what its first end sends."),
        key("headtbf", Shape::Line, "The same for what its second end sends."),
        key("qdisc", Shape::Line, "What follows `tc qdisc add`, both ways."),
        key("tailqdisc", Shape::Line, "The same for what its first end sends."),
        key("headqdisc", Shape::Line, "The same for what its second end sends."),
        key("classes", LINES, "What follows `tc class add`, of a queue `htb`, both ways."),
        key("tailclasses", LINES, "The same for what its first end sends."),
        key("headclasses", LINES, "The same for what its second end sends."),
        key("filters", LINES, "What follows `tc filter add`, both ways."),
        key("tailfilters", LINES, "The same for what its first end sends."),
        key("headfilters", LINES, "The same for what its second end sends."),
        key("police", Shape::Line, "How much may come in by each end."),
        key("tailpolice", Shape::Line, "How much may come in by its first end."),
        key("headpolice", Shape::Line, "How much may come in by its second end."),
        key("offload", Shape::Flag, "Whether each end leaves checksums to the other."),
        key("tailoffload", Shape::Flag, "The same of its first end."),
        key("headoffload", Shape::Flag, "The same of its second end."),
        key("cost", Shape::Number(1, u32::MAX), "Its length for shortest paths."),
        key("up", Shape::Flag, "Whether it is up."),
        key("tailup", Shape::Flag, "Whether its first end is up."),
        key("headup", Shape::Flag, "Whether its second end is up."),
    ],
};

/// One of a link's two ends, where it is not `node` or `node:interface` in a string.
pub(super) static END: Level = Level {
    what: "an end of a link",
    short: None,
    more: none,
    keys: &[
        key("node", Shape::Line, "The node's name."),
        key("interface", Shape::Line, "The interface's name; absent, the next free one."),
    ],
};
