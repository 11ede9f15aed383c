//! VRFs with their tables, and which interfaces are in them.

use super::allocations::Allocations;
use super::lab::{Imports, InterfaceId, Lab, NodeId, Route, UNREACHABLE_METRIC, Vrf};
use super::{Draft, WantedVrf, queues};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span, Spanned, Spelling, Text, nearest};
use crate::document::{DeviceName, Role};
use crate::iproute::RouteKind;
use crate::topology::Topology;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// The first table that is given to a VRF without one.
const FIRST_TABLE: u32 = 10;
/// The tables that the kernel keeps for itself: default, main and local.
const RESERVED: std::ops::RangeInclusive<u32> = 253..=255;
/// Where the lookup of the local table goes in a node with VRFs: right behind the kernel's rule for
/// VRFs, so that an address of the node's own never captures a customer's packets.
const LOCAL_RULE: u32 = 1001;

/// Gives every node its VRFs and every VRF its interfaces and its table.
pub(super) fn fill(
    topology: &Topology,
    kept: &Allocations,
    draft: &mut Draft,
    errors: &mut Diagnostics,
) {
    for index in topology.graph.node_indices() {
        let node = &topology.graph[index];
        let vrfs = node.vrfs.iter().map(|vrf| Vrf {
            table: vrf.written.table.map_or(0, |table| table.value),
            addresses: vrf.written.addresses.clone(),
            fallthrough: vrf.written.fallthrough.is_some_and(|flag| flag.value),
            mtu: vrf.written.mtu,
            netem: vrf.written.netem.clone(),
            tbf: vrf.written.tbf.clone(),
            traffic: queues::completed(vrf.written.traffic.clone(), errors),
            up: vrf.written.up.is_none_or(|flag| flag.value),
            ..Vrf::plain(vrf.name.value.clone(), vrf.name.span)
        });
        draft.lab.nodes[index.index()].vrfs = vrfs.collect();
    }
    enslave(draft, errors);
    self_links(draft, errors);
    names(draft, errors);
    lonely(topology, draft, errors);
    imports(topology, draft, errors);
    tables(topology, kept, draft, errors);
    for index in topology.graph.node_indices() {
        let lab_node = &mut draft.lab.nodes[index.index()];
        let wanted = if lab_node.vrfs.is_empty() { 0 } else { LOCAL_RULE };
        lab_node.local_rule = topology.graph[index].local_rule.unwrap_or(Spanned::filled(wanted));
    }
}

/// Ends the lookups of VRFs with a route of their tables, so that none goes on in the main table, but where the
/// file wants that.
pub(super) fn close(lab: &mut Lab) {
    for node in &mut lab.nodes {
        let place = |route: &Route| (route.table, route.destination, route.metric);
        // A file may say the same of its own accord.
        let written: HashSet<_> = node.routes.iter().map(|route| place(&route.value)).collect();
        let closed = node.vrfs.iter().filter(|vrf| !vrf.fallthrough);
        let ends = closed.flat_map(|vrf| {
            [IpNet::V4(Ipv4Net::default()), IpNet::V6(Ipv6Net::default())].map(|destination| {
                let route = Route {
                    kind: RouteKind::Unreachable,
                    table: vrf.table,
                    metric: Some(UNREACHABLE_METRIC),
                    ..Route::unicast(destination, Vec::new())
                };
                Spanned { value: route, span: vrf.span }
            })
        });
        let ends = ends.filter(|end| !written.contains(&place(&end.value))).collect::<Vec<_>>();
        node.routes.splice(0..0, ends);
    }
}

/// Puts interfaces into the VRFs that the file names for them.
fn enslave(draft: &mut Draft, errors: &mut Diagnostics) {
    let wanted = std::mem::take(&mut draft.wanted_vrfs);
    // A link's `vrf` is for whichever of its ends can be in it, and for one at least.
    let mut placed: HashMap<usize, (bool, &WantedVrf)> = HashMap::new();
    for wish in &wanted {
        let node = &mut draft.lab[wish.node];
        let declared = node.vrf(wish.vrf.as_str()).is_some();
        let can = declared || node.role == Role::Pe;
        if let (false, Some(link)) = (wish.here, node.interfaces[wish.interface.0].kind.link()) {
            placed.entry(link).or_insert((false, wish)).0 |= can;
            if !can {
                continue;
            }
        } else if !can {
            errors.push(unknown(node, wish));
            continue;
        }
        let Some(name) = DeviceName::new(wish.vrf.as_str()) else { continue };
        if !declared {
            node.vrfs.push(Vrf::plain(name.clone(), wish.vrf.span));
        }
        node.interfaces[wish.interface.0].master = Some(Spanned::new(name, wish.vrf.span));
    }
    for (link, (_, wish)) in placed.into_iter().filter(|(_, (placed, _))| !placed) {
        let error = Diagnostic::error(
            Code::VrfNowhere,
            format!("neither end of this link can be in VRF `{}`", wish.vrf),
        )
        .at(wish.vrf.span, "asked for here");
        let ends = draft.lab.links[link].ends.iter();
        let known = ends.flat_map(|(node, _)| draft.lab[*node].vrfs.near(wish.vrf.as_str()));
        errors.push(match nearest(wish.vrf.as_str(), known) {
            Some(near) => error.help(format!("did you mean `{near}`?")),
            None => error.help_in(|notation| {
                let (pe, vrfs) = (notation.value("role", "pe"), notation.list("vrfs", &wish.vrf));
                format!("give one of the nodes {pe}, or {vrfs}")
            }),
        });
    }
}

/// Reports links of a node to itself that do not join two of its tables.
fn self_links(draft: &Draft, errors: &mut Diagnostics) {
    for link in &draft.lab.links {
        let [near, far] = link.ends;
        let node = &draft.lab[near.0];
        let vrf = |port: InterfaceId| node.vrf_of(&node.interfaces[port.0]).map(|vrf| &vrf.name);
        if near.0 == far.0 && vrf(near.1) == vrf(far.1) {
            errors.push(
                Diagnostic::error(Code::SelfLink, format!("a link from `{}` to itself", node.name))
                    .at(link.span, "")
                    .note("a link joins two nodes; what a node says to itself goes over its `lo`")
                    .help("its ends can be in different VRFs of the node: `tailvrf` and `headvrf`"),
            );
        }
    }
}

/// Reports VRFs that have the name of an interface that a link makes.
fn names(draft: &Draft, errors: &mut Diagnostics) {
    for node in &draft.lab.nodes {
        for vrf in &node.vrfs {
            let Some(interface) = node.interface(vrf.name.as_str()) else { continue };
            let interface = &node.interfaces[interface.0];
            errors.push(
                Diagnostic::error(
                    Code::BadName,
                    format!("`{}` is both an interface and a VRF of `{}`", vrf.name, node.name),
                )
                .at(vrf.span, "this VRF")
                .beside(interface.span, "has an interface's name")
                .note("a VRF is a device too, and a namespace has one device of a name"),
            );
        }
    }
}

/// Warns of a VRF that one end of one link names and nobody declares, where another VRF's name is so
/// near that a slip explains it.
fn lonely(topology: &Topology, draft: &Draft, errors: &mut Diagnostics) {
    let declared = topology.graph.node_weights().flat_map(|node| &node.vrfs);
    let declared: BTreeSet<&str> = declared.map(|vrf| vrf.name.value.as_str()).collect();
    let mut users: BTreeMap<&str, Vec<Span>> = BTreeMap::new();
    for node in &draft.lab.nodes {
        let masters = node.interfaces.iter().filter_map(|interface| interface.master.as_ref());
        for master in masters.filter(|master| node.vrf(master.value.as_str()).is_some()) {
            users.entry(master.value.as_str()).or_default().push(master.span);
        }
    }
    // Names that differ in a number alone were counted up on purpose.
    let letters = |name: &str| name.replace(|it: char| it.is_ascii_digit(), "");
    let shared = users.iter().filter(|(_, spans)| spans.len() > 1).map(|(name, _)| *name);
    let others: BTreeSet<&str> = shared.chain(declared.iter().copied()).collect();
    let others = Spelling::of(others);
    for (name, spans) in &users {
        let [span] = spans[..] else { continue };
        if declared.contains(name) {
            continue;
        }
        let own = letters(name);
        let unlike = others.near(name).filter(|other| letters(other) != own);
        if let Some(near) = nearest(name, unlike) {
            errors.push(
                Diagnostic::warning(
                    Code::LonelyVrf,
                    format!("VRF `{name}` is a VPN of this end alone"),
                )
                .at(span, "no other link is in it")
                .help_in(|notation| {
                    let vrfs = notation.list("vrfs", name);
                    format!("did you mean `{near}`? If not, declare it: {vrfs}")
                }),
            );
        }
    }
}

/// Resolves what VRFs import: names of VPNs that the lab has, and two words for other routes.
fn imports(topology: &Topology, draft: &mut Draft, errors: &mut Diagnostics) {
    let known: BTreeSet<DeviceName> =
        draft.lab.nodes.iter().flat_map(|node| &node.vrfs).map(|vrf| vrf.name.clone()).collect();
    let spelling = OnceCell::new();
    for index in topology.graph.node_indices() {
        for vrf in &topology.graph[index].vrfs {
            let mut found = Imports::default();
            let mut once = HashSet::new();
            for name in &vrf.written.import {
                let named = known.get(name.as_str());
                match (name.as_str(), named) {
                    ("main", _) => found.main = true,
                    ("default", _) => found.default = true,
                    (own, Some(_)) if own == vrf.name.value.as_str() => errors.push(
                        Diagnostic::error(Code::BadValue, format!("VRF `{own}` imports itself"))
                            .at(name.span, "its own name")
                            .help("leave it out: the sites of one VPN reach each other anyway"),
                    ),
                    (_, Some(vpn)) => {
                        if once.insert(vpn) {
                            found.vpns.push(Spanned::new(vpn.clone(), name.span));
                        }
                    }
                    (_, None) => {
                        let words = || {
                            Spelling::of(
                                known.iter().map(DeviceName::as_str).chain(["main", "default"]),
                            )
                        };
                        errors.push(not_a_vpn(name, spelling.get_or_init(words)));
                    }
                }
            }
            let node = &mut draft.lab.nodes[index.index()];
            if let Some(place) = node.vrfs.place(vrf.name.value.as_str()) {
                node.vrfs[place].imports = found;
            }
        }
    }
}

fn not_a_vpn(name: &Text, known: &Spelling) -> Diagnostic {
    let error = Diagnostic::error(Code::UnknownVrf, format!("no node has a VRF `{name}`"))
        .at(name.span, "nothing to import");
    match nearest(name.as_str(), known.near(name.as_str())) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None => error.help("name a VRF of the lab, `main` or `default`"),
    }
}

fn unknown(node: &super::lab::Node, wish: &WantedVrf) -> Diagnostic {
    let error =
        Diagnostic::error(Code::UnknownVrf, format!("`{}` has no VRF `{}`", node.name, wish.vrf))
            .at(wish.vrf.span, "not one of its VRFs");
    match nearest(wish.vrf.as_str(), node.vrfs.near(wish.vrf.as_str())) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None => error.help_in(|notation| {
            format!("declare it at the node: {}", notation.list("vrfs", &wish.vrf))
        }),
    }
}

/// Gives a table to every VRF without one: the one that the VRF has elsewhere if it is free here,
/// else the lowest free one, so that a VPN has one table throughout the lab where it can.
fn tables(topology: &Topology, kept: &Allocations, draft: &mut Draft, errors: &mut Diagnostics) {
    let mut by_name: BTreeMap<String, u32> = BTreeMap::new();
    let mut used: BTreeSet<u32> = RESERVED.collect();
    for node in topology.graph.node_weights() {
        let mut here: BTreeMap<u32, Span> = BTreeMap::new();
        for vrf in &node.vrfs {
            let Some(table) = vrf.written.table else { continue };
            let name = &vrf.name.value;
            if table.value == 0 || RESERVED.contains(&table.value) {
                errors.push(
                    Diagnostic::error(
                        Code::ReservedTable,
                        format!("VRF `{name}` cannot have table {table}"),
                    )
                    .at(table.span, "kept by the kernel")
                    .note("0 is no table; 253, 254 and 255 are default, main and local"),
                );
            }
            if let Some(other) = here.insert(table.value, table.span) {
                errors.push(
                    Diagnostic::error(
                        Code::TableConflict,
                        format!("two VRFs of `{}` have table {table}", node.name),
                    )
                    .at(table.span, "taken already")
                    .beside(other, "by this VRF")
                    .note("a VRF is a device that owns its table"),
                );
            }
            by_name.entry(name.to_string()).or_insert(table.value);
            used.insert(table.value);
        }
        used.extend(node.tables.iter().map(|(_, table)| table.value));
    }
    let mut free = FIRST_TABLE..;
    let mut chosen = Vec::new();
    // What was chosen before comes first, so that no other VRF gets it.
    for again in [true, false] {
        for (id, node) in draft.lab.nodes.iter_mut().enumerate() {
            let kept = kept.of(&node.name).filter(|_| again);
            let mut here: HashSet<u32> = node.vrfs.iter().map(|vrf| vrf.table).collect();
            for vrf in node.vrfs.iter_mut().filter(|vrf| vrf.table == 0) {
                let name = vrf.name.to_string();
                let known = by_name.get(&name).copied().filter(|table| !here.contains(table));
                let table = if again {
                    let kept = kept.and_then(|kept| kept.tables.get(&vrf.name).copied());
                    kept.filter(|table| known == Some(*table) || !used.contains(table))
                } else {
                    known.or_else(|| free.find(|table| !used.contains(table)))
                };
                let Some(table) = table else { continue };
                vrf.table = table;
                here.insert(table);
                used.insert(table);
                by_name.entry(name).or_insert(table);
                chosen.push((NodeId(id), vrf.name.clone(), table));
            }
        }
    }
    for (node, vrf, table) in chosen {
        draft.lab.chosen(node).tables.insert(vrf, table);
    }
}
