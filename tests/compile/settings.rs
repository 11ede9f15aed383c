//! The settings that nodes get, and the table of them in the language's page.

use std::collections::{BTreeMap, BTreeSet};
use vrflab::compile::{Options, compile_source, sysctl_name};
use vrflab::diagnostic::Source;
use vrflab::document::{Format, LabName};

/// All that a lab can be given: VRFs, a core with labels and pipes, equal-cost paths, a long way, a label
/// that is popped above another one, a neighbour that is answered for, and WireGuard over a VRF.
fn labs() -> [String; 2] {
    let vpn = "
vpn: {ttl: pipe}
nodes: {pe1: {role: pe, mpls: [16 dev lo], neighbours: ['proxy fd00::9 dev eth0']}, pe2: {role: pe}, p1: {role: p}, p2: {role: p}}
links:
  - pe1 -- p1
  - pe1 -- p2
  - p1 -- pe2
  - p2 -- pe2
  - {ends: [h1, pe1], vrf: blue}
  - {ends: [h2, pe2], vrf: blue}
";
    let long: Vec<String> = (0..66).map(|node| format!("n{node} -- n{}", node + 1)).collect();
    let wireguard = "nodes: {n0: {vrfs: [wan], rules: [fwmark 7 lookup wan], interfaces: {wg0: {kind: wireguard, fwmark: 7}}}}";
    [vpn.to_owned(), format!("{wireguard}\nlinks: [{}]\n", long.join(", "))]
}

/// The settings of every node, each by its name in the table, with its values.
fn given() -> BTreeMap<String, BTreeSet<String>> {
    let mut given: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for text in labs() {
        let source = Source { name: "settings.yaml".to_owned(), text };
        let name = LabName::new("settings").unwrap();
        let (lab, said) = compile_source(&source, Format::Yaml, &name, &Options::default());
        for node in lab.unwrap_or_else(|| panic!("{said:?}")).nodes {
            for setting in node.early_sysctls.iter().chain(&node.late_sysctls) {
                let mut key = sysctl_name(&setting.value.key);
                for interface in node.interfaces.iter().map(|it| it.name.as_str()).chain(["lo"]) {
                    key = key.replace(&format!("conf.{interface}."), "conf.IF.");
                }
                given.entry(key).or_default().insert(setting.value.value.clone());
            }
        }
    }
    given
}

#[test]
fn the_languages_page_has_every_setting_with_its_value() {
    let page = std::fs::read_to_string("labs/README.md").unwrap();
    let section =
        page.split("## Settings of a node").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `net."));
    let rows: BTreeMap<String, String> = rows
        .map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            (cells[1].trim_matches('`').to_owned(), cells[2].to_owned())
        })
        .collect();
    let given = given();
    let [on_page, in_labs] = [rows.keys().collect::<Vec<_>>(), given.keys().collect()];
    assert_eq!(on_page, in_labs);
    for (key, values) in given {
        if key.ends_with("fib_multipath_hash_seed") {
            assert!(values.len() > 1, "each node has its own: {values:?}");
            continue;
        }
        for value in values {
            assert!(rows[&key].contains(&format!("`{value}`")), "{key}: {value} in {}", rows[&key]);
        }
    }
}
