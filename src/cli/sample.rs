//! What the compiler left out of the checks that it made.

use super::output::out;
use crate::compile::Lab;

/// How many hosts are named.
const NAMED: usize = 8;

/// Says what was left out, where something was.
pub(super) fn print(lab: &Lab) {
    let (name, Some(sample)) = (&lab.name, &lab.sample) else { return };
    if sample.chosen < sample.of {
        out!("{name}: a sample of {} pairs out of {}", sample.chosen, sample.of);
    }
    if sample.unchecked.is_empty() {
        return;
    }
    let names = sample.unchecked.iter().take(NAMED).map(|id| lab[*id].name.as_str());
    let mut names = names.collect::<Vec<_>>().join(", ");
    if sample.unchecked.len() > NAMED {
        names += &format!(" and {} more", sample.unchecked.len() - NAMED);
    }
    out!("{name}: not checked, as no route that was filled in leads there: {names}");
}
