//! What a VRF imports: the routes of VPNs and of its node's main table, one way and no further.

use crate::compile::destinations::main_of;
use crate::compile::family::IpFamily;
use crate::compile::lab::{Imports, Lab};
use crate::compile::layout::{Context, Layout};
use crate::compile::network::{Network, Place};
use crate::compile::reach::{Reach, Reached, Reaches, Way, Ways};
use crate::compile::summary::{Leaf, Tree};
use crate::document::DeviceName;
use ipnet::IpNet;
use std::collections::BTreeMap;

/// Which of another domain's prefixes are taken.
struct Taken<'a> {
    /// What the importing domain knows itself.
    known: &'a Tree,
    /// Whether a default route is.
    default: bool,
}

impl Taken<'_> {
    fn takes(&self, net: IpNet) -> bool {
        self.known.leaf(net).is_none() && (self.default || net.prefix_len() > 0)
    }
}

/// The contexts of a lab that import something and are no borders: others of their site reach by
/// them what they do not know themselves.
pub(in crate::compile) fn importers(lab: &Lab, layout: &Layout, network: &Network) -> Vec<Place> {
    let imports = |place: &Place| {
        let station = &network.stations[*place];
        let nothing = |imports: &Imports| imports.vpns.is_empty() && !imports.main;
        !station.border && of(lab, layout, station.context).is_some_and(|imports| !nothing(imports))
    };
    (0..network.stations.len()).filter(imports).collect()
}

/// What a context imports.
fn of<'a>(lab: &'a Lab, layout: &Layout, context: Context) -> Option<&'a Imports> {
    layout.vrf(lab, context).map(|vrf| &vrf.imports)
}

/// The routes of a family that a context imports: prefixes with the way that each takes. What its own
/// domain, the one of `own`, knows is no import, though it came round by another table.
pub(in crate::compile) fn routes(
    lab: &Lab,
    layout: &Layout,
    network: &Network,
    reaches: &Reaches<'_>,
    place: Place,
    own: &Reach<'_>,
    ways: &mut Ways,
) -> Vec<(IpNet, u32)> {
    let family = own.family;
    let context = network.stations[place].context;
    let Some(imports) = of(lab, layout, context) else { return Vec::new() };
    let taken = Taken { known: &own.destinations.trees[family.index()], default: imports.default };
    let mut routes = Vec::new();
    for vpn in &imports.vpns {
        let reach = of_vpn_here(lab, network, place, &vpn.value);
        if let Some(reach) = reach.and_then(|it| reaches.get(&(it, family))) {
            routes.extend(of_vpn(lab, network, reach, place, &vpn.value, &taken, ways));
        }
    }
    if imports.main {
        let domain = layout.domain(main_of(context.node));
        let reach = domain.and_then(|domain| reaches.get(&(domain, family)));
        routes.extend(of_main(lab, network, reach, context, family, &taken, ways));
    }
    routes
}

/// The domain of a VPN that a place imports: that of its node's own part in it, else, at a border, that
/// of the other edges.
fn of_vpn_here(lab: &Lab, network: &Network, place: Place, vpn: &DeviceName) -> Option<usize> {
    let station = &network.stations[place];
    let node = station.context.node;
    let here = lab[node].vrf(vpn.as_str()).map(|vrf| Context { node, table: vrf.table });
    let edges = network.vpns.get(vpn).filter(|_| station.border);
    let far = edges.and_then(|edges| edges.first()).copied();
    network.stations[here.map(|here| network.place(here)).or(far)?].domain
}

/// The routes of a VPN: through its own VRF where this node has a part in it, else over the core.
fn of_vpn(
    lab: &Lab,
    network: &Network,
    reach: &Reach<'_>,
    place: Place,
    vpn: &DeviceName,
    taken: &Taken<'_>,
    ways: &mut Ways,
) -> Vec<(IpNet, u32)> {
    let node = network.stations[place].context.node;
    let table = lab[node].vrf(vpn.as_str()).map(|vrf| vrf.table);
    let here = table.map(|table| network.place(Context { node, table }));
    let border = network.stations[place].border;
    let near = here.map(|here| reach.reached(here, &reach.search(here), &mut Ways::default()));
    let through: Vec<Leaf> = (0..reach.destinations.classes.len())
        .map(|class| match near.as_ref().map(|near| near[class]) {
            Some(Reached::Here | Reached::Inside(_)) => {
                Leaf::Way(ways.number(Way::Vrf(vpn.clone())))
            }
            Some(Reached::Beyond(_)) if !border => Leaf::Way(ways.number(Way::Vrf(vpn.clone()))),
            Some(Reached::Beyond(_) | Reached::Never) | None => {
                match reach.egress(node, vpn, class) {
                    edges if edges.is_empty() => Leaf::Hole,
                    edges => Leaf::Way(ways.number(Way::Core(edges))),
                }
            }
        })
        .collect();
    summarised(reach, |class| through[class], taken)
}

/// The routes of the node's main table: the lookup goes on there.
fn of_main(
    lab: &Lab,
    network: &Network,
    reach: Option<&Reach<'_>>,
    context: Context,
    family: IpFamily,
    taken: &Taken<'_>,
    ways: &mut Ways,
) -> Vec<(IpNet, u32)> {
    let main = main_of(context.node);
    let on = ways.number(Way::Main);
    let mut routes: BTreeMap<IpNet, u32> = BTreeMap::new();
    if let Some(reach) = reach {
        let main = network.place(main);
        let reached = reach.reached(main, &reach.search(main), &mut Ways::default());
        let leaf = |class: usize| match reached[class] {
            Reached::Never => Leaf::Hole,
            Reached::Here | Reached::Inside(_) | Reached::Beyond(_) => Leaf::Way(on),
        };
        routes.extend(summarised(reach, leaf, taken));
    }
    let written = network.written.prefixes(lab, main, false);
    let written = written.into_iter().filter(|net| family.has(*net));
    let written = written.filter(|net| taken.takes(*net));
    routes.extend(written.map(|net| (net, on)));
    routes.into_iter().collect()
}

fn summarised(
    reach: &Reach<'_>,
    leaf: impl Fn(usize) -> Leaf,
    taken: &Taken<'_>,
) -> Vec<(IpNet, u32)> {
    let destinations = reach.destinations;
    let mut leaves: Vec<Leaf> = destinations.class_of.iter().map(|class| leaf(*class)).collect();
    let tree = &destinations.trees[reach.family.index()];
    for (net, place) in tree.leaves() {
        if !taken.takes(net) {
            leaves[place] = Leaf::Hole;
        }
    }
    tree.routes(&leaves, None)
}
