//! Who is told how things go on, and may end them.

use crate::compile::Lab;
use crate::document::LabName;
use crate::executor;
use crate::plan::Step;
use crate::state::Phase;
use std::ops::ControlFlow;
use std::time::Duration;

/// How far a build is.
#[derive(Debug)]
pub enum Progress<'a> {
    /// Steps are about to be carried out.
    Steps {
        /// How many are done.
        done: usize,
        /// Of how many.
        of: usize,
        /// Those that come now.
        next: &'a [&'a Step],
    },
    /// Bridges look for their spanning tree.
    SpanningTree,
}

/// Who is told how things go on, and may end them. Each method does nothing where it is left out.
pub trait Observer: Send + Sync {
    /// Another process is at work on the lab, and is waited for.
    fn waiting(&mut self, _lab: &LabName) {}

    /// The lab's directory is about to be made and locked.
    fn locking(&mut self) {}

    /// The lab's lock is held: what is done from here on has to be undone where it is ended.
    fn locked(&mut self) {}

    /// What an earlier build or teardown left of the lab is taken away first.
    fn clearing(&mut self, _lab: &LabName, _left: Phase) {}

    /// Nothing is in the way, and the first of so many steps is about to be carried out.
    fn building(&mut self, _lab: &Lab) {}

    /// How far the build is. To break ends it, and what was made is taken away.
    fn progress(&mut self, _progress: Progress<'_>) -> ControlFlow<()> {
        match self.is_interrupted() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    /// So many checks failed, and they are retried for this long.
    fn retrying(&mut self, _lab: &LabName, _failed: usize, _limit: Duration) {}

    /// Whether checks are to end.
    fn is_interrupted(&self) -> bool {
        false
    }
}

impl Observer for () {}

/// An observer, as the executor knows one.
pub(super) struct Steps<'a, O> {
    pub observer: &'a mut O,
    /// How many there are.
    pub of: usize,
}

impl<O: Observer> executor::Observer for Steps<'_, O> {
    fn before(&mut self, done: usize, next: &[&Step]) -> ControlFlow<()> {
        self.observer.progress(Progress::Steps { done, of: self.of, next })
    }

    fn waiting(&mut self) -> ControlFlow<()> {
        self.observer.progress(Progress::SpanningTree)
    }
}
