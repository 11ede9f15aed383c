//! Nodes that must forward and do not, and VRFs that let packets out.

use super::Owners;
use crate::compile::lab::{Lab, Node, NodeId};
use crate::compile::layout::{Layout, Port};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use ipnet::IpNet;
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

pub(super) fn hold(layout: &Layout, owners: &Owners, lab: &Lab, errors: &mut Diagnostics) {
    gateways(layout, owners, lab, errors);
    for node in &lab.nodes {
        for vrf in node.vrfs.iter().filter(|vrf| vrf.fallthrough) {
            errors.push(
                Diagnostic::warning(
                    Code::Fallthrough,
                    format!("lookups in VRF `{}` of `{}` fall through to main", vrf.name, node.name),
                )
                .at(vrf.span, "`fallthrough` leaves out its unreachable default")
                .note("a packet that the VRF has no route for is routed by the main table, out of the VRF"),
            );
        }
    }
}

/// Warns of gateways that take no packets on.
fn gateways(layout: &Layout, owners: &Owners, lab: &Lab, errors: &mut Diagnostics) {
    let mut addresses: HashMap<NodeId, BTreeSet<IpAddr>> = HashMap::new();
    for id in (0..lab.nodes.len()).map(NodeId) {
        // What the compiler filled in goes through nodes that forward.
        for route in lab[id].routes.iter().filter(|route| !route.span.is_none()) {
            // A label says where a packet goes on, so its gateway needs no forwarding of IP.
            for nexthop in route.value.nexthops.iter().filter(|next| next.encap.is_none()) {
                let (Some(via), Some(interface)) =
                    (nexthop.via, lab[id].interface(nexthop.dev.as_str()))
                else {
                    continue;
                };
                let port: Port = (id, interface);
                let Some(domain) = layout.domain(layout.context(port)) else { continue };
                let Some(&(owner, _)) = owners.get(&(domain, via)) else { continue };
                let gateway = &lab[owner];
                if gateway.forwarding {
                    continue;
                }
                let its_own = addresses.entry(owner).or_insert_with(|| own(gateway));
                if !are_all(its_own, route.value.destination) {
                    errors.push(
                        Diagnostic::warning(
                            Code::NotForwarding,
                            format!("`{}` is a gateway and does not forward", gateway.name),
                        )
                        .at(route.span, format!("{via} is an address of `{}`", gateway.name))
                        .beside(gateway.span, "does not forward")
                        .help_in(|notation| {
                            let (name, on) = (&gateway.name, notation.value("forwarding", true));
                            format!("give `{name}` the role of a router, or {on}")
                        }),
                    );
                }
            }
        }
    }
}

/// The addresses of a node on its interfaces and on `lo`.
fn own(node: &Node) -> BTreeSet<IpAddr> {
    let on_interfaces = node.interfaces.iter().flat_map(|port| &port.addresses);
    on_interfaces.chain(&node.loopback).map(|address| address.value.addr()).collect()
}

/// Whether every address of a prefix is among some.
fn are_all(addresses: &BTreeSet<IpAddr>, prefix: IpNet) -> bool {
    let free = u32::from(prefix.max_prefix_len() - prefix.prefix_len());
    let size = 1usize.checked_shl(free).filter(|size| *size <= addresses.len());
    let inside = || addresses.range(prefix.network()..=prefix.broadcast()).count();
    size.is_some_and(|size| size == inside())
}
