//! Where a table sends packets, as far as the file tells.
//!
//! What a node decides by policy rules or sends under labels is not followed.

use super::Owners;
use crate::compile::lab::{InterfaceId, Lab, MAIN, NodeId, Route};
use crate::compile::layout::{Context, Layout, Port};
use crate::diagnostic::Spanned;
use crate::iproute::RouteKind;
use ipnet::IpNet;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

/// Every table of a lab.
pub(super) struct Tables<'a> {
    lab: &'a Lab,
    layout: &'a Layout,
    owners: &'a Owners,
    tables: HashMap<Context, Table<'a>>,
}

/// What a table says of addresses.
#[derive(Default)]
struct Table<'a> {
    routes: HashMap<IpNet, Vec<&'a Spanned<Route>>>,
    /// Where packets are at their goal, or on its link.
    ends: HashSet<IpNet>,
    /// The lengths of all these prefixes.
    lengths: BTreeSet<u8>,
}

/// One of the ways that a route sends packets.
#[derive(Clone, Copy)]
pub(super) struct Hop {
    /// The interface that they leave through.
    pub out: InterfaceId,
    /// The interface that has the gateway's address.
    pub far: Port,
    /// The table that they come to there.
    pub to: Context,
}

impl<'a> Tables<'a> {
    pub(super) fn of(lab: &'a Lab, layout: &'a Layout, owners: &'a Owners) -> Self {
        let mut tables: HashMap<Context, Table<'_>> = HashMap::new();
        for (place, node) in lab.nodes.iter().enumerate() {
            let context = |table| Context { node: NodeId(place), table };
            let mut end = |table, net: IpNet| {
                let table = tables.entry(context(table)).or_default();
                table.lengths.insert(net.prefix_len());
                table.ends.insert(net.trunc());
            };
            for port in &node.interfaces {
                for address in &port.addresses {
                    end(node.table_of(port), address.value.net);
                    end(node.table_of(port), address.value.connected());
                }
            }
            node.loopback.iter().for_each(|net| end(MAIN, net.value.net));
            for vrf in &node.vrfs {
                vrf.addresses.iter().for_each(|net| end(vrf.table, net.value.net));
            }
            for route in &node.routes {
                let table = tables.entry(context(route.value.table)).or_default();
                table.lengths.insert(route.value.destination.prefix_len());
                table.routes.entry(route.value.destination).or_default().push(route);
            }
        }
        Self { lab, layout, owners, tables }
    }

    /// The route that packets to an address take, if they leave the node.
    pub(super) fn lookup(&self, here: Context, address: IpAddr) -> Option<&'a Spanned<Route>> {
        // Rules may send them elsewhere.
        if !self.lab[here.node].rules.is_empty() {
            return None;
        }
        self.tables.get(&here)?.lookup(address)
    }

    /// Where a route of a node sends packets.
    pub(super) fn hops(&self, node: NodeId, route: &Route) -> Vec<Hop> {
        let on = match route.kind {
            RouteKind::Unicast => &route.nexthops[..],
            RouteKind::Local
            | RouteKind::Broadcast
            | RouteKind::Multicast
            | RouteKind::Anycast
            | RouteKind::Unreachable
            | RouteKind::Blackhole
            | RouteKind::Prohibit
            | RouteKind::Throw => &[],
        };
        let plain = on.iter().filter(|nexthop| nexthop.encap.is_none());
        let hops = plain.filter_map(|nexthop| {
            let out = self.lab[node].interface(nexthop.dev.as_str())?;
            let domain = self.layout.domain(self.layout.context((node, out)))?;
            let far = *self.owners.get(&(domain, nexthop.via?))?;
            Some(Hop { out, far, to: self.layout.context(far) })
        });
        hops.collect()
    }
}

impl<'a> Table<'a> {
    /// The route of the longest prefix that has the address; nothing where its link is connected.
    fn lookup(&self, address: IpAddr) -> Option<&'a Spanned<Route>> {
        for length in self.lengths.iter().rev() {
            let Ok(net) = IpNet::new(address, *length).map(|net| net.trunc()) else { continue };
            if self.ends.contains(&net) {
                return None;
            }
            if let Some(routes) = self.routes.get(&net) {
                return routes.iter().min_by_key(|route| route.value.metric).copied();
            }
        }
        None
    }
}
