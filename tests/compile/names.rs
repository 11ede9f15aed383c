//! What nodes call by name.

use std::fmt::Write;
use vrflab::compile::{Options, compile_source, names};
use vrflab::diagnostic::Source;
use vrflab::document::{Format, LabName};

/// The names that each node sees, as one text.
fn seen(text: &str) -> String {
    let source = Source { name: "names.yaml".to_owned(), text: text.to_owned() };
    let (lab, said) =
        compile_source(&source, Format::Yaml, &LabName::new("names").unwrap(), &Options::default());
    let lab = lab.unwrap_or_else(|| panic!("{said:?}"));
    let names = names(&lab);
    let mut seen = String::new();
    let lines = |place: usize| names.hosts[place].lines().skip(2).collect::<Vec<_>>().join(", ");
    for (node, own) in lab.nodes.iter().zip(&names.nodes) {
        writeln!(seen, "{}: {}", node.name, lines(own.hosts)).unwrap();
        for (vrf, text) in &own.vrfs {
            writeln!(seen, "{} in {vrf}: {}", node.name, lines(*text)).unwrap();
        }
        if !own.tables.is_empty() {
            writeln!(seen, "{} tables: {:?}", node.name, own.tables).unwrap();
        }
    }
    seen
}

#[test]
fn customers_with_the_same_addresses_do_not_see_each_others_names() {
    let text = "
nodes: {pe1: {role: pe, loopback: 1.1.1.1, tables: {isp2: 100}}, pe2: {role: pe, loopback: 1.1.1.2}}
links:
  - {ends: [pe1, pe2], addresses: [2.1.1.1/30, 2.1.1.2/30]}
  - {ends: [b1, pe1], vrf: blue, addresses: [10.0.0.1/24, 10.0.0.2/24]}
  - {ends: [b2, pe2], vrf: blue, addresses: [10.0.1.1/24, 10.0.1.2/24]}
  - {ends: [r2, pe1], vrf: red, addresses: [10.0.1.1/24, 10.0.1.2/24]}
";
    let expected = "\
pe1: 2.1.1.1 pe1, 2.1.1.2 pe2, 10.0.0.2 pe1%blue, 10.0.1.2 pe2%blue, 10.0.0.1 b1%blue, 10.0.1.1 b2%blue, 10.0.1.2 pe1%red, 10.0.1.1 r2%red
pe1 in blue: 10.0.0.2 pe1 pe1%blue, 10.0.1.2 pe2 pe2%blue, 10.0.0.1 b1, 10.0.1.1 b2
pe1 in red: 10.0.1.2 pe1 pe1%red, 10.0.1.1 r2
pe1 tables: [(\"isp2\", 100), (\"blue\", 10), (\"red\", 11)]
pe2: 2.1.1.1 pe1, 2.1.1.2 pe2, 10.0.0.2 pe1%blue, 10.0.1.2 pe2%blue, 10.0.0.1 b1%blue, 10.0.1.1 b2%blue
pe2 in blue: 10.0.0.2 pe1 pe1%blue, 10.0.1.2 pe2 pe2%blue, 10.0.0.1 b1, 10.0.1.1 b2
pe2 tables: [(\"blue\", 10)]
b1: 10.0.0.2 pe1 pe1%blue, 10.0.1.2 pe2 pe2%blue, 10.0.0.1 b1, 10.0.1.1 b2
b2: 10.0.0.2 pe1 pe1%blue, 10.0.1.2 pe2 pe2%blue, 10.0.0.1 b1, 10.0.1.1 b2
r2: 10.0.1.2 pe1 pe1%red, 10.0.1.1 r2
";
    assert_eq!(seen(text), expected);
}

#[test]
fn a_vrf_that_imports_another_knows_the_nodes_behind_it() {
    let text = "
family: dual
nodes: {pe: {role: pe, vrfs: {blue: {table: 10, import: [red]}, red: 20}}}
links: [{ends: [b, pe], vrf: blue}, {ends: [r, pe], vrf: red}, x -- y]
";
    let seen = seen(text);
    let line = |node: &str| {
        let start = format!("{node}: ");
        seen.lines().find_map(|line| line.strip_prefix(&start)).unwrap().to_owned()
    };
    let names = |node: &str| {
        let line = line(node);
        let names = line.split(", ").map(|line| line.split_once(' ').unwrap().1.to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(names("b"), ["pe pe%blue", "pe pe%blue", "pe%red", "pe%red", "b", "b", "r", "r"]);
    assert_eq!(line("b"), line("r"));
    assert_eq!(names("x"), ["x", "x", "y", "y"]);
    assert!(names("pe").contains(&"r%blue".to_owned()), "{seen}");
}
