//! What was written: the file as one tree, whichever of the two formats it is in.
//!
//! Names are still strings and nothing is looked up; every value keeps its place in the file.

mod address;
mod decode;
mod dot;
mod file;
mod keys;
mod limits;
mod name;
mod schema;
mod slips;
mod traffic;
mod tree;
mod write;
mod yaml;

pub use address::{Address, EndAddress, HostPart};
pub use file::{Directories, Files, STANDARD_INPUT, read, read_from};
pub(crate) use limits::Counter;
pub use limits::{Limit, Limits, Quantity};
pub use name::{DeviceName, LabName, NodeName};
pub use schema::schema;
pub use traffic::Traffic;
pub use write::{Entries, Link as LinkSheet, Sheet, Unwritable, Value};

use crate::diagnostic::{Code, Diagnostic, Diagnostics, Source, Spanned, Text};
use crate::iproute::{FdbEntry, Netem, Tbf, Vlan};
use crate::link::{BridgePort, KindName};
use crate::vocabulary::{self, Given};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A whole file.
#[derive(Debug, Default)]
pub struct Document {
    /// The lab's name: the key `name`, else the DOT graph's id, else nothing.
    pub name: Option<Text>,
    /// The pattern of the namespaces' names, with `{lab}` and `{node}`.
    pub netns: Option<Text>,
    /// What the compiler allocates.
    pub family: Option<Spanned<Family>>,
    /// The pools it allocates from.
    pub addressing: Addressing,
    /// Whether it fills in routes.
    pub routing: Option<Spanned<Routing>>,
    /// How it makes VPNs.
    pub vpn: Vpn,
    /// Every node of the file, those that only a link names too.
    pub nodes: Vec<Node>,
    /// The links in the file's order.
    pub links: Vec<Link>,
    /// The checks, a line each.
    pub checks: Option<Vec<Text>>,
}

/// Which addresses the compiler allocates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Family {
    /// IPv4 only.
    #[default]
    Ipv4,
    /// IPv6 only.
    Ipv6,
    /// Both.
    Dual,
}

/// Which routes the compiler fills in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Routing {
    /// Shortest paths in each routing domain.
    #[default]
    Auto,
    /// Only what is written.
    None,
}

/// How VPNs are compiled.
#[derive(Debug, Default, Clone, Copy)]
pub struct Vpn {
    /// `php`: whether the last router before the egress pops the outer label.
    pub php: Option<Spanned<bool>>,
    /// `ttl`: what TTL labels begin with.
    pub ttl: Option<Spanned<Ttl>>,
}

/// What TTL labels begin with. Where one is popped above another Linux drops its TTL, so that with the two
/// labels of a compiled VPN the core takes as much of a packet's TTL either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ttl {
    /// The packet's, and the last label gives back what is left: it has to last for the whole core.
    #[default]
    Uniform,
    /// 255, and nothing is given back.
    Pipe,
}

/// What a node is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Role {
    /// An end system; never a way through.
    Host,
    /// Forwards IP.
    Router,
    /// A customer's edge: forwards IP.
    Ce,
    /// A provider's edge: forwards IP and labels, holds the VRFs.
    Pe,
    /// A provider's core: forwards labels.
    P,
    /// One bridge; every link is a port of it.
    Switch,
}

/// The pools that addresses are allocated from.
#[derive(Debug, Default, Clone)]
pub struct Addressing {
    /// A /31 per link.
    pub links: Option<Spanned<IpNet>>,
    /// A /24 per LAN.
    pub lans: Option<Spanned<IpNet>>,
    /// A /32 per router.
    pub loopbacks: Option<Spanned<IpNet>>,
    /// A /127 per link.
    pub links6: Option<Spanned<IpNet>>,
    /// A /64 per LAN.
    pub lans6: Option<Spanned<IpNet>>,
    /// A /128 per router.
    pub loopbacks6: Option<Spanned<IpNet>>,
}

/// A node as written.
#[derive(Debug)]
pub struct Node {
    /// Its name, where it stands first.
    pub name: Text,
    /// `role`.
    pub role: Option<Spanned<Role>>,
    /// `forwarding`.
    pub forwarding: Option<Spanned<bool>>,
    /// `stp`: whether its bridges run the spanning tree protocol, unless one says otherwise itself.
    pub stp: Option<Spanned<bool>>,
    /// `routing`: whether routes are filled in here, whatever the whole file says.
    pub routing: Option<Spanned<Routing>>,
    /// `subnet` of a switch: that of its LAN, at most one of each family.
    pub subnets: Vec<Spanned<IpNet>>,
    /// `loopback`: addresses on `lo`; `None` lets the compiler choose, an empty list is none.
    pub loopback: Option<Vec<Spanned<Address>>>,
    /// `vrfs` in the file's order.
    pub vrfs: Vec<Vrf>,
    /// `interfaces` in the file's order.
    pub interfaces: Vec<Interface>,
    /// `tables`: names for numbers.
    pub tables: Vec<(Text, Spanned<u32>)>,
    /// `routes`: what follows `ip route add`.
    pub routes: Vec<Text>,
    /// `nexthops`: what follows `ip nexthop add`.
    pub nexthops: Vec<Text>,
    /// `rules`: what follows `ip rule add`.
    pub rules: Vec<Text>,
    /// `local_rule`: the priority of the local table's lookup.
    pub local_rule: Option<Spanned<u32>>,
    /// `mpls`: what follows `ip -f mpls route add`.
    pub mpls: Vec<Text>,
    /// `neighbours`: what follows `ip neigh add`.
    pub neighbours: Vec<Text>,
    /// `sysctls`: name and value, the name as `sysctl` or `/proc/sys` spells it.
    pub sysctls: Vec<(Text, Text)>,
    /// `nft`: a ruleset.
    pub nft: Option<Content>,
    /// `etc`: paths below `/etc`, and what the node has there.
    pub etc: Vec<(Text, Content)>,
    /// `run`: commands in the file's order.
    pub run: Vec<Command>,
}

/// A text that is part of a lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// The text; one from a file of its own has the place of that file's name.
    pub text: Text,
    /// The name of its own file, where it has one.
    pub file: Option<Text>,
}

/// A command as written at a node.
#[derive(Debug)]
pub struct Command {
    /// What a shell runs.
    pub line: Text,
    /// `vrf`: the VRF that its sockets are bound to.
    pub vrf: Option<Text>,
}

/// A VRF as written at a node.
#[derive(Debug)]
pub struct Vrf {
    /// Its name.
    pub name: Text,
    /// Its table, where the file gives one.
    pub table: Option<Spanned<u32>>,
    /// Addresses on the VRF device.
    pub addresses: Vec<Spanned<Address>>,
    /// `import`: names of VPNs, `main` and `default`.
    pub import: Vec<Text>,
    /// `fallthrough: true`: no unreachable default.
    pub fallthrough: Option<Spanned<bool>>,
    /// `mtu` in bytes.
    pub mtu: Option<Spanned<u32>>,
    /// `netem`: what follows `tc qdisc add … netem`.
    pub netem: Option<Spanned<Netem>>,
    /// `tbf`: what follows `tc qdisc add … tbf`.
    pub tbf: Option<Spanned<Tbf>>,
    /// The queue behind these, and how much may come in.
    pub traffic: Traffic,
    /// `up`.
    pub up: Option<Spanned<bool>>,
}

/// An interface as written at a node.
#[derive(Debug)]
pub struct Interface {
    /// Its name.
    pub name: Text,
    /// `addresses`; `None` lets the compiler choose, an empty list is none.
    pub addresses: Option<Vec<Spanned<Address>>>,
    /// `vrf`.
    pub vrf: Option<Text>,
    /// `mtu` in bytes.
    pub mtu: Option<Spanned<u32>>,
    /// `mac`.
    pub mac: Option<Spanned<[u8; 6]>>,
    /// `mpls`: whether labelled packets are taken in.
    pub mpls: Option<Spanned<bool>>,
    /// `netem`: what follows `tc qdisc add … netem`.
    pub netem: Option<Spanned<Netem>>,
    /// `tbf`: what follows `tc qdisc add … tbf`.
    pub tbf: Option<Spanned<Tbf>>,
    /// The queue behind these, and how much may come in.
    pub traffic: Traffic,
    /// `offload`: whether checksums and segments are left to the far end.
    pub offload: Option<Spanned<bool>>,
    /// `up`.
    pub up: Option<Spanned<bool>>,
    /// `kind`, of an interface that no link makes.
    pub kind: Option<Spanned<KindName>>,
    /// The keys of the kinds of interface, in the order of their table.
    pub own: Vec<Given>,
    /// `vlans` of a bridge or its port: what follows `bridge vlan add vid`.
    pub vlans: Option<Vec<Spanned<Vlan>>>,
    /// `fdb`: what follows `bridge fdb add`.
    pub fdb: Vec<Spanned<FdbEntry>>,
    /// `bridge_port`, of a port of a bridge: what follows `bridge link set dev IF`.
    pub bridge_port: Option<Spanned<BridgePort>>,
}

impl Interface {
    /// `ports` of a bridge or a bond.
    pub fn ports(&self) -> &[Text] {
        let given = self.own.iter().find(|given| given.key == "ports");
        given.map_or(&[], |given| match &given.value.value {
            vocabulary::Value::Lines(lines) => lines,
            vocabulary::Value::Flag(_)
            | vocabulary::Value::Number(_)
            | vocabulary::Value::Line(_)
            | vocabulary::Value::Ip(_) => &[],
        })
    }

    /// A dummy of which nothing is said.
    pub fn dummy(name: Text) -> Self {
        Self {
            name,
            addresses: None,
            vrf: None,
            mtu: None,
            mac: None,
            mpls: None,
            netem: None,
            tbf: None,
            traffic: Traffic::default(),
            offload: None,
            up: None,
            kind: Some(Spanned::filled(KindName::Dummy)),
            own: Vec::new(),
            vlans: None,
            fdb: Vec::new(),
            bridge_port: None,
        }
    }
}

/// A link as written.
#[derive(Debug)]
pub struct Link {
    /// Where the whole link stands.
    pub span: crate::diagnostic::Span,
    /// Its two ends.
    pub ends: [End; 2],
    /// `cost`, for shortest paths.
    pub cost: Option<Spanned<u32>>,
    /// `subnet`: at most one of each family.
    pub subnets: Vec<Spanned<IpNet>>,
}

/// One end of a link as written; what a link says of both ends stands at each.
#[derive(Debug)]
pub struct End {
    /// The node's name.
    pub node: Text,
    /// The interface's name, where the file gives one.
    pub interface: Option<Text>,
    /// Addresses; `None` lets the compiler choose, an empty list is none.
    pub addresses: Option<Vec<Spanned<EndAddress>>>,
    /// The VRF that this end is to be in.
    pub vrf: Option<EndVrf>,
    /// `mtu` in bytes.
    pub mtu: Option<Spanned<u32>>,
    /// `mac`.
    pub mac: Option<Spanned<[u8; 6]>>,
    /// `mpls`.
    pub mpls: Option<Spanned<bool>>,
    /// `netem`: what follows `tc qdisc add … netem`.
    pub netem: Option<Spanned<Netem>>,
    /// `tbf`: what follows `tc qdisc add … tbf`.
    pub tbf: Option<Spanned<Tbf>>,
    /// The queue behind these, and how much may come in.
    pub traffic: Traffic,
    /// `offload`: whether checksums and segments are left to the far end.
    pub offload: Option<Spanned<bool>>,
    /// `up`.
    pub up: Option<Spanned<bool>>,
}

/// How a link names the VRF of one of its ends.
#[derive(Debug, Clone)]
pub enum EndVrf {
    /// `vrf=blue` on the link: for each end whose node can be in it.
    WherePossible(Text),
    /// `headvrf=blue`: for this end.
    Here(Text),
}

/// The two languages of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    /// Graphviz's.
    Dot,
    /// YAML, and with it JSON.
    Yaml,
}

impl Format {
    /// The format that a file of this name has.
    pub fn of_name(name: &str) -> Option<Format> {
        let extension = Path::new(name).extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "dot" | "gv" => Some(Format::Dot),
            "yaml" | "yml" | "json" => Some(Format::Yaml),
            _ => None,
        }
    }

    /// The format that a text without a telling name has.
    pub fn of_text(source: &Source) -> Format {
        if dot::begins(source) { Format::Dot } else { Format::Yaml }
    }
}

/// Reads a file: all of its errors and warnings, in their order in the file. A file whose syntax is
/// wrong gives no document. With other errors the document holds what is right, good for finding
/// more of them and not for building.
///
/// Without a format the text tells: a DOT file begins with `graph`, `digraph` or `strict`.
pub fn parse(source: &Source, format: Option<Format>) -> (Option<Document>, Vec<Diagnostic>) {
    parse_with(source, format, &Files::beside(&source.name, &[]), &Limits::default())
}

/// [`parse`], with the files that the lab's file names taken from `files`, and with these limits.
pub fn parse_with(
    source: &Source,
    format: Option<Format>,
    files: &Files,
    limits: &Limits,
) -> (Option<Document>, Vec<Diagnostic>) {
    let mut errors = Diagnostics::default();
    let format = format.unwrap_or_else(|| Format::of_text(source));
    let reading = match format {
        Format::Yaml => yaml::read(source, &mut errors),
        Format::Dot => dot::read(source, &mut errors),
    };
    let document = reading.and_then(|reading| {
        let document = decode::lab(&reading.tree, files, limits, &mut errors)?;
        reading.whole.then_some(document)
    });
    (document, errors.into_sorted())
}

fn empty() -> Diagnostic {
    Diagnostic::error(Code::Empty, "the file holds no topology")
        .help("the smallest lab is `graph { h1 -- h2 }`")
}
