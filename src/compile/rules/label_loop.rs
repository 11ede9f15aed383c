//! MPLS routes that swap labels in a loop.

use super::{MAX_NAMED, Owners, listed};
use crate::compile::lab::{Lab, LabelRoute, NodeId};
use crate::compile::layout::Layout;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Spanned};
use std::collections::{HashMap, HashSet};

/// A label as it comes to a node.
pub(super) type Incoming = (NodeId, u32);

/// The MPLS routes of all nodes, by the labels that they take in.
pub(super) type LabelRoutes<'a> = HashMap<Incoming, &'a Spanned<LabelRoute>>;

pub(super) fn label_routes(lab: &Lab) -> LabelRoutes<'_> {
    let nodes = lab.nodes.iter().enumerate();
    let routes = nodes.flat_map(|(place, node)| {
        let own = node.label_routes.iter();
        own.map(move |route| ((NodeId(place), route.value.label.number()), route))
    });
    routes.collect()
}

/// Warns of loops of the labels on top, and returns the labels in them.
pub(super) fn check(
    layout: &Layout,
    owners: &Owners,
    lab: &Lab,
    routes: &LabelRoutes<'_>,
    diagnostics: &mut Diagnostics,
) -> HashSet<Incoming> {
    let next = |(id, _): Incoming, route: &LabelRoute| -> Vec<Incoming> {
        let hops = route.nexthops.iter().filter_map(|nexthop| {
            // Whoever gets an explicit null takes it off.
            let top =
                nexthop.swap.iter().map(|label| label.number()).find(|it| !matches!(it, 0 | 2));
            let port = (id, lab[id].interface(nexthop.dev.as_str())?);
            let domain = layout.domain(layout.context(port))?;
            Some((owners.get(&(domain, nexthop.via?))?.0, top?))
        });
        hops.collect()
    };
    let mut looping: HashSet<Incoming> = HashSet::new();
    let mut seen: HashSet<Incoming> = HashSet::new();
    for id in (0..lab.nodes.len()).map(NodeId) {
        let written = lab[id].label_routes.iter().filter(|route| !route.span.is_none());
        for start in written.map(|route| (id, route.value.label.number())) {
            let mut way: Vec<(Incoming, Vec<Incoming>)> = Vec::new();
            let mut here = Some(start).filter(|start| seen.insert(*start));
            loop {
                if let Some((at, route)) = here.take().and_then(|at| Some((at, routes.get(&at)?))) {
                    way.push((at, next(at, &route.value)));
                }
                let Some((_, open)) = way.last_mut() else { break };
                match open.pop() {
                    None => {
                        way.pop();
                    }
                    Some(to) if seen.insert(to) => here = Some(to),
                    Some(to) => {
                        let begin = way.iter().position(|(at, _)| *at == to);
                        let round = begin.map_or(&[][..], |begin| &way[begin..]);
                        let round: Vec<Incoming> = round.iter().map(|(at, _)| *at).collect();
                        if !round.is_empty() {
                            diagnostics.push(warning(lab, routes, &round));
                            looping.extend(round);
                        }
                    }
                }
            }
        }
    }
    looping
}

fn warning(lab: &Lab, routes: &LabelRoutes<'_>, round: &[Incoming]) -> Diagnostic {
    let span = |at: &Incoming| routes[at].span;
    let first = (0..round.len()).min_by_key(|place| span(&round[*place])).unwrap_or(0);
    let round: Vec<Incoming> =
        round.iter().cycle().skip(first).take(round.len()).copied().collect();
    let name = |at: usize| format!("`{}`", lab[round[at % round.len()].0].name);
    let names = listed((0..round.len()).map(name));
    let label = |at: usize| round[at % round.len()].1;
    let text = |at: usize| {
        format!("{} sends them to {} with label {}", name(at), name(at + 1), label(at + 1))
    };
    let warning = Diagnostic::warning(
        Code::RouteCircle,
        format!("forwarding loop: packets with label {} go round through {names}", label(0)),
    )
    .at(span(&round[0]), text(0));
    (1..round.len().min(MAX_NAMED))
        .fold(warning, |warning, at| warning.beside(span(&round[at]), text(at)))
        .note("each packet goes round until its TTL runs out")
}
