//! Routes that send packets round in a loop, until their TTL runs out.
//!
//! Every destination that the file has a route to is followed from every table that has one, by all equal ways at
//! once, through rules, VRFs and labels. What labels lead round in a loop is another question.

use super::Nodes;
use super::label_path::{End, LabelPaths};
use super::search::{Search, Turn, samples};
use crate::compile::{Lab, MAIN, Node};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, MAX_NAMED, listed};
use crate::document::Quantity;
use crate::forward::{Hop, Ingress, Network};
use ipnet::IpNet;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;

/// Searches with this many lookups at the most, and says where that was not enough.
pub(super) fn check<'a>(
    lab: &'a Lab,
    nodes: &Nodes<'_>,
    network: &Network<'a>,
    max_lookups: usize,
    paths: &mut LabelPaths<'_, 'a>,
    diagnostics: &mut Diagnostics,
) {
    let mut searches: BTreeMap<IpAddr, Search> = BTreeMap::new();
    let (mut lookups, mut passed_over) = (0, 0);
    let mut found: Vec<(Vec<Turn<'a>>, HashSet<IpNet>)> = Vec::new();
    let mut known: HashMap<Vec<(&str, Option<&str>)>, usize> = HashMap::new();
    for node in lab.nodes.iter().filter(|node| node.forwarding) {
        let mut starts: HashMap<u32, Vec<Ingress>> = HashMap::new();
        for route in node.routes.iter().filter(|route| !route.span.is_none()) {
            if lookups > max_lookups {
                passed_over += 1;
                continue;
            }
            let table = route.value.table;
            let starts = starts.entry(table).or_insert_with(|| self::starts(network, node, table));
            for address in samples(route.value.destination) {
                let search = searches.entry(address).or_default();
                for start in starts.iter() {
                    let onward = |at: &Ingress| {
                        lookups += 1;
                        let step = network.step(at, address).onward.into_iter();
                        step.flat_map(|(next, hop)| bare(paths, next, hop)).collect()
                    };
                    for turns in search.loops_from(start.clone(), onward) {
                        // What loops through the same routers is told of once.
                        let places = turns.iter().map(|turn| network.whereabouts(&turn.ingress));
                        let mut places: Vec<(&str, Option<&str>)> = places.collect();
                        places.sort_unstable();
                        let place = *known.entry(places).or_insert(found.len());
                        let net = destination(&turns);
                        if place == found.len() {
                            found.push((turns, HashSet::new()));
                        }
                        found[place].1.extend(net);
                    }
                }
            }
        }
    }
    for (turns, destinations) in found {
        diagnostics.push(diagnostic(nodes, turns, destinations.len()));
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

/// Where packets come in that are looked up in a table of a node.
fn starts(network: &Network<'_>, node: &Node, table: u32) -> Vec<Ingress> {
    // Rules may say for every interface another table.
    if !node.rules.is_empty() {
        return network.ingresses(&node.namespace);
    }
    let vrf = node.vrfs.iter().find(|vrf| vrf.table == table);
    match (table, vrf) {
        (MAIN, _) => Vec::from_iter(network.inside(&node.namespace, None)),
        (_, Some(vrf)) => Vec::from_iter(network.inside(&node.namespace, Some(vrf.name.as_str()))),
        (_, None) => Vec::new(),
    }
}

/// Where a packet comes out from under its labels, which take it there whatever its address is.
fn bare<'a>(
    paths: &mut LabelPaths<'_, 'a>,
    next: Ingress,
    hop: Hop<'a>,
) -> Vec<(Ingress, Hop<'a>)> {
    if next.labels.is_empty() {
        return vec![(next, hop)];
    }
    let ends = paths.ends(next).iter().filter_map(|end| match end {
        End::Vrf { ingress, .. } | End::Bare(ingress) => Some(ingress.clone()),
        End::Unknown { .. } => None,
    });
    ends.map(|ingress| (ingress, hop.clone())).collect()
}

/// Which packets loop: they take every route of the loop, so its longest prefix says it.
fn destination(turns: &[Turn<'_>]) -> Option<IpNet> {
    let nets = turns.iter().filter_map(|turn| turn.decision()?.0);
    nets.max_by_key(IpNet::prefix_len)
}

fn diagnostic(nodes: &Nodes<'_>, mut turns: Vec<Turn<'_>>, destinations: usize) -> Diagnostic {
    // It is shown from its first place in the file on.
    let first = (0..turns.len()).min_by_key(|place| turns[*place].span()).unwrap_or(0);
    let which = match destination(&turns) {
        Some(net) if net.prefix_len() > 0 => format!("packets to {net}"),
        Some(_) | None => "packets that take the default route".to_owned(),
    };
    turns.rotate_left(first);
    let name = |place: usize| &nodes[turns[place % turns.len()].hop.namespace].name;
    let names = listed((0..turns.len()).map(|place| format!("`{}`", name(place))));
    let title = format!("forwarding loop: {which} go round through {names}");
    let warning = Diagnostic::warning(Code::RouteCircle, title)
        .at(turns[0].span(), format!("`{}` sends them to `{}`", name(0), name(1)));
    let others = turns.iter().enumerate().skip(1).take(MAX_NAMED - 1);
    let warning = others.fold(warning, |warning, (place, turn)| {
        let text = format!("`{}` to `{}`", name(place), name(place + 1));
        warning.beside(turn.span(), text)
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
