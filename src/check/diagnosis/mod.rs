//! Why a check fails.

use super::path::{Leg, Trail, print_visits};
use super::probe::Probe;
use super::run::Run;
use crate::compile::Check;

pub(super) fn explain(_run: &Run<'_>, _place: usize) -> (String, Vec<String>) {
    ("no answer".to_owned(), Vec::new())
}

pub(super) fn explain_leak(run: &Run<'_>, check: &Check, probe: &Probe) -> (String, Vec<String>) {
    let best = probe.best(run.lab, check);
    let visits =
        best.map(|a| Trail::new(run.lab, &a.sightings, Leg::Forth).visits()).unwrap_or_default();
    ("leak".to_owned(), vec![print_visits(&visits)])
}
