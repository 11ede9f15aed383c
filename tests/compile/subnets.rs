//! Subnets of links and LANs, and addresses of which the file says the host part.

use crate::routes::lab;
use std::path::Path;
use vrflab::compile::{Lab, Options, compile_source};
use vrflab::diagnostic::render;
use vrflab::document::{self, Format, LabName};
use vrflab::plan::lower;

/// The lab of a file of which nothing is said.
fn read(file: &str) -> Lab {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compile/subnets").join(file);
    let source = document::read(&path).unwrap();
    let format = Format::of_name(file).unwrap();
    let name = LabName::new("lab").unwrap();
    let (lab, said) = compile_source(&source, format, &name, &Options::default());
    assert_eq!(render::text(&said, &source, render::Style { colour: false }), "");
    lab.unwrap()
}

/// The addresses of a node, interface by interface.
fn addresses(lab: &Lab, node: &str) -> Vec<String> {
    let ports = lab[lab.node(node).unwrap()].interfaces.iter();
    ports.flat_map(|port| &port.addresses).map(|address| address.value.to_string()).collect()
}

#[test]
fn subnets_and_host_parts_make_addresses() {
    let lab = read("drawn.dot");
    for (node, expected) in [
        ("r1", &["10.0.12.5/30", "10.0.41.1/31", "172.16.0.0/31", "10.0.7.254/24"][..]),
        ("r2", &["10.0.12.6/30", "10.0.23.1/24", "2001:db8:23::1/64"]),
        ("r3", &["10.0.23.2/24", "2001:db8:23::2/64", "10.1.35.1/23", "172.16.0.1/31"]),
        // What says no host part gets the first that is left.
        ("r4", &["10.1.34.1/23", "10.0.41.0/31", "172.16.0.3/31"]),
        ("h1", &["10.0.7.10/24"]),
        ("h2", &["10.0.7.1/24"]),
        ("h3", &["10.0.7.30/24 anycast"]),
    ] {
        assert_eq!(addresses(&lab, node), expected, "{node}");
    }
}

#[test]
fn both_formats_draw_the_same_subnets() {
    let plan = |file| {
        lower(&read(file)).unwrap().steps().map(|it| it.action.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(plan("drawn.dot"), plan("drawn.yaml"));
}

#[test]
fn a_written_subnet_is_handed_out_to_nobody_else() {
    let of = |second: &str, node: &str| {
        addresses(&lab(&format!("graph {{ a -- b; c -- d [{second}] }}")), node).join(" ")
    };
    assert_eq!(of("", "a"), "172.16.0.0/31");
    assert_eq!(of("label=\"172.16.0.0/30\"", "a"), "172.16.0.4/31");
    assert_eq!(of("label=\"172.16.0.0/30\"", "c"), "172.16.0.1/30");
    // A link is of the families of its subnet.
    assert_eq!(of("label=\"fd00::/126\"", "d"), "fd00::2/126");
    // What is written wins over what is drawn.
    assert_eq!(of("label=\"10.0.0.0/30\", subnet=\"10.1.0.0/30\"", "c"), "10.1.0.1/30");
}

#[test]
fn labels_without_a_subnet_are_for_the_picture() {
    for label in
        ["\"\"", "\"10 ms\"", "\"10.0.0.1/24\"", "\"10.0.0.0\"", "\"0.0.0.0/0\"", "<10.0.0.0/24>"]
    {
        let lab = lab(&format!("graph {{ a -- b [label={label}]; a [label=\"10.9.0.0/24\"] }}"));
        assert_eq!(addresses(&lab, "a"), ["172.16.0.0/31"], "{label}");
    }
}
