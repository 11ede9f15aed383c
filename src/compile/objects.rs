//! The file's nexthop objects with their names resolved, and the routes that name one.

use super::encaps::Encaps;
use super::gateways::{From, Gateways};
use super::lab::{MAIN, Nexthop, NexthopObject, Node};
use super::way::way;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span, Spanned, few};
use crate::iproute::{self, Leads};
use crate::topology;
use ipnet::IpNet;
use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// The objects of a node.
pub(super) struct Objects<'a> {
    node: &'a Node,
    written: HashMap<u32, &'a iproute::NexthopObject>,
    /// Groups behind the others, since the kernel wants their members first.
    pub resolved: Vec<Spanned<NexthopObject>>,
    /// What each stands for.
    nexthops: HashMap<u32, Arc<[Nexthop]>>,
    /// All numbers, in words.
    known: OnceCell<String>,
}

impl<'a> Objects<'a> {
    /// Those that the file has, none of them resolved.
    pub fn of(node: &'a Node, written: &'a [Spanned<iproute::NexthopObject>]) -> Self {
        // Of two with one number, the first counts.
        let by_id = written.iter().rev().map(|object| (object.value.id.value, &object.value));
        Self {
            node,
            written: by_id.collect(),
            resolved: Vec::new(),
            nexthops: HashMap::new(),
            known: OnceCell::new(),
        }
    }

    /// Finds the devices of all of them.
    pub fn resolve(
        &mut self,
        gateways: &Gateways<'_>,
        encaps: &Encaps<'_>,
        written: &topology::Node,
        errors: &mut Diagnostics,
    ) {
        let mut seen: HashMap<u32, Span> = HashMap::new();
        let places = self.node.vrfs.iter().enumerate().map(|(place, vrf)| (vrf.table, place));
        let places: HashMap<u32, usize> = places.collect();
        for object in &written.nexthops {
            let id = object.value.id;
            if let Some(other) = seen.insert(id.value, id.span) {
                errors.push(
                    Diagnostic::error(
                        Code::DuplicateNexthop,
                        format!("two nexthop objects {id} at `{}`", self.node.name),
                    )
                    .at(id.span, "this one")
                    .beside(other, "and this one")
                    .note("the kernel answers EEXIST to the second"),
                );
                continue;
            }
            let resolved = self.resolve_one(gateways, encaps, &object.value, &places);
            let resolved = errors.keep(resolved);
            self.resolved.extend(resolved.map(|it| Spanned::new(it, object.span)));
        }
        self.resolved.sort_by_key(|object| matches!(object.value.leads, Leads::Group { .. }));
        self.nexthops = NexthopObject::nexthops(self.resolved.iter().map(|object| &object.value));
    }

    fn resolve_one(
        &self,
        gateways: &Gateways<'_>,
        encaps: &Encaps<'_>,
        object: &iproute::NexthopObject,
        places: &HashMap<u32, usize>,
    ) -> Result<NexthopObject, Diagnostic> {
        let leads = match &object.leads {
            Leads::Blackhole { v4 } => Leads::Blackhole { v4: *v4 },
            Leads::Way { v4, way: nexthop } => {
                let table = table_of(nexthop, gateways, places);
                Leads::Way { v4: *v4, way: way(self.node, encaps, table, nexthop, gateways)? }
            }
            Leads::Group { members, resilient } => {
                members.iter().try_for_each(|(id, _)| self.member(*id, members.len()))?;
                let members = members.iter().map(|(id, weight)| (id.value, *weight)).collect();
                Leads::Group { members, resilient: *resilient }
            }
        };
        Ok(NexthopObject { id: object.id.value, protocol: object.protocol, leads })
    }

    /// Refuses what cannot be in a group.
    fn member(&self, id: Spanned<u32>, members: usize) -> Result<(), Diagnostic> {
        match self.written.get(&id.value).map(|object| &object.leads) {
            None => Err(self.unknown(id)),
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

    /// The nexthops of a route by an object.
    ///
    /// # Errors
    /// The object is not there, or leads to gateways of another family.
    pub fn of_route(
        &self,
        id: Spanned<u32>,
        destination: IpNet,
    ) -> Result<Arc<[Nexthop]>, Diagnostic> {
        let object = self.written.get(&id.value).ok_or_else(|| self.unknown(id))?;
        let v4 = |object: &iproute::NexthopObject| match &object.leads {
            Leads::Way { v4, .. } | Leads::Blackhole { v4 } => *v4,
            Leads::Group { .. } => false,
        };
        let mut v4_in = match &object.leads {
            Leads::Group { members, .. } => &members[..],
            Leads::Way { .. } | Leads::Blackhole { .. } => &[],
        }
        .iter()
        .filter_map(|(id, _)| self.written.get(&id.value));
        if destination.addr().is_ipv6() && (v4(object) || v4_in.any(|member| v4(member))) {
            return Err(Diagnostic::error(
                Code::BadValue,
                format!("an IPv6 route cannot go by nexthop object {id}, which is for IPv4"),
            )
            .at(id.span, "of another family")
            .beside(object.id.span, "this one")
            .note("the kernel answers EINVAL: \"IPv6 routes can not use an IPv4 nexthop\"")
            .help("an object without a gateway is for IPv6 with `-6` in front"));
        }
        Ok(self.nexthops.get(&id.value).cloned().unwrap_or_default())
    }

    fn unknown(&self, id: Spanned<u32>) -> Diagnostic {
        let title = format!("`{}` has no nexthop object {id}", self.node.name);
        let error = Diagnostic::error(Code::UnknownNexthop, title).at(id.span, "not known here");
        if self.written.is_empty() {
            return error.help_in(|notation| {
                let object = format!("id {id} via ADDRESS");
                format!("say what it is: {}", notation.list("nexthops", object))
            });
        }
        error.help(self.known.get_or_init(|| {
            let known: BTreeSet<u32> = self.written.keys().copied().collect();
            let known: Vec<String> = known.iter().map(u32::to_string).collect();
            format!("its nexthop objects are {}", few(known.iter().map(String::as_str)))
        }))
    }
}

/// The table of a gateway without a device: main, or that of the first VRF with its subnet, since an object
/// is in no table. `places` says in which order tables have VRFs.
fn table_of(way: &iproute::Nexthop, gateways: &Gateways<'_>, places: &HashMap<u32, usize>) -> u32 {
    let (None, Some(via)) = (&way.dev, way.via) else { return MAIN };
    let reaches = |table: &u32| gateways.device(via, From::Table(*table)).is_ok();
    let mut near: Vec<u32> =
        gateways.tables_with(via.value).filter(|it| places.contains_key(it)).collect();
    near.sort_by_key(|table| places[table]);
    std::iter::once(MAIN).chain(near).find(reaches).unwrap_or(MAIN)
}
