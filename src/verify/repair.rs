//! What brings a kernel back to what was built, as commands.

use super::culprits::Cause;
use super::deviation::{Deviation, Found, mtu};
use super::standing::Standing;
use crate::compile::Lab;
use crate::plan::{Action, Key, Resource, State, between};
use std::collections::BTreeSet;

/// How many commands mend one by one.
const MAX_COMMANDS: usize = 4;

impl Standing {
    /// The commands that bring back what was built, and then those that take changes back.
    pub fn mending(&self, lab: &Lab, cause: &Cause) -> Vec<String> {
        let Cause { deviations, along, changes, mend: _ } = cause;
        let all: Vec<&Deviation> = deviations.iter().chain(along).collect();
        let undo = changes.iter().flat_map(|it| it.undo.iter().cloned());
        if all.is_empty() {
            return undo.collect();
        }
        let commands = self.repairs(lab, &all).filter(|it| it.len() <= MAX_COMMANDS);
        let commands = commands.unwrap_or_else(|| {
            let runs = lab.nodes.iter().any(|node| !node.run.is_empty());
            let is_in_place = !runs && all.iter().all(|it| self.is_undone_in_place(it));
            let in_place = if is_in_place { " --in-place" } else { "" };
            vec![format!("vrflab reset {}{in_place}", lab.name)]
        });
        commands.into_iter().chain(undo).collect()
    }

    /// What undoes some deviations, as a user types it, in the order in which the kernel takes it; nothing where
    /// no commands do.
    pub(super) fn repairs(&self, lab: &Lab, deviations: &[&Deviation]) -> Option<Vec<String>> {
        let (mut actions, mut gone, mut built) = (Vec::new(), BTreeSet::new(), Vec::new());
        for deviation in deviations {
            if let Some((mtu, _)) = deviation.found.built_and_found().and_then(|(b, f)| mtu(b, f)) {
                actions.push(Action::Add(mtu));
            } else if deviation.found.is_of_commands() {
                gone.extend(deviation.found.keys());
                built.extend(deviation.found.built());
            } else {
                return None;
            }
        }
        actions.extend(self.way(&gone, &built)?);
        actions.iter().map(|action| typed(lab, action)).collect()
    }

    /// Whether bringing the lab back in place undoes a deviation: a ruleset that is not the lab's stays, and a link
    /// cannot be made anew beside an end that is left of it.
    fn is_undone_in_place(&self, deviation: &Deviation) -> bool {
        match &deviation.found {
            Found::Unexpected(Resource::Ruleset { .. }) => false,
            Found::Missing(Resource::Veth { ends }) => {
                !ends.iter().any(|end| self.has_device(&end.namespace, &end.name))
            }
            Found::Missing(_) | Found::Unexpected(_) | Found::Changed { .. } => true,
        }
    }

    /// The actions after which there is what was built in the place of what has these keys.
    fn way(&self, gone: &BTreeSet<Key<'_>>, built: &[&Resource]) -> Option<Vec<Action>> {
        let at: BTreeSet<&str> = gone.iter().map(Key::namespace).collect();
        let is_near = |it: &&Resource| {
            matches!(it, Resource::Namespace { .. }) || it.namespaces().any(|it| at.contains(it))
        };
        let before = self.observed().filter(is_near).cloned();
        let before = State { resources: before.collect() };
        let stays = before.resources.iter().filter(|it| !gone.contains(&it.key()));
        let after = stays.chain(built.iter().copied()).cloned();
        let after = State { resources: after.collect() };
        let plan = between(&before, &after, &[self.plan()]).ok()?;
        Some(plan.steps().map(|step| step.action.clone()).collect())
    }
}

impl Found {
    /// The keys of what was built and of what is there instead.
    pub(super) fn keys(&self) -> impl Iterator<Item = Key<'_>> {
        let instead = self.built_and_found().map(|(_, found)| found.key());
        std::iter::once(self.resource().key()).chain(instead)
    }

    /// What was built, and the other form in which it is there.
    fn built_and_found(&self) -> Option<(&Resource, &Resource)> {
        match self {
            Found::Changed { built, found } => Some((built, found)),
            Found::Missing(_) | Found::Unexpected(_) => None,
        }
    }

    /// Whether commands in nodes undo it: both ends of a link are made at once, and a device that is made anew
    /// takes along what is on it.
    fn is_of_commands(&self) -> bool {
        match self {
            Found::Missing(built) => {
                !matches!(built, Resource::Veth { .. } | Resource::Namespace { .. })
            }
            Found::Unexpected(_) => true,
            Found::Changed { built, found } => {
                found.is_replaced_by(built) || built.devices().is_empty()
            }
        }
    }
}

/// An action as a user types it.
fn typed(lab: &Lab, action: &Action) -> Option<String> {
    let mut action = action.clone();
    match &mut action {
        // It is made where nothing is.
        Action::Replace { resource, before: None } => action = Action::Add(resource.clone()),
        // A setting that was read is one that the kernel knows.
        Action::Replace { resource: Resource::Sysctl { optional, .. }, .. } => *optional = false,
        Action::Add(_) | Action::Delete(_) | Action::Replace { .. } => {}
    }
    let namespace = action.namespace();
    let node = lab.nodes.iter().find(|node| node.namespace == namespace)?;
    let text = action.to_string();
    let inside = match text.strip_prefix(&format!("ip netns exec {namespace} ")) {
        Some(command) => command.to_owned(),
        None => text.replace(&format!(" -n {namespace} "), " "),
    };
    // A key stands in no command.
    let is_plain = inside.len() < text.len() && !inside.contains('$');
    is_plain.then(|| format!("vrflab exec {} {} -- {inside}", lab.name, node.name))
}
