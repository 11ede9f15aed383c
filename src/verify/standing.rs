//! A lab that stands: what its kernel holds, and in what that differs from what was built.

use super::deviation::Deviation;
use crate::compile::Lab;
use crate::diagnostic::Span;
use crate::forward::{End, Network, Outcome};
use crate::plan::{Difference, Key, Plan, PlanError, Resource, State, Step};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What a lab was built by, what its kernel holds, and in what the two differ.
#[derive(Debug)]
pub struct Standing {
    plan: Plan,
    state: State,
    deviations: Vec<Deviation>,
}

/// The places in the file of what was built.
#[derive(Debug, Default)]
pub(super) struct Intention<'n> {
    places: BTreeMap<Key<'n>, Span>,
}

/// What decides about packets and is no part of a plan: settings of which it does not speak, with the values that
/// they have when it is carried out, and the kernel's own rules. A kernel that is compared with the plan has to
/// be asked for them.
///
/// # Errors
/// Never, for what is there when a plan is carried out.
pub fn beside(plan: &Plan) -> Result<Plan, PlanError> {
    let said: BTreeSet<Key<'_>> = plan.resources().map(Resource::key).collect();
    let network = Network::of_plan(plan);
    let settings = network.settings().into_iter().map(|setting| {
        let (namespace, key, value) = (setting.namespace, setting.key, setting.value.to_string());
        // A kernel without it does as it would with the default.
        Resource::Sysctl { namespace, key, value, optional: true }
    });
    let rules = network.own_rules().into_iter();
    let rules = rules.map(|(at, rule)| Resource::Rule { namespace: at.to_owned(), rule });
    let unsaid = settings.chain(rules).filter(|it| !said.contains(&it.key()));
    Plan::upon(&State::of(plan), unsaid.map(|it| Step::add(it, Span::NONE)))
}

impl Standing {
    /// A lab, its plan, what was asked for [beside] it, and what was observed of all that.
    pub fn new(lab: &Lab, plan: Plan, beside: &Plan, observed: State) -> Self {
        let mut planned = State::of(&plan);
        planned.resources.extend(beside.resources().cloned());
        let mut differences = planned.differences(&observed);
        // What a node's own programs add is no deviation.
        let programs = lab.nodes.iter().filter(|node| !node.run.is_empty());
        let programs: BTreeSet<&str> = programs.map(|node| node.namespace.as_str()).collect();
        differences.retain(|difference| match difference {
            Difference::Missing(_) => true,
            Difference::Extra(it) => it.namespaces().all(|at| !programs.contains(at)),
        });
        let names: HashMap<&str, &str> =
            lab.nodes.iter().map(|node| (node.namespace.as_str(), node.name.as_str())).collect();
        let name = |namespace: &str| (*names.get(namespace).unwrap_or(&namespace)).to_owned();
        let deviations = Deviation::all(differences, name);
        let mut state = observed;
        // A kernel is not asked for rulesets, and that is no reason to take packets to pass. What programs
        // have added is among what was observed.
        let unasked =
            plan.resources().filter(|resource| matches!(resource, Resource::Ruleset { .. }));
        state.resources.extend(unasked.cloned());
        Self { plan, state, deviations }
    }

    /// The network as the kernel has it.
    pub fn network(&self) -> Network<'_> {
        Network::with_own_rules(&self.state.resources, &self.plan)
    }

    /// The network as it was built.
    pub fn planned(&self) -> Network<'_> {
        Network::of_plan(&self.plan)
    }

    /// All in which the kernel differs from what was built.
    pub fn deviations(&self) -> &[Deviation] {
        &self.deviations
    }

    /// The network as the kernel has it, but for some deviations that are mended.
    pub(super) fn mended(&self, which: &[usize]) -> Network<'_> {
        let mended = || which.iter().map(|place| &self.deviations[*place].found);
        let gone: BTreeSet<Key<'_>> = mended().map(|found| found.resource().key()).collect();
        let stays = self.state.resources.iter().filter(|it| !gone.contains(&it.key()));
        Network::with_own_rules(stays.chain(mended().filter_map(|found| found.built())), &self.plan)
    }

    pub(super) fn intention(&self) -> Intention<'_> {
        let steps = self.plan.steps();
        let places = steps.map(|step| (step.action.resource().key(), step.span)).collect();
        Intention { places }
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
  fw: {role: router, nft: 'table inet t { chain f { type filter hook forward priority 0; iifname eth0 drop; } }'}
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
        let beside = beside(&plan).unwrap();
        let mut observed = State::of(&plan);
        observed.resources.extend(beside.resources().cloned());
        observed.resources.retain(Resource::is_observed);
        let up = |namespace: &str| {
            let (namespace, device) = (namespace.to_owned(), "added".to_owned());
            Resource::Up { namespace, device }
        };
        observed.resources.extend([up("x-h1"), up("x-h2")]);
        let standing = Standing::new(&lab, plan, &beside, observed);
        let deviations: Vec<String> =
            standing.deviations().iter().map(Deviation::to_string).collect();
        let added = "added of h1 is up, which was not built";
        assert_eq!(deviations, [added]);
        let report = Report::of_standing(&lab, &standing);
        assert_eq!((report.proved, report.refuted, report.unknown), (0, 0, 2));
    }
}
