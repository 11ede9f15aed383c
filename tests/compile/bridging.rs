//! Loops of bridges: which are errors, and which are none.

use vrflab::compile::{Options, compile_source};
use vrflab::diagnostic::{Code, Source};
use vrflab::document::{Format, LabName};

fn codes(text: &str) -> Vec<Code> {
    let source = Source { name: "lab.dot".to_owned(), text: text.to_owned() };
    let name = LabName::new("lab").unwrap();
    let (_, said) = compile_source(&source, Format::Dot, &name, &Options::default());
    said.iter().map(|it| it.code).collect()
}

const SWITCHES: &str = "node [role=switch]; s1; s2; s3; node [role=host];";
const TRIANGLE: &str = "s1 -- s2 -- s3 -- s1;";

fn triangle(more: &str) -> Vec<Code> {
    codes(&format!("graph {{ {SWITCHES} {TRIANGLE} h1 -- s1; h2 -- s2; {more} }}"))
}

#[test]
fn one_bridge_with_stp_is_enough_for_every_loop_that_it_is_part_of() {
    assert_eq!(triangle(""), [Code::BridgeLoop]);
    assert_eq!(triangle("s2 [stp=true]"), []);
    assert_eq!(triangle("s2 [interfaces=\"br0 stp true\"]"), []);
    let beside = "t1 [role=switch]; t2 [role=switch]; s1 -- t1; t1 -- t2; t1 -- t2;";
    assert_eq!(triangle(&format!("s2 [stp=true]; {beside}")), [Code::BridgeLoop]);
    assert_eq!(triangle(&format!("s2 [stp=true]; {beside} t2 [stp=true]")), []);
}

#[test]
fn an_interface_says_more_than_its_node_and_a_node_more_than_the_default() {
    let all = |more: &str| {
        codes(&format!(
            "graph {{ node [role=switch, stp=true]; s1; s2 {more}; s1 -- s2; s1 -- s2; h1 [role=host]; h1 -- s1 }}"
        ))
    };
    assert_eq!(all(""), []);
    assert_eq!(all("; s1 [stp=false]; s2 [stp=false]"), [Code::BridgeLoop]);
    let bridges = "; s1 [interfaces=\"br0 stp false\"]; s2 [interfaces=\"br0 stp false\"]";
    assert_eq!(all(bridges), [Code::BridgeLoop]);
}

#[test]
fn a_link_that_is_down_closes_no_loop() {
    let third = |attributes: &str| {
        codes(&format!("graph {{ {SWITCHES} s1 -- s2 -- s3; s3 -- s1 [{attributes}]; h1 -- s1 }}"))
    };
    assert_eq!(third("up=true"), [Code::BridgeLoop]);
    assert_eq!(third("up=false"), []);
    assert_eq!(third("headup=false"), []);
}

/// Two bridges that mind VLANs, with two links between them that carry these.
fn parallel(one: &str, other: &str) -> Vec<Code> {
    let bridge = |peer: &str| {
        format!(
            "interfaces=\"br0 vlan_filtering true vlans 10; a vlans {one}; b vlans {other}; {peer} vlans '10 pvid untagged'\""
        )
    };
    codes(&format!(
        "graph {{ s1 [role=switch, {}]; s2 [role=switch, {}]; node [role=host]
           s1:a -- s2:a; s1:b -- s2:b; h1 -- s1:h; h2 -- s2:h }}",
        bridge("h"),
        bridge("h")
    ))
}

#[test]
fn links_with_vlans_of_their_own_are_no_loop() {
    assert_eq!(parallel("10", "20"), []);
    assert_eq!(parallel("10,30", "20,10"), [Code::BridgeLoop]);
    assert_eq!(parallel("'10 pvid untagged'", "'10 pvid untagged'"), [Code::BridgeLoop]);
}

#[test]
fn what_leaves_two_vlans_without_a_tag_comes_back_into_one() {
    // Ports of one private VLAN each that all hear of VLAN 10: nothing goes round.
    let ports =
        "a vlans '10 pvid untagged','20 untagged'; b vlans '10 untagged','20 pvid untagged'";
    let text = format!(
        "graph {{ s [role=switch, interfaces=\"br0 vlan_filtering true; {ports}\"]; node [role=host]
           h1 -- s:a; h2 -- s:b }}"
    );
    assert_eq!(codes(&text), []);
}

#[test]
fn a_router_between_two_switches_closes_no_loop() {
    let text = format!("graph {{ {SWITCHES} node [role=router]; r; s1 -- s2; r -- s1; r -- s2 }}");
    assert!(!codes(&text).contains(&Code::BridgeLoop));
}

#[test]
fn what_is_behind_isolated_ports_is_not_checked_against_each_other() {
    let lab = |port: &str| {
        let text = format!(
            "graph {{ s [role=switch, interfaces=\"a {port}; b {port}\"]; t [role=switch]; node [role=host]
               s -- t; s -- r; a -- s:a; b1 -- t; b2 -- t; c -- s:b }}"
        );
        let source = Source { name: "lab.dot".to_owned(), text };
        let name = LabName::new("lab").unwrap();
        let (lab, said) = compile_source(&source, Format::Dot, &name, &Options::default());
        let checks = lab.unwrap_or_else(|| panic!("{said:?}")).checks;
        checks.iter().map(|check| check.to_string()).collect::<Vec<_>>()
    };
    let all = lab("");
    let apart = ["a -> c".to_owned(), "c -> a".to_owned()];
    let others: Vec<_> = all.iter().filter(|check| !apart.contains(check)).cloned().collect();
    assert_eq!(all.len(), 20);
    assert_eq!(others.len(), 18);
    assert_eq!(lab("bridge_port 'isolated on'"), others);
}
