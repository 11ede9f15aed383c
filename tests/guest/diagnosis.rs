//! What a check says of labs that somebody broke by hand: the exact text stands behind the commands that break
//! each. `BLESS=1` writes the texts anew.

use crate::standing::{Standing, file, read};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use vrflab::check;
use vrflab::document::Format;
use vrflab::executor::{self, Change};
use vrflab::state::Footprint;
use vrflab::verify::beside;

/// What is read of a file: the lab and the checks, each time what breaks it, and what is done afterwards where
/// no step of the lab's own mends it.
struct Cases<'t> {
    lab: &'t str,
    checks: Vec<&'t str>,
    breaks: Vec<Vec<(&'t str, &'t str)>>,
    afterwards: Vec<(&'t str, &'t str)>,
}

impl<'t> Cases<'t> {
    fn of(text: &'t str) -> Self {
        let mut cases =
            Self { lab: "", checks: Vec::new(), breaks: Vec::new(), afterwards: Vec::new() };
        let mut is_new = true;
        for line in text.lines() {
            let commands = line.strip_prefix("> ");
            if let Some(lab) = line.strip_prefix("lab ") {
                cases.lab = lab;
            } else if let Some(check) = line.strip_prefix("check ") {
                cases.checks.push(check);
            } else if let Some(command) = line.strip_prefix("afterwards ") {
                cases.afterwards.push(command.split_once(": ").unwrap());
            } else if let Some(command) = commands {
                if is_new {
                    cases.breaks.push(Vec::new());
                }
                cases.breaks.last_mut().unwrap().push(command.split_once(": ").unwrap());
            }
            is_new = commands.is_none();
        }
        cases
    }
}

pub fn inside(standing: &Standing, node: &str, command: &str) {
    let id = standing.lab().node(node).unwrap_or_else(|| panic!("no node {node}"));
    let mut ip = std::process::Command::new("ip");
    ip.args(["netns", "exec", &standing.lab()[id].namespace, "sh", "-c", command]);
    let output = ip.output().unwrap();
    assert!(output.status.success(), "{node}: {command}: {output:?}");
}

/// What is said of a lab as it stands.
fn said(standing: &Standing, lines: &[&str]) -> String {
    let all = &standing.lab().checks;
    let named = lines.iter().map(|line| all.iter().find(|it| it.text.starts_with(line)));
    let checks: Vec<_> = named.map(|check| check.unwrap().clone()).collect();
    let mut report = check::run(standing.lab(), &checks, |_, _| {}).unwrap();
    let observed = check::observe(standing.lab()).unwrap();
    check::explain(&mut report, standing.lab(), &checks, &observed);
    let mut text = String::new();
    for result in report.results.iter().filter(|result| !result.ok) {
        let reason = result.reason.as_deref().unwrap();
        writeln!(text, "{}: {reason}", result.check).unwrap();
        // How many errors come back, and how far a loop was followed, is a matter of time.
        let is_steady = |line: &&String| !line.contains(" reported: ") && !line.contains(" …, ");
        let mending = result.cause.mending();
        for line in result.explanation.iter().filter(is_steady).chain(&mending) {
            writeln!(text, "    {line}").unwrap();
        }
    }
    writeln!(text, "{} passed, {} failed", report.passed, report.failed).unwrap();
    for deviation in &report.deviations {
        writeln!(text, "{deviation}").unwrap();
    }
    text
}

/// Leads the lab back to what it was built as, by the steps in which it differs.
pub fn heal(standing: &Standing) {
    let record = standing.0.record();
    let Footprint { namespaces, .. } = &record.footprint;
    let beside = beside(&standing.0.plan).unwrap();
    let none = BTreeSet::new();
    let plan = &standing.0.plan;
    let change = Change { mark: "", namespaces, before: &beside, after: plan, healed: &none };
    executor::heal(&standing.0.lock(), &change, &|| false).unwrap_or_else(|it| panic!("{it:?}"));
}

/// Breaks a lab in every way that a file has and compares what is said with what stands there.
fn holds(name: &str) {
    let path = file(&format!("tests/guest/diagnosis/{name}.txt"));
    let text = std::fs::read_to_string(&path).unwrap();
    let cases = Cases::of(&text);
    let lab = std::fs::read_to_string(file(cases.lab)).unwrap();
    let is_dot = Path::new(cases.lab).extension().is_some_and(|it| it == "dot");
    let format = if is_dot { Format::Dot } else { Format::Yaml };
    let standing = read(&lab, format, &format!("broken-{name}")).0.up();
    let whole = said(&standing, &cases.checks);
    assert_eq!(whole, format!("{} passed, 0 failed\n", cases.checks.len()));
    let mut found = format!("lab {}\n", cases.lab);
    cases.checks.iter().for_each(|check| writeln!(found, "check {check}").unwrap());
    for (node, command) in &cases.afterwards {
        writeln!(found, "afterwards {node}: {command}").unwrap();
    }
    for breaks in &cases.breaks {
        found.push('\n');
        for (node, command) in breaks {
            writeln!(found, "> {node}: {command}").unwrap();
            inside(&standing, node, command);
        }
        found += &said(&standing, &cases.checks);
        heal(&standing);
    }
    cases.afterwards.iter().for_each(|(node, command)| inside(&standing, node, command));
    assert_eq!(said(&standing, &cases.checks), whole, "it is healed");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    assert!(found == text, "{name}: BLESS=1 writes it\n{found}");
}

#[test]
fn an_l3vpn_that_is_broken_by_hand_says_where_and_what_mends_it() {
    holds("l3vpn");
}
