//! The lab's routes and settings in the words of iproute2 and `sysctl`.
//!
//! Each is taken apart whole, so that a part that is added to it and has no word is an error here.

use super::lab::{Encap, LabelNexthop, LabelRoute, Nexthop, NexthopObject, Route};
use crate::diagnostic::{Spanned, Text};
use crate::document::DeviceName;
use crate::iproute::{self, Leads};
use std::convert::Infallible;
use std::fmt;

impl From<&Route> for iproute::Route {
    fn from(route: &Route) -> Self {
        let Route { kind, destination, table, metric, source, attributes, object, nexthops } =
            route;
        let several = nexthops.len() > 1;
        Self {
            kind: *kind,
            destination: Spanned::filled(*destination),
            table: (*table != Route::default_table(*kind))
                .then(|| iproute::Table::Number(Spanned::filled(*table))),
            metric: *metric,
            source: source.map(Spanned::filled),
            attributes: attributes.clone(),
            object: object.map(Spanned::filled),
            nexthops: match object {
                Some(_) => Vec::new(),
                None => nexthops.iter().map(|nexthop| way(nexthop, several)).collect(),
            },
        }
    }
}

fn way(nexthop: &Nexthop, several: bool) -> iproute::Nexthop {
    let Nexthop { via, dev, weight, onlink, encap, realms } = nexthop;
    iproute::Nexthop {
        via: via.map(Spanned::filled),
        dev: Some(Text::filled(dev.as_str())),
        weight: several.then_some(*weight),
        onlink: *onlink,
        encap: encap.as_ref().map(as_written),
        realms: *realms,
    }
}

/// What a packet is put into, as a file says it.
fn as_written(encap: &Encap) -> iproute::Encap<Text, iproute::Table> {
    let device = |name: &DeviceName| Ok::<_, Infallible>(Text::filled(name.as_str()));
    let table = |number: &u32| Ok(iproute::Table::Number(Spanned::filled(*number)));
    encap.resolve(device, table).unwrap_or_else(|never| match never {})
}

impl From<&NexthopObject> for iproute::NexthopObject {
    fn from(object: &NexthopObject) -> Self {
        let NexthopObject { id, protocol, leads } = object;
        Self {
            id: Spanned::filled(*id),
            protocol: *protocol,
            leads: match leads {
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
        let LabelRoute { label, ttl_propagate, protocol, nexthops } = route;
        Self {
            label: Spanned::filled(*label),
            ttl_propagate: *ttl_propagate,
            protocol: *protocol,
            nexthops: nexthops
                .iter()
                .map(|LabelNexthop { swap, via, dev }| iproute::LabelNexthop {
                    swap: swap.clone(),
                    via: via.map(Spanned::filled),
                    dev: Some(Text::filled(dev.as_str())),
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
