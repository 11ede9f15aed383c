//! Where labelled packets end, whoever pushes the labels: paths that meet are followed once.

use super::search::MAX_STACK;
use crate::compile::{Lab, NodeId};
use crate::document::DeviceName;
use crate::forward::{DropReason, End as Fate, Hop, Ingress, Network, Outcome, Step};
use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr};

/// Stands for what is below the labels, of which nothing depends but what becomes of it without them.
pub(super) const BELOW: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// A VRF of a node.
pub(super) type Place = (NodeId, u32);

/// Where labelled packets end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum End {
    /// In a VRF, where a route pops the label.
    Vrf { place: Place, name: DeviceName, ingress: Ingress },
    /// At the next node, to which they come without labels.
    Bare(Ingress),
    /// At a node that does not know the label.
    Unknown { node: NodeId, label: u32 },
}

/// All places that labelled packets come to.
pub(super) struct LabelPaths<'n, 'a> {
    lab: &'n Lab,
    network: &'n Network<'a>,
    ids: HashMap<&'n str, NodeId>,
    numbers: HashMap<Ingress, usize>,
    /// By place: those that lead there, and what ends there.
    before: Vec<Vec<usize>>,
    ends: Vec<BTreeSet<End>>,
}

impl<'n, 'a> LabelPaths<'n, 'a> {
    pub(super) fn of(lab: &'n Lab, network: &'n Network<'a>) -> Self {
        let nodes = lab.nodes.iter().enumerate();
        let ids = nodes.map(|(at, node)| (node.namespace.as_str(), NodeId(at))).collect();
        let (numbers, before, ends) = (HashMap::new(), Vec::new(), Vec::new());
        Self { lab, network, ids, numbers, before, ends }
    }

    /// Where packets end that come in here with labels.
    pub(super) fn ends(&mut self, start: Ingress) -> &BTreeSet<End> {
        let mut new = Vec::new();
        let start = self.number(start, &mut new);
        // What ends at one place ends at all from which packets come to it.
        let mut known: Vec<(usize, End)> = Vec::new();
        while let Some((ingress, number)) = new.pop() {
            let Step { onward, ends } = self.network.step(&ingress, BELOW);
            for (next, hop) in onward {
                if let Some(end) = self.popped(&hop) {
                    known.push((number, end));
                } else if next.labels.is_empty() {
                    known.push((number, End::Bare(next)));
                } else if next.labels.len() <= MAX_STACK {
                    let next = self.number(next, &mut new);
                    self.before[next].push(number);
                    known.extend(self.ends[next].iter().map(|end| (number, end.clone())));
                }
            }
            for outcome in ends {
                let popped = outcome.hops.last().and_then(|hop| self.popped(hop));
                let end = popped.or_else(|| self.unknown(&outcome));
                known.extend(end.map(|end| (number, end)));
            }
        }
        while let Some((at, end)) = known.pop() {
            if self.ends[at].insert(end.clone()) {
                known.extend(self.before[at].iter().map(|earlier| (*earlier, end.clone())));
            }
        }
        &self.ends[start]
    }

    /// The number of a place; one that was not known is `new`.
    fn number(&mut self, ingress: Ingress, new: &mut Vec<(Ingress, usize)>) -> usize {
        let next = self.before.len();
        let number = *self.numbers.entry(ingress.clone()).or_insert(next);
        if number == next {
            self.before.push(Vec::new());
            self.ends.push(BTreeSet::new());
            new.push((ingress, number));
        }
        number
    }

    /// The VRF into which a node popped the last label.
    fn popped(&self, hop: &Hop<'_>) -> Option<End> {
        let node = *self.ids.get(hop.namespace)?;
        let vrf = self.lab[node].vrf(hop.out.first()?)?;
        let ingress = self.network.inside(hop.namespace, Some(vrf.name.as_str()))?;
        Some(End::Vrf { place: (node, vrf.table), name: vrf.name.clone(), ingress })
    }

    /// The label that a node does not know.
    fn unknown(&self, outcome: &Outcome<'_>) -> Option<End> {
        let Fate::Dropped { at, reason: DropReason::LabelUnknown } = outcome.end else {
            return None;
        };
        let label = outcome.packet.labels.first()?.label;
        Some(End::Unknown { node: *self.ids.get(at)?, label })
    }
}
