//! MPLS routes that swap labels in a loop.

use super::Nodes;
use super::label_path::BELOW;
use super::search::{Search, Turn, samples};
use crate::compile::Lab;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, MAX_NAMED, listed};
use crate::forward::{Hop, Ingress, Network};
use std::collections::HashSet;

pub(super) fn check<'a>(
    lab: &'a Lab,
    nodes: &Nodes<'_>,
    network: &Network<'a>,
    diagnostics: &mut Diagnostics,
) {
    let mut known: HashSet<Vec<(&str, u32)>> = HashSet::new();
    let mut found = |turns: Vec<Turn<'a>>| {
        let place = |turn: &Turn<'a>| (turn.hop.namespace, top(turn));
        let mut places: Vec<(&str, u32)> = turns.iter().map(place).collect();
        places.sort_unstable();
        if known.insert(places) {
            diagnostics.push(warning(nodes, turns));
        }
    };
    // Of a label on top, whoever pushes it: what is below it may be anything, and whoever gets an explicit null
    // takes it off.
    let mut search = Search::default();
    let onto = |(mut ingress, hop): (Ingress, Hop<'a>)| {
        let top = ingress.labels.iter().copied().find(|label| !matches!(label, 0 | 2))?;
        ingress.labels = vec![top];
        Some((ingress, hop))
    };
    for node in &lab.nodes {
        let Some(port) = network.label_ingress(&node.namespace) else { continue };
        for route in node.label_routes.iter().filter(|route| !route.span.is_none()) {
            let mut start = port.clone();
            start.labels.push(route.value.label.number());
            let onward = |at: &Ingress| {
                network.step(at, BELOW).onward.into_iter().filter_map(onto).collect()
            };
            search.loops_from(start, onward).into_iter().for_each(&mut found);
        }
    }
    // Of whole stacks, where a label is popped and pushed again.
    let mut search = Search::default();
    for node in &lab.nodes {
        for route in node.routes.iter().filter(|route| !route.span.is_none()) {
            for nexthop in route.value.nexthops.iter().filter(|next| !next.labels().is_empty()) {
                let [address, _] = samples(route.value.destination);
                let pushed = network.by_nexthop(&node.namespace, nexthop, address).onward;
                for (start, _) in pushed {
                    let onward = |at: &Ingress| {
                        let mut onward = network.step(at, BELOW).onward;
                        onward.retain(|(next, _)| !next.labels.is_empty());
                        onward
                    };
                    search.loops_from(start, onward).into_iter().for_each(&mut found);
                }
            }
        }
    }
}

/// The label on top; a place on a loop of labels has one.
fn top(turn: &Turn<'_>) -> u32 {
    turn.ingress.labels.first().copied().unwrap_or_default()
}

fn warning(nodes: &Nodes<'_>, mut turns: Vec<Turn<'_>>) -> Diagnostic {
    // It is shown from its first place in the file on.
    let first = (0..turns.len()).min_by_key(|place| turns[*place].span()).unwrap_or(0);
    turns.rotate_left(first);
    let turn = |place: usize| &turns[place % turns.len()];
    let name = |place: usize| format!("`{}`", nodes[turn(place).hop.namespace].name);
    let names = listed((0..turns.len()).map(name));
    let text = |at: usize| {
        let label = top(turn(at + 1));
        format!("{} sends them to {} with label {label}", name(at), name(at + 1))
    };
    let label = top(turn(0));
    let title = format!("forwarding loop: packets with label {label} go round through {names}");
    let warning = Diagnostic::warning(Code::RouteCircle, title).at(turns[0].span(), text(0));
    (1..turns.len().min(MAX_NAMED))
        .fold(warning, |warning, at| warning.beside(turns[at].span(), text(at)))
        .note("each packet goes round until its TTL runs out")
}
