//! Changing an interface of a lab that stands: bringing it down and up, making it slow or lossy.

use super::definition::{CompileError, leave_out_commands};
use super::error::{OpenError, own, standing};
use super::exec::did_you_mean;
use super::observer::Observer;
use super::running::RunningLab;
use crate::compile::{self, Check, InterfaceId, Lab, NodeId, compile_source};
use crate::diagnostic::{Source, nearest};
use crate::document::{DeviceName, Files, LabName, Limits, NodeName};
use crate::executor::{self, IsInterrupted};
use crate::iproute::{Netem, Tbf};
use crate::plan::{Plan, PlanError, lower, lower_part};
use crate::state::{Built, Change, LinkChange, Lock, Record};
use crate::verify::beside;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;

/// What is done to what an interface sends.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Impairment {
    /// What it loses and delays; as it is where there is none.
    pub netem: Option<Netem>,
    /// How fast it is; as it is where there is none.
    pub tbf: Option<Tbf>,
}

/// What came of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changed {
    /// How many routes came and went.
    pub routes: usize,
    /// Whether the interface is a VRF device, and no end of a link.
    pub is_vrf: bool,
}

/// Why a lab was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// It cannot be worked on.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It has no such node.
    #[error("{lab} has no node `{node}`{}", did_you_mean(.near))]
    NoNode {
        /// The lab.
        lab: LabName,
        /// What was asked for.
        node: String,
        /// What may be meant.
        near: Option<String>,
    },
    /// The node has no such interface.
    #[error("`{node}` has no interface `{interface}`{}", did_you_mean(.near))]
    NoInterface {
        /// The node.
        node: String,
        /// What was asked for.
        interface: String,
        /// What may be meant.
        near: Option<String>,
    },
    /// No routes can be led round it.
    #[error("{node}:{interface} is a VRF device, and no link to lead routes round")]
    NoLink {
        /// The node.
        node: String,
        /// The VRF.
        interface: String,
    },
    /// With the links that failed the file is none of a lab.
    #[error(transparent)]
    Wrong(CompileError),
    /// The lab is no plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// It cannot be told what the lab's commands made and what somebody changed.
    #[error(
        "{0} runs commands, whose changes cannot be told from yours; `vrflab reset {0}` builds it anew"
    )]
    RunsCommands(LabName),
    /// The kernel refused, or the change was interrupted, and the lab is as it was, or could not be brought
    /// there.
    #[error("{error}")]
    Refused {
        /// What was said.
        #[source]
        error: executor::ChangeError,
        /// The file.
        file: Source,
        /// Why the record says otherwise, where it does.
        unrecorded: Option<io::Error>,
    },
}

impl RunningLab {
    /// Brings an interface, an end of a link as a rule, up or down. What comes up gets back, at both
    /// ends of the link, what the kernel dropped with it.
    ///
    /// # Errors
    /// Why it was not changed.
    pub fn link(
        &mut self,
        node: &str,
        interface: &str,
        link: LinkChange,
        observer: &mut impl Observer,
    ) -> Result<Changed, ChangeError> {
        self.change(node, interface, observer, |port, change| {
            if link == LinkChange::DownAndRerouted && port.interface.is_none() {
                let (node, interface) = (node.to_owned(), interface.to_owned());
                return Err(ChangeError::NoLink { node, interface });
            }
            let up = link == LinkChange::Up;
            let as_in_file = port.is_up_in_file == up && link != LinkChange::DownAndRerouted;
            change.link = (!as_in_file).then_some(link);
            Ok(up)
        })
    }

    /// Makes what an interface sends slow or lossy; without an impairment it is as the file says.
    ///
    /// # Errors
    /// Why it was not changed.
    pub fn impair(
        &mut self,
        node: &str,
        interface: &str,
        impairment: Option<&Impairment>,
        observer: &mut impl Observer,
    ) -> Result<Changed, ChangeError> {
        self.change(node, interface, observer, |_, change| {
            match impairment {
                None => (change.netem, change.tbf) = (None, None),
                Some(Impairment { netem, tbf }) => {
                    change.netem = netem.as_ref().map(Netem::to_string).or(change.netem.take());
                    change.tbf = tbf.as_ref().map(Tbf::to_string).or(change.tbf.take());
                }
            }
            Ok(false)
        })
    }

    /// Brings the lab back to what its file said when it came up, by the steps in which it differs from
    /// that. Returns how many there were. What runs in its nodes goes on; what no file of a lab can say
    /// stays too, such as devices of other kinds.
    ///
    /// # Errors
    /// Why it was not brought back; it stands as it was.
    pub fn heal(&mut self, observer: &mut impl Observer) -> Result<usize, ChangeError> {
        let name = self.name().clone();
        let held = self.lock.is_some();
        let lock = match self.lock.take() {
            Some(lock) => lock,
            None => Self::lock(&name, observer)?,
        };
        let healed = healed(&name, &lock, &|| observer.is_interrupted());
        self.lock = held.then_some(lock);
        let (record, count) = healed?;
        self.record = record;
        Ok(count)
    }

    /// Changes what the record says of an interface, and then the kernel. `change` says whether what the
    /// kernel dropped is brought back.
    fn change(
        &mut self,
        node: &str,
        interface: &str,
        observer: &mut impl Observer,
        change: impl FnOnce(&Port, &mut Change) -> Result<bool, ChangeError>,
    ) -> Result<Changed, ChangeError> {
        let name = self.name().clone();
        let held = self.lock.is_some();
        let lock = match self.lock.take() {
            Some(lock) => lock,
            None => Self::lock(&name, observer)?,
        };
        let record = standing(&name)?;
        let built = record.built().map_err(OpenError::Built)?;
        let port = Port::find(&built.lab, node, interface)?;
        let is_interrupted = || observer.is_interrupted();
        let before = record.clone();
        let mut changing =
            Changing { lock: &lock, before, record, built, port, is_interrupted: &is_interrupted };
        let changed = changing.change(change);
        let Changing { record, before, built, .. } = changing;
        self.record = if changed.is_ok() { record } else { before };
        self.built = self.built.take().filter(|_| changed.is_err()).map(|_| built);
        self.lock = held.then_some(lock);
        changed
    }
}

/// Heals a lab; returns its record, and how many steps that took.
fn healed(
    name: &LabName,
    lock: &Lock,
    is_interrupted: IsInterrupted<'_>,
) -> Result<(Record, usize), ChangeError> {
    let before = standing(name)?;
    let mut built = before.built().map_err(OpenError::Built)?;
    if built.lab.nodes.iter().any(|node| !node.run.is_empty()) {
        return Err(ChangeError::RunsCommands(name.clone()));
    }
    own(&before.footprint, &before.footprint.namespaces)?;
    let plan = lower(&built.lab)?;
    let beside = beside(&plan)?;
    let mut record = before.clone();
    record.changes.clear();
    if built.rerouted.take().is_some() {
        record.keep(&built, lock).map_err(OpenError::from)?;
    }
    // Whoever is killed in between leaves a record of what was wanted.
    record.store(lock).map_err(OpenError::from)?;
    let change = executor::Change {
        mark: &record.footprint.mark,
        namespaces: &record.footprint.namespaces,
        before: &beside,
        after: &plan,
        healed: &BTreeSet::new(),
    };
    match executor::heal(lock, &change, is_interrupted) {
        Ok(count) => Ok((record, count)),
        Err(error) => {
            let unrecorded = before.store(lock).err();
            Err(ChangeError::Refused { error, file: built.source, unrecorded })
        }
    }
}

/// An interface, or a VRF device, of a lab.
struct Port {
    node: NodeId,
    /// A VRF device otherwise.
    interface: Option<InterfaceId>,
    name: String,
    is_up_in_file: bool,
}

impl Port {
    fn find(lab: &Lab, node: &str, interface: &str) -> Result<Self, ChangeError> {
        let near = |word: &str, known: &mut dyn Iterator<Item = &str>| {
            nearest(word, known).map(str::to_owned)
        };
        let id = lab.node(node).ok_or_else(|| {
            let near = near(node, &mut lab.nodes.iter().map(|node| node.name.as_str()));
            ChangeError::NoNode { lab: lab.name.clone(), node: node.to_owned(), near }
        })?;
        let here = &lab[id];
        let (known, vrf) = (here.interface(interface), here.vrf(interface));
        let is_up_in_file = match (known, vrf) {
            (Some(known), _) => here.interfaces[known.0].up,
            (None, Some(vrf)) => vrf.up,
            (None, None) => {
                let vrfs = here.vrfs.iter().map(|vrf| vrf.name.as_str());
                let mut known = here.interfaces.iter().map(|it| it.name.as_str()).chain(vrfs);
                let near = near(interface, &mut known);
                let (node, interface) = (node.to_owned(), interface.to_owned());
                return Err(ChangeError::NoInterface { node, interface, near });
            }
        };
        Ok(Self { node: id, interface: known, name: interface.to_owned(), is_up_in_file })
    }
}

/// A change under way.
struct Changing<'a> {
    lock: &'a Lock,
    before: Record,
    /// What is to be recorded.
    record: Record,
    built: Built,
    port: Port,
    is_interrupted: IsInterrupted<'a>,
}

/// What some nodes stand as, and what they are to be.
struct Plans {
    before: Plan,
    after: Plan,
}

impl Changing<'_> {
    fn change(
        &mut self,
        change: impl FnOnce(&Port, &mut Change) -> Result<bool, ChangeError>,
    ) -> Result<Changed, ChangeError> {
        let Port { node, interface, name, .. } = &self.port;
        let (node, is_vrf) = (*node, interface.is_none());
        let heal =
            change(&self.port, self.record.change(self.built.lab[node].name.as_str(), name))?;
        self.record.changes.retain(|change| !change.is_nothing());
        let far = interface.and_then(|it| self.built.lab.peer(node, it));
        let ends = [Some(node), far.map(|(far, _)| far).filter(|_| heal)];
        let ends: BTreeSet<NodeId> = ends.into_iter().flatten().collect();
        let namespace = |id: &NodeId| self.built.lab[*id].namespace.clone();
        let healed = if heal { ends.iter().map(namespace).collect() } else { BTreeSet::new() };
        let plans = self.plans(ends)?;
        own(&self.before.footprint, plans.before.namespaces())?;
        // Whoever is killed in between leaves a record of what was wanted.
        self.record.store(self.lock).map_err(OpenError::from)?;
        let change = executor::Change {
            mark: &self.record.footprint.mark,
            namespaces: &self.record.footprint.namespaces,
            before: &plans.before,
            after: &plans.after,
            healed: &healed,
        };
        let routes =
            executor::change(self.lock, &change, self.is_interrupted).map_err(|error| {
                let unrecorded = self.before.store(self.lock).err();
                ChangeError::Refused { error, file: self.built.source.clone(), unrecorded }
            })?;
        Ok(Changed { routes, is_vrf })
    }

    /// What the nodes that a change is about stand as, and what they are to be: those at `ends`, and,
    /// where routes are led another way, all that differ then.
    fn plans(&mut self, ends: BTreeSet<NodeId>) -> Result<Plans, ChangeError> {
        let node = self.port.node;
        if failed_links(&self.before.changes) == failed_links(&self.record.changes) {
            let lab = self.built.rerouted.as_mut().unwrap_or(&mut self.built.lab);
            let as_in_file = lab[node].clone();
            self.before.changes.iter().for_each(|change| change.apply(lab));
            let before = lower_part(lab, &ends)?;
            lab[node] = as_in_file;
            for change in &self.record.changes {
                if change.node_in(lab) == Some(node) {
                    change.apply(lab);
                }
            }
            return Ok(Plans { before, after: lower_part(lab, &ends)? });
        }
        let rerouted = rerouted(&self.built, &self.record.changes)?;
        let now = self.built.clone().standing(&self.before.changes);
        self.built.rerouted = rerouted;
        self.record.keep(&self.built, self.lock).map_err(OpenError::from)?;
        let after = self.built.clone().standing(&self.record.changes);
        let differ = |id: &NodeId| now[*id] != after[*id];
        let part = (0..now.nodes.len()).map(NodeId).filter(differ).chain(ends).collect();
        Ok(Plans { before: lower_part(&now, &part)?, after: lower_part(&after, &part)? })
    }
}

/// The lab of a file whose routes lead round the links that were brought down so; nothing where no such
/// link is.
pub(super) fn rerouted(built: &Built, changes: &[Change]) -> Result<Option<Lab>, ChangeError> {
    let down = failed_links(changes);
    if down.is_empty() {
        return Ok(None);
    }
    let (source, whole) = (&built.source, &built.lab);
    let options = compile::Options {
        name: Some(whole.name.clone()),
        files: Some(Files::Kept(whole.files())),
        failed_links: down.clone(),
        kept_allocations: whole.allocations.clone(),
        // It was made already, under whatever limits.
        limits: Limits::none(),
    };
    let (lab, diagnostics) = compile_source(source, built.format, &whole.name, &options);
    let Some(mut lab) = lab else {
        return Err(ChangeError::Wrong(CompileError { file: source.clone(), diagnostics }));
    };
    if whole.nodes.iter().all(|node| node.run.is_empty()) {
        leave_out_commands(&mut lab);
    }
    // What must hold is what had to when every link was up; synthetic checks do not ask for the
    // addresses that went down with a link.
    let gone = addresses_of(whole, &down);
    let asked = |check: &&Check| {
        // A synthetic check has the place of its sender; one of the file stays as it is.
        check.span != whole[check.from.node].span
            || check.to.addresses().iter().all(|address| !gone.contains(address))
    };
    lab.checks = whole.checks.iter().filter(asked).cloned().collect();
    lab.sample.clone_from(&whole.sample);
    Ok(Some(lab))
}

/// The interfaces round whose links routes are led.
fn failed_links(changes: &[Change]) -> Vec<(NodeName, DeviceName)> {
    let down = changes.iter().filter(|change| change.link == Some(LinkChange::DownAndRerouted));
    down.filter_map(|change| {
        Some((NodeName::new(&change.node)?, DeviceName::new(&change.interface)?))
    })
    .collect()
}

/// The addresses at both ends of the links of interfaces.
fn addresses_of(lab: &Lab, interfaces: &[(NodeName, DeviceName)]) -> BTreeSet<IpAddr> {
    let near = interfaces.iter().filter_map(|(node, interface)| {
        let node = lab.node(node.as_str())?;
        Some((node, lab[node].interface(interface.as_str())?))
    });
    near.flat_map(|(node, interface)| [Some((node, interface)), lab.peer(node, interface)])
        .flatten()
        .flat_map(|(node, interface)| &lab[node].interfaces[interface.0].addresses)
        .map(|address| address.value.addr())
        .collect()
}
