//! At which of its addresses a peer takes outer packets.

use crate::compile::family::IpFamily;
use crate::compile::lab::{Lab, MAIN};
use crate::compile::layout::{Context, Layout, Port};
use crate::compile::prefixes::Prefixes;
use ipnet::IpNet;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

/// The addresses that outer packets can have, in each context that some are routed in.
pub(super) struct Underlay<'a> {
    layout: &'a Layout,
    contexts: HashMap<Port, Context>,
    addresses: HashMap<Context, Addresses>,
}

/// Those of one context.
struct Addresses {
    /// Each with how far it is from being known everywhere, in the order of the node.
    all: Vec<(IpNet, u8)>,
    /// Their places in that order.
    places: BTreeMap<IpAddr, usize>,
    subnets: Prefixes<()>,
    /// The first that is known farthest, in each family.
    best: [Option<(u8, IpAddr)>; 2],
}

impl<'a> Underlay<'a> {
    /// Those of the WireGuard interfaces of a lab.
    pub fn of(layout: &'a Layout, lab: &Lab, ports: impl Iterator<Item = Port>) -> Self {
        let context = |port: Port| {
            let table = lab[port.0].underlay(port.1).unwrap_or(MAIN);
            (port, Context { node: port.0, table })
        };
        let contexts: HashMap<Port, Context> = ports.map(context).collect();
        let mut addresses = HashMap::new();
        for context in contexts.values() {
            let of_context = || Addresses::of(layout, lab, *context);
            addresses.entry(*context).or_insert_with(of_context);
        }
        Self { layout, contexts, addresses }
    }

    /// The address at which a peer takes outer packets: of those that it has where its outer packets are
    /// routed, one on a subnet of ours, else its loopback, else one on a link to another router.
    pub fn address(&self, near: Port, far: Port) -> Option<IpAddr> {
        let (here, there) = (self.contexts[&near], self.contexts[&far]);
        if self.layout.domain(here) != self.layout.domain(there) {
            return None;
        }
        let (ours, theirs) = (&self.addresses[&here], &self.addresses[&there]);
        let near = IpFamily::BOTH.into_iter().find_map(|family| theirs.first_near(ours, family));
        near.or_else(|| {
            let has = |family: &IpFamily| ours.best[family.index()].is_some();
            let best = IpFamily::BOTH.into_iter().filter(has);
            let best = best.filter_map(|family| theirs.best[family.index()]);
            best.min_by_key(|(rank, _)| *rank).map(|(_, address)| address)
        })
    }
}

impl Addresses {
    fn of(layout: &Layout, lab: &Lab, context: Context) -> Self {
        let all = addresses(layout, lab, context);
        let mut places = BTreeMap::new();
        for (place, (net, _)) in all.iter().enumerate() {
            places.entry(net.addr()).or_insert(place);
        }
        let subnets = all.iter().map(|(net, _)| (*net, ())).collect();
        let best = IpFamily::BOTH.map(|family| {
            let all = all.iter().filter(|(net, _)| family.has(*net));
            all.map(|(net, rank)| (*rank, net.addr())).min_by_key(|(rank, _)| *rank)
        });
        Self { all, places, subnets, best }
    }

    /// The first address of a family that is on a subnet of other ones. Of a hub and its spoke, the one with
    /// few addresses is gone through.
    fn first_near(&self, others: &Self, family: IpFamily) -> Option<IpAddr> {
        if self.all.len() <= others.all.len() {
            let mut own = self.all.iter().map(|(net, _)| net.addr());
            return own.find(|it| IpFamily::of(*it) == family && others.subnets.contain(*it));
        }
        let subnets = others.all.iter().map(|(net, _)| *net).filter(|net| family.has(*net));
        let near = subnets.flat_map(|net| self.places.range(net.network()..=net.broadcast()));
        near.min_by_key(|(_, place)| *place).map(|(address, _)| *address)
    }
}

/// The addresses that outer packets of a context can have, each with how far it is from being known
/// everywhere.
fn addresses(layout: &Layout, lab: &Lab, context: Context) -> Vec<(IpNet, u8)> {
    let node = &lab[context.node];
    let at_node = node.loopback.iter().filter(|_| context.table == MAIN);
    let of_vrf = layout.vrf(lab, context).into_iter().flat_map(|vrf| &vrf.addresses);
    let at_node = at_node.chain(of_vrf);
    let mut all: Vec<(IpNet, u8)> = at_node.map(|address| (address.value.net, 1)).collect();
    for id in layout.ports(context) {
        let port = (context.node, *id);
        let is_tunnel = node.underlay(*id).is_some();
        if is_tunnel || !lab.carries(port.0, port.1) {
            continue;
        }
        let to_router = layout.segment(port).is_some_and(|it| it.has_router_beside(port.0));
        let rank = if to_router { 2 } else { 3 };
        let addresses = &node.interfaces[id.0].addresses;
        all.extend(addresses.iter().map(|address| (address.value.net, rank)));
    }
    all.retain(|(net, _)| !net.addr().is_loopback());
    all
}
