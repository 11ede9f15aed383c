//! What is printed, `ip` takes and the kernel holds as the same.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::io::Write;
use std::ops::ControlFlow;
use std::process::{Command, Stdio};
use vrflab::compile::{Options, compile_source};
use vrflab::diagnostic::{Diagnostics, Source};
use vrflab::document::{Format, LabName};
use vrflab::executor::{self, Observer};
use vrflab::kernel::{Home, Machine, feature, observe, on_worker, prepare_directory};
use vrflab::plan::{Difference, Feature, Plan, Resource, Step, differences, lower};
use vrflab::state::Verify;

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
    let objects: Vec<String> = crate::OBJECTS.iter().map(ToString::to_string).collect();
    let text = format!(
        "netns: \"{namespace}-{{node}}\"\nrouting: none\nnodes:\n  a:\n    interfaces: {{a: {{addresses: \
         [10.255.0.1/24, fd99::1/64]}}}}\n    rules: [{}]\n    nexthops: [{}]\n    \
         routes: [{}]\nlinks: [a:a -- b]\n",
        quoted(rules),
        quoted(&objects),
        quoted(routes)
    );
    let source = Source { name: namespace.to_owned(), text };
    let name = LabName::new("lab").unwrap();
    let (lab, said) = compile_source(&source, Format::Yaml, &name, &Options::default());
    let said = Diagnostics::from(said);
    assert!(!said.has_errors(), "{said:?}\n{}", source.text);
    lower(&lab.unwrap()).unwrap()
}

/// A command of `ip` as far as its options go: commands with the same ones are a batch of `ip`.
fn options(command: &str) -> &str {
    let mut at = 0;
    let mut words = command.split_inclusive(' ').peekable();
    at += words.next().map_or(0, str::len);
    while let Some(option) = words.next_if(|word| word.starts_with('-')) {
        at += option.len();
        if matches!(option, "-n " | "-f ") {
            at += words.next().map_or(0, str::len);
        }
    }
    &command[..at]
}

/// Has `ip` carry out a plan's commands, and compares what the kernel then holds with the plan.
fn held(plan: &Plan, namespaces: [&'static str; 2]) {
    let _gone = namespaces.map(Namespace);
    let commands: Vec<String> = plan.steps().map(|step| step.action.to_string()).collect();
    let joins =
        |one: &String, next: &String| one.starts_with("ip -n") && options(one) == options(next);
    for together in commands.chunk_by(joins) {
        let (program, words) = match together {
            [one] => (one.clone(), String::new()),
            several => {
                let options = options(&several[0]);
                let words = several.iter().map(|it| format!("{}\n", &it[options.len()..]));
                (format!("{options} -batch -"), words.collect())
            }
        };
        let mut shell = Command::new("sh");
        let shell = shell.args(["-c", &program]).stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut child = shell.spawn().unwrap();
        child.stdin.take().unwrap().write_all(words.as_bytes()).unwrap();
        let done = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{program}\n{words}{said}");
    }
    same(plan);
}

/// Has the program itself carry out a plan, and compares what the kernel then holds with the plan.
fn made(plan: &Plan, namespaces: [&'static str; 2]) {
    let _gone = namespaces.map(Namespace);
    prepare_directory().unwrap();
    let home = Home::of(std::env::temp_dir());
    on_worker(|worker| {
        executor::run(plan, "test", Verify::Never, &mut Machine::new(worker, home), &mut Patient)
    })
    .unwrap();
    same(plan);
}

fn same(plan: &Plan) {
    let observed = on_worker(|worker| observe(plan, worker)).unwrap();
    let wrong: Vec<_> = differences(plan, &observed)
        .into_iter()
        .filter(|difference| match difference {
            // Somebody else's numbers for devices: the two ends do not find each other.
            Difference::Missing(it) | Difference::Extra(it) => {
                matches!(
                    it,
                    Resource::Rule { .. }
                        | Resource::NexthopObject { .. }
                        | Resource::Route { .. }
                        | Resource::Address { .. }
                )
            }
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// An observer that lets a run go on.
struct Patient;

impl Observer for Patient {
    fn before(&mut self, _: usize, _: &[&Step]) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
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
    made(&plan("ipr", &rules, &[]), ["ipr-a", "ipr-b"]);
}

#[test]
fn ip_takes_the_routes_that_are_printed_and_the_kernel_holds_them() {
    let lacks = on_worker(|worker| feature::lacks(worker, [Feature::MplsEncap])).unwrap();
    let labels = lacks.is_empty();
    let mut routes = some(60, crate::route(true, labels));
    routes.extend(some(60, crate::route(false, labels)));
    held(&plan("ipt", &[], &routes), ["ipt-a", "ipt-b"]);
    made(&plan("ipt", &[], &routes), ["ipt-a", "ipt-b"]);
}
