//! The lab's routes and settings in the words of iproute2 and `sysctl`.

use super::lab::{LabelRoute, MAIN, Route};
use crate::diagnostic::{Spanned, Text};
use crate::iproute;
use std::fmt;

impl From<&Route> for iproute::Route {
    fn from(route: &Route) -> Self {
        let several = route.nexthops.len() > 1;
        Self {
            kind: route.kind,
            destination: Spanned::filled(route.destination),
            table: (route.table != MAIN)
                .then(|| iproute::Table::Number(Spanned::filled(route.table))),
            metric: route.metric,
            source: route.source.map(Spanned::filled),
            nexthops: route
                .nexthops
                .iter()
                .map(|nexthop| iproute::Nexthop {
                    via: nexthop.via.map(Spanned::filled),
                    dev: Some(Text::filled(nexthop.dev.as_str())),
                    weight: several.then_some(nexthop.weight),
                    onlink: nexthop.onlink,
                    encap: nexthop.encap.clone(),
                })
                .collect(),
        }
    }
}

impl From<&LabelRoute> for iproute::LabelRoute {
    fn from(route: &LabelRoute) -> Self {
        Self {
            label: Spanned::filled(route.label),
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

impl fmt::Display for LabelRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        iproute::LabelRoute::from(self).fmt(f)
    }
}
