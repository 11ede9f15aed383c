//! The file's nexthop objects with their names resolved, and the routes that name one.

use super::gateways::{From, Gateways};
use super::lab::{MAIN, NexthopObject, Node};
use super::routes::way;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span, Spanned, few};
use crate::iproute::{self, Leads};
use crate::topology;
use ipnet::IpNet;
use std::collections::{BTreeSet, HashMap};

/// The objects of a node, groups behind the others, since the kernel wants their members first.
pub(super) fn resolve(
    node: &Node,
    gateways: &Gateways<'_>,
    written: &topology::Node,
    errors: &mut Diagnostics,
) -> Vec<Spanned<NexthopObject>> {
    let mut seen: HashMap<u32, Span> = HashMap::new();
    let mut objects: Vec<Spanned<NexthopObject>> = Vec::new();
    for object in &written.nexthops {
        let id = object.value.id;
        if let Some(other) = seen.insert(id.value, id.span) {
            errors.push(
                Diagnostic::error(
                    Code::DuplicateNexthop,
                    format!("two nexthop objects {id} at `{}`", node.name),
                )
                .at(id.span, "this one")
                .beside(other, "and this one")
                .note("the kernel answers EEXIST to the second"),
            );
            continue;
        }
        let resolved = errors.keep(resolve_one(node, gateways, &object.value, written));
        objects.extend(resolved.map(|it| Spanned::new(it, object.span)));
    }
    objects.sort_by_key(|object| matches!(object.value.leads, Leads::Group { .. }));
    objects
}

fn resolve_one(
    node: &Node,
    gateways: &Gateways<'_>,
    object: &iproute::NexthopObject,
    written: &topology::Node,
) -> Result<NexthopObject, Diagnostic> {
    let leads = match &object.leads {
        Leads::Blackhole { v4 } => Leads::Blackhole { v4: *v4 },
        Leads::Way { v4, way: nexthop } => {
            let table = table_of(node, nexthop, gateways);
            Leads::Way { v4: *v4, way: way(node, written, table, nexthop, gateways)? }
        }
        Leads::Group { members, resilient } => {
            for (id, _) in members {
                member(node, *id, members.len(), &written.nexthops)?;
            }
            let members = members.iter().map(|(id, weight)| (id.value, *weight)).collect();
            Leads::Group { members, resilient: *resilient }
        }
    };
    Ok(NexthopObject { id: object.id.value, protocol: object.protocol, leads })
}

/// The table of a gateway without a device: main, or that of the VRF with its subnet, since an object
/// is in no table.
fn table_of(node: &Node, way: &iproute::Nexthop, gateways: &Gateways<'_>) -> u32 {
    let (None, Some(via)) = (&way.dev, way.via) else { return MAIN };
    let reaches = |table: &u32| gateways.device(via, From::Table(*table)).is_ok();
    let mut tables = std::iter::once(MAIN).chain(node.vrfs.iter().map(|vrf| vrf.table));
    tables.find(reaches).unwrap_or(MAIN)
}

/// Refuses what cannot be in a group.
fn member(
    node: &Node,
    id: Spanned<u32>,
    members: usize,
    all: &[Spanned<iproute::NexthopObject>],
) -> Result<(), Diagnostic> {
    let known = all.iter().find(|object| object.value.id.value == id.value);
    match known.map(|object| &object.value.leads) {
        None => Err(unknown(node, id, all.iter().map(|object| object.value.id.value))),
        Some(Leads::Group { .. }) => Err(Diagnostic::error(
            Code::BadValue,
            format!("nexthop object {id} is a group, and a group has no groups in it"),
        )
        .at(id.span, "a group")
        .note("the kernel answers EINVAL: \"Multipath group can not be a nexthop within a group\"")
        .help("name its members")),
        Some(Leads::Blackhole { .. }) if members > 1 => Err(Diagnostic::error(
            Code::BadValue,
            format!("nexthop object {id} drops packets, which no one of several can"),
        )
        .at(id.span, "a blackhole")
        .note(
            "the kernel answers EINVAL: \"Blackhole nexthop can not be used in a group with more than 1 path\"",
        )),
        Some(Leads::Way { .. } | Leads::Blackhole { .. }) => Ok(()),
    }
}

/// Refuses a route by an object that is not there or leads to gateways of another family.
pub(super) fn of_route(
    node: &Node,
    id: Spanned<u32>,
    destination: IpNet,
    written: &[Spanned<iproute::NexthopObject>],
) -> Result<(), Diagnostic> {
    let find = |id| written.iter().map(|it| &it.value).find(|it| it.id.value == id);
    let Some(object) = find(id.value) else {
        return Err(unknown(node, id, written.iter().map(|object| object.value.id.value)));
    };
    let v4 = |object: &iproute::NexthopObject| match &object.leads {
        Leads::Way { v4, .. } | Leads::Blackhole { v4 } => *v4,
        Leads::Group { .. } => false,
    };
    let has_v4 = match &object.leads {
        Leads::Group { members, .. } => members.iter().filter_map(|(id, _)| find(id.value)).any(v4),
        Leads::Way { .. } | Leads::Blackhole { .. } => v4(object),
    };
    if has_v4 && destination.addr().is_ipv6() {
        return Err(Diagnostic::error(
            Code::BadValue,
            format!("an IPv6 route cannot go by nexthop object {id}, which is for IPv4"),
        )
        .at(id.span, "of another family")
        .beside(object.id.span, "this one")
        .note("the kernel answers EINVAL: \"IPv6 routes can not use an IPv4 nexthop\"")
        .help("an object without a gateway is for IPv6 with `-6` in front"));
    }
    Ok(())
}

fn unknown(node: &Node, id: Spanned<u32>, known: impl Iterator<Item = u32>) -> Diagnostic {
    let known: BTreeSet<u32> = known.filter(|other| *other != id.value).collect();
    let known: Vec<String> = known.iter().map(u32::to_string).collect();
    Diagnostic::error(Code::UnknownNexthop, format!("`{}` has no nexthop object {id}", node.name))
        .at(id.span, "not known here")
        .help_in(|notation| match known.is_empty() {
            true => {
                let object = format!("id {id} via ADDRESS");
                format!("say what it is: {}", notation.list("nexthops", object))
            }
            false => format!("its nexthop objects are {}", few(known.iter().map(String::as_str))),
        })
}
