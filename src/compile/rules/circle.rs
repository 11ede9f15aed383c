//! Routes that send packets round in a circle, until their TTL runs out.
//!
//! Every destination that the file has a route to is looked up in every table that its packets come
//! through, all of equal ways at once. What a node decides by policy rules or sends under labels is
//! not followed.

use super::Owners;
use crate::compile::lab::{Lab, MAIN, NodeId, Route};
use crate::compile::layout::{Context, Layout};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span, Spanned};
use crate::iproute::RouteKind;
use ipnet::IpNet;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

/// How many lookups are made at the most: far more than people write routes for, and about a second's
/// worth of what a program has written.
const MOST: usize = 2_000_000;

pub(super) fn hold(layout: &Layout, owners: &Owners, lab: &Lab, errors: &mut Diagnostics) {
    let written = |route: &&Spanned<Route>| !route.span.is_none();
    if !lab.nodes.iter().flat_map(|node| &node.routes).any(|route| written(&route)) {
        return;
    }
    let mut search = Search { lab, layout, owners, tables: tables(lab), lookups: 0 };
    let mut asked = HashSet::new();
    let mut said = BTreeSet::new();
    for id in (0..lab.nodes.len()).map(NodeId) {
        for route in lab[id].routes.iter().filter(written) {
            let from = Context { node: id, table: route.value.table };
            for address in samples(route.value.destination) {
                if search.lookups > MOST || !asked.insert((from, address)) {
                    continue;
                }
                let Some(circle) = search.circle(from, address) else { continue };
                // Each of its routers finds the same circle.
                let mut places: Vec<Span> = circle.iter().map(|step| step.route.span).collect();
                places.sort_unstable();
                if said.insert(places) {
                    errors.push(diagnostic(lab, &circle));
                }
            }
        }
    }
}

/// Addresses that stand for a prefix: those at its ends, where longer prefixes seldom are.
fn samples(net: IpNet) -> [IpAddr; 2] {
    [net.network(), net.broadcast()]
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

fn tables(lab: &Lab) -> HashMap<Context, Table<'_>> {
    let mut tables: HashMap<Context, Table<'_>> = HashMap::new();
    for (place, node) in lab.nodes.iter().enumerate() {
        let context = |table| Context { node: NodeId(place), table };
        let mut end = |table, net: IpNet| {
            let table = tables.entry(context(table)).or_default();
            table.lengths.insert(net.prefix_len());
            table.ends.insert(net.trunc());
        };
        for port in &node.interfaces {
            port.addresses.iter().for_each(|net| end(node.table_of(port), net.value));
        }
        node.loopback.iter().for_each(|net| end(MAIN, net.value));
        for vrf in &node.vrfs {
            vrf.addresses.iter().for_each(|net| end(vrf.table, net.value));
        }
        for route in &node.routes {
            let table = tables.entry(context(route.value.table)).or_default();
            table.lengths.insert(route.value.destination.prefix_len());
            table.routes.entry(route.value.destination).or_default().push(route);
        }
    }
    tables
}

impl<'a> Table<'a> {
    /// The route that packets to an address take.
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

/// A table that packets come through, and the route that they take there.
#[derive(Clone, Copy)]
struct Step<'a> {
    context: Context,
    route: &'a Spanned<Route>,
}

struct Search<'a> {
    lab: &'a Lab,
    layout: &'a Layout,
    owners: &'a Owners,
    tables: HashMap<Context, Table<'a>>,
    lookups: usize,
}

impl<'a> Search<'a> {
    /// The circle that packets to an address come into from a table, if they do.
    fn circle(&mut self, from: Context, address: IpAddr) -> Option<Vec<Step<'a>>> {
        let mut seen = HashSet::from([from]);
        // The way to where the search is, each step with those of its ways on that are still to go.
        let mut way: Vec<(Step<'a>, Vec<Context>)> = Vec::new();
        way.extend(self.step(from, address));
        while let Some((_, open)) = way.last_mut() {
            let Some(next) = open.pop() else {
                way.pop();
                continue;
            };
            if let Some(begin) = way.iter().position(|(step, _)| step.context == next) {
                return Some(way[begin..].iter().map(|(step, _)| *step).collect());
            }
            if self.lab[next.node].forwarding && seen.insert(next) {
                way.extend(self.step(next, address));
            }
        }
        None
    }

    /// The route of a table to an address, and the tables that it leads to.
    fn step(&mut self, here: Context, address: IpAddr) -> Option<(Step<'a>, Vec<Context>)> {
        let node = &self.lab[here.node];
        if !node.rules.is_empty() {
            return None;
        }
        self.lookups += 1;
        let route = self.tables.get(&here)?.lookup(address)?;
        let on = match route.value.kind {
            RouteKind::Unicast => &route.value.nexthops[..],
            RouteKind::Local
            | RouteKind::Unreachable
            | RouteKind::Blackhole
            | RouteKind::Prohibit
            | RouteKind::Throw => &[],
        };
        let next = on.iter().filter(|nexthop| nexthop.encap.is_none()).filter_map(|nexthop| {
            let port = (here.node, node.interface(nexthop.dev.as_str())?);
            let domain = self.layout.domain(self.layout.context(port))?;
            let owner = self.owners.get(&(domain, nexthop.via?))?;
            Some(self.layout.context(*owner))
        });
        Some((Step { context: here, route }, next.collect()))
    }
}

fn diagnostic(lab: &Lab, circle: &[Step<'_>]) -> Diagnostic {
    // It is shown from its first place in the file on.
    let first = (0..circle.len()).min_by_key(|place| circle[*place].route.span).unwrap_or(0);
    let circle: Vec<&Step<'_>> = circle.iter().cycle().skip(first).take(circle.len()).collect();
    let name = |place: usize| &lab[circle[place % circle.len()].context.node].name;
    let names: Vec<String> = (0..=circle.len()).map(|place| format!("`{}`", name(place))).collect();
    // They take every route of the circle, so its longest prefix says which they are.
    let prefixes = circle.iter().map(|step| step.route.value.destination);
    let which = match prefixes.max_by_key(IpNet::prefix_len) {
        Some(net) if net.prefix_len() > 0 => format!("packets to {net}"),
        Some(_) | None => "packets that take the default route".to_owned(),
    };
    let warning = Diagnostic::warning(
        Code::RouteCircle,
        format!("{which} run in a circle: {}", names.join(", ")),
    )
    .at(circle[0].route.span, format!("`{}` sends them to `{}`", name(0), name(1)));
    let others = circle.iter().enumerate().skip(1);
    others
        .fold(warning, |warning, (place, step)| {
            let text = format!("`{}` to `{}`", name(place), name(place + 1));
            warning.beside(step.route.span, text)
        })
        .note("each packet goes round until its TTL runs out")
        .help(
            "one of them needs another way to there, or an `unreachable` route where there is none",
        )
}
