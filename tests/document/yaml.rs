//! YAML: what stands for what, and where it stands.

use crate::good::{meaning, parsed};
use std::fmt::Write as _;
use vrflab::diagnostic::{Source, Span};
use vrflab::document::{Document, EndVrf, Role};

fn yaml(text: &str) -> Document {
    parsed(Source { name: "test.yaml".to_owned(), text: text.to_owned() })
}

fn at(text: &str, span: Span) -> &str {
    &text[span.start..span.end]
}

#[test]
fn the_place_of_a_string_is_exactly_its_own_bytes() {
    let text = "nodes:
  he:   # a comment
    routes:
      - default via 10.0.0.1
      - 'default via 10.0.0.2'
      - \"default via 10.0.0.3\"   # another
    role: \"pe\"
links: [ \"he:eth0 -- b\" ]
";
    let document = yaml(text);
    let node = &document.nodes[0];
    assert_eq!(at(text, node.name.span), "he");
    assert_eq!(at(text, node.role.expect("a role").span), "pe");
    for (route, last) in node.routes.iter().zip(["1", "2", "3"]) {
        assert_eq!(at(text, route.span), format!("default via 10.0.0.{last}"));
        assert_eq!(at(text, route.part(12, 20)), format!("10.0.0.{last}"));
    }
    let link = &document.links[0];
    assert_eq!(at(text, link.span), "he:eth0 -- b");
    assert_eq!(at(text, link.ends[0].node.span), "he");
    assert_eq!(at(text, link.ends[0].interface.as_ref().expect("named").span), "eth0");
    assert_eq!(at(text, link.ends[1].node.span), "b");
}

#[test]
fn a_string_that_is_spelled_otherwise_has_the_place_of_the_whole() {
    let text = "nodes: {a: {routes: [\"default\\tvia 10.0.0.1\", 'x ''y'' z']}}";
    let document = yaml(text);
    let routes = &document.nodes[0].routes;
    assert_eq!(routes[0].as_str(), "default\tvia 10.0.0.1");
    assert_eq!(routes[0].part(0, 3), routes[0].span);
    assert_eq!(at(text, routes[1].part(0, 1)), "'x ''y'' z'");
}

#[test]
fn what_an_anchor_brings_has_its_place_at_the_anchor() {
    let text =
        "nodes:\n  a: &site {role: pe, local_rule: 7}\n  b: {<<: *site, role: ce}\n  c: *site\n";
    let document = yaml(text);
    let roles: Vec<_> = document.nodes.iter().map(|node| node.role.expect("a role")).collect();
    assert_eq!(roles.iter().map(|it| it.value).collect::<Vec<_>>(), [Role::Pe, Role::Ce, Role::Pe]);
    assert_eq!(at(text, roles[2].span), "pe");
    assert_eq!(roles[2].span, roles[0].span);
    assert_eq!(document.nodes[1].local_rule.expect("merged").value, 7);
}

#[test]
fn names_that_look_like_other_things_stay_as_they_are_written() {
    let document = yaml("nodes: {1e3: , on: , 0x10: , 007: , 1.50: , \"yes\": , 2026-01-01: }");
    let names: Vec<_> = document.nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names, ["1e3", "on", "0x10", "007", "1.50", "yes", "2026-01-01"]);
}

#[test]
fn vrfs_are_written_in_three_ways() {
    let document = yaml(
        "nodes: {a: {vrfs: {blue: 10}}, b: {vrfs: [blue, red]}, c: {vrfs: {blue: {table: 10}, red: }}}",
    );
    let vrfs = |node: usize| {
        let vrfs = document.nodes[node].vrfs.iter();
        vrfs.map(|vrf| (vrf.name.as_str(), vrf.table.map(|it| it.value))).collect::<Vec<_>>()
    };
    assert_eq!(vrfs(0), [("blue", Some(10))]);
    assert_eq!(vrfs(1), [("blue", None), ("red", None)]);
    assert_eq!(vrfs(2), [("blue", Some(10)), ("red", None)]);
}

#[test]
fn nothing_on_purpose_is_not_the_same_as_nothing_said() {
    let document = yaml(
        "nodes: {a: {loopback: ~}, b: {loopback: []}, c: {}}
links: [{ends: [a, b], addresses: [~, 10.0.0.1/24]}, {ends: [a, b], addresses: ~}, a -- b]",
    );
    let loopbacks = document.nodes.iter().map(|node| node.loopback.as_ref().map(Vec::len));
    assert_eq!(loopbacks.collect::<Vec<_>>(), [Some(0), Some(0), None]);
    let addresses = document.links.iter().flat_map(|link| &link.ends);
    let addresses = addresses.map(|end| end.addresses.as_ref().map(Vec::len));
    assert_eq!(addresses.collect::<Vec<_>>(), [Some(0), Some(1), Some(0), Some(0), None, None]);
}

#[test]
fn defaults_stand_beneath_what_is_written() {
    let document = yaml(
        "defaults:
  node: {role: host, sysctls: {a: 1, b: 2}}
  link: {vrf: blue, mtu: 9000}
nodes: {a: {sysctls: {c: 3}}, b: {role: ~}, c: }
links: [a -- b, {ends: [a, c], vrf: ~, headmtu: 1500}]",
    );
    let [a, b, c] = &document.nodes[..] else { panic!("three nodes") };
    assert!(a.role.is_some() && b.role.is_none() && c.role.is_some());
    assert_eq!((a.sysctls.len(), b.sysctls.len()), (1, 2));
    let [first, second] = &document.links[..] else { panic!("two links") };
    assert!(
        matches!(&first.ends[0].vrf, Some(EndVrf::WherePossible(vrf)) if vrf.as_str() == "blue")
    );
    assert!(second.ends[0].vrf.is_none());
    let mtus = second.ends.iter().map(|end| end.mtu.expect("an mtu").value);
    assert_eq!(mtus.collect::<Vec<_>>(), [9000, 1500]);
}

#[test]
fn json_is_yaml() {
    let json = r#"{"nodes": {"a": {"role": "pe", "vrfs": {"blue": 10}}}, "links": ["a -- b", {"ends": ["a", "b"], "up": false}]}"#;
    let yaml_text =
        "nodes: {a: {role: pe, vrfs: {blue: 10}}}\nlinks: [a -- b, {ends: [a, b], up: false}]";
    assert_eq!(meaning(yaml(json)), meaning(yaml(yaml_text)));
}

#[test]
fn ten_thousand_nodes_are_no_bomb() {
    let mut text = String::from(
        "nodes:\n  n0: &base {role: router, sysctls: {a.b: 1, c.d: 2}, loopback: [10.0.0.1/32]}\n",
    );
    for node in 1..10_000 {
        writeln!(text, "  n{node}: {{<<: *base, forwarding: true}}").expect("a string takes it");
    }
    text.push_str("links:\n");
    for node in 1..10_000 {
        writeln!(
            text,
            "  - {{ends: [n{}:r, n{node}:l], addresses: [10.1.1.1/24, ~], mtu: 9000}}",
            node - 1
        )
        .expect("a string takes it");
    }
    let document = yaml(&text);
    assert_eq!((document.nodes.len(), document.links.len()), (10_000, 9_999));
    assert!(document.nodes.iter().all(|node| node.sysctls.len() == 2));
}
