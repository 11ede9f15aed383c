//! What lies on one wire with what, and which tables are joined by it.

pub(super) use super::id::Port;
use super::lab::{InterfaceId, Lab, MAIN, NodeId, Vrf};
use super::segment::{self, Segment};
use crate::document::{DeviceName, NodeName, Role, Routing};
use petgraph::unionfind::UnionFind;
use std::collections::{BTreeMap, HashMap};

/// A table in which packets are routed: a node's main one, or that of one of its VRFs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Context {
    pub node: NodeId,
    pub table: u32,
}

/// Which addresses may not be given twice, and from where they are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Run {
    /// The provider's own.
    Core,
    /// Networks without a VRF; all of them share one run.
    Plain,
    /// A VPN, or several that import from each other, by a number of its own.
    Vpn(usize),
}

/// The segments of a lab and the routing domains that they join.
#[derive(Debug)]
pub(super) struct Layout {
    pub segments: Vec<Segment>,
    /// The nodes by their names.
    nodes: HashMap<NodeName, NodeId>,
    /// The table of each interface, by node.
    tables: Vec<Vec<u32>>,
    /// The interfaces of each context, in the node's order.
    ports: HashMap<Context, Vec<InterfaceId>>,
    /// The segment of each interface that is on one.
    segment_of: HashMap<Port, usize>,
    /// The place of each context's VRF in its node.
    vrfs: HashMap<Context, usize>,
    /// Every context of the lab, by node, and there the main one first.
    pub contexts: Vec<Context>,
    /// The domain of each context; a domain is known by a number of its own.
    domains: HashMap<Context, usize>,
    /// The domain that stands for all whose addresses must differ, and its run.
    realms: HashMap<usize, (usize, Run)>,
}

impl Layout {
    /// The layout of a lab whose interfaces and VRFs are known.
    pub fn of(lab: &Lab, routing: Routing) -> Self {
        let segments = segment::all(lab);
        let tables = tables(lab);
        let nodes = lab.nodes.iter().enumerate();
        let nodes = nodes.map(|(place, node)| (node.name.clone(), NodeId(place))).collect();
        let mut layout = Self {
            segment_of: segment_of(&segments),
            segments,
            nodes,
            ports: ports(&tables),
            tables,
            vrfs: vrfs(lab),
            contexts: contexts(lab),
            domains: HashMap::new(),
            realms: HashMap::new(),
        };
        layout.join(lab, routing);
        layout
    }

    /// The node of a name.
    pub fn node(&self, name: &str) -> Option<NodeId> {
        self.nodes.get(&NodeName::new(name)?).copied()
    }

    /// The context in which an interface's packets are routed.
    pub fn context(&self, (node, interface): Port) -> Context {
        Context { node, table: self.tables[node.0][interface.0] }
    }

    /// The interfaces whose packets are routed in a context.
    pub fn ports(&self, context: Context) -> &[InterfaceId] {
        self.ports.get(&context).map_or(&[], Vec::as_slice)
    }

    /// The segment that an interface is on.
    pub fn segment(&self, port: Port) -> Option<&Segment> {
        self.segment_of.get(&port).map(|place| &self.segments[*place])
    }

    /// The VRF that a context is; none where it is a main table.
    pub fn vrf<'a>(&self, lab: &'a Lab, context: Context) -> Option<&'a Vrf> {
        self.vrfs.get(&context).map(|place| &lab[context.node].vrfs[*place])
    }

    /// The routing domain of a context.
    pub fn domain(&self, context: Context) -> Option<usize> {
        self.domains.get(&context).copied()
    }

    /// The number of the addresses of a context, among which none stands twice.
    pub fn realm(&self, context: Context) -> Option<usize> {
        Some(self.realms[self.domains.get(&context)?].0)
    }

    /// The run of addresses that a context takes its own from.
    pub fn run(&self, context: Context) -> Run {
        self.domains.get(&context).map_or(Run::Plain, |domain| self.realms[domain].1)
    }

    /// Joins the contexts into domains, and these into realms.
    fn join(&mut self, lab: &Lab, routing: Routing) {
        let place_of: HashMap<Context, usize> =
            self.contexts.iter().enumerate().map(|(place, context)| (*context, place)).collect();
        let mut joined = UnionFind::new(self.contexts.len());
        for segment in &self.segments {
            let mut ports = segment.ports.iter().map(|port| place_of[&self.context(*port)]);
            if let Some(first) = ports.next() {
                ports.for_each(|other| {
                    joined.union(first, other);
                });
            }
        }
        // The sites of a compiled VPN reach each other over the core.
        let mut by_name: BTreeMap<&DeviceName, Vec<usize>> = BTreeMap::new();
        for (place, node) in lab.nodes.iter().enumerate() {
            for vrf in &node.vrfs {
                let here = place_of[&Context { node: NodeId(place), table: vrf.table }];
                if compiled(routing, node.role) {
                    by_name.entry(&vrf.name).or_default().push(here);
                }
            }
        }
        for places in by_name.values() {
            places.windows(2).for_each(|pair| {
                joined.union(pair[0], pair[1]);
            });
        }
        let domain = |place: usize| joined.find(place);
        self.domains =
            self.contexts.iter().enumerate().map(|(place, it)| (*it, domain(place))).collect();

        let mut realms = joined.clone();
        for (place, node) in lab.nodes.iter().enumerate() {
            let at = |table| place_of[&Context { node: NodeId(place), table }];
            for vrf in &node.vrfs {
                for vpn in &vrf.imports.vpns {
                    let elsewhere = by_name.get(&vpn.value).into_iter().flatten().copied();
                    let here = node.vrf(vpn.value.as_str()).map(|vrf| at(vrf.table));
                    elsewhere.chain(here).for_each(|other| {
                        realms.union(at(vrf.table), other);
                    });
                }
                if vrf.imports.main {
                    realms.union(at(vrf.table), at(MAIN));
                }
            }
        }
        let mut runs: HashMap<usize, Run> = HashMap::new();
        for (place, context) in self.contexts.iter().enumerate() {
            let realm = realms.find(place);
            let here = match (context.table == MAIN, lab[context.node].role.in_core()) {
                (true, true) => Run::Core,
                (true, false) => Run::Plain,
                (false, _) => Run::Vpn(realm),
            };
            let run = runs.entry(realm).or_insert(here);
            // A customer's own main table is of its VPN, and what the core is joined to is the core's.
            *run = match (*run, here) {
                (Run::Core, _) | (_, Run::Core) => Run::Core,
                (Run::Vpn(vpn), _) | (_, Run::Vpn(vpn)) => Run::Vpn(vpn),
                (Run::Plain, Run::Plain) => Run::Plain,
            };
        }
        self.realms = (0..self.contexts.len())
            .map(|place| (joined.find(place), realms.find(place)))
            .map(|(domain, realm)| (domain, (realm, runs[&realm])))
            .collect();
    }
}

/// Whether the compiler makes the VRFs of a node of this role parts of VPNs.
pub(super) fn compiled(routing: Routing, role: Role) -> bool {
    match (routing, role) {
        (Routing::Auto, Role::Pe) => true,
        (Routing::Auto, Role::Host | Role::Router | Role::Ce | Role::P | Role::Switch)
        | (Routing::None, _) => false,
    }
}

/// The table of every interface, by node.
fn tables(lab: &Lab) -> Vec<Vec<u32>> {
    let of_node = |node: &super::lab::Node| {
        let known: HashMap<&str, u32> =
            node.vrfs.iter().map(|vrf| (vrf.name.as_str(), vrf.table)).collect();
        let table = |interface: &super::interface::Interface| match &interface.master {
            None => MAIN,
            Some(master) => known
                .get(master.value.as_str())
                .copied()
                .unwrap_or_else(|| node.table_of(interface)),
        };
        node.interfaces.iter().map(table).collect()
    };
    lab.nodes.iter().map(of_node).collect()
}

fn segment_of(segments: &[Segment]) -> HashMap<Port, usize> {
    let segments = segments.iter().enumerate();
    segments.flat_map(|(place, it)| it.ports.iter().map(move |port| (*port, place))).collect()
}

fn ports(tables: &[Vec<u32>]) -> HashMap<Context, Vec<InterfaceId>> {
    let mut ports: HashMap<Context, Vec<InterfaceId>> = HashMap::new();
    for (node, tables) in tables.iter().enumerate() {
        for (place, table) in tables.iter().enumerate() {
            let context = Context { node: NodeId(node), table: *table };
            ports.entry(context).or_default().push(InterfaceId(place));
        }
    }
    ports
}

fn vrfs(lab: &Lab) -> HashMap<Context, usize> {
    let mut vrfs = HashMap::new();
    for (node, in_node) in lab.nodes.iter().enumerate() {
        for (place, vrf) in in_node.vrfs.iter().enumerate() {
            vrfs.entry(Context { node: NodeId(node), table: vrf.table }).or_insert(place);
        }
    }
    vrfs
}

fn contexts(lab: &Lab) -> Vec<Context> {
    let of_node = |(place, node): (usize, &super::lab::Node)| {
        let tables: Vec<u32> =
            std::iter::once(MAIN).chain(node.vrfs.iter().map(|vrf| vrf.table)).collect();
        tables.into_iter().map(move |table| Context { node: NodeId(place), table })
    };
    lab.nodes.iter().enumerate().flat_map(of_node).collect()
}
