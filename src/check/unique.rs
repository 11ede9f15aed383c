//! Whether an address has one owner: who else answers for it on its link, or to a probe.

use super::path::{Leg, Trail};
use super::probe::Probe;
use super::run::Run;
use super::sockets;
use crate::compile::{Check, Lab, NodeId, Target};
use crate::kernel::{Mac, Solicitation, interfaces};
use std::collections::BTreeSet;
use std::io;
use std::time::{Duration, Instant};

/// How long answers are listened for at the least.
const WINDOW: Duration = Duration::from_millis(500);

/// What was asked on the link where a probe came to its target.
#[derive(Debug)]
pub(super) struct Inquiry {
    /// Until when answers are listened for.
    pub(super) until: Instant,
    /// The question; none where the target is on no link, or why it could not be put.
    asked: Option<io::Result<Solicitation>>,
    /// The hardware addresses on the link, and whose they are.
    owners: Vec<(Mac, NodeId)>,
    /// Which of them, or of others, have answered.
    answers: BTreeSet<Mac>,
}

impl Inquiry {
    /// Who has answered, and whose the hardware address is, where that is a node's.
    pub(super) fn responders(&self) -> impl Iterator<Item = (Mac, Option<NodeId>)> {
        self.answers.iter().map(|mac| {
            let owner = self.owners.iter().find(|(known, _)| known == mac);
            (*mac, owner.map(|(_, node)| *node))
        })
    }
}

impl Run<'_> {
    /// Asks who has the target of a probe that was answered, from where it was sent to it.
    pub(super) fn inquire(&mut self, place: usize) {
        let check = self.check(place);
        let probe = &self.probes[place];
        let answered = probe.answered(check).last();
        let hop = answered.and_then(|attempt| {
            Trail::new(self.lab, &attempt.sightings, Leg::Forth).last_hop().cloned()
        });
        let mut wait = WINDOW.max(self.slowest * 2);
        let mut owners = Vec::new();
        let asked = hop.map(|hop| {
            wait += self.delays.at(hop.node);
            owners = self.owners(hop.node, &hop.interface);
            sockets::enter(self.worker, self.lab, hop.node)?;
            Solicitation::send(self.worker, &hop.interface, self.probes[place].to)
        });
        let until = Instant::now() + wait;
        let answers = BTreeSet::new();
        self.probes[place].inquiry = Some(Inquiry { until, asked, owners, answers });
    }

    /// The hardware addresses on the link of an interface.
    fn owners(&mut self, node: NodeId, interface: &str) -> Vec<(Mac, NodeId)> {
        let Some(id) = self.lab[node].interface(interface) else { return Vec::new() };
        let mut owners = Vec::new();
        for (node, port) in self.lab.neighbours(node, id) {
            let name = self.lab[node].interfaces[port.0].name.as_str();
            let entered = sockets::enter(self.worker, self.lab, node);
            let known = entered.and_then(|()| interfaces(self.worker)).unwrap_or_default();
            owners.extend(known.get(name).and_then(|state| Some((state.mac?, node))));
        }
        owners
    }

    /// Reads who has answered for the targets of these probes.
    pub(super) fn hear(&mut self, flying: &[usize]) -> io::Result<()> {
        for &place in flying {
            if let Some(inquiry) = &mut self.probes[place].inquiry
                && let Some(Ok(asked)) = &inquiry.asked
            {
                inquiry.answers.extend(asked.answers()?);
            }
        }
        Ok(())
    }
}

impl Probe {
    /// Why the target is not the only one, in a sentence.
    pub(super) fn others(&self, lab: &Lab, check: &Check) -> Option<String> {
        let inquiry = self.inquiry.as_ref()?;
        let to = self.to;
        if let Some(Err(error)) = &inquiry.asked {
            return Some(format!("nobody could be asked on its link who has {to}: {error}"));
        }
        let named = |(mac, node): (Mac, Option<NodeId>)| match node {
            Some(node) => format!("{} ({})", lab[node].name, print(mac)),
            None => print(mac),
        };
        let responders: Vec<String> = inquiry.responders().map(named).collect();
        if responders.len() > 1 {
            return Some(format!("{to} is answered for by {}", list(&responders)));
        }
        if let Some(extra) = self.answered(check).map(|attempt| attempt.duplicates).max()
            && extra > 0
        {
            return Some(format!("{} answers came to one probe", extra + 1));
        }
        if !self.strangers.is_empty() {
            let from: Vec<String> = self.strangers.iter().map(|from| from.to_string()).collect();
            return Some(format!("answers came from {} too", list(&from)));
        }
        let mut taken: BTreeSet<NodeId> = BTreeSet::new();
        for attempt in self.judged(check) {
            let forth = Trail::new(lab, &attempt.sightings, Leg::Forth);
            let owners = lab.holders(to).into_iter().map(|(node, ..)| node);
            taken.extend(owners.filter(|node| forth.arrived(*node, None)));
        }
        match &check.to {
            Target::Node { node, .. } => _ = taken.insert(*node),
            Target::Address(_) | Target::OnLink { .. } => {}
        }
        let names: Vec<String> = taken.iter().map(|node| lab[*node].name.to_string()).collect();
        (names.len() > 1).then(|| format!("it arrived at {}", list(&names)))
    }
}

/// A hardware address as it is usually written.
pub(super) fn print(mac: Mac) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}

fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [others @ .., last] => format!("{} and {last}", others.join(", ")),
    }
}
