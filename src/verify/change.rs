//! What was changed on purpose since a lab came up, and the lab without that.

use crate::compile::Lab;
use crate::plan::{Key, Plan, Resource, State, lower};
use serde::Serialize;

/// Something that was changed with `link` or `impair` since a lab came up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What was done, in a sentence.
    pub text: String,
    /// The commands that take it back.
    pub undo: Vec<String>,
}

/// What was changed since a lab came up.
#[derive(Debug, Default)]
pub struct Changes {
    /// Each, with the lab that would stand without it.
    pub each: Vec<(Change, Lab)>,
    /// The lab without any of them, where there are some.
    pub without: Option<Lab>,
}

/// What is built otherwise where a change is taken back.
#[derive(Debug, Default)]
pub(super) struct Undone {
    gone: Vec<Resource>,
    made: Vec<Resource>,
}

impl Undone {
    /// By the plan of the lab with the change, and the lab without it.
    pub(super) fn of(plan: &Plan, without: &Lab) -> Self {
        // What cannot be taken back alone explains nothing alone.
        let Ok(without) = lower(without) else { return Self::default() };
        let [with, without] = [plan, &without].map(|plan| State::of(plan).resources);
        Self {
            gone: with.difference(&without).cloned().collect(),
            made: without.difference(&with).cloned().collect(),
        }
    }

    /// What becomes of all that has another form then, by its key: the form, or nothing where it goes.
    pub(super) fn outcome(&self) -> impl Iterator<Item = (Key<'_>, Option<&Resource>)> {
        let gone = self.gone.iter().map(|resource| (resource.key(), None));
        gone.chain(self.made.iter().map(|resource| (resource.key(), Some(resource))))
    }
}
