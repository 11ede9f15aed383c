//! Packets that went by and were not seen, since nobody had read those before them in time.

use super::run::Run;
use crate::compile::{Check, Expect, Lab, NodeId, Target};
use std::collections::BTreeMap;
use std::io;

/// How many frames were lost at each node that lost some.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Unseen(BTreeMap<NodeId, u32>);

impl Unseen {
    /// Those of a run that is over.
    pub(super) fn of(run: &Run<'_>) -> io::Result<Self> {
        let mut unseen = BTreeMap::new();
        for watch in &run.sockets.watches {
            let lost = watch.lost()?;
            if lost > 0 {
                unseen.insert(watch.node, lost);
            }
        }
        Ok(Self(unseen))
    }

    /// Why it is not known that nothing has arrived where a check looks for that.
    pub(super) fn hides_arrival(&self, lab: &Lab, check: &Check) -> Option<String> {
        let takers = match (&check.expect, &check.to) {
            (Expect::Lost, Target::Node { takers, .. }) => takers,
            // The answer is judged, which comes to a socket of its own.
            (Expect::Lost, Target::Address(_) | Target::OnLink { .. })
            | (Expect::Arrives(_) | Expect::Spreads(_) | Expect::Rejected(_), _) => return None,
        };
        let node = takers.iter().find(|node| self.0.contains_key(node))?;
        let name = &lab[*node].name;
        let missed = self.missed(*node)?;
        Some(format!("the capture missed {missed} at {name}, so silence proves nothing"))
    }

    /// What a check that fails may fail for, in a sentence.
    pub(super) fn doubt(&self, lab: &Lab) -> Option<String> {
        let (node, _) = self.0.first_key_value()?;
        let others = match self.0.len() - 1 {
            0 => String::new(),
            1 => ", and others at another node".to_owned(),
            more => format!(", and others at {more} other nodes"),
        };
        let (missed, name) = (self.missed(*node)?, &lab[*node].name);
        Some(format!(
            "The capture missed {missed} that went by at {name}{others}: this machine is too busy to see every probe, \
             and what is said here of their way may not be all of it. Run the check again."
        ))
    }

    fn missed(&self, node: NodeId) -> Option<String> {
        let lost = self.0.get(&node)?;
        Some(format!("{lost} packet{}", if *lost == 1 { "" } else { "s" }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::{Options, compile_source};
    use crate::diagnostic::Source;
    use crate::document::{Format, LabName};

    #[test]
    fn silence_where_packets_were_missed_proves_nothing_and_a_failure_says_so() {
        let text =
            r#"graph { node [role=router]; a -- b -- c; checks="a !> c; a -> c; a !> 10.9.9.9" }"#;
        let source = Source { name: "lab.dot".to_owned(), text: text.to_owned() };
        let name = LabName::new("lab").unwrap();
        let (lab, said) = compile_source(&source, Format::Dot, &name, &Options::default());
        let lab = lab.unwrap_or_else(|| panic!("{said:?}"));
        let [c, a] = ["c", "a"].map(|name| lab.node(name).unwrap());
        let unseen = Unseen(BTreeMap::from([(c, 3)]));
        let said = unseen.hides_arrival(&lab, &lab.checks[0]);
        assert_eq!(
            said.as_deref(),
            Some("the capture missed 3 packets at c, so silence proves nothing")
        );
        assert_eq!(unseen.hides_arrival(&lab, &lab.checks[1]), None, "what was seen was seen");
        assert_eq!(unseen.hides_arrival(&lab, &lab.checks[2]), None, "an answer is not captured");
        assert_eq!(Unseen(BTreeMap::from([(a, 1)])).hides_arrival(&lab, &lab.checks[0]), None);
        let doubt = unseen.doubt(&lab).unwrap();
        assert!(
            doubt.starts_with("The capture missed 3 packets that went by at c: this"),
            "{doubt}"
        );
        assert_eq!(Unseen::default().doubt(&lab), None);
    }
}
