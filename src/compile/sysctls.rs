//! The settings of each namespace, so that a lab does not depend on its host's.

use super::allocations::Allocations;
use super::interface::Interface;
use super::lab::{InterfaceId, Lab, LabelRoute, MAIN, Node, NodeId, Sysctl};
use super::node::HASH_SEED;
use super::sysctl_name;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span, Spanned};
use crate::document::Ttl;
use crate::iproute::NeighbourEntry;
use crate::link::Kind;
use crate::topology::Topology;
use petgraph::graph::{NodeIndex, UnGraph};
use std::collections::{BTreeMap, HashMap, HashSet};

/// The setting that has to be above the highest label a node takes in.
const PLATFORM_LABELS: &str = "net/mpls/platform_labels";
/// How many labels a node has room for; the kernel keeps a pointer for each.
const LABELS: u32 = 10_000;
/// How much room there is above the highest label that a node uses.
const MORE_LABELS: u32 = 1_000;
/// The most that the kernel takes.
const MOST_LABELS: u32 = 1_048_575;
/// The TTL and the hop limit of what a node sends by itself.
const TTLS: [&str; 2] = ["net/ipv4/ip_default_ttl", "net/ipv6/conf/default/hop_limit"];
/// What a kernel gives both: no packet comes further than over so many links.
const DEFAULT_TTL: usize = 64;
/// Whether a packet's TTL goes into its labels and back.
const TTL_PROPAGATE: &str = "net/mpls/ip_ttl_propagate";

/// Fills in the settings: what the compiler wants, then what the file says, which wins.
pub(super) fn fill(
    topology: &Topology,
    kept: &Allocations,
    lab: &mut Lab,
    errors: &mut Diagnostics,
) {
    let seeds = seeds(kept, lab);
    let is_long = span(&topology.graph) > DEFAULT_TTL;
    for index in topology.graph.node_indices() {
        let node = &mut lab[NodeId(index.index())];
        let mut early = defaults(node);
        // With one seed for all, which is what a kernel gives its namespaces, routers one behind the
        // other would send what they have of the flows one way.
        if node.routes.iter().any(|route| route.value.nexthops.len() > 1) {
            let seed = seeds[index.index()].to_string();
            early.push((HASH_SEED.to_owned(), Spanned::filled(seed)));
        }
        if is_long {
            let most = Spanned::filled(u8::MAX.to_string());
            early.extend(TTLS.map(|key| (key.to_owned(), most.clone())));
        }
        if node.role.in_core() && topology.vpn.ttl.is_some_and(|ttl| ttl.value == Ttl::Pipe) {
            early.push((TTL_PROPAGATE.to_owned(), Spanned::filled("0".to_owned())));
        }
        let mut late: BTreeMap<String, Spanned<String>> = node
            .interfaces
            .iter()
            .filter(|interface| interface.mpls)
            .map(|interface| {
                (input(interface.name.as_str()), Spanned::new("1".into(), interface.span))
            })
            .collect();
        // The kernel answers for others where it is told to, of IPv6 alone.
        let proxies = node
            .neighbours
            .iter()
            .filter(|it| it.value.entry == NeighbourEntry::Proxy && it.value.address.is_ipv6());
        late.extend(proxies.map(|proxy| {
            let key = format!("net/ipv6/conf/{}/proxy_ndp", proxy.value.dev);
            (key, Spanned::new("1".to_owned(), proxy.span))
        }));
        // A label that is popped above another one has the packet go round by `lo`.
        if let Some(route) = node.label_routes.iter().find(|route| ends_at_lo(&route.value)) {
            late.insert(input("lo"), Spanned::new("1".to_owned(), route.span));
        }
        let mut written: Vec<Spanned<Sysctl>> = Vec::new();
        let mut seen: HashMap<&str, Span> = HashMap::new();
        for (key, value) in &topology.graph[index].sysctls {
            if let Some(fault) = fault(&key.value) {
                errors.push(
                    Diagnostic::error(
                        Code::BadValue,
                        format!("`{}` {fault}", sysctl_name(&key.value)),
                    )
                    .at(key.span, "cannot be set here")
                    .note("a namespace has the settings below `net.` and no others"),
                );
                continue;
            }
            if let Some(other) = seen.get(key.value.as_str()) {
                let name = sysctl_name(&key.value);
                errors.push(
                    Diagnostic::error(
                        Code::DuplicateKey,
                        format!("duplicate key `{name}` in `sysctls`"),
                    )
                    .at(key.span, "the second one")
                    .beside(*other, "the first one")
                    .note("a setting is the same one with dots and with slashes"),
                );
                continue;
            }
            seen.insert(&key.value, key.span);
            early.retain(|(known, _)| *known != key.value);
            late.remove(&key.value);
            let sysctl = Sysctl { key: key.value.clone(), value: value.as_str().trim().to_owned() };
            written.push(Spanned::new(sysctl, key.span));
        }
        let (mut own_late, own_early): (Vec<_>, Vec<_>) =
            written.into_iter().partition(|sysctl| needs_interface(&sysctl.value.key));
        platform_labels(node, &own_early, &mut early, errors);
        node.early_sysctls = early
            .into_iter()
            .map(|(key, value)| value.map(|value| Sysctl { key, value }))
            .chain(own_early)
            .collect();
        node.late_sysctls =
            late.into_iter().map(|(key, value)| value.map(|value| Sysctl { key, value })).collect();
        node.late_sysctls.append(&mut own_late);
    }
}

/// A number for each node that no other one has: its own of before, or its place.
fn seeds(kept: &Allocations, lab: &mut Lab) -> Vec<usize> {
    let kept: Vec<Option<usize>> =
        lab.nodes.iter().map(|node| kept.of(&node.name)?.hash_seed).collect();
    let taken: HashSet<usize> = kept.iter().flatten().copied().collect();
    let mut free = (lab.nodes.len() + 1..).filter(|seed| !taken.contains(seed));
    let seeds = kept.iter().enumerate().map(|(place, kept)| {
        let own = Some(place + 1).filter(|own| !taken.contains(own));
        kept.or(own).or_else(|| free.next()).expect("numbers do not end")
    });
    let seeds: Vec<usize> = seeds.collect();
    for (node, seed) in seeds.iter().enumerate() {
        lab.chosen(NodeId(node)).hash_seed = Some(*seed);
    }
    seeds
}

/// How many links lie between two nodes at the most, found by going from any node of a part of the
/// graph to one that is furthest, and from there again: in a tree or a ring that is exact, elsewhere
/// it may be a little less.
fn span<N, E>(graph: &UnGraph<N, E>) -> usize {
    let mut seen = vec![false; graph.node_count()];
    let mut longest = 0;
    for start in graph.node_indices() {
        if seen[start.index()] {
            continue;
        }
        let reached = by_distance(graph, start);
        reached.iter().for_each(|(node, _)| seen[node.index()] = true);
        let again = reached.last().map(|(furthest, _)| by_distance(graph, *furthest));
        let distance = again.and_then(|again| again.last().map(|(_, distance)| *distance));
        longest = longest.max(distance.unwrap_or_default());
    }
    longest
}

/// What is connected with a node, the nearest first, each with the number of links between.
fn by_distance<N, E>(graph: &UnGraph<N, E>, start: NodeIndex) -> Vec<(NodeIndex, usize)> {
    let mut seen = vec![false; graph.node_count()];
    seen[start.index()] = true;
    let mut reached = vec![(start, 0)];
    let mut next = 0;
    while let Some(&(node, distance)) = reached.get(next) {
        next += 1;
        for neighbour in graph.neighbors(node) {
            if !std::mem::replace(&mut seen[neighbour.index()], true) {
                reached.push((neighbour, distance + 1));
            }
        }
    }
    reached
}

fn ends_at_lo(route: &LabelRoute) -> bool {
    route.nexthops.iter().any(|nexthop| nexthop.dev.as_str() == "lo")
}

/// What every namespace gets before its first interface.
fn defaults(node: &Node) -> Vec<(String, Spanned<String>)> {
    let forwarding = if node.forwarding { "1" } else { "0" };
    let mut settings = vec![
        // Writing this one resets others of IPv4, so it comes first.
        ("net/ipv4/ip_forward", forwarding),
        ("net/ipv6/conf/all/forwarding", forwarding),
        ("net/ipv4/conf/all/rp_filter", "0"),
        ("net/ipv4/conf/default/rp_filter", "0"),
        // Flows spread by addresses and ports, not by addresses alone.
        ("net/ipv4/fib_multipath_hash_policy", "1"),
        ("net/ipv6/fib_multipath_hash_policy", "1"),
        // A failed link leaves a set of equal ways only if this was said before it failed.
        ("net/ipv4/conf/all/ignore_routes_with_linkdown", "1"),
        ("net/ipv6/conf/default/ignore_routes_with_linkdown", "1"),
        // The first packet flows without waiting for duplicate address detection.
        ("net/ipv6/conf/default/accept_dad", "0"),
    ];
    if !node.vrfs.is_empty() {
        settings.push(("net/vrf/strict_mode", "1"));
    }
    // The socket of a WireGuard interface is in no VRF, whatever its packets' mark.
    let is_in_vrf = |(place, interface): (usize, &Interface)| {
        let wireguard = interface.kind.of_device().and_then(Kind::as_wireguard);
        wireguard.is_some() && node.underlay(InterfaceId(place)).is_some_and(|it| it != MAIN)
    };
    if node.interfaces.iter().enumerate().any(is_in_vrf) {
        settings.push(("net/ipv4/udp_l3mdev_accept", "1"));
    }
    settings
        .into_iter()
        .map(|(key, value)| (key.to_owned(), Spanned::filled(value.to_owned())))
        .collect()
}

fn input(interface: &str) -> String {
    format!("net/mpls/conf/{interface}/input")
}

/// Room for the labels that a node takes in, also those that are added by hand; the kernel's own is
/// none at all.
fn platform_labels(
    node: &Node,
    written: &[Spanned<Sysctl>],
    early: &mut Vec<(String, Spanned<String>)>,
    errors: &mut Diagnostics,
) {
    let highest = node.label_routes.iter().max_by_key(|route| route.value.label);
    if highest.is_none() && !node.interfaces.iter().any(|interface| interface.mpls) {
        return;
    }
    let needed = highest.map_or(0, |highest| highest.value.label.number() + 1);
    let span = highest.map_or(Span::NONE, |highest| highest.span);
    match written.iter().find(|sysctl| sysctl.value.key == PLATFORM_LABELS) {
        None => {
            let room = (needed + MORE_LABELS).clamp(LABELS, MOST_LABELS);
            early.push((PLATFORM_LABELS.to_owned(), Spanned::new(room.to_string(), span)));
        }
        Some(sysctl) => {
            if sysctl.value.value.parse().is_ok_and(|limit: u32| limit < needed) {
                errors.push(
                    Diagnostic::error(
                        Code::PlatformLabels,
                        format!("label {} is not below net.mpls.platform_labels", needed - 1),
                    )
                    .at(sysctl.span, format!("{} here", sysctl.value.value))
                    .beside(span, "and this MPLS route")
                    .note("the kernel answers EINVAL: \"Label >= configured maximum in platform_labels\"")
                    .help(format!("leave the setting out, or say {needed} or more")),
                );
            }
        }
    }
}

/// Why a key cannot be a setting of a namespace.
fn fault(key: &str) -> Option<&'static str> {
    let mut parts = key.split('/');
    if parts.next() != Some("net") {
        return Some("is not a setting of a network namespace");
    }
    parts
        .any(|part| part.is_empty() || part == "." || part == "..")
        .then_some("is not a setting's name")
}

/// Whether a setting is one of an interface, and so can only be written when that is there.
fn needs_interface(key: &str) -> bool {
    let mut parts = key.split('/').skip_while(|part| *part != "conf" && *part != "neigh");
    parts.nth(1).is_some_and(|name| !matches!(name, "all" | "default"))
}
