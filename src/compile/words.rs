//! The lab's routes and settings in the words of iproute2 and `sysctl`.

use super::lab::{LabelRoute, Nexthop, NexthopObject, Route};
use crate::diagnostic::{Spanned, Text};
use crate::iproute::{self, Leads};
use std::fmt;

impl From<&Route> for iproute::Route {
    fn from(route: &Route) -> Self {
        let several = route.nexthops.len() > 1;
        Self {
            kind: route.kind,
            destination: Spanned::filled(route.destination),
            table: (route.table != Route::default_table(route.kind))
                .then(|| iproute::Table::Number(Spanned::filled(route.table))),
            metric: route.metric,
            source: route.source.map(Spanned::filled),
            attributes: route.attributes.clone(),
            object: route.object.map(Spanned::filled),
            nexthops: match route.object {
                Some(_) => Vec::new(),
                None => route.nexthops.iter().map(|nexthop| way(nexthop, several)).collect(),
            },
        }
    }
}

fn way(nexthop: &Nexthop, several: bool) -> iproute::Nexthop {
    iproute::Nexthop {
        via: nexthop.via.map(Spanned::filled),
        dev: Some(Text::filled(nexthop.dev.as_str())),
        weight: several.then_some(nexthop.weight),
        onlink: nexthop.onlink,
        encap: nexthop.encap.clone(),
    }
}

impl From<&NexthopObject> for iproute::NexthopObject {
    fn from(object: &NexthopObject) -> Self {
        Self {
            id: Spanned::filled(object.id),
            protocol: object.protocol,
            leads: match &object.leads {
                Leads::Way { v4, way: nexthop } => Leads::Way { v4: *v4, way: way(nexthop, false) },
                Leads::Blackhole { v4 } => Leads::Blackhole { v4: *v4 },
                Leads::Group { members, resilient } => {
                    let members =
                        members.iter().map(|(id, weight)| (Spanned::filled(*id), *weight));
                    Leads::Group { members: members.collect(), resilient: *resilient }
                }
            },
        }
    }
}

impl From<&LabelRoute> for iproute::LabelRoute {
    fn from(route: &LabelRoute) -> Self {
        Self {
            label: Spanned::filled(route.label),
            ttl_propagate: route.ttl_propagate,
            nexthops: route
                .nexthops
                .iter()
                .map(|nexthop| iproute::LabelNexthop {
                    swap: nexthop.swap.clone(),
                    via: nexthop.via.map(Spanned::filled),
                    dev: Some(Text::filled(nexthop.dev.as_str())),
                })
                .collect(),
        }
    }
}

/// A setting's name as `sysctl` and its users spell it: with dots, but for one in which an interface's
/// name has a dot of its own.
pub fn sysctl_name(path: &str) -> String {
    if path.contains('.') { path.to_owned() } else { path.replace('/', ".") }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        iproute::Route::from(self).fmt(f)
    }
}

impl fmt::Display for NexthopObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        iproute::NexthopObject::from(self).fmt(f)
    }
}

impl fmt::Display for LabelRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        iproute::LabelRoute::from(self).fmt(f)
    }
}
