//! Addresses for the interfaces that the file gives none.
//!
//! Each VPN starts again at the head of the pools, and the core has the other half of each, so that
//! customers cannot see it however they are joined. Within such a run addresses are handed out in the
//! file's order of links, so what is added at a file's end leaves the others as they were; in a
//! large network neighbours come together instead, so that their routes do.

use super::Draft;
use super::allocations::Allocations;
use super::family::IpFamily;
use super::interface::InterfaceKind;
use super::lab::{Lab, MAIN, NodeId};
use super::layout::{Context, Layout, Port, Run};
use super::pool::{Pool, Taken};
use super::region;
use super::segment::Segment;
use super::subnets::Subnets;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span, Spanned};
use crate::document::{Address, Family, Role, Routing};
use crate::iproute::Table;
use crate::topology::Topology;
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

const LINKS: &str = "172.16.0.0/12";
const LANS: &str = "10.0.0.0/8";
const LOOPBACKS: &str = "192.168.0.0/16";
const LINKS6: &str = "fd00:1::/48";
const LANS6: &str = "fd00:2::/48";
const LOOPBACKS6: &str = "fd00:3::/64";

/// One family's pools for one run.
struct Pools {
    links: Pool,
    lans: Pool,
    loopbacks: Pool,
    family: IpFamily,
    /// Whether the lab is of this family; else only what the file begins is carried on.
    chosen: bool,
}

impl Pools {
    /// Whether a prefix covers one of the pools.
    fn any_lies_in(&self, net: IpNet) -> bool {
        [&self.links, &self.lans, &self.loopbacks].into_iter().any(|pool| pool.lies_in(net))
    }

    /// The pool from which a segment gets its subnet, and the length of that.
    fn of(&mut self, segment: &Segment) -> (&mut Pool, u8) {
        if segment.point_to_point {
            let part = self.links.part();
            return (&mut self.links, part);
        }
        // A LAN with more ports than its part has room for takes a larger part.
        let bits = (segment.ports.len() as u32 + 2).next_power_of_two().trailing_zeros() as u8;
        let part = self.lans.part().min(self.lans.width() - bits);
        (&mut self.lans, part)
    }
}

/// What is not free.
struct Claims<'a> {
    kept: &'a Allocations,
    /// The file's own.
    taken: Taken,
}

/// What one run has to be given addresses for, in their order.
#[derive(Default)]
struct Asking<'a> {
    segments: Vec<&'a Segment>,
    loopbacks: Vec<NodeId>,
    contexts: Vec<Context>,
}

/// Gives addresses to every interface that has none and may have some, and loopbacks to routers
/// where the compiler also routes to them.
pub(super) fn fill(
    topology: &Topology,
    kept: &Allocations,
    layout: &Layout,
    draft: &mut Draft,
    errors: &mut Diagnostics,
) {
    let subnets = Subnets::of(topology, layout, &draft.lab, errors);
    let own = own(layout, &draft.lab);
    let routed_to = routed_to(topology, layout, &draft.lab);
    let mut runs = asking(topology, layout, &draft.lab);
    let has_core = runs.contains_key(&Run::Core);
    for (run, asking) in &mut runs {
        let rank = region::ranks(&draft.lab, layout, &asking.contexts, &asking.segments);
        if let Some(rank) = &rank {
            sort(layout, rank, asking);
        }
        let pools = pools(topology, *run, has_core);
        // A route to all that a pool has, and perhaps more, leaves no other subnet to hand out.
        let is_part = |net: &&IpNet| !pools.iter().any(|pools| pools.any_lies_in(**net));
        let given = asking.segments.iter().flat_map(|segment| subnets.at(segment));
        let given = given.map(|subnet| &subnet.value);
        let nets = own.get(run).into_iter().flatten().chain(given);
        let nets = nets.chain(routed_to.get(run).into_iter().flatten().filter(is_part));
        let claims = Claims { kept, taken: Taken::of(nets.copied()) };
        let taken = &claims.taken;
        for mut pools in pools {
            if rank.is_some() {
                pools.loopbacks.begin_even();
            }
            // What was chosen before comes first, so that nobody else gets it.
            let before = asking.segments.iter().map(|segment| {
                kept_subnet(segment, subnets.at(segment), &claims, &mut pools, draft)
            });
            let before: Vec<Option<IpNet>> = before.collect();
            for (segment, before) in asking.segments.iter().zip(before) {
                let subnets = subnets.at(segment);
                fill_segment(segment, subnets, before, &claims, &mut pools, draft, errors);
            }
            let loopbacks = asking.loopbacks.iter().filter(|_| pools.chosen);
            let before = loopbacks.clone().map(|id| {
                let before = kept.of(&draft.lab[*id].name)?.loopbacks.iter().copied();
                let mut before = before.filter(|net| pools.family.has(*net));
                before.find(|net| pools.loopbacks.keep(*net, pools.loopbacks.part(), taken))
            });
            let before: Vec<Option<IpNet>> = before.collect();
            for (id, before) in loopbacks.zip(before) {
                let Some(net) = before.or_else(|| pools.loopbacks.next(taken)) else {
                    errors.push(pools.loopbacks.exhausted(draft.lab[*id].span));
                    continue;
                };
                draft.lab[*id].loopback.push(Spanned::filled(net.into()));
                draft.lab.chosen(*id).loopbacks.push(net);
            }
        }
    }
}

/// Puts neighbours together.
fn sort(layout: &Layout, rank: &HashMap<Context, usize>, asking: &mut Asking<'_>) {
    let of = |context: Context| rank.get(&context).copied().unwrap_or(usize::MAX);
    asking.segments.sort_by_key(|segment| {
        let ranks = segment.ports.iter().map(|port| of(layout.context(*port)));
        ranks.min().unwrap_or(usize::MAX)
    });
    asking.loopbacks.sort_by_key(|node| of(Context { node: *node, table: MAIN }));
}

/// The file's own addresses by run.
fn own(layout: &Layout, lab: &Lab) -> BTreeMap<Run, Vec<IpNet>> {
    let mut nets: BTreeMap<Run, Vec<IpNet>> = BTreeMap::new();
    for context in &layout.contexts {
        let own = super::destinations::own(lab, layout, *context);
        nets.entry(layout.run(*context)).or_default().extend(own);
    }
    nets
}

/// The prefixes of the file's routes by run: they lead to something else than what is handed out. A
/// route over a gateway that itself is handed out was written by somebody who knows what is.
fn routed_to(topology: &Topology, layout: &Layout, lab: &Lab) -> BTreeMap<Run, Vec<IpNet>> {
    let mut nets: BTreeMap<Run, Vec<IpNet>> = BTreeMap::new();
    for index in topology.graph.node_indices() {
        let id = NodeId(index.index());
        let node = &lab[id];
        let addresses = node.interfaces.iter().flat_map(|interface| &interface.addresses);
        let subnets: HashSet<IpNet> = addresses.map(|address| address.value.net.trunc()).collect();
        let lengths: BTreeSet<u8> = subnets.iter().map(IpNet::prefix_len).collect();
        let written = |via: IpAddr| {
            let mut around = lengths.iter().filter_map(|length| IpNet::new(via, *length).ok());
            is_link_local(via) || around.any(|net| subnets.contains(&net.trunc()))
        };
        for route in topology.graph[index].routes.iter().map(|route| &route.value) {
            let vrf = match &route.table {
                Some(Table::Vrf(name)) => node.vrf(name.as_str()),
                Some(Table::Number(table)) => node.vrfs.iter().find(|vrf| vrf.table == table.value),
                Some(Table::Name(_)) | None => None,
            };
            let context = Context { node: id, table: vrf.map_or(MAIN, |vrf| vrf.table) };
            let mut ways = route.nexthops.iter();
            if ways.all(|way| way.onlink || way.via.is_none_or(|via| written(via.value))) {
                nets.entry(layout.run(context)).or_default().push(route.destination.value);
            }
        }
    }
    nets
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

fn asking<'a>(topology: &Topology, layout: &'a Layout, lab: &Lab) -> BTreeMap<Run, Asking<'a>> {
    let mut runs: BTreeMap<Run, Asking<'a>> = BTreeMap::new();
    for segment in &layout.segments {
        if let Some(port) = segment.ports.first() {
            let run = layout.run(layout.context(*port));
            runs.entry(run).or_default().segments.push(segment);
        }
    }
    for context in &layout.contexts {
        let asking = runs.entry(layout.run(*context)).or_default();
        asking.contexts.push(*context);
        let forwards = match lab[context.node].role {
            Role::Router | Role::Pe | Role::P | Role::Ce => true,
            Role::Host | Role::Switch => false,
        };
        let index = petgraph::graph::NodeIndex::new(context.node.0);
        let routings = [topology.routing, topology.routing_at(index)];
        let routed = routings.contains(&Routing::Auto) && context.table == MAIN;
        if routed && forwards && topology.graph[index].loopback.is_none() {
            asking.loopbacks.push(context.node);
        }
    }
    runs
}

/// The pools of a run, first those of the lab's families.
fn pools(topology: &Topology, run: Run, has_core: bool) -> [Pools; 2] {
    let chosen = &topology.addressing;
    let pool = |chosen: Option<Spanned<IpNet>>, fallback: &str, part| {
        let whole = chosen.unwrap_or_else(|| {
            Spanned::filled(fallback.parse().expect("a pool of our own is a subnet"))
        });
        let whole = Pool::of(whole, part);
        match run {
            Run::Core => whole.upper(),
            Run::Plain | Run::Vpn(_) if has_core => whole.lower(),
            Run::Plain | Run::Vpn(_) => whole,
        }
    };
    let family = topology.family;
    let v4 = Pools {
        links: pool(chosen.links, LINKS, 31),
        lans: pool(chosen.lans, LANS, 24),
        loopbacks: pool(chosen.loopbacks, LOOPBACKS, 32),
        family: IpFamily::V4,
        chosen: matches!(family, Family::Ipv4 | Family::Dual),
    };
    let v6 = Pools {
        links: pool(chosen.links6, LINKS6, 127),
        lans: pool(chosen.lans6, LANS6, 64),
        loopbacks: pool(chosen.loopbacks6, LOOPBACKS6, 128),
        family: IpFamily::V6,
        chosen: matches!(family, Family::Ipv6 | Family::Dual),
    };
    match family {
        Family::Ipv4 | Family::Dual => [v4, v6],
        Family::Ipv6 => [v6, v4],
    }
}

/// The addresses that were chosen for an interface before.
fn kept_addresses<'a>(kept: &'a Allocations, draft: &'a Draft, (node, id): Port) -> &'a [IpNet] {
    let node = &draft.lab[node];
    let interface = &node.interfaces[id.0];
    let addresses = match interface.kind {
        InterfaceKind::Veth { link, end } => {
            draft.kept_ends[link][end].as_ref().map(|end| &end.addresses)
        }
        InterfaceKind::Device { .. } => {
            kept.of(&node.name).and_then(|kept| kept.addresses.get(&interface.name))
        }
    };
    addresses.map_or(&[], Vec::as_slice)
}

/// The subnet that a segment had before and still has to be given one of: it is set aside.
fn kept_subnet(
    segment: &Segment,
    subnets: &[Spanned<IpNet>],
    claims: &Claims<'_>,
    pools: &mut Pools,
    draft: &Draft,
) -> Option<IpNet> {
    let family = pools.family;
    let is_written = |(node, interface): &Port| {
        let mut addresses = draft.lab[*node].interfaces[interface.0].addresses.iter();
        addresses.any(|address| family.has(address.value.net))
    };
    if !subnets.is_empty() || segment.ports.iter().any(is_written) {
        return None;
    }
    let unaddressed = segment.ports.iter().filter(|port| draft.unaddressed.contains(port));
    let before = unaddressed.flat_map(|port| kept_addresses(claims.kept, draft, *port));
    let mut before = before.filter(|net| family.has(**net)).map(IpNet::trunc);
    let (pool, part) = pools.of(segment);
    before.find(|net| pool.keep(*net, part, &claims.taken))
}

/// Gives addresses to those ports of a segment that lack them: from the subnet that the file gives it or
/// has there already, else from that of before or from the pool. What has a subnet is of its families
/// alone.
fn fill_segment(
    segment: &Segment,
    subnets: &[Spanned<IpNet>],
    before: Option<IpNet>,
    claims: &Claims<'_>,
    pools: &mut Pools,
    draft: &mut Draft,
    errors: &mut Diagnostics,
) {
    answer_peers(segment, draft);
    let lacking: Vec<Port> =
        segment.ports.iter().copied().filter(|port| draft.unaddressed.contains(port)).collect();
    let carries = |(node, interface): &Port| {
        let kind = draft.lab[*node].interfaces[interface.0].kind.of_device();
        kind.is_none_or(|kind| kind.description().carries.ip(pools.family == IpFamily::V6))
    };
    if lacking.is_empty() || !lacking.iter().all(carries) {
        return;
    }
    let addresses = |(node, interface): &Port| &draft.lab[*node].interfaces[interface.0].addresses;
    let here: Vec<IpNet> = segment
        .ports
        .iter()
        .flat_map(addresses)
        .map(|address| address.value.net)
        .filter(|net| pools.family.has(*net))
        .collect();
    // An address of a family that nobody else there has faces nobody.
    let alone = |port: &Port| {
        segment.ports.iter().any(|other| other != port && !addresses(other).is_empty())
    };
    let given = subnets.iter().find(|subnet| pools.family.has(subnet.value));
    let chosen = if subnets.is_empty() { pools.chosen } else { given.is_some() };
    let unasked = match chosen {
        true => here.is_empty() && matches!(&lacking[..], [one] if alone(one)),
        false => here.is_empty() || lacking.iter().any(|port| !addresses(port).is_empty()),
    };
    if unasked {
        return;
    }
    let place = draft.lab[lacking[0].0].interfaces[lacking[0].1.0].span;
    let mut used: BTreeSet<IpAddr> = here.iter().map(IpNet::addr).collect();
    let subnet = match (here.first(), given.map(|subnet| subnet.value).or(before)) {
        (Some(net), _) => net.trunc(),
        (None, Some(subnet)) => subnet,
        (None, None) => {
            let (pool, part) = pools.of(segment);
            match pool.next_of(part, &claims.taken) {
                Some(net) => net,
                None => return errors.push(pool.exhausted(place)),
            }
        }
    };
    let before = |port: &Port| {
        let mut before = kept_addresses(claims.kept, draft, *port).iter();
        let address = before.find(|net| net.trunc() == subnet)?.addr();
        used.insert(address).then_some((*port, address))
    };
    let before: HashMap<Port, IpAddr> = lacking.iter().filter_map(before).collect();
    let mut free = hosts(subnet).filter(|address| !used.contains(address));
    for (node, place) in lacking {
        let interface = &mut draft.lab[node].interfaces[place.0];
        let before = before.get(&(node, place)).copied();
        let Some(address) = before.or_else(|| free.next()) else {
            errors.push(
                Diagnostic::error(Code::PoolExhausted, format!("{subnet} has no address left"))
                    .at(interface.span, "for this end")
                    .help("give the link a larger subnet, or this end an address"),
            );
            continue;
        };
        let net = IpNet::new(address, subnet.prefix_len()).expect("a subnet's length is one");
        // Two that are one for the subnets' sake are told of there.
        let span = given.map_or(Span::NONE, |subnet| subnet.span);
        interface.addresses.push(Spanned::new(net.into(), span));
        let chosen = match interface.kind {
            InterfaceKind::Veth { link, end } => {
                &mut draft.lab.allocations.links[link][end].addresses
            }
            InterfaceKind::Device { .. } => {
                let name = interface.name.clone();
                draft.lab.chosen(node).addresses.entry(name).or_default()
            }
        };
        chosen.push(net);
    }
}

/// Gives the one end of a link that has no addresses those that the other end says are there.
fn answer_peers(segment: &Segment, draft: &mut Draft) {
    let [one, other] = segment.ports[..] else { return };
    for (near, far) in [(one, other), (other, one)] {
        if !draft.unaddressed.contains(&near) {
            continue;
        }
        let far = draft.lab[far.0].interfaces[far.1.0].addresses.iter();
        let answers = far.filter_map(|address| {
            let peer = address.value.peer.filter(|peer| peer.prefix_len() == peer.max_prefix_len());
            let back = Address { peer: Some(address.value.net), ..peer?.into() };
            Some(Spanned::new(back, address.span))
        });
        let answers: Vec<_> = answers.collect();
        if !answers.is_empty() {
            draft.unaddressed.remove(&near);
            draft.lab[near.0].interfaces[near.1.0].addresses.extend(answers);
        }
    }
}

/// The addresses of a subnet that a node can have.
fn hosts(subnet: IpNet) -> Box<dyn Iterator<Item = IpAddr>> {
    match subnet {
        // `hosts` leaves out what is nobody's: the network's and the broadcast address.
        IpNet::V4(net) => Box::new(net.hosts().map(IpAddr::V4)),
        // The first address of an IPv6 subnet is every router's there, but for a link of two.
        IpNet::V6(net) => {
            let skip = usize::from(net.prefix_len() < 127);
            Box::new(net.hosts().skip(skip).map(IpAddr::V6))
        }
    }
}
