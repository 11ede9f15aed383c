//! The subnets that the file gives to segments.

use super::family::IpFamily;
use super::interface::InterfaceKind;
use super::lab::Lab;
use super::layout::{Layout, Port};
use super::segment::Segment;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span, Spanned};
use crate::topology::Topology;
use ipnet::IpNet;
use petgraph::graph::EdgeIndex;
use std::collections::HashMap;

/// The subnets of each segment that has some, by its first port, at most one of each family.
pub(super) struct Subnets(HashMap<Port, Vec<Spanned<IpNet>>>);

impl Subnets {
    /// Those of a lab whose links are the topology's.
    pub fn of(
        topology: &Topology,
        layout: &Layout,
        lab: &Lab,
        diagnostics: &mut Diagnostics,
    ) -> Self {
        let mut subnets = Self(HashMap::new());
        // What is said once of several links is said of each.
        let mut told: HashMap<Span, usize> = HashMap::new();
        for (number, segment) in layout.segments.iter().enumerate() {
            let links = segment.ports.iter().filter_map(|(node, interface)| {
                match lab[*node].interfaces[interface.0].kind {
                    InterfaceKind::Veth { link, .. } => Some(EdgeIndex::new(link)),
                    InterfaceKind::Device { .. } => None,
                }
            });
            let mut here: Vec<Spanned<IpNet>> = Vec::new();
            for subnet in links.flat_map(|link| &topology.graph[link].subnets) {
                let family = IpFamily::of(subnet.value.addr());
                match here.iter().find(|it| family.has(it.value)) {
                    None if *told.entry(subnet.span).or_insert(number) == number => {
                        here.push(*subnet);
                    }
                    None => diagnostics.push(several(*subnet)),
                    Some(other) if other.value == subnet.value => {}
                    Some(other) => diagnostics.push(two(*subnet, *other)),
                }
            }
            if let (Some(first), false) = (segment.ports.first(), here.is_empty()) {
                subnets.0.insert(*first, here);
            }
        }
        subnets
    }

    /// Those of a segment.
    pub fn at(&self, segment: &Segment) -> &[Spanned<IpNet>] {
        let first = segment.ports.first();
        first.and_then(|port| self.0.get(port)).map_or(&[], Vec::as_slice)
    }
}

fn several(subnet: Spanned<IpNet>) -> Diagnostic {
    Diagnostic::error(Code::SubnetMismatch, format!("{subnet} is given to several links or LANs"))
        .at(subnet.span, "")
        .note("a subnet is that of one link, or of all that one switch joins; each VLAN is a LAN of its own")
        .help("give each of them a subnet where it stands itself")
}

fn two(subnet: Spanned<IpNet>, other: Spanned<IpNet>) -> Diagnostic {
    Diagnostic::error(Code::SubnetMismatch, "one LAN has two subnets")
        .at(subnet.span, subnet.to_string())
        .beside(other.span, other.to_string())
}
