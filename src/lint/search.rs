//! A search for packets that come back to where they have been.

use crate::diagnostic::Span;
use crate::forward::{Evidence, Hop, Ingress};
use crate::plan::Resource;
use ipnet::IpNet;
use std::collections::HashSet;
use std::net::IpAddr;

/// How many labels a packet has at the most that is followed: where the stack only grows, the loop is one of the
/// labels on top.
pub(super) const MAX_STACK: usize = 16;

/// A place on a loop.
#[derive(Debug, Clone)]
pub(super) struct Turn<'a> {
    /// Where the packet comes in.
    pub ingress: Ingress,
    /// What its node does with it.
    pub hop: Hop<'a>,
}

/// The places where packets to one address were seen.
#[derive(Debug, Default)]
pub(super) struct Search {
    seen: HashSet<Ingress>,
}

/// A place on the way to where the search is.
struct Visit<'a> {
    ingress: Ingress,
    /// The ways on that were not gone yet, and the one that was gone last.
    open: Vec<(Ingress, Hop<'a>)>,
    hop: Option<Hop<'a>>,
}

impl Search {
    /// The loops that packets come into from a place, but those seen before. `onward` says where a place leads.
    pub fn loops_from<'a>(
        &mut self,
        start: Ingress,
        mut onward: impl FnMut(&Ingress) -> Vec<(Ingress, Hop<'a>)>,
    ) -> Vec<Vec<Turn<'a>>> {
        let mut loops = Vec::new();
        let mut way: Vec<Visit<'a>> = Vec::new();
        let mut next = Some(start).filter(|start| self.seen.insert(start.clone()));
        loop {
            if let Some(ingress) = next.take() {
                let open = onward(&ingress);
                way.push(Visit { ingress, open, hop: None });
            }
            let Some(here) = way.last_mut() else { return loops };
            let Some((to, hop)) = here.open.pop() else {
                way.pop();
                continue;
            };
            here.hop = Some(hop);
            if to.labels.len() > MAX_STACK {
                continue;
            }
            if self.seen.insert(to.clone()) {
                next = Some(to);
            } else if let Some(begin) = way.iter().position(|visit| visit.ingress == to) {
                let turn = |visit: &Visit<'a>| {
                    Some(Turn { ingress: visit.ingress.clone(), hop: visit.hop.clone()? })
                };
                loops.push(way[begin..].iter().filter_map(turn).collect());
            }
        }
    }
}

impl<'a> Turn<'a> {
    /// The route that sends the packet on, with its place in the file: the last one that was asked.
    pub fn decision(&self) -> Option<(Option<IpNet>, Span)> {
        self.hop.evidence.iter().rev().find_map(|evidence| match evidence {
            Evidence::Resource { resource: Resource::Route { route, .. }, span } => {
                Some((Some(route.destination), *span))
            }
            Evidence::Resource { resource: Resource::MplsRoute { .. }, span } => {
                Some((None, *span))
            }
            Evidence::Resource { .. } | Evidence::Kernel(_) | Evidence::Absent(_) => None,
        })
    }

    /// The place of the route in the file.
    pub fn span(&self) -> Span {
        self.decision().map_or(Span::NONE, |(_, span)| span)
    }
}

/// Addresses that stand for a prefix: those at its ends, where longer prefixes seldom are, as far as packets
/// can have them as their destination.
pub(super) fn samples(net: IpNet) -> [IpAddr; 2] {
    let (first, last) = match net {
        IpNet::V4(_) => ([1, 0, 0, 1].into(), [223, 255, 255, 254].into()),
        IpNet::V6(_) => {
            ([0x2000, 0, 0, 0, 0, 0, 0, 1].into(), [0x3fff, 0, 0, 0, 0, 0, 0, 1].into())
        }
    };
    match net.prefix_len() {
        0 => [first, last],
        _ => [net.network(), net.broadcast()],
    }
}
