//! What was left out, filled in, in passes that stand in [`compile`] in their order.
//!
//! What is written wins; a pass only fills what is absent. After the last one the whole lab is held
//! against the rules that no single line can break alone.

mod address_index;
mod addresses;
mod allocations;
mod bonds;
mod bridges;
mod check;
mod checks;
mod destinations;
mod devices;
mod encaps;
mod family;
mod gateways;
mod id;
mod interface;
mod interfaces;
mod lab;
mod labels;
mod layout;
mod links;
mod lookup;
mod names;
mod neighbours;
mod nesting;
mod network;
mod node;
mod objects;
mod options;
mod parts;
mod pool;
mod prefixes;
mod print;
mod programs;
mod queues;
mod reach;
mod region;
mod roles;
mod route;
mod routes;
mod policy;
mod rules;
mod segment;
mod shortest;
mod subnets;
mod summary;
mod synthetic;
mod sysctls;
mod tables;
mod takers;
mod vpn;
mod vrfs;
mod way;
mod wireguard;
mod words;

pub use allocations::Allocations;
pub use check::{
    Answerer, Arrival, Arrow, Bound, Check, Expect, Goal, Hop, Line, Percent, Place, Protocol,
    Rejection, RejectionKind, Sender, Sends, Share, Spread, Target, Volume,
};
pub use checks::{is_check_option, read_check};
pub use interface::{Interface, InterfaceKind, Lower};
pub use lab::{
    Adjustable, Command, Encap, Imports, InterfaceId, LOCAL, Lab, LabelNexthop, LabelRoute, Link,
    MAIN, Nexthop, NexthopObject, Node, NodeId, Route, Rule, Sample, Sysctl, UNREACHABLE_METRIC,
    Vrf,
};
pub use names::{Names, NodeNames, names};
pub use options::Options;
pub use print::print;
pub use words::sysctl_name;

use crate::diagnostic::{Diagnostic, Diagnostics, Notation, Source, Text};
use crate::document::{self, Files, Format, LabName, Quantity, Routing};
use crate::iproute;
use crate::topology::{self, Topology};
use allocations::End;
use layout::Layout;
use parts::Parts;
use petgraph::graph::NodeIndex;
use std::collections::BTreeSet;

/// The lab that a file says, where nothing is wrong with it, and all there is to say of the file, in
/// the order of its places.
///
/// It is called `fallback` where neither the options nor the file give it a name.
#[doc(hidden)]
pub fn compile_source(
    source: &Source,
    format: Format,
    fallback: &LabName,
    options: &Options,
) -> (Option<Lab>, Vec<Diagnostic>) {
    let beside = Files::beside(&source.name, &[]);
    let files = options.files.as_ref().unwrap_or(&beside);
    let (document, reported) = document::parse_with(source, Some(format), files, &options.limits);
    let mut diagnostics = Diagnostics::from(reported);
    let lab = document.and_then(|document| {
        let name = options.name.clone();
        let topology = topology::resolve(document, name, fallback, &mut diagnostics);
        compile(topology, options, &mut diagnostics)
    });
    let lab = lab.filter(|_| !diagnostics.has_errors());
    let notation = match format {
        Format::Dot => Notation::Dot,
        Format::Yaml => Notation::Yaml,
    };
    let diagnostics = diagnostics.into_sorted().into_iter();
    (lab, diagnostics.map(|diagnostic| diagnostic.in_notation(notation)).collect())
}

/// The lab of a topology, or nothing where it is past a limit. What is wrong goes to `errors`; with
/// errors among them the lab is not whole.
#[doc(hidden)]
pub fn compile(topology: Topology, options: &Options, errors: &mut Diagnostics) -> Option<Lab> {
    for (quantity, count) in written(&topology) {
        errors.keep(options.limits.hold(quantity, count))?;
    }
    let roles = roles::infer(&topology.graph);
    let mut draft = interfaces::build(&topology, &roles, options, errors);
    let kept = &options.kept_allocations;
    vrfs::fill(&topology, kept, &mut draft, errors);
    draft.lab.nodes.iter_mut().for_each(|node| nesting::hold(node, errors));
    let routing = topology.routing_anywhere();
    labels::mark_core(&mut draft, routing);
    draft.lab.nodes.iter_mut().for_each(|node| devices::mtus(node, errors));
    let layout = Layout::of(&draft.lab, routing);
    addresses::fill(&topology, kept, &layout, &mut draft, errors);
    let mut lab = routes::resolve(&topology, draft, errors);
    errors.keep(options.limits.hold(Quantity::Nexthops, nexthops(&lab)))?;
    policy::resolve(&topology, &mut lab, errors);
    labels::resolve(&topology, &mut lab, errors);
    for index in topology.graph.node_indices() {
        let node = &mut lab[NodeId(index.index())];
        neighbours::resolve(node, &topology.graph[index], errors);
    }
    wireguard::routes(&topology, &mut lab, errors);
    let routed = match routing {
        Routing::Auto => {
            let filled = tables::fill(&topology, options, &layout, &mut lab, errors);
            Some(errors.keep(filled)?)
        }
        Routing::None => None,
    };
    wireguard::fill(kept, &layout, &mut lab, errors);
    programs::resolve(&topology, &mut lab, errors);
    sysctls::fill(&topology, kept, &mut lab, errors);
    let probes = options.limits.counter(Quantity::Probes);
    match (&topology.checks, routed, topology.routing) {
        (Some(lines), ..) => {
            let read = checks::read(lines, topology.routing, &layout, &lab, probes, errors);
            lab.checks = errors.keep(read)?;
        }
        (None, Some((network, core)), Routing::Auto) => {
            let is_routed =
                |node: NodeId| topology.routing_at(NodeIndex::new(node.0)) == Routing::Auto;
            let parts = Parts::of(&lab, &layout, &network, &core, is_routed);
            let made = synthetic::checks(&lab, &layout, &network, &parts, probes);
            (lab.checks, lab.sample) = errors.keep(made)?;
        }
        (None, Some(_), Routing::None) | (None, None, _) => {}
    }
    rules::hold(&layout, &lab, errors);
    vrfs::close(&mut lab);
    Some(lab)
}

/// How much the file itself says to make.
fn written(topology: &Topology) -> [(Quantity, usize); 3] {
    let nodes = || topology.graph.node_weights();
    let is_made = |interface: &&topology::Interface| interface.written.kind.is_some();
    let made = nodes().map(|node| node.interfaces.iter().filter(is_made).count());
    let of_links = 2 * topology.graph.edge_count();
    [
        (Quantity::Interfaces, of_links + made.sum::<usize>()),
        (Quantity::Routes, nodes().map(|node| node.routes.len()).sum()),
        (Quantity::Checks, topology.checks.as_ref().map_or(0, Vec::len)),
    ]
}

/// How many nexthops the routes have, those of one group for each route that names it.
fn nexthops(lab: &Lab) -> usize {
    let routes = lab.nodes.iter().flat_map(|node| &node.routes);
    routes.map(|route| route.value.nexthops.len()).sum()
}

/// A lab whose interfaces may still lack their addresses.
struct Draft {
    lab: Lab,
    /// The interfaces whose addresses the file leaves to the compiler.
    unaddressed: BTreeSet<(NodeId, InterfaceId)>,
    /// The interfaces of which the file says that they take in no labels, whatever their node's role.
    without_labels: BTreeSet<(NodeId, InterfaceId)>,
    /// The VRF that a link or an interface asks for at each interface that has one.
    wanted_vrfs: Vec<WantedVrf>,
    /// The ends of each link as they were before, where it was there.
    kept_ends: Vec<[Option<End>; 2]>,
}

/// An interface that is to be in a VRF.
struct WantedVrf {
    node: NodeId,
    interface: InterfaceId,
    vrf: Text,
    /// Whether the file means this end alone, and not whichever end of a link can be in it.
    here: bool,
}
