//! A lab that stands: what its kernel holds, in what that differs from what was built, and what was changed on
//! purpose.

use super::change::{Change, Changes, Undone};
use super::deviation::{Deviation, Found};
use crate::compile::Lab;
use crate::diagnostic::Span;
use crate::forward::{End, Network, Outcome};
use crate::plan::{Difference, Key, Plan, PlanError, Resource, State, Step};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::OnceLock;

/// What a lab was built by, what its kernel holds, and in what the two differ.
#[derive(Debug)]
pub struct Standing {
    plan: Plan,
    state: State,
    /// The routes that the kernel made for addresses and that are not there.
    lacking: BTreeSet<Resource>,
    deviations: Vec<Deviation>,
    changes: Changes,
    /// What each change is when it is taken back, and behind them what all are together.
    undone: OnceLock<Vec<Undone>>,
}

/// The places in the file of what was built.
#[derive(Debug, Default)]
pub(super) struct Intention<'n> {
    built: BTreeMap<Key<'n>, (&'n Resource, Span)>,
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
    /// A lab, its plan, what was asked for [beside] it, what was observed of all that, and the routes that the
    /// kernel made for addresses and lacks.
    pub fn new(
        lab: &Lab,
        plan: Plan,
        beside: &Plan,
        observed: State,
        lacking: BTreeSet<Resource>,
    ) -> Self {
        let mut planned = State::of(&plan);
        planned.resources.extend(beside.resources().cloned());
        let mut differences = planned.differences(&observed);
        differences.extend(lacking.iter().cloned().map(Difference::Missing));
        // Of a ruleset that was changed it is known that it is another one.
        let is_ruleset = |it: &&Resource| matches!(it, Resource::Ruleset { .. });
        let others = observed.resources.iter().filter(is_ruleset);
        let others: BTreeSet<Key<'_>> = others.map(Resource::key).collect();
        let (changed, unasked): (Vec<&Resource>, Vec<&Resource>) =
            plan.resources().filter(is_ruleset).partition(|it| others.contains(&it.key()));
        differences.extend(changed.into_iter().cloned().map(Difference::Missing));
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
        let is_there = |namespace: &str, device: &str| has_device(&observed, namespace, device);
        let deviations = Deviation::all(differences, name, is_there);
        // A kernel is not asked for rulesets, and that is no reason to take packets to pass. What programs
        // have added is among what was observed.
        let unasked: Vec<Resource> = unasked.into_iter().cloned().collect();
        let mut state = observed;
        state.resources.extend(unasked);
        let (changes, undone) = (Changes::default(), OnceLock::new());
        Self { plan, state, lacking, deviations, changes, undone }
    }

    /// The same, with what was changed since it came up; that is part of the lab and its plan.
    pub fn with_changes(mut self, changes: Changes) -> Self {
        self.changes = changes;
        self
    }

    /// The network as the kernel has it.
    pub fn network(&self) -> Network<'_> {
        Network::with_own_rules(&self.state.resources, &self.lacking, &self.plan)
    }

    /// The network as it was built.
    pub fn planned(&self) -> Network<'_> {
        Network::of_plan(&self.plan)
    }

    /// What the kernel holds.
    pub(super) fn observed(&self) -> impl Iterator<Item = &Resource> {
        self.state.resources.iter()
    }

    /// Whether something is left of a device, by its namespace and name.
    pub(super) fn has_device(&self, namespace: &str, device: &str) -> bool {
        has_device(&self.state, namespace, device)
    }

    /// What was built.
    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// All in which the kernel differs from what was built.
    pub fn deviations(&self) -> &[Deviation] {
        &self.deviations
    }

    /// What was changed on purpose since it came up.
    pub(super) fn changes(&self) -> impl ExactSizeIterator<Item = &Change> {
        self.changes.each.iter().map(|(change, _)| change)
    }

    /// The network as the kernel has it, but for some deviations that are mended and some changes that are taken
    /// back.
    pub(super) fn mended(&self, which: &[usize], changes: &[usize]) -> Network<'_> {
        let mended = || which.iter().map(|place| &self.deviations[*place].found);
        let gone = mended().flat_map(Found::keys).map(|key| (key, None));
        // What the kernel makes by itself, the model does too.
        let is_own = |it: &&Resource| self.lacking.contains(*it);
        let built = mended().filter_map(Found::built).filter(|it| !is_own(it));
        let built = built.map(|it| (it.key(), Some(it)));
        // What a change brought about is not built without it.
        let undone = self.undone(changes).flat_map(Undone::outcome);
        let outcome: BTreeMap<Key<'_>, Option<&Resource>> =
            gone.chain(built).chain(undone).collect();
        let stays = self.state.resources.iter().filter(|it| !outcome.contains_key(&it.key()));
        let lacking = self.lacking.iter().filter(|it| !outcome.contains_key(&it.key()));
        let resources = stays.chain(outcome.values().copied().flatten());
        Network::with_own_rules(resources, lacking, &self.plan)
    }

    /// What some changes are when they are taken back.
    fn undone(&self, changes: &[usize]) -> impl Iterator<Item = &Undone> {
        let Changes { each, without } = &self.changes;
        // Those that are taken back together can be more than each alone: routes led round both of two links.
        let are_all = !changes.is_empty() && changes.len() == each.len();
        let undone = self.undone.get_or_init(|| {
            let labs = each.iter().map(|(_, without)| without).chain(without);
            labs.map(|without| Undone::of(&self.plan, without)).collect()
        });
        let some = if are_all { &[] } else { changes };
        some.iter().map(|place| &undone[*place]).chain(undone.last().filter(|_| are_all))
    }

    pub(super) fn intention(&self) -> Intention<'_> {
        let steps = self.plan.steps().map(|step| (step.action.resource(), step.span));
        Intention { built: steps.map(|built| (built.0.key(), built)).collect() }
    }
}

impl Intention<'_> {
    /// Whether there is one: whether the network was observed.
    pub fn is_there(&self) -> bool {
        !self.built.is_empty()
    }

    /// The place in the file of something that was observed; nothing where it was not built.
    pub fn place(&self, resource: &Resource) -> Option<Span> {
        self.built.get(&resource.key()).map(|(_, span)| *span)
    }

    /// Whether something that was observed is there in another form than it was built in.
    pub fn is_changed(&self, resource: &Resource) -> bool {
        self.built.get(&resource.key()).is_some_and(|(built, _)| *built != resource)
    }
}

/// Whether a device is up or has an address: of an end of a link that is not joined to the other there is nothing
/// else to be seen.
fn has_device(state: &State, namespace: &str, name: &str) -> bool {
    let mut resources = state.resources.iter();
    resources.any(|resource| {
        if let Resource::Up { namespace: at, device }
        | Resource::Address { namespace: at, device, .. } = resource
        {
            (at.as_str(), device.as_str()) == (namespace, name)
        } else {
            false
        }
    })
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
#[path = "standing_tests.rs"]
mod tests;
