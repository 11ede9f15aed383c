//! A route that is missing: in which table, and what it would be.

use super::Flow;
use super::ask::Post;
use super::segment::neighbours;
use super::words;
use crate::check::holder::holders;
use crate::compile::{InterfaceId, Lab, MAIN, Node, NodeId};
use crate::iproute::RouteKind;
use crate::kernel::Way;
use nix::errno::Errno;
use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;

/// Says that a node has no way to the packet's destination, and which route would be one.
pub(super) fn missing(
    post: &mut Post<'_>,
    flow: Flow,
    vrf: Option<&str>,
    error: Errno,
) -> Vec<String> {
    let (name, destination) = (&post.node.name, flow.destination);
    let table = table_of_vrf(post.node, vrf);
    let why = match error {
        Errno::EACCES => format!("has a prohibit route to {destination}"),
        Errno::EINVAL => format!("has a blackhole route to {destination}"),
        Errno::ENETUNREACH | Errno::EHOSTUNREACH => format!("has no route to {destination}"),
        error => format!("gives no way to {destination} ({})", error.desc()),
    };
    let said = format!("At {name}, {table} {why}, so {} cannot go on.", flow.word());
    [said].into_iter().chain(advice(post, vrf, destination)).collect()
}

/// A VRF's table, or the main one, for people.
pub(super) fn table_of_vrf(node: &Node, vrf: Option<&str>) -> String {
    match vrf {
        None => "the main table".to_owned(),
        Some(name) => match node.vrf(name) {
            Some(vrf) => format!("table {} (VRF {name})", vrf.table),
            None => format!("the table of VRF {name}"),
        },
    }
}

/// What would give a node's table a way to an address: the interface or the route that the lab has
/// there and the kernel has not, else a route that the lab has not either.
pub(super) fn advice(post: &mut Post<'_>, vrf: Option<&str>, address: IpAddr) -> Option<String> {
    gone(post, vrf, address).or_else(|| {
        let route = suggestion(post.lab, post.id, vrf, address)?;
        Some(format!("Add the route `{route}` at {}.", post.node.name))
    })
}

/// The interface or the route towards an address that the lab has at a node and the kernel has not.
pub(super) fn gone(post: &mut Post<'_>, vrf: Option<&str>, address: IpAddr) -> Option<String> {
    let (node, name) = (post.node, &post.node.name);
    let table = vrf.and_then(|vrf| node.vrf(vrf)).map_or(MAIN, |vrf| vrf.table);
    let interfaces = post.interfaces.clone();
    let (lab, id) = (post.lab, post.id);
    let down = |device: &str| match interfaces.get(device) {
        None => Some(format!("{name} has no interface {device}.")),
        Some(state) if !state.up => Some(words::is_down(lab, name, device)),
        Some(state) if !state.running => {
            let (far, port) = lab.peer(id, node.interface(device)?)?;
            let (far, port) = (&lab[far], &lab[far].interfaces[port.0].name);
            Some(format!(
                "{device} of {name} has no carrier: {port} of {}, the far end, is down: {}.",
                far.name,
                words::set_up(lab, &far.name, port.as_str())
            ))
        }
        Some(_) => None,
    };
    let connected = node.interfaces.iter().filter(|found| node.table_of(found) == table);
    for interface in connected {
        let held = interface.addresses.iter().map(|held| held.value);
        if let Some(held) = held.into_iter().find(|held| held.contains(&address)) {
            let device = interface.name.as_str();
            return down(device).or_else(|| {
                let state = interfaces.get(device)?;
                (!state.addresses.contains(&held.addr())).then(|| {
                    format!("{device} of {name} should have the address {held} and does not.")
                })
            });
        }
    }
    let routes = node.routes.iter().map(|route| &route.value).filter(|route| {
        route.table == table
            && route.kind == RouteKind::Unicast
            && route.destination.contains(&address)
    });
    let route = routes.max_by_key(|route| route.destination.prefix_len())?;
    let dead = route.nexthops.iter().find_map(|nexthop| down(nexthop.dev.as_str()));
    if dead.is_some() {
        return dead;
    }
    let there = match post.output(address, vrf) {
        Err(Errno::EINVAL | Errno::EACCES) => {
            let replace = format_args!("ip route replace {route}");
            format!("another one is in its place: {}", words::command(post.lab, name, replace))
        }
        Err(_) => {
            let add = format_args!("ip route add {route}");
            format!("it is no longer there: {}", words::command(post.lab, name, add))
        }
        Ok(way) => {
            let device = post.device(&way).unwrap_or_default();
            let is_the_same = route.nexthops.iter().any(|hop| {
                let labels = hop.labels().iter().map(|label| label.number());
                hop.via == way.gateway
                    && hop.dev.as_str() == device
                    && labels.eq(way.labels.iter().copied())
            });
            if is_the_same {
                return None;
            }
            format!("the kernel sends it {} instead", whither(&way, device))
        }
    };
    Some(format!("The lab has the route `{route}` at {name}, and {there}."))
}

/// Where a way leads, for people.
pub(super) fn whither(way: &Way, device: &str) -> String {
    words::whither(way.gateway, device, &way.labels)
}

/// The route that leads to an address, as a topology writes it: found by going from who has the
/// address towards the node, inside one routing table of each router on the way. A way through
/// labels is nobody's guess.
fn suggestion(lab: &Lab, to: NodeId, vrf: Option<&str>, address: IpAddr) -> Option<String> {
    let table = vrf.and_then(|vrf| lab[to].vrf(vrf)).map_or(MAIN, |vrf| vrf.table);
    let owners = holders(lab, address).into_iter().filter(|(owner, ..)| *owner != to);
    let mut routes = owners.filter_map(|(owner, from, subnet)| {
        let gateway = gateway(lab, (owner, from), (to, table), address.is_ipv6())?;
        (gateway != address).then_some((subnet, gateway))
    });
    let (subnet, gateway) = routes.next()?;
    let vrf = vrf.map(|vrf| format!(" vrf {vrf}")).unwrap_or_default();
    Some(format!("{subnet} via {gateway}{vrf}"))
}

/// The neighbour by which a table of a node reaches a table of another.
fn gateway(lab: &Lab, from: (NodeId, u32), to: (NodeId, u32), ipv6: bool) -> Option<IpAddr> {
    let mut seen = BTreeSet::from([from]);
    let mut open = VecDeque::from([from]);
    while let Some((node, table)) = open.pop_front() {
        let interfaces = &lab[node].interfaces;
        for id in (0..interfaces.len()).map(InterfaceId) {
            if lab[node].table_of(&interfaces[id.0]) != table {
                continue;
            }
            for (next, port) in neighbours(lab, node, id) {
                let port = &lab[next].interfaces[port.0];
                let there = (next, lab[next].table_of(port));
                if there == to {
                    let on_link = interfaces[id.0].addresses.iter().map(|held| held.value.addr());
                    let gateway = on_link
                        .filter(|address| address.is_ipv6() == ipv6)
                        .find(|address| port.addresses.iter().any(|n| n.value.contains(address)));
                    if gateway.is_some() {
                        return gateway;
                    }
                } else if lab[next].forwarding && next != to.0 && seen.insert(there) {
                    open.push_back(there);
                }
            }
        }
    }
    None
}
