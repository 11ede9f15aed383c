//! Addresses that cannot be, and ends of links that do not fit each other.

use super::{MAX_NAMED, listed};
use crate::compile::lab::{InterfaceId, Lab, MAIN, NodeId};
use crate::compile::layout::{Context, Layout, Port};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use crate::link::{ETHERNET_MTU, Kind, Mtu};
use ipnet::IpNet;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

/// Where an address can be once.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Area {
    /// In a routing domain, and those that it is joined with.
    Realm(usize),
    /// On a link, for an address that no router forwards.
    Link(usize),
}

/// Who has an address.
struct User {
    node: NodeId,
    span: Span,
    /// Whether others may have it too.
    anycast: bool,
}

pub(super) fn hold(layout: &Layout, lab: &Lab, errors: &mut Diagnostics) {
    let mut users: BTreeMap<(Area, IpAddr), Vec<User>> = BTreeMap::new();
    let segments = layout.segments.iter().enumerate();
    let segment_of: HashMap<Port, usize> = segments
        .flat_map(|(number, segment)| segment.ports.iter().map(move |port| (*port, number)))
        .collect();
    for id in (0..lab.nodes.len()).map(NodeId) {
        let node = &lab[id];
        let on_interfaces = node.interfaces.iter().enumerate().flat_map(|(place, interface)| {
            let port = (id, InterfaceId(place));
            let (context, segment) = (layout.context(port), segment_of.get(&port).copied());
            interface.addresses.iter().map(move |address| (context, segment, *address))
        });
        let main = Context { node: id, table: MAIN };
        let on_lo = node.loopback.iter().map(|address| (main, None, *address));
        let on_vrfs = node.vrfs.iter().flat_map(|vrf| {
            let context = Context { node: id, table: vrf.table };
            vrf.addresses.iter().map(move |address| (context, None, *address))
        });
        for (context, segment, address) in on_interfaces.chain(on_lo).chain(on_vrfs) {
            subnet(address.value.net, address.span, errors);
            let ip = address.value.addr();
            let area = match (ip, segment) {
                (IpAddr::V6(ip), segment) if ip.is_unicast_link_local() => segment.map(Area::Link),
                (ip, _) if ip.is_loopback() => None,
                (_, _) => layout.realm(context).map(Area::Realm),
            };
            let Some(area) = area else { continue };
            let single = address.value.prefix_len() == address.value.max_prefix_len();
            let users = users.entry((area, ip)).or_default();
            // One address of its own on several interfaces of a node is a common way to write
            // unnumbered links.
            if !(single && users.last().is_some_and(|other| other.node == id)) {
                let anycast = address.value.anycast;
                users.push(User { node: id, span: address.span, anycast });
            }
        }
    }
    for ((_, ip), users) in users.iter().filter(|(_, users)| users.len() > 1 && !meant(users)) {
        errors.push(duplicate(lab, *ip, users));
    }
    least_mtu(lab, errors);
    most_mtu(lab, errors);
    links(lab, errors);
}

/// The smallest MTU with which the kernel speaks IPv6 on an interface.
const IPV6_MTU: u32 = 1280;

/// Reports addresses of IPv6 where the kernel has none.
fn least_mtu(lab: &Lab, errors: &mut Diagnostics) {
    for interface in lab.nodes.iter().flat_map(|node| &node.interfaces) {
        let address = interface.addresses.iter().find(|address| address.value.addr().is_ipv6());
        if let (Some(address), Some(mtu)) = (address, interface.mtu)
            && mtu.value < IPV6_MTU
        {
            let title = format!("`{}` has an MTU of {mtu} bytes, and no IPv6", interface.name);
            let error = Diagnostic::error(Code::BadValue, title);
            errors.push(
                error
                    .at(mtu.span.or(address.span).or(interface.span), "")
                    .note(format!("the kernel speaks IPv6 where the MTU is {IPV6_MTU} or more"))
                    .help("give it, or what is below it, a larger MTU, or no address of IPv6"),
            );
        }
    }
}

/// Reports interfaces with a larger MTU than the one that they are on, which the kernel refuses but for those of
/// an ipvlan.
fn most_mtu(lab: &Lab, errors: &mut Diagnostics) {
    for node in &lab.nodes {
        for interface in &node.interfaces {
            let (Some(kind), Some(lower)) = (interface.kind.of_device(), interface.kind.lower())
            else {
                continue;
            };
            let (Some(mtu), Mtu::Lower) = (interface.mtu, kind.mtu()) else { continue };
            if matches!(kind, Kind::Ipvlan(_)) {
                continue;
            }
            let lower = &node.interfaces[lower.0];
            let most = lower.mtu.map_or(ETHERNET_MTU, |mtu| mtu.value);
            if mtu.value > most {
                let title = format!("`{}` has a larger MTU than `{}`", interface.name, lower.name);
                errors.push(
                    Diagnostic::error(Code::BadValue, title)
                        .at(mtu.span.or(interface.span), "")
                        .note(format!("it is on `{}`, which has {most} bytes", lower.name)),
                );
            }
        }
    }
}

/// Whether an address is at several nodes on purpose, as each of them says.
fn meant(users: &[User]) -> bool {
    users.iter().all(|user| user.anycast)
        && users.windows(2).all(|pair| pair[0].node != pair[1].node)
}

/// One address at several places, all of which it is told of at once.
fn duplicate(lab: &Lab, ip: IpAddr, users: &[User]) -> Diagnostic {
    let mut nodes: Vec<NodeId> = users.iter().map(|user| user.node).collect();
    nodes.dedup();
    let names = listed(nodes.iter().map(|node| format!("`{}`", lab[*node].name)));
    let title = match nodes[..] {
        [_] => format!("{ip} is twice an address of {names}"),
        _ => format!("{ip} is an address of {names}"),
    };
    let error = Diagnostic::error(Code::DuplicateAddress, title);
    // A default is one place, however many nodes it is said of.
    let mut places: Vec<Span> = Vec::new();
    for User { span, .. } in users {
        if !places.contains(span) && places.len() < MAX_NAMED {
            places.push(*span);
        }
    }
    let error = match places[..] {
        [first, again, ..] => error.at(again, "again here").beside(first, "first here"),
        [all] => error.at(all, "said of all of them"),
        [] => error,
    };
    let more = places.iter().skip(2);
    let error = more
        .fold(error, |error, span| error.beside(*span, "and here"))
        .note("they are in one routing domain");
    match nodes[..] {
        [_] => error,
        _ => error
            .help(format!("if this is intentional, mark it at each node: `{ip}/LENGTH anycast`")),
    }
}

fn subnet(net: IpNet, span: Span, errors: &mut Diagnostics) {
    let own = match net {
        IpNet::V4(net) if net.prefix_len() < 31 => (net.addr() == net.network())
            .then_some("network")
            .or((net.addr() == net.broadcast()).then_some("broadcast")),
        IpNet::V6(net) if net.prefix_len() < 127 => {
            (net.addr() == net.network()).then_some("network")
        }
        IpNet::V4(_) | IpNet::V6(_) => None,
    };
    if let Some(what) = own {
        errors.push(
            Diagnostic::error(
                Code::SubnetAddress,
                format!("{} is the {what} address of {}", net.addr(), net.trunc()),
            )
            .at(span, "no node can have it")
            .help("only subnets of length /31, /32, /127 and /128 have no such address"),
        );
    }
}

fn links(lab: &Lab, errors: &mut Diagnostics) {
    for link in &lab.links {
        let [near, far] = link.ends.map(|(node, place)| &lab[node].interfaces[place.0]);
        if near.mtu.map(|mtu| mtu.value) != far.mtu.map(|mtu| mtu.value) {
            let words = |mtu: Option<crate::diagnostic::Spanned<u32>>| {
                mtu.map_or_else(|| "1500".to_owned(), |mtu| mtu.to_string())
            };
            let place = |mtu: Option<crate::diagnostic::Spanned<u32>>| {
                mtu.map_or(Span::NONE, |mtu| mtu.span)
            };
            errors.push(
                Diagnostic::warning(Code::MtuMismatch, "the ends of this link have different MTUs")
                    .at(place(near.mtu).or(place(far.mtu)).or(link.span), "on one end")
                    .note(format!("{} and {} bytes", words(near.mtu), words(far.mtu)))
                    .note("the larger end sends packets that the smaller one drops without a word"),
            );
        }
        let subnets = [near, far].map(|interface| {
            interface.addresses.iter().map(|address| address.value.net).collect::<Vec<_>>()
        });
        let [left, right] = &subnets;
        let shared = left.iter().any(|left| {
            right.iter().any(|right| left.contains(&right.addr()) && right.contains(&left.addr()))
        });
        let host_routes =
            |nets: &[IpNet]| nets.iter().all(|net| net.prefix_len() == net.max_prefix_len());
        if !left.is_empty()
            && !right.is_empty()
            && !shared
            && !host_routes(left)
            && !host_routes(right)
        {
            let at = near.addresses[0].span.or(link.span);
            errors.push(
                Diagnostic::warning(
                    Code::SubnetMismatch,
                    "the ends of this link are in different subnets",
                )
                .at(at, left[0].trunc().to_string())
                .beside(far.addresses[0].span, right[0].trunc().to_string())
                .note("neither end finds the other on its link"),
            );
        }
    }
}
