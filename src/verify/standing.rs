//! A lab that stands: what its kernel holds, and in what that differs from what was built.

use super::judge::Judge;
use super::verdict::Refutation;
use crate::compile::{Check, Lab, UNREACHABLE_METRIC};
use crate::diagnostic::{Label, Span};
use crate::forward::{End, Evidence, Outcome};
use crate::iproute::RouteKind;
use crate::plan::{Action, Difference, Key, Plan, Resource, State, differences};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What a lab was built by, what its kernel holds, and in what the two differ.
#[derive(Debug)]
pub struct Standing {
    plan: Plan,
    state: State,
    differences: Vec<Difference>,
}

/// One thing in which a kernel differs from what was built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deviation {
    /// What is there or is not: the command that would make it.
    pub command: String,
    /// Which of the two.
    pub found: Found,
}

/// Whether something is there that was not built, or is not there that was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Found {
    /// It was built, and is not there.
    Missing,
    /// It is there, and was not built.
    Unexpected,
}

/// The places in the file of what was built, and what differs from it.
#[derive(Debug, Default)]
pub(super) struct Intention<'n> {
    places: BTreeMap<Key<'n>, Span>,
    differences: &'n [Difference],
}

impl Standing {
    /// A lab, its plan, and what was observed of it.
    pub fn new(lab: &Lab, plan: Plan, observed: State) -> Self {
        let mut differences = differences(&plan, &observed);
        // What a node's own programs add is no deviation.
        let programs = lab.nodes.iter().filter(|node| !node.run.is_empty());
        let programs: BTreeSet<&str> = programs.map(|node| node.namespace.as_str()).collect();
        differences.retain(|difference| match difference {
            Difference::Missing(_) => true,
            Difference::Extra(it) => it.namespaces().all(|at| !programs.contains(at)),
        });
        let mut state = observed;
        // A kernel is not asked for rulesets, and that is no reason to take packets to pass. What programs
        // have added is among what was observed.
        let unasked =
            plan.resources().filter(|resource| matches!(resource, Resource::Ruleset { .. }));
        state.resources.extend(unasked.cloned());
        Self { plan, state, differences }
    }

    /// What the kernel holds.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// All in which it differs from what was built.
    pub fn deviations(&self) -> Vec<Deviation> {
        self.differences.iter().map(Deviation::of).collect()
    }

    pub(super) fn intention(&self) -> Intention<'_> {
        let steps = self.plan.steps();
        let places = steps.map(|step| (step.action.resource().key(), step.span)).collect();
        Intention { places, differences: &self.differences }
    }
}

impl Intention<'_> {
    /// Whether there is one: whether the network was observed.
    pub fn is_there(&self) -> bool {
        !self.places.is_empty()
    }

    /// The place in the file of something that was observed; nothing where it was not built.
    pub fn place(&self, resource: &Resource) -> Option<Span> {
        self.places.get(&resource.key()).copied()
    }
}

impl Deviation {
    pub(super) fn of(difference: &Difference) -> Self {
        let (resource, found) = match difference {
            Difference::Missing(resource) => (resource, Found::Missing),
            Difference::Extra(resource) => (resource, Found::Unexpected),
        };
        Self { command: Action::Add(resource.clone()).to_string(), found }
    }
}

impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { command, found } = self;
        match found {
            Found::Missing => write!(f, "`{command}` is missing"),
            Found::Unexpected => write!(f, "`{command}` is there, and was not built"),
        }
    }
}

impl<'n, 'a> Judge<'n, 'a> {
    /// In what the kernel differs from what was built where a packet ends that refutes a check, what the packet
    /// may want first. Where nothing does, at the far ends of that node's links, or at the last of the nodes on
    /// the way where something does.
    pub(super) fn differing(
        &self,
        check: &Check,
        refutation: &Refutation<'a>,
    ) -> Vec<&'n Difference> {
        if self.intention.differences.is_empty() {
            return Vec::new();
        }
        let outcome = refutation.outcome();
        let end = end_of(outcome).unwrap_or(&self.lab[check.from.node].namespace);
        let way = outcome.hops.iter().rev().chain(refutation.request.hops.iter().rev());
        let mut found = [vec![end], self.linked_to(end)]
            .into_iter()
            .chain(way.map(|hop| vec![hop.namespace]))
            .map(|places| self.at(&places))
            .find(|found| !found.is_empty())
            .unwrap_or_default();
        found.sort_by_key(|difference| !concerns(difference, end, outcome));
        found
    }

    /// The line of what is missing, where a packet ends for want of something.
    pub(super) fn missing(&self, outcome: &Outcome<'a>, found: &[&Difference]) -> Option<Label> {
        let lacks = outcome.evidence.iter().any(|evidence| match evidence {
            Evidence::Absent(_) => true,
            Evidence::Resource { resource: Resource::Route { route, .. }, .. } => {
                route.kind == RouteKind::Unreachable && route.metric == Some(UNREACHABLE_METRIC)
            }
            Evidence::Resource { .. } | Evidence::Kernel(_) => false,
        });
        found.iter().filter(|_| lacks).find_map(|difference| match difference {
            Difference::Missing(resource) => {
                let span = self.intention.place(resource).filter(|span| !span.is_none())?;
                let text = format!("missing at {}", self.name(resource.namespace()));
                Some(Label { span, text, primary: true })
            }
            Difference::Extra(_) => None,
        })
    }

    fn at(&self, namespaces: &[&str]) -> Vec<&'n Difference> {
        let is_there = |difference: &&Difference| {
            resource(difference).namespaces().any(|at| namespaces.contains(&at))
        };
        self.intention.differences.iter().filter(is_there).collect()
    }

    /// The namespaces at the far ends of a node's links.
    fn linked_to(&self, namespace: &str) -> Vec<&'n str> {
        let Some(node) = self.node(namespace) else { return Vec::new() };
        let links = self.lab.links.iter();
        links
            .filter_map(|link| match link.ends.map(|(end, _)| end) {
                [one, other] if one == node => Some(other),
                [one, other] if other == node => Some(one),
                _ => None,
            })
            .map(|far| self.lab[far].namespace.as_str())
            .collect()
    }
}

fn resource(difference: &Difference) -> &Resource {
    let (Difference::Missing(resource) | Difference::Extra(resource)) = difference;
    resource
}

/// Whether a packet that ends at a node may want what differs: a device, without which there are no routes
/// through it, or a route for the packet.
fn concerns(difference: &Difference, end: &str, outcome: &Outcome<'_>) -> bool {
    let resource = resource(difference);
    if let Resource::Route { namespace, route } = resource {
        namespace == end && route.destination.contains(&outcome.packet.destination)
    } else if let Resource::MplsRoute { namespace, route } = resource {
        let labels = outcome.hops.last().map(|hop| &hop.labels[..]).unwrap_or_default();
        namespace == end && labels.contains(&route.label.number())
    } else {
        matches!(resource, Resource::Veth { .. } | Resource::Device { .. } | Resource::Up { .. })
    }
}

/// The namespace where a packet ends.
pub(super) fn end_of<'a>(outcome: &Outcome<'a>) -> Option<&'a str> {
    match outcome.end {
        End::Delivered { namespace: at, .. }
        | End::Rejected { by: at, .. }
        | End::Dropped { at, .. }
        | End::Loop { at }
        | End::Unknown { at, .. } => Some(at),
        End::Refused { .. } => outcome.hops.first().map(|hop| hop.namespace),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::{Options, compile_source};
    use crate::diagnostic::Source;
    use crate::document::{Format, LabName};
    use crate::plan::lower;
    use crate::verify::Report;

    const LAB: &str = "
nodes:
  h1:
  fw: {role: router, nft: 'table inet t { chain f { type filter hook forward priority 0; drop; } }'}
  h2: {run: bird}
links: [h1 -- fw, fw -- h2]
checks: [h1 -> h2, h1 -> fw]
";

    #[test]
    fn a_ruleset_that_no_kernel_is_asked_for_stays_unknown_and_what_programs_add_is_no_deviation() {
        let source = Source { name: "x.yaml".to_owned(), text: LAB.to_owned() };
        let name = LabName::new("x").unwrap();
        let (lab, said) = compile_source(&source, Format::Yaml, &name, &Options::default());
        let lab = lab.unwrap_or_else(|| panic!("{said:?}"));
        let plan = lower(&lab).unwrap();
        let mut observed = State::of(&plan);
        observed.resources.retain(Resource::is_observed);
        let up = |namespace: &str| {
            let (namespace, device) = (namespace.to_owned(), "added".to_owned());
            Resource::Up { namespace, device }
        };
        observed.resources.extend([up("x-h1"), up("x-h2")]);
        let standing = Standing::new(&lab, plan, observed);
        let deviations: Vec<String> =
            standing.deviations().iter().map(Deviation::to_string).collect();
        let added = "`ip -n x-h1 link set dev added up` is there, and was not built";
        assert_eq!(deviations, [added]);
        let report = Report::of_standing(&lab, &standing);
        assert_eq!((report.proved, report.refuted, report.unknown), (0, 0, 2));
    }
}
