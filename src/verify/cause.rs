//! The line of the file that decides about a check.

use super::deviation::{Deviation, Found};
use super::judge::Judge;
use super::standing::end_of;
use super::verdict::{Fault, Refutation};
use crate::compile::{Arrival, Check, Hop, Node, NodeId, UNREACHABLE_METRIC};
use crate::diagnostic::{Label, Span};
use crate::forward::{self, Absent, Evidence, Outcome, is_of_kernel};
use crate::iproute::RouteKind;
use crate::plan::{Action, Resource};

impl<'a> Judge<'_, 'a> {
    /// The line of what is missing or another one, of the deviations that are why a check is refuted.
    pub(super) fn undone(&self, deviations: &[Deviation]) -> Option<Label> {
        deviations.iter().find_map(|deviation| {
            let word = match &deviation.found {
                Found::Missing(Resource::Up { .. }) => "down",
                Found::Missing(_) => "missing",
                Found::Changed { .. } => "changed",
                Found::Unexpected(_) => return None,
            };
            let span = self.intention.place(deviation.found.resource())?;
            (!span.is_none()).then(|| primary(span, format!("{word} at {}", deviation.node)))
        })
    }

    /// The line that decides about a check that is refuted, with what it says; none where nobody wrote it.
    pub(super) fn deciding(&self, check: &Check, refutation: &Refutation<'a>) -> Option<Label> {
        let outcome = refutation.outcome();
        let arrival = check.arrival();
        let via = |of: fn(&Arrival<NodeId>) -> &Option<Vec<Hop<NodeId>>>| {
            arrival.and_then(|arrival| of(arrival).as_deref())
        };
        match refutation.fault {
            Fault::OtherError if outcome.is_delivered() => self.crossing(outcome),
            Fault::RequestLost | Fault::NoReply | Fault::ReplyLost | Fault::OtherError => {
                self.end(outcome)
            }
            Fault::RequestPath => self.turn(outcome, via(|arrival| &arrival.via)),
            Fault::ReplyPath => self.turn(outcome, via(|arrival| &arrival.back)),
            Fault::RequestElsewhere | Fault::ReplyElsewhere | Fault::Arrives | Fault::Answered => {
                self.crossing(outcome)
            }
            // No single line has said how many hops there are, or how flows divide.
            Fault::ReplyTtl { .. } => None,
            Fault::Uneven { .. } => outcome.hops.iter().find_map(|hop| self.of_hop(hop)),
        }
    }

    /// What ended a packet's way.
    fn end(&self, outcome: &Outcome<'a>) -> Option<Label> {
        let node = end_of(outcome).and_then(|at| self.node(at)).map(|id| &self.lab[id]);
        let own = self.last_written(node, &outcome.evidence);
        let unwritten = outcome.evidence.iter().rev().find_map(|evidence| match evidence {
            Evidence::Absent(absent @ (Absent::Route | Absent::MplsRoute | Absent::Source)) => {
                Some(format!("here {absent}"))
            }
            Evidence::Kernel(fact) => Some(format!("here it goes by {fact}")),
            Evidence::Resource { resource, span: _ } => Some(self.said(resource)),
            Evidence::Absent(Absent::Neighbour | Absent::Carrier | Absent::Device) => None,
        });
        let at_node = |text| Some(primary(node?.span, text));
        own.or_else(|| unwritten.and_then(at_node))
            .or_else(|| self.of_hop(outcome.hops.last()?))
            .filter(|label| !label.span.is_none())
    }

    /// The last hop before a packet parts from the way that a check wants.
    fn turn(&self, outcome: &Outcome<'a>, via: Option<&[Hop<NodeId>]>) -> Option<Label> {
        let parting = self.parting(outcome, via?)?;
        self.of_hop(outcome.hops.get(parting)?)
    }

    /// What led a packet to where it must not come: a route from one VRF into another, else the last.
    fn crossing(&self, outcome: &Outcome<'a>) -> Option<Label> {
        let crosses = |node: &Node, evidence: &Evidence<'a>| match evidence {
            Evidence::Resource { resource: Resource::Route { route, .. }, .. } => {
                let home = node.vrfs.iter().find(|vrf| vrf.table == route.table);
                route.kind == RouteKind::Throw
                    || route.nexthops.iter().any(|nexthop| {
                        let dev = nexthop.dev.as_str();
                        let port = node.interface(dev).map(|id| &node.interfaces[id.0]);
                        let out = node.vrf(dev).or_else(|| node.vrf_of(port?));
                        nexthop.encap.is_none()
                            && out.map(|vrf| &vrf.name) != home.map(|vrf| &vrf.name)
                    })
            }
            Evidence::Resource { .. } | Evidence::Kernel(_) | Evidence::Absent(_) => false,
        };
        let led = outcome.hops.iter().rev().find_map(|hop| {
            let node = &self.lab[self.node(hop.namespace)?];
            let crossing: Vec<_> =
                hop.evidence.iter().copied().filter(|it| crosses(node, it)).collect();
            self.last_written(Some(node), &crossing)
        });
        led.or_else(|| {
            let before = outcome.hops.split_last().map_or(&[] as &[_], |(_, before)| before);
            before.iter().rev().find_map(|hop| self.of_hop(hop))
        })
    }

    /// The last of what decided that stands in the file, or that somebody added while the lab stands.
    fn last_written(&self, node: Option<&Node>, evidence: &[Evidence<'_>]) -> Option<Label> {
        evidence.iter().rev().find_map(|evidence| match evidence {
            Evidence::Resource { resource, span } if !span.is_none() => {
                Some(primary(*span, self.said(resource)))
            }
            Evidence::Resource { resource: Resource::Rule { rule, .. }, .. }
                if is_of_kernel(rule) =>
            {
                None
            }
            Evidence::Resource { resource, .. } => match self.intention.place(resource) {
                Some(span) => (!span.is_none()).then(|| primary(span, self.said(resource))),
                None if self.intention.is_there() => {
                    let command = Action::Add((*resource).clone());
                    Some(primary(node?.span, format!("by `{command}`, which was not built")))
                }
                None => None,
            },
            Evidence::Kernel(_) | Evidence::Absent(_) => None,
        })
    }

    /// What sent a packet on.
    fn of_hop(&self, hop: &forward::Hop<'a>) -> Option<Label> {
        let node = self.node(hop.namespace).map(|id| &self.lab[id]);
        self.last_written(node, &hop.evidence)
    }
}

fn primary(span: Span, text: String) -> Label {
    Label { span, text, primary: true }
}

impl Judge<'_, '_> {
    /// What a resource says, for the mark at its line.
    fn said(&self, resource: &Resource) -> String {
        let at = self.node(resource.namespace()).map(|id| format!(" at {}", self.lab[id].name));
        let at = at.unwrap_or_default();
        match resource {
            Resource::Route { route, .. }
                if route.kind == RouteKind::Unreachable
                    && route.metric == Some(UNREACHABLE_METRIC) =>
            {
                format!("table {} of this VRF{at} has no route to it", route.table)
            }
            Resource::Route { route, .. } => format!("by the route `{route}`{at}"),
            Resource::MplsRoute { route, .. } => format!("by the MPLS route `{route}`{at}"),
            Resource::Rule { rule, .. } => format!("by the rule `{rule}`{at}"),
            Resource::Address { address, device, .. } => {
                format!("by the address {address} of {device}{at}")
            }
            Resource::Sysctl { key, value, .. } => {
                format!("by `{}={value}`{at}", crate::compile::sysctl_name(key))
            }
            Resource::Ruleset { .. } => format!("by the ruleset{at}"),
            Resource::Device { device, .. } => format!("by the interface {}{at}", device.name),
            Resource::Veth { .. } => "by this link".to_owned(),
            Resource::Namespace { .. }
            | Resource::Wireguard { .. }
            | Resource::Master { .. }
            | Resource::BridgeVlan { .. }
            | Resource::BridgePort { .. }
            | Resource::Mtu { .. }
            | Resource::Fdb { .. }
            | Resource::Neighbour { .. }
            | Resource::Qdisc { .. }
            | Resource::NoOffload { .. }
            | Resource::Up { .. }
            | Resource::NexthopObject { .. }
            | Resource::EtcFile { .. }
            | Resource::Command { .. } => format!("by `{}`", Action::Add(resource.clone())),
        }
    }
}
