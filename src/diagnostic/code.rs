//! The stable names of the faults a file can have.

use std::fmt;

macro_rules! codes {
    ($($name:ident $text:literal $doc:literal,)*) => {
        /// The stable name of a kind of fault, as tools and documents use it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code {
            $(#[doc = $doc] $name,)*
        }

        impl Code {
            /// Every code there is.
            pub const ALL: &[Code] = &[$(Code::$name,)*];

            /// The name in kebab-case.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $text,)* }
            }
        }
    };
}

codes! {
    Unreadable "unreadable" "The file cannot be read.",
    OutsideFile "outside-file" "A file that the lab's file names and may not.",
    NotText "not-text" "The file is not UTF-8 text.",
    TooLarge "too-large" "The file is too large or nests too deeply.",
    TooMany "too-many" "More of something than the limit allows.",
    Empty "empty" "The file holds no topology.",
    Syntax "syntax" "The text is not DOT or not YAML.",
    UnknownKey "unknown-key" "A key that means nothing here.",
    DuplicateKey "duplicate-key" "The same key twice in one map.",
    WrongType "wrong-type" "A value of the wrong kind, a list where a number belongs.",
    BadValue "bad-value" "A value of the right kind that cannot be.",
    BadName "bad-name" "A name that a node, interface, VRF or lab cannot have.",
    UnknownNode "unknown-node" "A node that the file does not have.",
    UnknownInterface "unknown-interface" "An interface that the node does not have.",
    UnknownVrf "unknown-vrf" "A VRF that the node does not have.",
    UnknownTable "unknown-table" "A table name that the node does not have.",
    UnknownNexthop "unknown-nexthop" "A nexthop object that the node does not have.",
    DuplicateNexthop "duplicate-nexthop" "Two nexthop objects of one number.",
    DuplicateInterface "duplicate-interface" "One interface used by two links, or two that are one to the kernel.",
    TooManyPorts "too-many-ports" "A bridge with more ports than the kernel takes.",
    BridgeLoop "bridge-loop" "A loop of bridges without the spanning tree protocol.",
    SelfLink "self-link" "A link from a node to itself.",
    VrfConflict "vrf-conflict" "An interface in two VRFs.",
    VrfNowhere "vrf-nowhere" "A link in a VRF that neither of its ends can be in.",
    TableConflict "table-conflict" "A table used by two VRFs of a node.",
    ReservedTable "reserved-table" "A table that the kernel keeps for itself.",
    DuplicateAddress "duplicate-address" "An address twice in one routing domain.",
    SubnetAddress "subnet-address" "The network or broadcast address of its own subnet.",
    PoolExhausted "pool-exhausted" "An address pool that has no addresses left.",
    BadLabel "bad-label" "A label that cannot be used there.",
    PlatformLabels "platform-labels" "net.mpls.platform_labels too low for a label used.",
    CheckRefuted "check-refuted" "A check by which something must not arrive, and a way on which it does.",
    LabelTable "label-table" "An MPLS route with a table.",
    LabelVia "label-via" "An MPLS route to an Ethernet device without a gateway.",
    DuplicateRoute "duplicate-route" "Two routes that the kernel would take for one.",
    Unreachable "unreachable-gateway" "A gateway that no connected subnet reaches.",
    ForeignSource "foreign-source" "A route's source address that the node does not have there.",
    BadCheck "bad-check" "A check that cannot be read or made.",
    MisspelledKey "misspelled-key" "A foreign key that looks like one of ours.",
    CompassPoint "compass-point" "A side of a node that looks like an interface of it.",
    StrictMerge "strict-merge" "Edges with different ports that `strict` merges.",
    LonelyVrf "lonely-vrf" "A VPN of one end of a link, with a name that looks like another's.",
    SplitVpn "split-vpn" "A VPN whose PEs no label path joins.",
    SourceRoute "source-route" "A VRF without a route back to a source it must accept.",
    UndeclaredNode "undeclared-node" "A node of one link whose name is nearly a declared one's.",
    UnownedGateway "unowned-gateway" "A gateway in a connected subnet that no node has.",
    MplsInput "mpls-input" "Labelled packets where MPLS input is disabled.",
    Disconnected "disconnected" "Parts of the network that no link joins, or a check from one to another.",
    LabelLeak "label-leak" "A label path into a VRF from which nothing leads back.",
    LabelUnpopped "label-unpopped" "A label that nobody pops.",
    VrfRule "vrf-rule" "A rule by a VRF device, which forwarded packets do not match.",
    RouteCircle "route-circle" "Routes that run in a circle.",
    Fallthrough "fallthrough" "A VRF whose lookups fall through to main.",
    NotForwarding "not-forwarding" "A node that must forward and does not.",
    SubnetMismatch "subnet-mismatch" "The ends of a link in different subnets.",
    MtuMismatch "mtu-mismatch" "The ends of a link with different MTUs.",
    Refused "refused" "A step that the kernel refused.",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
