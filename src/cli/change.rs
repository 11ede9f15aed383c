//! What `vrflab impair` and `vrflab link` share: an interface of a lab that stands is changed.

use super::exit::{Exit, cannot, wrong};
use super::input;
use super::labs;
use super::output::err;
use super::place::{self, Kernel, Place, state_error};
use super::report;
use crate::compile::{InterfaceId, Lab, NodeId};
use crate::diagnostic::nearest;
use crate::document::LabName;
use crate::executor::{self, ChangeError};
use crate::plan::{Plan, lower_part};
use crate::state::{Built, Change, Lock, Record};
use std::collections::BTreeSet;

/// A lab and one of its interfaces, as on the command line: `[LAB] NODE:IF`, and what follows.
pub(super) struct Words<'a> {
    lab: Option<&'a str>,
    node: &'a str,
    interface: &'a str,
    /// What follows.
    pub rest: &'a [String],
}

impl<'a> Words<'a> {
    /// Reads the words.
    pub fn of(words: &'a [String]) -> Result<Self, Exit> {
        let (lab, place, rest) = match words {
            [place, rest @ ..] if place.contains(':') => (None, place, rest),
            [lab, place, rest @ ..] if place.contains(':') => (Some(lab.as_str()), place, rest),
            _ => return Err(wrong("name an interface, as in `r1:eth0`")),
        };
        let (node, interface) = place.split_once(':').expect("it has a colon");
        Ok(Self { lab, node, interface, rest })
    }

    /// `NODE:IF`.
    pub fn place(&self) -> String {
        format!("{}:{}", self.node, self.interface)
    }

    /// Finds the lab; where it is in the micro-VM, has the verb done there.
    pub fn find(&self, verb: &str, options: &[&str], kernel: Kernel) -> Result<LabName, Exit> {
        match labs::find(self.lab, Some(self.node), kernel)? {
            (lab, Place::Here) => Ok(lab),
            (lab, Place::Vm) => {
                let words = [verb, lab.as_str()].into_iter().map(str::to_owned);
                let line = words.chain([self.place()]).chain(self.rest.iter().cloned());
                let options = options.iter().map(|option| (*option).to_owned());
                Err(place::forward_verb(line.chain(options).map(Into::into).collect()))
            }
        }
    }
}

/// A lab whose record and lock are at hand, and one of its interfaces.
pub(super) struct Standing {
    lock: Lock,
    record: Record,
    built: Built,
    node: NodeId,
    /// What the interface is; a VRF device otherwise.
    interface: Option<InterfaceId>,
    name: String,
}

impl Standing {
    /// Takes the lock and finds the interface.
    pub fn open(lab: &LabName, words: &Words<'_>) -> Result<Self, Exit> {
        let lock = Lock::take(lab, || err!("{lab}: another vrflab is at work, waiting"))
            .map_err(state_error)?;
        let Some(record) = Record::load(lab).map_err(state_error)? else {
            lock.forget().map_err(state_error)?;
            return Err(wrong(format!("{lab} is down")));
        };
        place::standing(&record).map_err(wrong)?;
        let built = record.built().map_err(cannot)?;
        let Words { node, interface, .. } = words;
        let file = &built.lab;
        let node = file.node(node).ok_or_else(|| {
            let known = file.nodes.iter().map(|node| node.name.as_str());
            wrong(format!("{lab} has no node `{node}`{}", near(node, known)))
        })?;
        let name = (*interface).to_owned();
        let interface = file[node].interface(&name);
        if interface.is_none() && file[node].vrf(&name).is_none() {
            let vrfs = file[node].vrfs.iter().map(|vrf| vrf.name.as_str());
            let known = file[node].interfaces.iter().map(|it| it.name.as_str()).chain(vrfs);
            let near = near(&name, known);
            return Err(wrong(format!("`{}` has no interface `{name}`{near}", words.node)));
        }
        Ok(Self { lock, record, built, node, interface, name })
    }

    /// Whether the interface is up, as the file says.
    pub fn is_up_in_file(&self) -> bool {
        let node = &self.built.lab[self.node];
        match self.interface {
            Some(interface) => node.interfaces[interface.0].up,
            None => node.vrf(&self.name).is_none_or(|vrf| vrf.up),
        }
    }

    /// Whether the interface is a VRF device.
    pub fn is_vrf(&self) -> bool {
        self.interface.is_none()
    }

    /// Changes what the record says of the interface, and then the kernel; returns how many routes
    /// came and went. `heal` brings back, at both ends of the link, what the kernel dropped.
    pub fn change(mut self, heal: bool, change: impl FnOnce(&mut Change)) -> Result<usize, Exit> {
        let lab = self.record.lab().clone();
        let before = self.record.clone();
        let node = self.built.lab[self.node].name.as_str();
        change(self.record.change(node, &self.name));
        self.record.changes.retain(|change| !change.is_nothing());
        let far = self.interface.and_then(|it| self.built.lab.peer(self.node, it));
        let ends = [Some(self.node), far.map(|(far, _)| far).filter(|_| heal)];
        let ends: BTreeSet<NodeId> = ends.into_iter().flatten().collect();
        let namespace = |id: &NodeId| self.built.lab[*id].namespace.clone();
        let healed = if heal { ends.iter().map(namespace).collect() } else { BTreeSet::new() };
        let plans = self.plans(&before, ends)?;
        let namespaces = plans.before.namespaces();
        if let Some(foreign) = executor::foreign(&before.footprint, namespaces).map_err(cannot)? {
            return Err(cannot(format!("the namespace `{foreign}` is not this lab's")));
        }
        // Whoever is killed in between leaves a record of what was wanted.
        self.record.store(&self.lock).map_err(state_error)?;
        let change = executor::Change {
            mark: &self.record.footprint.mark,
            namespaces: &self.record.footprint.namespaces,
            before: &plans.before,
            after: &plans.after,
            healed: &healed,
        };
        executor::change(&self.lock, &change).map_err(|error| {
            if let Err(error) = before.store(&self.lock) {
                err!("{lab}: its record says otherwise, and cannot be written: {error}");
            }
            match error {
                ChangeError::Io(error) => cannot(error),
                ChangeError::Plan(error) => cannot(error),
                ChangeError::Refused { step, reason, stuck } => {
                    let source = &self.built.source;
                    let refused = executor::refused_in(&step, &reason, source);
                    report::print(&[refused], source);
                    match stuck.as_deref() {
                        None => err!("{lab}: the change was rolled back"),
                        Some((step, reason)) => err!(
                            "{lab}: the change could not be rolled back whole: {reason} \
                             (`{}`); `vrflab reset {lab}` builds it anew",
                            step.action
                        ),
                    }
                    Exit::Refused
                }
            }
        })
    }

    /// What the nodes that a change is about stand as, and what they are to be: those at `ends`, and,
    /// where routes are led another way, all that differ then.
    fn plans(&mut self, before: &Record, ends: BTreeSet<NodeId>) -> Result<Plans, Exit> {
        let lower = |lab: &Lab, part| lower_part(lab, part).map_err(cannot);
        let failed = input::failed_links;
        if failed(&before.changes) == failed(&self.record.changes) {
            let lab = self.built.rerouted.as_mut().unwrap_or(&mut self.built.lab);
            let as_in_file = lab[self.node].clone();
            before.changes.iter().for_each(|change| change.apply(lab));
            let before = lower(lab, &ends)?;
            lab[self.node] = as_in_file;
            for change in &self.record.changes {
                if change.node_in(lab) == Some(self.node) {
                    change.apply(lab);
                }
            }
            return Ok(Plans { before, after: lower(lab, &ends)? });
        }
        let rerouted = input::rerouted(&self.built, &self.record.changes)?;
        let now = self.built.clone().standing(&before.changes);
        self.built.rerouted = rerouted;
        self.record.keep(&self.built, &self.lock).map_err(state_error)?;
        let after = self.built.clone().standing(&self.record.changes);
        let differ = |id: &NodeId| now[*id] != after[*id];
        let part = (0..now.nodes.len()).map(NodeId).filter(differ).chain(ends).collect();
        Ok(Plans { before: lower(&now, &part)?, after: lower(&after, &part)? })
    }
}

/// What some nodes stand as, and what they are to be.
struct Plans {
    before: Plan,
    after: Plan,
}

fn near<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    nearest(word, known).map_or(String::new(), |near| format!("; did you mean `{near}`?"))
}
