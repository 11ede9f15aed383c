//! MPLS routes that swap labels in a loop.

use super::Nodes;
use super::search::{Search, Turn};
use crate::compile::Lab;
use crate::diagnostic::{Code, Diagnostic, MAX_NAMED, listed};
use crate::forward::{Hop, Ingress, Network};
use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};

/// What is on no label's way: only labels are looked at.
const BELOW: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// The loops of labels, each once.
#[derive(Debug, Default)]
pub(super) struct Rounds<'a> {
    known: HashSet<Vec<(&'a str, u32)>>,
    found: Vec<Vec<Turn<'a>>>,
}

/// The loops of the labels on top, whoever pushes them.
pub(super) fn search<'a>(lab: &'a Lab, network: &Network<'a>) -> Rounds<'a> {
    let mut rounds = Rounds::default();
    let mut search = Search::default();
    // What is below the label on top may be anything, and whoever gets an explicit null takes it off.
    let top = |(mut ingress, hop): (Ingress, Hop<'a>)| {
        let top = ingress.labels.iter().copied().find(|label| !matches!(label, 0 | 2))?;
        ingress.labels = vec![top];
        Some((ingress, hop))
    };
    for node in &lab.nodes {
        let Some(port) = network.label_ingress(&node.namespace) else { continue };
        for route in node.label_routes.iter().filter(|route| !route.span.is_none()) {
            let mut start = port.clone();
            start.labels.push(route.value.label.number());
            let onward =
                |at: &Ingress| network.step(at, BELOW).into_iter().filter_map(top).collect();
            for turns in search.loops_from(start, onward) {
                rounds.add(turns);
            }
        }
    }
    rounds
}

impl<'a> Rounds<'a> {
    /// Adds a loop on which packets have labels everywhere.
    pub(super) fn add(&mut self, turns: Vec<Turn<'a>>) {
        let place = |turn: &Turn<'a>| (turn.hop.namespace, top(turn));
        let mut places: Vec<(&str, u32)> = turns.iter().map(place).collect();
        places.sort_unstable();
        if self.known.insert(places) {
            self.found.push(turns);
        }
    }

    pub(super) fn into_diagnostics(self, nodes: &Nodes<'_>) -> impl Iterator<Item = Diagnostic> {
        self.found.into_iter().map(|turns| warning(nodes, turns))
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
