//! What the compiler chose where the file left the choice to it, by the names of nodes and devices.
//!
//! A lab that was compiled before gives these choices to the lab of its edited file: what is in both keeps
//! its interfaces' names, addresses, tables, labels, ports and seeds, whatever was added, removed or moved
//! around it. What the file says wins, and a choice that it takes for something else is made anew.

use crate::document::{DeviceName, NodeName};
use crate::iproute::Label;
use crate::topology::Topology;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// What was chosen for a lab.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allocations {
    /// The ends of links, in the file's order.
    pub(super) links: Vec<[End; 2]>,
    nodes: BTreeMap<NodeName, OfNode>,
}

/// An end of a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct End {
    pub node: NodeName,
    pub interface: DeviceName,
    /// Whether the file names the interface; its name was chosen otherwise.
    pub is_named: bool,
    pub addresses: Vec<IpNet>,
}

/// What was chosen for one node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OfNode {
    /// The addresses of `lo`.
    pub loopbacks: Vec<IpNet>,
    /// The addresses of interfaces that no link makes.
    pub addresses: BTreeMap<DeviceName, Vec<IpNet>>,
    /// The tables of VRFs.
    pub tables: BTreeMap<DeviceName, u32>,
    /// The label of the paths to it.
    pub transport: Option<Label>,
    /// The labels of VRFs.
    pub service: BTreeMap<DeviceName, Label>,
    /// The ports of WireGuard interfaces.
    pub listen_ports: BTreeMap<DeviceName, u16>,
    /// What its flows are divided by.
    pub hash_seed: Option<usize>,
}

impl Allocations {
    /// What was chosen for a node.
    pub(super) fn of(&self, node: &NodeName) -> Option<&OfNode> {
        self.nodes.get(node)
    }

    /// Where is kept what is chosen for a node.
    pub(super) fn of_mut(&mut self, node: &NodeName) -> &mut OfNode {
        self.nodes.entry(node.clone()).or_default()
    }

    /// The ends of the links of a file as they were before, in the links' order. A link is the same one if
    /// it joins the same nodes by interfaces of the same names, where the file gives them some, or else the
    /// same nodes; of several such links the first is the first.
    pub(super) fn ends(&self, topology: &Topology) -> Vec<[Option<End>; 2]> {
        let links = || {
            topology.graph.edge_weights().map(|link| {
                link.ends.each_ref().map(|end| {
                    let name = end.interface.as_ref().map(|name| &name.value);
                    (&topology.graph[end.node].name.value, name)
                })
            })
        };
        let mut kept: Vec<[Option<End>; 2]> = links().map(|_| [None, None]).collect();
        let mut left: Vec<&[End; 2]> = self.links.iter().collect();
        for with_names in [true, false] {
            let mut known: BTreeMap<[Signature<'_>; 2], VecDeque<&[End; 2]>> = BTreeMap::new();
            for ends in left {
                let ends_of = ends.each_ref().map(End::signature);
                known.entry(alike(ends_of, with_names)).or_default().push_back(ends);
            }
            for (ends, kept) in links().zip(&mut kept).filter(|(_, kept)| kept[0].is_none()) {
                let found = known.get_mut(&alike(ends, with_names)).and_then(VecDeque::pop_front);
                let Some([one, other]) = found else { continue };
                let is_turned = one.signature() != ends[0]
                    && (one.node != *ends[0].0 || other.signature() == ends[0]);
                let found = if is_turned { [other, one] } else { [one, other] };
                *kept = found.map(|end| Some(end.clone()));
            }
            left = known.into_values().flatten().collect();
        }
        kept
    }
}

impl End {
    fn signature(&self) -> Signature<'_> {
        (&self.node, Some(&self.interface).filter(|_| self.is_named))
    }
}

/// What a file says of the end of a link: its node, and the name of the interface if there is one.
type Signature<'a> = (&'a NodeName, Option<&'a DeviceName>);

/// What two links have in common that are one, whichever end a file has first.
fn alike(mut ends: [Signature<'_>; 2], with_names: bool) -> [Signature<'_>; 2] {
    if !with_names {
        ends = ends.map(|(node, _)| (node, None));
    }
    ends.sort();
    ends
}
