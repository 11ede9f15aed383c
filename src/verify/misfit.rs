//! What does not fit where: how long the packet is, and whose MTU is too small for it.

use super::judge::Judge;
use super::standing::end_of;
use crate::compile::Route;
use crate::forward::{End, Evidence, Outcome};
use crate::iproute::Metric;
use crate::plan::Resource;

impl<'a> Judge<'_, 'a> {
    /// That a packet does not fit where it ends, in words; nothing where the MTU is not known.
    pub(super) fn misfit(&self, outcome: &Outcome<'a>) -> Option<String> {
        let at = end_of(outcome)?;
        let (mtu, whose) = outcome.evidence.iter().rev().find_map(|it| self.mtu(at, it))?;
        let length = outcome.packet.labelled_length();
        let room = match &outcome.end {
            End::Rejected { error, .. } => error.mtu,
            End::Delivered { .. }
            | End::Refused { .. }
            | End::Dropped { .. }
            | End::Loop { .. }
            | End::Unknown { .. } => None,
        };
        let (has, less) =
            match (&outcome.packet.labels[..], room.and_then(|it| mtu.checked_sub(it))) {
                ([_, ..], _) => (" with its labels", String::new()),
                ([], Some(bytes @ 1..)) => ("", format!(", less {bytes} for labels")),
                ([], _) if length <= mtu => ("", ", less the labels that are pushed".to_owned()),
                ([], _) => ("", String::new()),
            };
        Some(format!("it has {length} bytes{has}, and the MTU of {whose} is {mtu}{less}"))
    }

    /// The MTU of what decided, and whose it is.
    fn mtu(&self, at: &str, evidence: &Evidence<'a>) -> Option<(u32, String)> {
        let Evidence::Resource { resource, span: _ } = evidence else { return None };
        if let Resource::Route { route: Route { attributes, destination, .. }, .. } = resource {
            let mtu = attributes.metrics.get(&Metric::Mtu)?;
            return Some((mtu.number, format!("the route to {destination} at {}", self.name(at))));
        }
        let (_, device) = resource.devices().into_iter().find(|(namespace, _)| *namespace == at)?;
        let mtu = self.network.mtu(at, device)?;
        Some((mtu, format!("{device} of {}", self.name(at))))
    }
}
