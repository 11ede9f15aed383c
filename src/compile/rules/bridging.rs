//! Loops of bridges, in which one broadcast goes round for ever and multiplies.
//!
//! A bridge that runs the spanning tree protocol breaks every loop that it is part of, whatever the
//! others do: a bridge of the kernel that takes no part in the protocol hands BPDUs on like any other
//! frame (`br_handle_frame`), so that one that does hears itself and blocks the port. What remains to
//! be found are the loops of bridges without the protocol alone.

use super::{MAX_NAMED, listed};
use crate::compile::Interface;
use crate::compile::lab::{InterfaceId, Lab, NodeId};
use crate::compile::layout::Port;
use crate::compile::segment::{self, Frames, Joint, Side, Wires};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use crate::document::Role;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

pub(super) fn check(lab: &Lab, diagnostics: &mut Diagnostics) {
    let plain =
        |interface: &Interface| interface.kind.as_bridge().is_some_and(|bridge| !bridge.stp);
    if !lab.nodes.iter().flat_map(|node| &node.interfaces).any(plain) {
        return;
    }
    let mut forest = Forest::default();
    // Interfaces that reach each other, whatever the tags: what lies among them is told of once.
    let mut areas = Wires::new();
    let mut closing: Vec<Joint> = Vec::new();
    segment::joints(lab, &mut |joint| {
        let carries = |(node, id, _, _): Frames| lab.carries(node, id);
        let forwards =
            |(node, id): Port| plain(&lab[node].interfaces[id.0]) && lab[node].comes_up(id);
        if joint.both_ways
            && joint.ends.into_iter().all(carries)
            && joint.bridge.is_none_or(forwards)
        {
            areas.join(joint.ends.map(whole));
            if !forest.grow(joint.ends) {
                closing.push(joint);
            }
        }
    });
    let mut told: BTreeMap<usize, (Loop, HashSet<[Frames; 2]>)> = BTreeMap::new();
    for joint in closing {
        let root = areas.root(whole(joint.ends[0]));
        let (_, all) = told
            .entry(root)
            .or_insert_with(|| (Loop::of(lab, &forest.path(joint.ends)), HashSet::new()));
        all.insert(joint.ends.map(whole));
    }
    // What no bridge forwards, as between tunnels that name each other, goes round nowhere.
    for (found, all) in told.values().filter(|(found, _)| !found.bridges.is_empty()) {
        diagnostics.push(found.diagnostic(lab, all.len() - 1));
    }
}

/// An interface, with all of its frames.
fn whole((node, id, _, _): Frames) -> Frames {
    (node, id, Side::Wire, None)
}

/// Joints of which none closes a loop.
#[derive(Default)]
struct Forest {
    wires: Wires,
    next: HashMap<Frames, Vec<Frames>>,
}

impl Forest {
    /// Adds a joint, unless it closes a loop.
    fn grow(&mut self, [one, other]: [Frames; 2]) -> bool {
        let grown = self.wires.join([one, other]);
        if grown {
            self.next.entry(one).or_default().push(other);
            self.next.entry(other).or_default().push(one);
        }
        grown
    }

    /// The way from one place to another, both included.
    fn path(&self, [from, to]: [Frames; 2]) -> Vec<Frames> {
        let mut before = HashMap::from([(from, from)]);
        let mut open = VecDeque::from([from]);
        while let Some(here) = open.pop_front().filter(|here| *here != to) {
            for next in self.next.get(&here).into_iter().flatten() {
                before.entry(*next).or_insert_with(|| {
                    open.push_back(*next);
                    here
                });
            }
        }
        let back = |place: &Frames| before.get(place).copied().filter(|it| it != place);
        std::iter::successors(Some(to), back).collect()
    }
}

/// A loop, from its first bridge in the file on.
struct Loop {
    bridges: Vec<Port>,
    links: Vec<usize>,
}

impl Loop {
    fn of(lab: &Lab, path: &[Frames]) -> Self {
        let mut bridges: Vec<Port> = Vec::new();
        let mut links: Vec<usize> = Vec::new();
        for frames in path {
            let (node, id, _, _) = *frames;
            let kind = &lab[node].interfaces[id.0].kind;
            bridges.extend(kind.is_bridge().then_some((node, id)));
            links.extend(kind.link());
        }
        bridges.dedup();
        if bridges.len() > 1 && bridges.first() == bridges.last() {
            bridges.pop();
        }
        links.sort_by_key(|link| lab.links[*link].span);
        links.dedup();
        let first = bridges.iter().enumerate().min_by_key(|(_, bridge)| **bridge);
        let first = first.map_or(0, |(place, _)| place);
        bridges.rotate_left(first);
        // Of the two ways round, the one that goes to the earlier neighbour first.
        if bridges.last() < bridges.get(1) {
            bridges[1..].reverse();
        }
        Self { bridges, links }
    }

    fn diagnostic(&self, lab: &Lab, others: usize) -> Diagnostic {
        let name = |(node, id): &Port| bridge_name(lab, *node, *id);
        let names = listed(self.bridges.iter().map(name));
        let all_switches = self.bridges.iter().all(|(node, _)| lab[*node].role == Role::Switch);
        let what = match (all_switches, self.bridges.len()) {
            (true, 1) => "the switch",
            (true, _) => "the switches",
            (false, 1) => "the bridge",
            (false, _) => "the bridges",
        };
        let forms = if self.bridges.len() == 1 { "forms" } else { "form" };
        let error = Diagnostic::error(
            Code::BridgeLoop,
            format!("{what} {names} {forms} a loop without the spanning tree protocol"),
        );
        let mut links = self.links.iter().rev().map(|link| lab.links[*link].span);
        let bridge = |(node, id): &Port| lab[*node].interfaces[id.0].span.or(lab[*node].span);
        let closing = links.next().or(self.bridges.first().map(bridge)).unwrap_or(Span::NONE);
        let error = error.at(closing, "closes the loop");
        let error = links
            .take(MAX_NAMED - 1)
            .fold(error, |error, span| error.beside(span, "is part of it"))
            .note("a broadcast circulates in it forever and multiplies");
        let error = match others {
            0 => error,
            1 => error.note("one more link closes another loop beside it"),
            more => error.note(format!("{more} more links close other loops beside it")),
        };
        error.help(
            "`stp: true` at them (in DOT `stp=true`) has the kernel block a port of each loop; or \
             remove a link",
        )
    }
}

/// A switch is its one bridge.
fn bridge_name(lab: &Lab, node: NodeId, bridge: InterfaceId) -> String {
    let node = &lab[node];
    match node.role {
        Role::Switch => format!("`{}`", node.name),
        Role::Host | Role::Router | Role::Ce | Role::Pe | Role::P => {
            format!("`{}:{}`", node.name, node.interfaces[bridge.0].name)
        }
    }
}
