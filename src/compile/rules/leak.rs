//! Where label paths end: in a VRF from which something leads back, or in a mistake.

use super::MAX_NAMED;
use super::label_loop::{Incoming, LabelRoutes};
use crate::compile::lab::{Lab, LabelNexthop, MAIN, NodeId};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use crate::document::DeviceName;
use crate::iproute::Label;
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

/// A VRF of a node.
type Place = (NodeId, u32);

/// A route that pushes labels.
struct Push {
    from: Place,
    span: Span,
    destination: IpNet,
    via: Option<IpAddr>,
    labels: Vec<Label>,
}

/// Where labelled packets end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    /// In a VRF, at this label route.
    Vrf { place: Place, name: DeviceName },
    /// In a node's main table.
    Main,
    /// At a node that does not know the label.
    Unknown { node: NodeId, label: u32 },
    /// Nowhere: it comes round in a circle, or its stack only grows.
    Circle { node: NodeId, label: u32 },
    /// Somewhere that cannot be told from the file.
    Nowhere,
}

pub(super) fn hold(
    lab: &Lab,
    label_routes: &LabelRoutes<'_>,
    looping: &HashSet<Incoming>,
    errors: &mut Diagnostics,
) {
    // What the compiler filled in leads back by itself.
    let written = lab.nodes.iter().flat_map(|node| &node.routes);
    let mut written = written.filter(|route| !route.span.is_none());
    if written.all(|route| route.value.nexthops.iter().all(|next| next.labels().is_empty())) {
        return;
    }
    let mut pushes = Vec::new();
    for id in (0..lab.nodes.len()).map(NodeId) {
        for route in &lab[id].routes {
            for nexthop in route.value.nexthops.iter().filter(|next| !next.labels().is_empty()) {
                pushes.push(Push {
                    from: (id, route.value.table),
                    span: route.span,
                    destination: route.value.destination,
                    via: nexthop.via,
                    labels: nexthop.labels().to_vec(),
                });
            }
        }
    }
    let owners = owners(lab);
    let vpns = Vpns::of_lab(lab);
    let ends = |push: &Push| {
        let mut walk =
            Walk { lab, label_routes, owners: &owners, under: Vec::new(), seen: HashSet::new() };
        push.via.map_or_else(BTreeSet::new, |via| walk.follow(via, push.labels.clone()))
    };
    let ends: Vec<BTreeSet<End>> = pushes.iter().map(ends).collect();
    // The VRFs that packets from a VRF end in, and the VPNs of these.
    let mut reached: BTreeSet<(Place, Place)> = BTreeSet::new();
    let mut reached_vpns: BTreeSet<(Place, &DeviceName)> = BTreeSet::new();
    for (push, ends) in pushes.iter().zip(&ends) {
        for end in ends {
            match end {
                End::Vrf { place, name } => {
                    reached.insert((push.from, *place));
                    reached_vpns.insert((push.from, name));
                }
                End::Main | End::Unknown { .. } | End::Circle { .. } | End::Nowhere => {}
            }
        }
    }
    // Routes that come to the same end from one VRF are told of together.
    let mut faults: BTreeMap<(Option<Place>, &End), Vec<&Push>> = BTreeMap::new();
    for (push, ends) in pushes.iter().zip(&ends).filter(|(push, _)| !push.span.is_none()) {
        for end in ends {
            let from = match end {
                // Its labels go round by themselves, whoever pushes them.
                End::Circle { node, label } if looping.contains(&(*node, *label)) => continue,
                End::Unknown { .. } | End::Circle { .. } => None,
                End::Vrf { place, name } => {
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
                End::Main | End::Nowhere => continue,
            };
            faults.entry((from, end)).or_default().push(push);
        }
    }
    for ((_, end), pushes) in faults {
        let warning = match end {
            End::Unknown { node, label } => unpopped(lab, pushes[0], *node, *label),
            End::Circle { node, label } => {
                let route = label_routes.get(&(*node, *label));
                circle(pushes[0], route.map_or(Span::NONE, |route| route.span))
            }
            End::Vrf { place, name } => leak(lab, pushes[0], vpns.of(pushes[0].from), *place, name),
            End::Main | End::Nowhere => continue,
        };
        let more = pushes.iter().skip(1).take(MAX_NAMED - 1);
        let warning = more.fold(warning, |warning, push| {
            warning.beside(push.span, format!("and so are packets to {}", push.destination))
        });
        errors.push(warning);
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

/// Who has an address on an interface of the main table, where labelled packets arrive.
fn owners(lab: &Lab) -> BTreeMap<IpAddr, NodeId> {
    let mut owners = BTreeMap::new();
    for id in (0..lab.nodes.len()).map(NodeId) {
        let node = &lab[id];
        for interface in node.interfaces.iter().filter(|port| node.table_of(port) == MAIN) {
            for address in &interface.addresses {
                owners.insert(address.value.addr(), id);
            }
        }
    }
    owners
}

/// How far a packet comes at the most.
const TTL: usize = 255;

/// A stack of labels on its way from a gateway to where it ends.
struct Walk<'a> {
    lab: &'a Lab,
    label_routes: &'a LabelRoutes<'a>,
    owners: &'a BTreeMap<IpAddr, NodeId>,
    /// The nodes on the way here, each with the stack that the packet came with.
    under: Vec<(NodeId, Vec<Label>)>,
    /// All that were come to, by whichever of several equal ways.
    seen: HashSet<(NodeId, Vec<Label>)>,
}

impl Walk<'_> {
    fn follow(&mut self, via: IpAddr, stack: Vec<Label>) -> BTreeSet<End> {
        match self.owners.get(&via) {
            Some(node) => self.arrive(*node, stack),
            None => BTreeSet::from([End::Nowhere]),
        }
    }

    fn arrive(&mut self, node: NodeId, stack: Vec<Label>) -> BTreeSet<End> {
        let Some((top, rest)) = stack.split_first() else { return BTreeSet::from([End::Main]) };
        let place = (node, stack.clone());
        if self.under.len() > TTL || self.under.contains(&place) {
            return BTreeSet::from([End::Circle { node, label: top.number() }]);
        }
        if !self.seen.insert(place.clone()) {
            return BTreeSet::new();
        }
        self.under.push(place);
        let ends = self.switched(node, top.number(), rest);
        self.under.pop();
        ends
    }

    fn switched(&mut self, id: NodeId, top: u32, rest: &[Label]) -> BTreeSet<End> {
        // Explicit null is popped by whoever gets it.
        if matches!(top, 0 | 2) {
            return self.arrive(id, rest.to_vec());
        }
        let node = &self.lab[id];
        let Some(route) = self.label_routes.get(&(id, top)) else {
            return BTreeSet::from([End::Unknown { node: id, label: top }]);
        };
        let mut on = |nexthop: &LabelNexthop| {
            let stack = [&nexthop.swap, rest].concat();
            match (node.vrf(nexthop.dev.as_str()), nexthop.via) {
                (Some(vrf), _) if stack.is_empty() => {
                    let place = (id, vrf.table);
                    BTreeSet::from([End::Vrf { place, name: nexthop.dev.clone() }])
                }
                (None, None) => self.arrive(id, stack),
                (None, Some(via)) => self.follow(via, stack),
                (Some(_), _) => BTreeSet::from([End::Nowhere]),
            }
        };
        route.value.nexthops.iter().flat_map(&mut on).collect()
    }
}

fn stack(labels: &[Label]) -> String {
    crate::iproute::print_labels(labels)
}

fn leak(
    lab: &Lab,
    push: &Push,
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
            stack(&push.labels),
            from.name,
            to.name
        ),
    )
    .at(push.span, format!("packets to {} arrive in VRF `{vrf}`", push.destination))
    .note("where that VRF is another customer's, this is a leak that a ping reports only as a loss")
    .help("push the label that ends in this VRF's own counterpart, or add the route back")
}

fn circle(push: &Push, route: Span) -> Diagnostic {
    Diagnostic::warning(
        Code::RouteCircle,
        format!("forwarding loop: packets with label {} go round", stack(&push.labels)),
    )
    .at(push.span, format!("packets to {} get it here", push.destination))
    .beside(route, "and come by here again and again")
    .note("each packet goes round until its TTL runs out")
}

fn unpopped(lab: &Lab, push: &Push, node: NodeId, label: u32) -> Diagnostic {
    Diagnostic::warning(
        Code::LabelUnpopped,
        format!("`{}` gets label {label} and does not know it", lab[node].name),
    )
    .at(push.span, format!("the path of label {} ends there", stack(&push.labels)))
    .note("the kernel drops the packet without a word")
    .help(format!("add to the `mpls` of `{}`: `{label} …`", lab[node].name))
}
