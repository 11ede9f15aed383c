//! How far a build is: a bar on a terminal, plain lines elsewhere. What else is said meanwhile.

use super::interrupt::Interrupt;
use super::output::{err, out};
use super::{count, neighbours};
use crate::compile::{Lab, Node};
use crate::document::LabName;
use crate::kernel::{forwarded_packets_match_rules_by_vrf, on_worker};
use crate::lifecycle::{Observer, Progress};
use crate::plan::{Action, Resource, Transport};
use crate::state::Phase;
use indicatif::{ProgressBar, ProgressStyle};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// Says that a lab is waited for, and no more.
pub(super) struct Waiting;

impl Observer for Waiting {
    fn waiting(&mut self, lab: &LabName) {
        err!("{lab}: another vrflab is at work, waiting");
    }
}

/// Tells of a build and of checks, until a signal comes.
pub(super) struct Watch<'a> {
    interrupt: &'a Interrupt,
    bar: ProgressBar,
    begun: Instant,
    /// Whether it is said what of the host and its kernel the lab may run into.
    with_advice: bool,
    /// Whether it is said that checks are retried.
    with_retries: bool,
}

impl<'a> Watch<'a> {
    /// Of a lab that comes up.
    pub fn of_up(interrupt: &'a Interrupt) -> Self {
        Self { with_advice: true, ..Self::of_reset(interrupt) }
    }

    /// Of a lab that is built anew.
    pub fn of_reset(interrupt: &'a Interrupt) -> Self {
        let (bar, begun) = (ProgressBar::hidden(), Instant::now());
        Self { interrupt, bar, begun, with_advice: false, with_retries: true }
    }

    /// Of checks.
    pub fn of_checks(interrupt: &'a Interrupt, with_retries: bool) -> Self {
        Self { with_retries, ..Self::of_reset(interrupt) }
    }

    /// Takes the bar away and says what was built.
    pub fn built(&self, lab: &Lab) {
        self.clear();
        out!(
            "{}: {} and {} built in {:.2} s",
            lab.name,
            count(lab.nodes.len(), "node"),
            count(lab.links.len(), "link"),
            self.begun.elapsed().as_secs_f64()
        );
    }

    /// Takes the bar away.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

impl Observer for Watch<'_> {
    fn waiting(&mut self, lab: &LabName) {
        // Whoever is interrupted while waiting for another's lab has nothing to undo.
        self.interrupt.rest();
        Waiting.waiting(lab);
    }

    fn locking(&mut self) {
        self.interrupt.begin();
    }

    fn locked(&mut self) {
        self.interrupt.begin();
    }

    fn clearing(&mut self, lab: &LabName, left: Phase) {
        let left = match left {
            Phase::Begun | Phase::Up => "half-built",
            Phase::Going => "half taken down",
        };
        err!("{lab}: was left {left}, taking it away first");
    }

    fn building(&mut self, lab: &Lab) {
        if self.with_advice {
            neighbours::warn(lab);
            rules_by_vrf(lab);
        }
        let style = ProgressStyle::with_template("{prefix} {bar:30} {pos}/{len} {msg}")
            .expect("the template is right");
        self.bar = ProgressBar::new(0).with_style(style);
        self.bar.set_prefix(lab.name.to_string());
        self.begun = Instant::now();
    }

    fn progress(&mut self, progress: Progress<'_>) -> ControlFlow<()> {
        if self.interrupt.is_raised() {
            return ControlFlow::Break(());
        }
        match progress {
            Progress::Steps { done, of, next } => {
                self.bar.set_length(of as u64);
                self.bar.set_position(done as u64);
                self.bar.set_message(stage(&next[0].action));
            }
            Progress::SpanningTree => self.bar.set_message("spanning tree"),
        }
        ControlFlow::Continue(())
    }

    fn retrying(&mut self, lab: &LabName, failed: usize, limit: Duration) {
        if self.with_retries {
            let (failed, seconds) = (count(failed, "check"), limit.as_secs());
            err!("{lab}: {failed} failed, retrying for up to {seconds} s");
        }
    }

    fn is_interrupted(&self) -> bool {
        self.interrupt.is_raised()
    }
}

/// Says what this kernel makes of rules by a VRF device, where the lab has some.
fn rules_by_vrf(lab: &Lab) {
    let by_vrf = |node: &Node| {
        let devices = node.rules.iter().flat_map(|rule| [&rule.value.iif, &rule.value.oif]);
        devices.flatten().any(|device| node.vrf(device.as_str()).is_some())
    };
    if !lab.nodes.iter().any(by_vrf) {
        return;
    }
    let name = &lab.name;
    match on_worker(forwarded_packets_match_rules_by_vrf) {
        Ok(true) => err!("{name}: this kernel has forwarded packets match rules by a VRF device"),
        Ok(false) => {
            err!("{name}: on this kernel no forwarded packet matches a rule by a VRF device");
        }
        Err(error) => err!("{name}: whether rules by a VRF device match is not known: {error}"),
    }
}

fn stage(action: &Action) -> &'static str {
    match action.transport() {
        Transport::Single if matches!(action.resource(), Resource::Namespace { .. }) => {
            "namespaces"
        }
        Transport::Single => "settings and files",
        Transport::Devices => "devices",
        Transport::Configuration => "addresses and routes",
        Transport::Process => "commands",
    }
}
