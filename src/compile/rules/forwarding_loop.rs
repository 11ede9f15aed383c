//! Routes that send packets round in a loop, until their TTL runs out.
//!
//! Every destination that the file has a route to is looked up in every table that its packets come
//! through, all of equal ways at once.

use super::lookup::Tables;
use super::{MAX_NAMED, listed};
use crate::compile::lab::{Lab, NodeId, Route};
use crate::compile::layout::Context;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Spanned};
use crate::document::Quantity;
use ipnet::IpNet;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;

/// Searches with this many lookups at the most, and says where that was not enough.
pub(super) fn check(
    lab: &Lab,
    tables: &Tables<'_>,
    max_lookups: usize,
    diagnostics: &mut Diagnostics,
) {
    let mut searches: BTreeMap<IpAddr, Search<'_>> = BTreeMap::new();
    let (mut lookups, mut passed_over) = (0, 0);
    let mut found: Vec<(Vec<Step<'_>>, HashSet<IpNet>)> = Vec::new();
    let mut known: HashMap<Vec<Context>, usize> = HashMap::new();
    for id in (0..lab.nodes.len()).map(NodeId) {
        for route in lab[id].routes.iter().filter(|route| !route.span.is_none()) {
            let from = Context { node: id, table: route.value.table };
            if lookups > max_lookups {
                passed_over += 1;
                continue;
            }
            for address in samples(route.value.destination) {
                let search = searches.entry(address).or_default();
                for steps in search.walk(lab, tables, from, address, &mut lookups) {
                    // What loops through the same routers is told of once.
                    let mut routers: Vec<Context> = steps.iter().map(|it| it.context).collect();
                    routers.sort_unstable();
                    let place = *known.entry(routers).or_insert(found.len());
                    let net = destination(&steps);
                    if place == found.len() {
                        found.push((steps, HashSet::new()));
                    }
                    found[place].1.extend(net);
                }
            }
        }
    }
    for (steps, destinations) in &found {
        diagnostics.push(diagnostic(lab, steps, destinations.len()));
    }
    if passed_over > 0 {
        let title = "not all routes were searched for forwarding loops";
        diagnostics.push(
            Diagnostic::warning(Code::RouteCircle, title)
                .note(format!("after {lookups} lookups {passed_over} routes were left"))
                .help(format!("`--limit {}=NUMBER` allows more", Quantity::Lookups.word())),
        );
    }
}

/// Addresses that stand for a prefix: those at its ends, where longer prefixes seldom are.
fn samples(net: IpNet) -> [IpAddr; 2] {
    [net.network(), net.broadcast()]
}

/// Which packets loop: they take every route of the loop, so its longest prefix says it.
fn destination(steps: &[Step<'_>]) -> Option<IpNet> {
    steps.iter().map(|step| step.route.value.destination).max_by_key(IpNet::prefix_len)
}

/// A table that packets come through, and the route that they take there.
#[derive(Clone, Copy)]
struct Step<'a> {
    context: Context,
    route: &'a Spanned<Route>,
}

/// The tables that packets to one address were seen to come to.
#[derive(Default)]
struct Search<'a> {
    seen: HashSet<Context>,
    /// The way to where the search is, and of each step those tables that are still to be seen.
    way: Vec<(Step<'a>, Vec<Context>)>,
}

impl<'a> Search<'a> {
    /// The loops that packets to an address come into from a table, but those seen before.
    fn walk(
        &mut self,
        lab: &Lab,
        tables: &Tables<'a>,
        from: Context,
        address: IpAddr,
        lookups: &mut usize,
    ) -> Vec<Vec<Step<'a>>> {
        let mut loops = Vec::new();
        let mut next = Some(from).filter(|from| self.seen.insert(*from));
        loop {
            if let Some(context) = next.take() {
                *lookups += 1;
                if let Some(route) = tables.lookup(context, address) {
                    let hops = tables.hops(context.node, &route.value);
                    // A node that does not forward is the end of the way.
                    let to = hops.into_iter().map(|hop| hop.to);
                    let to = to.filter(|to| lab[to.node].forwarding).collect();
                    self.way.push((Step { context, route }, to));
                }
            }
            let Some((_, open)) = self.way.last_mut() else { return loops };
            match open.pop() {
                None => {
                    self.way.pop();
                }
                Some(to) if self.seen.insert(to) => next = Some(to),
                Some(to) => {
                    let begin = self.way.iter().position(|(step, _)| step.context == to);
                    let round =
                        begin.map(|begin| self.way[begin..].iter().map(|it| it.0).collect());
                    loops.extend(round);
                }
            }
        }
    }
}

fn diagnostic(lab: &Lab, steps: &[Step<'_>], destinations: usize) -> Diagnostic {
    // It is shown from its first place in the file on.
    let first = (0..steps.len()).min_by_key(|place| steps[*place].route.span).unwrap_or(0);
    let round: Vec<&Step<'_>> = steps.iter().cycle().skip(first).take(steps.len()).collect();
    let name = |place: usize| &lab[round[place % round.len()].context.node].name;
    let which = match destination(steps) {
        Some(net) if net.prefix_len() > 0 => format!("packets to {net}"),
        Some(_) | None => "packets that take the default route".to_owned(),
    };
    let names = listed((0..round.len()).map(|place| format!("`{}`", name(place))));
    let warning = Diagnostic::warning(
        Code::RouteCircle,
        format!("forwarding loop: {which} go round through {names}"),
    )
    .at(round[0].route.span, format!("`{}` sends them to `{}`", name(0), name(1)));
    let others = round.iter().enumerate().skip(1).take(MAX_NAMED - 1);
    let warning = others.fold(warning, |warning, (place, step)| {
        let text = format!("`{}` to `{}`", name(place), name(place + 1));
        warning.beside(step.route.span, text)
    });
    let warning = match destinations {
        0 | 1 => warning,
        2 => warning.note("so do those to one more prefix"),
        more => warning.note(format!("so do those to {} more prefixes", more - 1)),
    };
    warning.note("each packet goes round until its TTL runs out").help(
        "one of them needs another way to there, or an `unreachable` route where there is none",
    )
}
