//! What a VRF imports: the routes of VPNs and of its node's main table, one way and no further.

use super::Core;
use crate::compile::destinations::{self, Destinations, main_of};
use crate::compile::lab::{Imports, Lab, MAIN};
use crate::compile::layout::{Context, Layout};
use crate::compile::network::{Network, Place};
use crate::compile::reach::{Reach, Reached, Way, Ways};
use crate::compile::summary::Leaf;
use crate::document::DeviceName;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::collections::BTreeMap;

/// The contexts of a lab that import something and are no borders: others of their site reach by
/// them what they do not know themselves.
pub(in crate::compile) fn importers(lab: &Lab, network: &Network) -> Vec<Place> {
    let imports = |place: &Place| {
        let station = &network.stations[*place];
        let nothing = |imports: &Imports| imports.vpns.is_empty() && !imports.main;
        !station.border && of(lab, station.context).is_some_and(|imports| !nothing(imports))
    };
    (0..network.stations.len()).filter(imports).collect()
}

/// What a context imports.
fn of(lab: &Lab, context: Context) -> Option<&Imports> {
    if context.table == MAIN {
        return None;
    }
    let vrf = lab[context.node].vrfs.iter().find(|vrf| vrf.table == context.table)?;
    Some(&vrf.imports)
}

/// The routes that a context imports: prefixes with the way that each takes.
pub(in crate::compile) fn routes(
    lab: &Lab,
    layout: &Layout,
    network: &Network,
    reaches: &BTreeMap<usize, Reach<'_>>,
    core: &Core,
    place: Place,
    ways: &mut Ways,
) -> Vec<(IpNet, u16)> {
    let context = network.stations[place].context;
    let Some(imports) = of(lab, context) else { return Vec::new() };
    let mut routes = Vec::new();
    for vpn in &imports.vpns {
        routes.extend(of_vpn(
            lab,
            network,
            reaches,
            core,
            place,
            &vpn.value,
            imports.default,
            ways,
        ));
    }
    if imports.main {
        routes.extend(of_main(lab, layout, network, reaches, context, imports.default, ways));
    }
    routes
}

/// The routes of a VPN: through its own VRF where this node has a part in it, else over the core.
#[expect(clippy::too_many_arguments, reason = "all of them are read and none belong together")]
fn of_vpn(
    lab: &Lab,
    network: &Network,
    reaches: &BTreeMap<usize, Reach<'_>>,
    core: &Core,
    place: Place,
    vpn: &DeviceName,
    default: bool,
    ways: &mut Ways,
) -> Vec<(IpNet, u16)> {
    let node = network.stations[place].context.node;
    let table = lab[node].vrf(vpn.as_str()).map(|vrf| vrf.table);
    let here = table.map(|table| network.place(Context { node, table }));
    let border = network.stations[place].border;
    let edges = network.vpns.get(vpn).filter(|_| border);
    let far = edges.and_then(|edges| edges.first()).copied();
    let Some(reach) = here
        .or(far)
        .and_then(|place| network.stations[place].domain)
        .and_then(|domain| reaches.get(&domain))
    else {
        return Vec::new();
    };
    let near = here.map(|here| reach.reached(here, &mut Ways::default()));
    let through: Vec<Leaf> = (0..reach.destinations.classes.len())
        .map(|class| match near.as_ref().map(|near| near[class]) {
            Some(Reached::Here | Reached::Inside(_)) => {
                Leaf::Way(ways.number(Way::Vrf(vpn.clone())))
            }
            Some(Reached::Beyond(_)) if !border => Leaf::Way(ways.number(Way::Vrf(vpn.clone()))),
            Some(Reached::Beyond(_) | Reached::Never) | None => {
                let mut edges = reach.egress(vpn, class);
                edges.retain(|edge| core.leads(node, network.stations[*edge].context.node));
                match edges.is_empty() {
                    true => Leaf::Hole,
                    false => Leaf::Way(ways.number(Way::Core(edges))),
                }
            }
        })
        .collect();
    summarised(reach.destinations, |class| through[class], default)
}

/// The routes of the node's main table: the lookup goes on there.
fn of_main(
    lab: &Lab,
    layout: &Layout,
    network: &Network,
    reaches: &BTreeMap<usize, Reach<'_>>,
    context: Context,
    default: bool,
    ways: &mut Ways,
) -> Vec<(IpNet, u16)> {
    let main = main_of(context.node);
    let on = ways.number(Way::Main);
    let mut routes: BTreeMap<IpNet, u16> = BTreeMap::new();
    if let Some(reach) = layout.domain(main).and_then(|domain| reaches.get(&domain)) {
        let reached = reach.reached(network.place(main), &mut Ways::default());
        let leaf = |class: usize| match reached[class] {
            Reached::Never => Leaf::Hole,
            Reached::Here | Reached::Inside(_) | Reached::Beyond(_) => Leaf::Way(on),
        };
        routes.extend(summarised(reach.destinations, leaf, default));
    }
    let written = destinations::written(lab, main, false);
    routes.extend(written.into_iter().filter(|net| net.prefix_len() > 0).map(|net| (net, on)));
    if default {
        for net in [IpNet::V4(Ipv4Net::default()), IpNet::V6(Ipv6Net::default())] {
            if destinations::written(lab, main, false).contains(&net) {
                routes.insert(net, on);
            }
        }
    }
    routes.into_iter().collect()
}

fn summarised(
    destinations: &Destinations,
    leaf: impl Fn(usize) -> Leaf,
    default: bool,
) -> Vec<(IpNet, u16)> {
    let mut leaves: Vec<Leaf> = destinations.class_of.iter().map(|class| leaf(*class)).collect();
    let mut routes = Vec::new();
    for tree in &destinations.trees {
        for (net, place) in tree.leaves() {
            if net.prefix_len() == 0 && !default {
                leaves[place] = Leaf::Hole;
            }
        }
        routes.extend(tree.routes(&leaves, None));
    }
    routes
}
