//! The file's policy rules, with their names resolved and priorities given.

use super::lab::{Lab, Node, NodeId, Rule};
use super::lookup::{device, table_number};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span, Spanned, Text};
use crate::iproute::{RuleAction, Table};
use crate::topology::Topology;
use std::collections::BTreeMap;

/// The priority of the first rule without one. Left to the kernel, rules would come out in reverse
/// order and before that of the VRFs.
const FIRST: u32 = 10_000;
/// How far such rules are apart, so that others fit between them.
const STEP: u32 = 10;

/// Gives every node its rules.
pub(super) fn resolve(topology: &Topology, lab: &mut Lab, errors: &mut Diagnostics) {
    for index in topology.graph.node_indices() {
        let written = &topology.graph[index];
        let id = NodeId(index.index());
        let node = &lab[id];
        let mut next = FIRST;
        let mut rules: Vec<Spanned<Rule>> = Vec::new();
        let mut first: BTreeMap<Rule, Span> = BTreeMap::new();
        for rule in &written.rules {
            let resolved = rule.value.resolve(
                |name| device(node, name),
                |table| table_number(node, &written.tables, table),
            );
            let Some(mut resolved) = errors.keep(resolved) else { continue };
            if resolved.priority.is_none() {
                resolved.priority = Some(next);
                next += STEP;
            }
            of_a_vrf(node, &resolved, rule, errors);
            if let (RuleAction::Goto(to), Some(own)) = (&resolved.action, resolved.priority)
                && *to <= own
            {
                let title = format!("rule {own} goes back to {to}");
                errors.push(
                    Diagnostic::error(Code::BadValue, title)
                        .at(rule.span, "a rule can only go on")
                        .note("the kernel refuses it, since packets would go round"),
                );
            }
            if let Some(other) = first.get(&resolved) {
                errors.push(
                    Diagnostic::error(Code::DuplicateRoute, "the same rule twice")
                        .at(rule.span, "this one")
                        .beside(*other, "and this one")
                        .note("the kernel answers EEXIST to the second"),
                );
            }
            first.entry(resolved.clone()).or_insert(rule.span);
            rules.push(Spanned::new(resolved, rule.span));
        }
        lab[id].rules = rules;
    }
}

/// Warns of a rule by a VRF device, which forwarded packets do not match on most kernels.
fn of_a_vrf(
    node: &Node,
    rule: &Rule,
    written: &Spanned<crate::iproute::Rule<Text, Table>>,
    errors: &mut Diagnostics,
) {
    let names = [("iif", &rule.iif), ("oif", &rule.oif)];
    for (word, name) in names {
        let Some(name) = name.as_ref().filter(|name| node.vrf(name.as_str()).is_some()) else {
            continue;
        };
        errors.push(
            Diagnostic::warning(
                Code::VrfRule,
                format!("not every kernel has forwarded packets match `{word} {name}`"),
            )
            .at(written.span, format!("`{name}` is a VRF"))
            .note("such rules match from about Linux 6.16 on; `up` says what its kernel does")
            .help("name the port that packets come in through"),
        );
    }
}
