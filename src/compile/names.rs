//! What programs in a node can call by name: other nodes, and routing tables.

use super::destinations::main_of;
use super::lab::{Lab, MAIN, NodeId};
use super::layout::{Context, Layout};
use crate::document::{DeviceName, Routing};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::IpAddr;

/// What every node can call by name.
const LOCALHOST: &str = "127.0.0.1 localhost\n::1 localhost\n";
/// Names that iproute2 has for tables of its own.
const KNOWN_TABLES: [&str; 4] = ["main", "local", "default", "unspec"];

/// The names of a whole lab. Nodes that see the same share a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// Texts as `/etc/hosts` has them.
    pub hosts: Vec<String>,
    /// Each node's own, in the lab's order.
    pub nodes: Vec<NodeNames>,
}

/// The names of one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeNames {
    /// Its namespace.
    pub namespace: String,
    /// The place in [`Names::hosts`] of the text that its programs see.
    pub hosts: usize,
    /// The same for programs that are bound to one of its VRFs.
    pub vrfs: Vec<(DeviceName, usize)>,
    /// Names of its tables and of its VRFs' tables, each with its number.
    pub tables: Vec<(String, u32)>,
}

/// The names that each node of a lab sees: those of the nodes whose addresses cannot be somebody
/// else's in its own routing domains, and in those that its VRFs import. A node with VRFs knows the
/// nodes behind them as `node%vrf`.
pub fn names(lab: &Lab) -> Names {
    let layout = Layout::of(lab, Routing::Auto);
    let mut members: BTreeMap<usize, Vec<Member<'_>>> = BTreeMap::new();
    for context in &layout.contexts {
        let addresses = addresses(lab, &layout, *context);
        let Some(realm) = layout.realm(*context).filter(|_| !addresses.is_empty()) else {
            continue;
        };
        members.entry(realm).or_default().push(Member::of(lab, &layout, *context, addresses));
    }
    let mut names = Names { hosts: Vec::new(), nodes: Vec::new() };
    let mut texts: BTreeMap<Option<usize>, usize> = BTreeMap::new();
    for (place, node) in lab.nodes.iter().enumerate() {
        let id = NodeId(place);
        let mut text_of = |context: Context| {
            let realm = layout.realm(context);
            *texts.entry(realm).or_insert_with(|| {
                let members = realm.and_then(|realm| members.get(&realm));
                names.hosts.push(text(members.map_or(&[], Vec::as_slice)));
                names.hosts.len() - 1
            })
        };
        let mut hosts = text_of(main_of(id));
        let vrfs = node
            .vrfs
            .iter()
            .map(|vrf| (vrf.name.clone(), text_of(Context { node: id, table: vrf.table })));
        let vrfs: Vec<_> = vrfs.collect();
        if !node.vrfs.is_empty() {
            let mut own = names.hosts[hosts].clone();
            for vrf in &node.vrfs {
                let realm = layout.realm(Context { node: id, table: vrf.table });
                let behind = realm.and_then(|realm| members.get(&realm));
                own += &through(vrf.name.as_str(), behind.map_or(&[], Vec::as_slice));
            }
            names.hosts.push(own);
            hosts = names.hosts.len() - 1;
        }
        let tables = node.vrfs.iter().map(|vrf| (vrf.name.to_string(), vrf.table));
        let tables = node.tables.iter().cloned().chain(tables);
        names.nodes.push(NodeNames {
            namespace: node.namespace.clone(),
            hosts,
            vrfs,
            tables: tables.filter(|(name, _)| !KNOWN_TABLES.contains(&name.as_str())).collect(),
        });
    }
    names
}

/// A node in one of its tables.
struct Member<'a> {
    node: &'a str,
    vrf: Option<&'a str>,
    /// The first of each family.
    addresses: Vec<IpAddr>,
}

impl<'a> Member<'a> {
    fn of(lab: &'a Lab, layout: &Layout, context: Context, addresses: Vec<IpAddr>) -> Self {
        let node = &lab[context.node];
        let vrf = layout.vrf(lab, context).map(|vrf| vrf.name.as_str());
        Self { node: node.name.as_str(), vrf, addresses }
    }

    fn lines(&self, names: &str) -> String {
        self.addresses.iter().fold(String::new(), |mut lines, address| {
            writeln!(lines, "{address} {names}").expect("a string takes all");
            lines
        })
    }
}

/// The addresses by which a node is known in one of its tables, one of each family.
fn addresses(lab: &Lab, layout: &Layout, context: Context) -> Vec<IpAddr> {
    let node = &lab[context.node];
    let interfaces = layout.ports(context).iter().map(|id| &node.interfaces[id.0]);
    let vrf = layout.vrf(lab, context);
    let all: Vec<IpAddr> = interfaces
        .flat_map(|interface| &interface.addresses)
        .chain(node.loopback.iter().filter(|_| context.table == MAIN))
        .chain(vrf.into_iter().flat_map(|vrf| &vrf.addresses))
        .map(|address| address.value.addr())
        .filter(|address| !address.is_loopback())
        .collect();
    [true, false]
        .into_iter()
        .filter_map(|v4| all.iter().find(|address| address.is_ipv4() == v4).copied())
        .collect()
}

/// What is seen from within: each node by its name, and each VRF of a node as `node%vrf`.
fn text(members: &[Member<'_>]) -> String {
    let mut text = LOCALHOST.to_owned();
    for node in members.chunk_by(|one, other| one.node == other.node) {
        for (place, member) in node.iter().enumerate() {
            let in_vrf = member.vrf.map(|vrf| format!("{}%{vrf}", member.node));
            let plain = (place == 0).then(|| member.node.to_owned());
            let names: Vec<String> = plain.into_iter().chain(in_vrf).collect();
            text += &member.lines(&names.join(" "));
        }
    }
    text
}

/// What a node sees through one of its VRFs, the VRF's name behind each node's.
fn through(vrf: &str, members: &[Member<'_>]) -> String {
    let nodes = members.chunk_by(|one, other| one.node == other.node);
    let lines = nodes.map(|node| {
        let same = node.iter().find(|member| member.vrf == Some(vrf));
        same.unwrap_or(&node[0]).lines(&format!("{}%{vrf}", node[0].node))
    });
    lines.collect()
}
