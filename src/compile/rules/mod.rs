//! What must hold of the whole lab, and what is legal and surely a mistake.

mod address;
mod bridging;
mod forward;
mod forwarding_loop;
mod gateway;
mod label_loop;
mod lan;
mod leak;
mod lookup;
mod mpls_input;
mod no_ipv6;
mod parts;
mod source;

use super::lab::Lab;
use super::layout::{Layout, Port};
use crate::diagnostic::Diagnostics;
use crate::document::{Limits, Quantity, Routing};
use lookup::Tables;
use std::collections::HashMap;
use std::net::IpAddr;

/// Holds a lab against every rule.
pub(super) fn hold(
    layout: &Layout,
    routing: Routing,
    limits: &Limits,
    lab: &Lab,
    errors: &mut Diagnostics,
) {
    address::hold(layout, lab, errors);
    bridging::check(lab, errors);
    let owners = owners(layout, lab);
    forward::hold(layout, &owners, lab, errors);
    gateway::check(layout, &owners, lab, errors);
    lan::check(layout, lab, errors);
    // What the compiler fills in leads to its goal, and back to every source.
    let mut routes = lab.nodes.iter().flat_map(|node| &node.routes);
    if routes.any(|route| !route.span.is_none()) {
        let tables = Tables::of(lab, layout, &owners);
        let lookups = limits.most(Quantity::Lookups);
        match routing {
            Routing::Auto => {}
            Routing::None => source::check(lab, layout, &tables, lookups, errors),
        }
        forwarding_loop::check(lab, &tables, lookups, errors);
    }
    let label_routes = label_loop::label_routes(lab);
    let looping = label_loop::check(layout, &owners, lab, &label_routes, errors);
    leak::hold(lab, &label_routes, &looping, errors);
    mpls_input::check(layout, &owners, lab, errors);
    no_ipv6::check(lab, errors);
    parts::check(lab, errors);
}

/// How many names, and how many places, one diagnostic has at the most.
const MAX_NAMED: usize = 8;

/// `a, b and c`; of many, the first eight and how many are left.
fn listed(all: impl IntoIterator<Item = String>) -> String {
    let mut all = all.into_iter();
    let mut shown: Vec<String> = all.by_ref().take(MAX_NAMED).collect();
    match all.count() {
        0 => {}
        left => shown.push(format!("{left} more")),
    }
    match shown.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

/// Who has an address on a link, by routing domain.
type Owners = HashMap<(usize, IpAddr), Port>;

fn owners(layout: &Layout, lab: &Lab) -> Owners {
    let mut owners = Owners::new();
    for port in layout.segments.iter().flat_map(|segment| &segment.ports) {
        let Some(domain) = layout.domain(layout.context(*port)) else { continue };
        for address in &lab[port.0].interfaces[port.1.0].addresses {
            owners.insert((domain, address.value.addr()), *port);
        }
    }
    owners
}
