//! How far a build is: a bar on a terminal, plain lines elsewhere.

use super::count;
use super::interrupt::Interrupt;
use super::output::out;
use crate::compile::Lab;
use crate::executor::Observer;
use crate::plan::{Action, Resource, Step, Transport};
use indicatif::{ProgressBar, ProgressStyle};
use std::ops::ControlFlow;
use std::time::Instant;

/// The progress of one build.
pub(super) struct Progress<'a> {
    bar: ProgressBar,
    begun: Instant,
    interrupt: &'a Interrupt,
}

impl<'a> Progress<'a> {
    /// A bar for this many steps; it hides itself where there is no terminal.
    pub(super) fn new(lab: &Lab, steps: usize, interrupt: &'a Interrupt) -> Self {
        let style = ProgressStyle::with_template("{prefix} {bar:30} {pos}/{len} {msg}")
            .expect("the template is right");
        let bar = ProgressBar::new(steps as u64).with_style(style);
        bar.set_prefix(lab.name.to_string());
        Self { bar, begun: Instant::now(), interrupt }
    }

    /// Takes the bar away and says what was built.
    pub(super) fn built(&self, lab: &Lab) {
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
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

impl Observer for Progress<'_> {
    fn before(&mut self, done: usize, next: &[&Step]) -> ControlFlow<()> {
        if self.interrupt.is_raised() {
            return ControlFlow::Break(());
        }
        self.bar.set_position(done as u64);
        self.bar.set_message(stage(&next[0].action));
        ControlFlow::Continue(())
    }

    fn waiting(&mut self) -> ControlFlow<()> {
        self.bar.set_message("spanning tree");
        match self.interrupt.is_raised() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
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
