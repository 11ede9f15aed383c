//! VXLANs with several far ends, with none, and with a group, by what comes out at each.

use crate::standing::{Standing, file, read};
use std::process::Command;
use vrflab::document::Format;

/// Has `bridge` do something in a node.
fn bridge(standing: &Standing, node: &str, words: &str) {
    let lab = standing.lab();
    let namespace = &lab[lab.node(node).unwrap()].namespace;
    let done = Command::new("bridge").args(["-n", namespace]).args(words.split(' ')).output();
    let done = done.unwrap();
    assert!(done.status.success(), "{words}: {}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn frames_go_to_each_far_end_that_is_said_and_to_no_other() {
    let text = std::fs::read_to_string(file("tests/guest/vxlans.yaml")).unwrap();
    let (built, said) = read(&text, Format::Yaml, "vxlans");
    assert!(said.is_empty(), "{said:?}");
    let standing = built.up();
    standing.holds_what_it_says();
    standing.all_checks_hold();

    bridge(&standing, "v1", "fdb del 00:00:00:00:00:00 dev x dst 192.0.2.2");
    // Neither end asks the other about an address that it has.
    let forget = |hosts: [&str; 2]| {
        for host in hosts {
            assert_eq!(standing.ip(host, "neigh flush dev eth0"), "");
        }
    };
    forget(["h1", "h2"]);
    assert!(!standing.check("h1 -> h2").ok);
    assert!(standing.check("h1 -> h3").ok);
    // Without the answer of its own bridge h3 finds nobody.
    bridge(&standing, "v3", "link set dev x neigh_suppress off");
    forget(["h1", "h3"]);
    assert!(!standing.check("h3 -> h1").ok);
    assert_eq!(standing.ip("g1", "link set dev y down"), "");
    assert!(!standing.check("g1 -> 10.20.0.2").ok);
}

#[test]
fn one_vxlan_has_a_vni_for_each_vlan_and_nothing_passes_without() {
    let text = std::fs::read_to_string(file("labs/vxlan-vni.yaml")).unwrap();
    // A range of VLANs, which the kernel shows as one, is there as well.
    let text = text.replacen(
        "20 tunnel_info id 200]",
        "20 tunnel_info id 200, 21-23 tunnel_info id 301-303]",
        1,
    );
    let (built, said) = read(&text, Format::Yaml, "vnis");
    assert!(said.is_empty(), "{said:?}");
    let standing = built.up();
    standing.holds_what_it_says();
    standing.all_checks_hold();

    let passes = |check: &str| {
        for host in ["red1", "red2", "blue1", "blue2"] {
            assert_eq!(standing.ip(host, "neigh flush dev eth0"), "");
        }
        standing.check(check).ok
    };
    bridge(&standing, "v2", "vlan del dev vx vid 20 tunnel_info id 200");
    assert!(!passes("blue1 -> blue2"));
    assert!(passes("red1 -> red2"));
    bridge(&standing, "v2", "vlan add dev vx vid 20 tunnel_info id 200");
    assert!(passes("blue1 -> blue2"));
    bridge(&standing, "v2", "link set dev vx vlan_tunnel off");
    assert!(!passes("blue1 -> blue2"));
}
