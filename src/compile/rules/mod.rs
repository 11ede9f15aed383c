//! What must hold of the whole lab, and what is legal and surely a mistake.

mod address;
mod bridging;
mod forward;
mod gateway;
mod lan;
mod mpls_input;
mod no_ipv6;
mod parts;

use super::lab::Lab;
use super::layout::{Layout, Port};
use crate::diagnostic::{Diagnostics, MAX_NAMED, listed};
use std::collections::HashMap;
use std::net::IpAddr;

/// Holds a lab against every rule.
pub(super) fn hold(layout: &Layout, lab: &Lab, errors: &mut Diagnostics) {
    address::hold(layout, lab, errors);
    bridging::check(lab, errors);
    let owners = owners(layout, lab);
    forward::hold(layout, &owners, lab, errors);
    gateway::check(layout, &owners, lab, errors);
    lan::check(layout, lab, errors);
    mpls_input::check(layout, &owners, lab, errors);
    no_ipv6::check(lab, errors);
    parts::check(lab, errors);
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
