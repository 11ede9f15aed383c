//! Switches in a ring, on the kernel's own spanning tree protocol.

use crate::host::Host;
use std::fs;
use vrflab::compile::{Options, compile_source};
use vrflab::diagnostic::Source;
use vrflab::document::{Format, LabName};
use vrflab::kernel::{observe, on_worker};
use vrflab::plan::{differences, lower};

const FILE: &str = "/run/triangle.dot";
/// Three switches, each linked to both others. The command writes what its bridge's ports do when it
/// is started.
const TRIANGLE: &str = "graph {
  node [role=switch, stp=true]; s1; s2; s3
  node [role=host]; h1; h2; h3
  s1:x -- s2:x; s2:y -- s3:y; s3:z -- s1:z
  h1 -- s1; h2 -- s2; h3 -- s3
  s1 [run=\"grep . /sys/class/net/br0/brif/*/state\"]
}";
/// The numbers that the kernel has for a port's states.
const FORWARDING: &str = "3";
const BLOCKING: &str = "4";

/// What a port does.
fn state(host: &Host, node: &str, port: &str) -> String {
    let file = format!("/sys/class/net/{port}/brport/state");
    host.done(&["exec", node, "--", "cat", &file]).trim().to_owned()
}

/// How many packets a port has taken in.
fn received(host: &Host, node: &str, port: &str) -> u64 {
    let file = format!("/sys/class/net/{port}/statistics/rx_packets");
    host.done(&["exec", node, "--", "cat", &file]).trim().parse().unwrap()
}

#[test]
fn a_ring_of_switches_with_stp_has_no_storm_and_heals_when_a_link_fails() {
    let host = Host::new();
    fs::write(FILE, TRIANGLE).unwrap();
    let up = host.done(&["up", FILE]);
    assert!(up.ends_with("triangle: 6 checks passed\n"), "{up}");

    let source = Source { name: FILE.to_owned(), text: TRIANGLE.to_owned() };
    let name = LabName::new("triangle").unwrap();
    let (lab, said) = compile_source(&source, Format::Dot, &name, &Options::default());
    assert!(said.is_empty(), "{said:?}");
    let plan = lower(&lab.unwrap()).unwrap();
    let observed = on_worker(|worker| observe(&plan, worker)).unwrap();
    assert_eq!(differences(&plan, &observed), []);

    // Commands find the tree there.
    let log = host.done(&["logs", "triangle", "s1"]);
    let states: Vec<&str> =
        log.lines().filter_map(|line| Some(line.rsplit_once("/state:")?.1)).collect();
    let settled = |state: &&str| *state == FORWARDING || *state == BLOCKING;
    assert!(states.len() == 3 && states.iter().all(settled), "{log}");

    let links = [("s1", "s2", "x"), ("s2", "s3", "y"), ("s3", "s1", "z")];
    let open = |(one, other, port): &(&str, &str, &str)| {
        [one, other].iter().all(|node| state(&host, node, port) == FORWARDING)
    };
    assert_eq!(links.iter().filter(|link| open(link)).count(), 2, "one link is blocked");
    // A storm would be tens of thousands of packets by now.
    let all: u64 = links.iter().map(|(node, _, port)| received(&host, node, port)).sum();
    assert!(all < 1000, "{all} packets");

    let (node, _, port) = links.iter().find(|link| open(link)).unwrap();
    host.done(&["link", &format!("{node}:{port}"), "down"]);
    let check = host.done(&["check", "--wait", "30"]);
    assert!(check.contains("6 checks passed"), "{check}");
    host.done(&["down"]);
    host.assert_nothing_is_left();
}
