//! Where label paths end: in a VRF from which something leads back, or in a mistake.

use super::label_path::{End, LabelPaths, Place};
use super::search::samples;
use crate::compile::{Lab, MAIN, Nexthop, NodeId, Route};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, MAX_NAMED, Span, Spanned};
use crate::document::DeviceName;
use crate::forward::Network;
use crate::iproute::Label;
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// A route that pushes labels.
struct Push<'a> {
    from: Place,
    span: Span,
    destination: IpNet,
    labels: &'a [Label],
    /// Where its packets end.
    ends: BTreeSet<End>,
}

pub(super) fn check<'a>(
    lab: &'a Lab,
    network: &Network<'a>,
    paths: &mut LabelPaths<'_, 'a>,
    diagnostics: &mut Diagnostics,
) {
    let routes = lab.nodes.iter().enumerate();
    let routes = routes.flat_map(|(at, node)| node.routes.iter().map(move |it| (NodeId(at), it)));
    let pushing = routes.flat_map(|(id, route)| {
        let nexthops = route.value.nexthops.iter().filter(|next| !next.labels().is_empty());
        nexthops.map(move |nexthop| (id, route, nexthop))
    });
    // What the compiler filled in leads back by itself.
    if pushing.clone().all(|(_, route, _)| route.span.is_none()) {
        return;
    }
    let push = |(id, route, nexthop): (NodeId, &'a Spanned<Route>, &'a Nexthop)| {
        let [address, _] = samples(route.value.destination);
        let step = network.by_nexthop(&lab[id].namespace, nexthop, address);
        let firsts = step.onward.into_iter().map(|(ingress, _)| ingress);
        Push {
            from: (id, route.value.table),
            span: route.span,
            destination: route.value.destination,
            labels: nexthop.labels(),
            ends: firsts.flat_map(|first| paths.ends(first).clone()).collect(),
        }
    };
    let pushes: Vec<Push<'_>> = pushing.map(push).collect();
    let vpns = Vpns::of_lab(lab);
    // The VRFs that packets from a VRF end in, and the VPNs of these.
    let mut reached: BTreeSet<(Place, Place)> = BTreeSet::new();
    let mut reached_vpns: BTreeSet<(Place, &DeviceName)> = BTreeSet::new();
    for push in &pushes {
        for end in &push.ends {
            match end {
                End::Vrf { place, name, ingress: _ } => {
                    reached.insert((push.from, *place));
                    reached_vpns.insert((push.from, name));
                }
                End::Bare(_) | End::Unknown { .. } => {}
            }
        }
    }
    // Routes that come to the same end from one VRF are told of together.
    let mut faults: BTreeMap<(Option<Place>, &End), Vec<&Push<'_>>> = BTreeMap::new();
    for push in pushes.iter().filter(|push| !push.span.is_none()) {
        for end in &push.ends {
            let from = match end {
                End::Bare(_) => continue,
                End::Unknown { .. } => None,
                End::Vrf { place, name, ingress: _ } => {
                    // Another edge of the own VPN may be the nearer one to what is behind both.
                    let leads_back = reached.contains(&(*place, push.from))
                        || vpns
                            .of(push.from)
                            .is_some_and(|own| reached_vpns.contains(&(*place, own)));
                    if push.from.1 == MAIN || leads_back || vpns.mean(push.from, name) {
                        continue;
                    }
                    Some(push.from)
                }
            };
            faults.entry((from, end)).or_default().push(push);
        }
    }
    for ((_, end), pushes) in faults {
        let warning = match end {
            End::Unknown { node, label } => unpopped(lab, pushes[0], *node, *label),
            End::Bare(_) => continue,
            End::Vrf { place, name, ingress: _ } => {
                leak(lab, pushes[0], vpns.of(pushes[0].from), *place, name)
            }
        };
        let more = pushes.iter().skip(1).take(MAX_NAMED - 1);
        let warning = more.fold(warning, |warning, push| {
            warning.beside(push.span, format!("and so are packets to {}", push.destination))
        });
        diagnostics.push(warning);
    }
}

/// The VPNs that VRFs are in and import, by their tables.
#[derive(Default)]
struct Vpns<'a> {
    /// The VRF of a table, whose name is that of its VPN.
    own: HashMap<Place, &'a DeviceName>,
    /// The tables in which an interface or a VRF has an address.
    inhabited: HashSet<Place>,
    imported: HashSet<(Place, &'a DeviceName)>,
}

impl<'a> Vpns<'a> {
    fn of_lab(lab: &'a Lab) -> Self {
        let mut vpns = Self::default();
        for id in (0..lab.nodes.len()).map(NodeId) {
            let node = &lab[id];
            let ports = node.interfaces.iter().filter(|port| !port.addresses.is_empty());
            vpns.inhabited.extend(ports.map(|port| (id, node.table_of(port))));
            for vrf in &node.vrfs {
                let place = (id, vrf.table);
                vpns.own.entry(place).or_insert(&vrf.name);
                if !vrf.addresses.is_empty() {
                    vpns.inhabited.insert(place);
                }
                let imports = vrf.imports.vpns.iter();
                vpns.imported.extend(imports.map(|import| (place, &import.value)));
            }
        }
        vpns
    }

    /// The VPN of a table.
    fn of(&self, place: Place) -> Option<&'a DeviceName> {
        self.own.get(&place).copied()
    }

    /// Whether a VRF's packets are meant for a VPN though nothing comes back from there: its routes are
    /// imported, one way as imports are, or it is the VRF's own VPN and there is nobody to come back to.
    fn mean(&self, from: Place, vpn: &DeviceName) -> bool {
        let nobody = !self.inhabited.contains(&from);
        self.imported.contains(&(from, vpn)) || (self.of(from) == Some(vpn) && nobody)
    }
}

fn stack(labels: &[Label]) -> String {
    crate::iproute::print_labels(labels)
}

fn leak(
    lab: &Lab,
    push: &Push<'_>,
    own: Option<&DeviceName>,
    place: Place,
    vrf: &DeviceName,
) -> Diagnostic {
    let (from, to) = (&lab[push.from.0], &lab[place.0]);
    let own = own.map_or_else(|| push.from.1.to_string(), ToString::to_string);
    Diagnostic::warning(
        Code::LabelLeak,
        format!(
            "label {} leads from VRF `{own}` of `{}` into VRF `{vrf}` of `{}`, and nothing leads back",
            stack(push.labels),
            from.name,
            to.name
        ),
    )
    .at(push.span, format!("packets to {} arrive in VRF `{vrf}`", push.destination))
    .note("where that VRF is another customer's, this is a leak that a ping reports only as a loss")
    .help("push the label that ends in this VRF's own counterpart, or add the route back")
}

fn unpopped(lab: &Lab, push: &Push<'_>, node: NodeId, label: u32) -> Diagnostic {
    Diagnostic::warning(
        Code::LabelUnpopped,
        format!("`{}` gets label {label} and does not know it", lab[node].name),
    )
    .at(push.span, format!("the path of label {} ends there", stack(push.labels)))
    .note("the kernel drops the packet without a word")
    .help(format!("add to the `mpls` of `{}`: `{label} …`", lab[node].name))
}
