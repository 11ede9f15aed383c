//! `vrflab explain` of labs that stand: which lab is meant, and what is said of it.

use crate::host::{Host, Said};
use std::fs;

const PAIR: &str = "nodes: {h1: {}, h2: {}}
links: [h1 -- h2]
checks: [h1 -> h2]
";

fn pair(host: &Host, name: &str) -> String {
    let file = format!("/run/{name}.yaml");
    fs::write(&file, PAIR).unwrap();
    host.done(&["up", &file]);
    file
}

#[test]
fn the_lab_that_is_meant_is_said_where_none_is_named_and_several_are_refused() {
    let host = Host::new();
    pair(&host, "one");
    let Said { status, out, err } = host.run(&["explain", "h1", "h2"]);
    assert_eq!((status, err.as_str()), (0, "the lab is one\n"), "{out}");
    let named = host.run(&["explain", "one", "h1", "h2"]);
    assert_eq!((named.status, named.err.as_str()), (0, ""));
    pair(&host, "two");
    let Said { status, err, .. } = host.run(&["explain", "h1", "h2"]);
    let several = "vrflab: several labs are up, name one of them or set VRFLAB_LAB: one, two\n";
    assert_eq!((status, err.as_str()), (2, several));
    let ends = ["eth0 of h1 is down", "vrflab exec two h1 -- ip link set dev eth0 up"];
    host.done(&["exec", "two", "h1", "--", "ip", "link", "set", "eth0", "down"]);
    let Said { status, out, .. } = host.run(&["explain", "two", "h1", "h2"]);
    assert_eq!(status, 1);
    ends.iter().for_each(|said| assert!(out.contains(said), "{out}"));
    host.done(&["down", "--all"]);
    host.assert_nothing_is_left();
}
