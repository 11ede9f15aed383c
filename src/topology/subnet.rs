//! The subnets of links and LANs, and the addresses at their ends that say the host part alone.

use super::{Link, Node};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Spanned};
use crate::document::{Address, EndAddress, HostPart, Role};
use ipnet::IpNet;
use petgraph::graph::{NodeIndex, UnGraph};
use petgraph::unionfind::UnionFind;
use petgraph::visit::EdgeRef;
use std::collections::HashMap;

/// Gives the subnets of switches to the links that lead there, and completes the addresses of all ends.
pub(super) fn complete(graph: &mut UnGraph<Node, Link>, diagnostics: &mut Diagnostics) {
    let lans = lans(graph, diagnostics);
    for edge in graph.edge_indices() {
        if let Some(subnets) = lans.get(&edge.index()) {
            let own = &mut graph[edge].subnets;
            let families: Vec<bool> = own.iter().map(|it| it.value.addr().is_ipv4()).collect();
            let is_lacking = |it: &&Spanned<IpNet>| !families.contains(&it.value.addr().is_ipv4());
            own.extend(subnets.iter().filter(is_lacking));
        }
        let Link { subnets, ends, .. } = &mut graph[edge];
        for end in ends {
            let written = end.written.addresses.as_ref();
            let complete =
                |address: &Spanned<EndAddress>| address_of(*address, subnets, diagnostics);
            end.addresses = written.map(|written| written.iter().filter_map(complete).collect());
        }
    }
}

/// The subnets of the LAN that each link leads into, by the links' places.
fn lans(
    graph: &UnGraph<Node, Link>,
    diagnostics: &mut Diagnostics,
) -> HashMap<usize, Vec<Spanned<IpNet>>> {
    let is_switch =
        |node: NodeIndex| graph[node].role.is_some_and(|role| role.value == Role::Switch);
    let mut joined = UnionFind::new(graph.node_count());
    for edge in graph.edge_references() {
        if is_switch(edge.source()) && is_switch(edge.target()) {
            joined.union(edge.source().index(), edge.target().index());
        }
    }
    let mut subnets: HashMap<usize, Vec<Spanned<IpNet>>> = HashMap::new();
    for node in graph.node_indices() {
        for subnet in &graph[node].subnets {
            if !is_switch(node) {
                let title = format!("`{}` is no switch, and has no subnet", graph[node].name.value);
                diagnostics.push(
                    Diagnostic::error(Code::BadValue, title)
                        .at(subnet.span, "")
                        .help("a subnet is a link's, or that of a LAN, which a switch is"),
                );
                continue;
            }
            let known = subnets.entry(joined.find(node.index())).or_default();
            let is_v4 = subnet.value.addr().is_ipv4();
            match known.iter().find(|other| other.value.addr().is_ipv4() == is_v4) {
                None => known.push(*subnet),
                Some(other) if other.value == subnet.value => {}
                Some(other) => diagnostics.push(
                    Diagnostic::error(
                        Code::SubnetMismatch,
                        "the switches of one LAN have two subnets",
                    )
                    .at(subnet.span, subnet.value.to_string())
                    .beside(other.span, other.value.to_string()),
                ),
            }
        }
    }
    let edges = graph.edge_references();
    let of_edge = edges.filter_map(|edge| {
        let switch = [edge.source(), edge.target()].into_iter().find(|node| is_switch(*node))?;
        let subnets = subnets.get(&joined.find(switch.index()))?;
        Some((edge.id().index(), subnets.clone()))
    });
    of_edge.collect()
}

/// An address of an end, its host part put into the subnet of its family.
fn address_of(
    address: Spanned<EndAddress>,
    subnets: &[Spanned<IpNet>],
    diagnostics: &mut Diagnostics,
) -> Option<Spanned<Address>> {
    let (part, anycast) = match address.value {
        EndAddress::Whole(whole) => {
            let is_v4 = whole.addr().is_ipv4();
            let subnet = subnets.iter().find(|it| it.value.addr().is_ipv4() == is_v4);
            if let Some(subnet) = subnet.filter(|subnet| !subnet.value.contains(&whole.addr())) {
                let title = format!("{} is not in {}", whole.net, subnet.value);
                diagnostics.push(
                    Diagnostic::warning(Code::SubnetMismatch, title)
                        .at(address.span, "this end has it all the same")
                        .beside(subnet.span, "the subnet here"),
                );
            }
            return Some(Spanned::new(whole, address.span));
        }
        EndAddress::Part(part, anycast) => (part, anycast),
    };
    let Some(subnet) = subnets.iter().find(|subnet| part.is_of(subnet.value)) else {
        diagnostics.push(part.without_subnet(address.span));
        return None;
    };
    let Some(net) = part.within(subnet.value) else {
        diagnostics.push(outside(part, *subnet, address));
        return None;
    };
    Some(Spanned::new(Address { anycast, ..net.into() }, address.span))
}

fn outside(part: HostPart, subnet: Spanned<IpNet>, address: Spanned<EndAddress>) -> Diagnostic {
    let net = subnet.value;
    let (first, last) = (net.network(), net.broadcast());
    Diagnostic::error(Code::BadValue, format!("`{part}` is not in {net}"))
        .at(address.span, "")
        .beside(subnet.span, "the subnet here")
        .note(format!("it reaches from {first} to {last}"))
        .help("a host part is the end of the whole address: `.5` is 10.0.12.5 in 10.0.12.4/30")
}
