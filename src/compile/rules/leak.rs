//! Where label paths end: in a VRF from which something leads back, or in a mistake.

use crate::compile::lab::{Lab, LabelNexthop, MAIN, NodeId};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use crate::document::DeviceName;
use crate::iproute::Label;
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet, HashSet};
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
    /// Somewhere that cannot be told from the file, or in a circle.
    Nowhere,
}

pub(super) fn hold(lab: &Lab, errors: &mut Diagnostics) {
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
    let ends = |push: &Push| {
        push.via.map_or_else(BTreeSet::new, |via| {
            follow(lab, &owners, via, push.labels.clone(), &mut HashSet::new())
        })
    };
    let mut by_place: BTreeMap<Place, Vec<&Push>> = BTreeMap::new();
    for push in &pushes {
        by_place.entry(push.from).or_default().push(push);
    }
    for push in pushes.iter().filter(|push| !push.span.is_none()) {
        for end in ends(push) {
            match end {
                End::Unknown { node, label } => errors.push(unpopped(lab, push, node, label)),
                End::Vrf { place, name } if push.from.1 != MAIN => {
                    let leads_back = by_place.get(&place).into_iter().flatten().any(|back| {
                        ends(back).iter().any(|end| match end {
                            End::Vrf { place, .. } => *place == push.from,
                            End::Main | End::Unknown { .. } | End::Nowhere => false,
                        })
                    });
                    if !leads_back {
                        errors.push(leak(lab, push, place, &name));
                    }
                }
                End::Vrf { .. } | End::Main | End::Nowhere => {}
            }
        }
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

/// Follows a stack of labels from a gateway to where it ends.
fn follow(
    lab: &Lab,
    owners: &BTreeMap<IpAddr, NodeId>,
    via: IpAddr,
    stack: Vec<Label>,
    seen: &mut HashSet<(NodeId, Vec<Label>)>,
) -> BTreeSet<End> {
    let Some(&node) = owners.get(&via) else { return BTreeSet::from([End::Nowhere]) };
    arrive(lab, owners, node, stack, seen)
}

fn arrive(
    lab: &Lab,
    owners: &BTreeMap<IpAddr, NodeId>,
    node: NodeId,
    mut stack: Vec<Label>,
    seen: &mut HashSet<(NodeId, Vec<Label>)>,
) -> BTreeSet<End> {
    if stack.is_empty() {
        return BTreeSet::from([End::Main]);
    }
    // Here already, by another of several equal ways or in a circle.
    if !seen.insert((node, stack.clone())) {
        return BTreeSet::new();
    }
    let top = stack.remove(0).number();
    // Explicit null is popped by whoever gets it.
    if matches!(top, 0 | 2) {
        return arrive(lab, owners, node, stack, seen);
    }
    let known = lab[node].label_routes.iter().find(|route| route.value.label.number() == top);
    let Some(route) = known else { return BTreeSet::from([End::Unknown { node, label: top }]) };
    let mut on = |nexthop: &LabelNexthop| {
        let mut rest = nexthop.swap.clone();
        rest.extend(&stack);
        match (lab[node].vrf(nexthop.dev.as_str()), nexthop.via) {
            (Some(vrf), _) if rest.is_empty() => {
                BTreeSet::from([End::Vrf { place: (node, vrf.table), name: nexthop.dev.clone() }])
            }
            (None, None) => arrive(lab, owners, node, rest, seen),
            (None, Some(via)) => follow(lab, owners, via, rest, seen),
            (Some(_), _) => BTreeSet::from([End::Nowhere]),
        }
    };
    route.value.nexthops.iter().flat_map(&mut on).collect()
}

fn stack(labels: &[Label]) -> String {
    crate::iproute::print_labels(labels)
}

fn leak(lab: &Lab, push: &Push, place: Place, vrf: &DeviceName) -> Diagnostic {
    let (from, to) = (&lab[push.from.0], &lab[place.0]);
    let own = from.vrfs.iter().find(|vrf| vrf.table == push.from.1);
    let own = own.map_or_else(|| push.from.1.to_string(), |vrf| vrf.name.to_string());
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

fn unpopped(lab: &Lab, push: &Push, node: NodeId, label: u32) -> Diagnostic {
    Diagnostic::warning(
        Code::LabelUnpopped,
        format!("`{}` gets label {label} and does not know it", lab[node].name),
    )
    .at(push.span, format!("the path of label {} ends there", stack(&push.labels)))
    .note("the kernel drops the packet without a word")
    .help(format!("add to the `mpls` of `{}`: `{label} …`", lab[node].name))
}
