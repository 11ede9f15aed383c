//! What is printed, `ip` takes and the kernel holds as the same.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::process::Command;
use vrflab::diagnostic::{Diagnostics, Source};
use vrflab::document::{Format, LabName};
use vrflab::kernel::{observe, on_worker};
use vrflab::plan::{Difference, Op, Plan, differences, lower};

/// A namespace that goes with the test.
struct Namespace(&'static str);

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", self.0]).status();
    }
}

/// The plan of a node `a` with these rules and routes, in a namespace of this name.
fn plan(namespace: &str, rules: &[String], routes: &[String]) -> Plan {
    let quoted = |lines: &[String]| {
        lines.iter().map(|line| format!("\"{line}\"")).collect::<Vec<_>>().join(", ")
    };
    let text = format!(
        "netns: \"{namespace}-{{node}}\"\nrouting: none\nnodes:\n  a:\n    interfaces: {{a: {{addresses: \
         [10.255.0.1/24, fd99::1/64]}}}}\n    rules: [{}]\n    routes: [{}]\nlinks: [a:a -- b]\n",
        quoted(rules),
        quoted(routes)
    );
    let source = Source { name: namespace.to_owned(), text };
    let name = LabName::new("lab").unwrap();
    let (lab, said) = vrflab::understand(&source, Format::Yaml, None, &name);
    let said = Diagnostics::from(said);
    assert!(!said.has_errors(), "{said:?}\n{}", source.text);
    lower(&lab.unwrap())
}

/// Has `ip` carry out a plan's commands, and compares what the kernel then holds with the plan.
fn held(plan: &Plan, namespaces: [&'static str; 2]) {
    let _gone = namespaces.map(Namespace);
    for step in plan.steps() {
        let command = step.op.to_string();
        let done = Command::new("sh").args(["-c", &command]).output().unwrap();
        assert!(done.status.success(), "{command}\n{}", String::from_utf8_lossy(&done.stderr));
    }
    let observed = on_worker(|worker| observe(plan, worker)).unwrap();
    let wrong: Vec<_> = differences(plan, &observed)
        .into_iter()
        .filter(|difference| match difference {
            // Somebody else's numbers for devices: the two ends do not find each other.
            Difference::Missing(op) | Difference::Extra(op) => {
                matches!(op, Op::Rule { .. } | Op::Route { .. } | Op::Address { .. })
            }
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn some<T>(count: usize, strategy: impl Strategy<Value = T>) -> Vec<T> {
    let mut runner = TestRunner::deterministic();
    (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

#[test]
fn ip_takes_the_rules_that_are_printed_and_the_kernel_holds_them() {
    let mut rules = some(60, crate::rule(true, &["a", "lo"]));
    rules.extend(some(60, crate::rule(false, &["a", "lo"])));
    held(&plan("ipr", &rules, &[]), ["ipr-a", "ipr-b"]);
}

#[test]
fn ip_takes_the_routes_that_are_printed_and_the_kernel_holds_them() {
    let mut routes = some(60, crate::route(true));
    routes.extend(some(60, crate::route(false)));
    held(&plan("ipt", &[], &routes), ["ipt-a", "ipt-b"]);
}
