//! Addresses for the interfaces that the file gives none.
//!
//! They are handed out in the file's order of links, so what is added at a file's end leaves the
//! others as they were, and never one that the file itself uses.

use super::Draft;
use super::lab::NodeId;
use super::layout::{Layout, Port, Segment};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Spanned};
use crate::document::{Family, Role, Routing};
use crate::topology::Topology;
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::net::IpAddr;

const LINKS: &str = "172.16.0.0/12";
const LANS: &str = "10.0.0.0/8";
const LOOPBACKS: &str = "192.168.0.0/16";
const LINKS6: &str = "fd00:1::/48";
const LANS6: &str = "fd00:2::/48";
const LOOPBACKS6: &str = "fd00:3::/64";

/// One family's pools, and how large a part a link, a LAN and a loopback get.
struct Pools {
    links: Pool,
    lans: Pool,
    loopbacks: Pool,
    v4: bool,
}

/// A subnet of which parts are handed out in order.
struct Pool {
    net: IpNet,
    part: u8,
    given: u128,
    /// Where the file names the pool, for the error when it is used up.
    span: crate::diagnostic::Span,
}

/// Gives addresses to every interface that has none and may have some, and loopbacks to routers
/// where the compiler also routes to them.
pub(super) fn fill(
    topology: &Topology,
    layout: &Layout,
    draft: &mut Draft,
    errors: &mut Diagnostics,
) {
    let written: BTreeSet<IpNet> = draft
        .lab
        .nodes
        .iter()
        .flat_map(|node| {
            let on_interfaces = node.interfaces.iter().flat_map(|interface| &interface.addresses);
            on_interfaces.chain(&node.loopback).map(|address| address.value.trunc())
        })
        .collect();
    for mut pools in pools(topology) {
        for segment in &layout.segments {
            fill_segment(segment, &written, &mut pools, draft, errors);
        }
        for index in topology.graph.node_indices() {
            let node = &mut draft.lab[NodeId(index.index())];
            let forwards = match node.role {
                Role::Router | Role::Pe | Role::P | Role::Ce => true,
                Role::Host | Role::Switch => false,
            };
            let routed = topology.routing == Routing::Auto;
            if routed && forwards && topology.graph[index].loopback.is_none() {
                let span = node.span;
                let next = pools.loopbacks.next(&written);
                match next {
                    Some(net) => node.loopback.push(Spanned::filled(net)),
                    None => errors.push(pools.loopbacks.exhausted(span)),
                }
            }
        }
    }
}

fn pools(topology: &Topology) -> Vec<Pools> {
    let chosen = &topology.addressing;
    let pool = |chosen: Option<Spanned<IpNet>>, fallback: &str, part| match chosen {
        Some(net) => Pool { net: net.value.trunc(), part, given: 0, span: net.span },
        None => {
            let net = fallback.parse().expect("a pool of our own is a subnet");
            Pool { net, part, given: 0, span: crate::diagnostic::Span::NONE }
        }
    };
    let v4 = || Pools {
        links: pool(chosen.links, LINKS, 31),
        lans: pool(chosen.lans, LANS, 24),
        loopbacks: pool(chosen.loopbacks, LOOPBACKS, 32),
        v4: true,
    };
    let v6 = || Pools {
        links: pool(chosen.links6, LINKS6, 127),
        lans: pool(chosen.lans6, LANS6, 64),
        loopbacks: pool(chosen.loopbacks6, LOOPBACKS6, 128),
        v4: false,
    };
    match topology.family {
        Family::Ipv4 => vec![v4()],
        Family::Ipv6 => vec![v6()],
        Family::Dual => vec![v4(), v6()],
    }
}

/// Gives addresses to those ports of a segment that lack them: from the subnet that the file has
/// there already, else from the pool.
fn fill_segment(
    segment: &Segment,
    written: &BTreeSet<IpNet>,
    pools: &mut Pools,
    draft: &mut Draft,
    errors: &mut Diagnostics,
) {
    let lacking: Vec<Port> =
        segment.ports.iter().copied().filter(|port| draft.unaddressed.contains(port)).collect();
    if lacking.is_empty() {
        return;
    }
    let here: Vec<IpNet> = segment
        .ports
        .iter()
        .flat_map(|(node, interface)| &draft.lab[*node].interfaces[interface.0].addresses)
        .map(|address| address.value)
        .filter(|net| net.addr().is_ipv4() == pools.v4)
        .collect();
    let place = draft.lab[lacking[0].0].interfaces[lacking[0].1.0].span;
    let (subnet, mut used) = match here.first() {
        Some(net) => (net.trunc(), here.iter().map(IpNet::addr).collect::<BTreeSet<_>>()),
        None => {
            let pool = match segment.point_to_point {
                true => &mut pools.links,
                false => &mut pools.lans,
            };
            // A LAN with more ports than its part has room for takes a larger part.
            let bits = (segment.ports.len() as u32 + 2).next_power_of_two().trailing_zeros() as u8;
            let width = if pools.v4 { 32 } else { 128 };
            let part = if segment.point_to_point { pool.part } else { pool.part.min(width - bits) };
            match pool.next_of(part, written) {
                Some(net) => (net, BTreeSet::new()),
                None => return errors.push(pool.exhausted(place)),
            }
        }
    };
    for (node, interface) in lacking {
        let free = free(subnet, &used);
        let interface = &mut draft.lab[node].interfaces[interface.0];
        let Some(address) = free else {
            errors.push(
                Diagnostic::error(Code::PoolExhausted, format!("{subnet} has no address left"))
                    .at(interface.span, "for this end")
                    .help("give the link a larger subnet, or this end an address"),
            );
            continue;
        };
        used.insert(address);
        let net = IpNet::new(address, subnet.prefix_len()).expect("a subnet's length is one");
        interface.addresses.push(Spanned::filled(net));
    }
}

/// The first free address of a subnet that a node can have.
fn free(subnet: IpNet, used: &BTreeSet<IpAddr>) -> Option<IpAddr> {
    match subnet {
        // `hosts` leaves out what is nobody's: the network's and the broadcast address.
        IpNet::V4(net) => net.hosts().map(IpAddr::V4).find(|address| !used.contains(address)),
        // The first address of an IPv6 subnet is every router's there, but for a link of two.
        IpNet::V6(net) => {
            let skip = usize::from(net.prefix_len() < 127);
            net.hosts().skip(skip).map(IpAddr::V6).find(|address| !used.contains(address))
        }
    }
}

impl Pool {
    fn next(&mut self, written: &BTreeSet<IpNet>) -> Option<IpNet> {
        self.next_of(self.part, written)
    }

    /// The next part of this length that the file itself does not use.
    fn next_of(&mut self, part: u8, written: &BTreeSet<IpNet>) -> Option<IpNet> {
        let width: u8 = if self.net.addr().is_ipv4() { 32 } else { 128 };
        let room = 1u128.checked_shl(u32::from(width - self.net.prefix_len())).unwrap_or(u128::MAX);
        let step = 1u128 << (width - part);
        loop {
            let offset = self.given.next_multiple_of(step);
            self.given = offset.checked_add(step)?;
            if part < self.net.prefix_len() || self.given > room {
                return None;
            }
            let base = match self.net.addr() {
                IpAddr::V4(base) => {
                    let offset = u32::try_from(offset).ok()?;
                    IpAddr::V4((u32::from(base) + offset).into())
                }
                IpAddr::V6(base) => IpAddr::V6((u128::from(base) + offset).into()),
            };
            let net = IpNet::new(base, part).expect("a part is no longer than an address");
            // Loopbacks begin at .1, so that none looks like a subnet's own address.
            let first = offset == 0 && part == width;
            if !first && written.iter().all(|used| !overlap(used, &net)) {
                return Some(net);
            }
        }
    }

    fn exhausted(&self, asked: crate::diagnostic::Span) -> Diagnostic {
        Diagnostic::error(Code::PoolExhausted, format!("the pool {} has nothing left", self.net))
            .at(asked, "for this")
            .beside(self.span, "this pool")
            .help("give `addressing` a larger one")
    }
}

fn overlap(a: &IpNet, b: &IpNet) -> bool {
    a.contains(b) || b.contains(a)
}
