//! As many open files as there are nodes, and more.

use crate::host::{Host, Said, ring, said};
use std::fs;

const FILE: &str = "/run/ring.yaml";

/// Runs the program under limits of open files.
fn under(host: &Host, limits: &str, words: &str) -> Said {
    let program = host.vrflab(&[]).get_program().to_str().unwrap().to_owned();
    let mut shell = std::process::Command::new("/bin/sh");
    shell.args(["-c", &format!("{limits}; exec {program} {words}")]);
    shell.env("VRFLAB_KERNEL", "host");
    said(&shell.output().unwrap())
}

#[test]
fn a_lab_of_more_nodes_than_files_may_be_open_by_default_is_built_and_checked() {
    let host = Host::new();
    let text = ring(100).replace("n0: {", "n0: {run: 'ulimit -Sn; ulimit -Hn', ");
    assert!(text.contains("ulimit"), "{text}");
    fs::write(FILE, text + "checks: [n0 -> n1, n1 -> n2 tcp 80]\n").unwrap();
    let up = under(&host, "ulimit -Sn 64; ulimit -Hn 500", &format!("up {FILE}"));
    assert_eq!(up.status, 0, "{up:?}");
    // What is started in a node has the caller's own limits.
    let own =
        under(&host, "ulimit -Sn 64; ulimit -Hn 500", "exec n0 sh -c 'ulimit -Sn; ulimit -Hn'");
    assert_eq!(own.out, "64\n500\n", "{own:?}");
    assert!(host.done(&["logs"]).contains("64\n500\n"), "{}", host.done(&["logs"]));
    host.done(&["down"]);
    host.assert_nothing_is_left();
}

#[test]
fn a_lab_that_needs_more_files_than_may_be_open_at_all_is_refused_with_their_number() {
    let host = Host::new();
    let checks: Vec<String> =
        (0..20).map(|node| format!("n{node} -> n{} tcp {}", (node + 1) % 60, 80 + node)).collect();
    fs::write(FILE, ring(60) + &format!("checks: [{}]\n", checks.join(", "))).unwrap();
    let refused = |limit: usize, words: &str| {
        let said = under(&host, &format!("ulimit -n {limit}"), words);
        assert_eq!(said.status, 3, "{said:?}");
        let (_, rest) = said.err.split_once(" needs ").unwrap_or_else(|| panic!("{said:?}"));
        rest.split(' ').next().unwrap().parse::<usize>().unwrap()
    };
    let up = format!("up {FILE}");
    let needed = refused(60, &up);
    assert_eq!(refused(needed - 1, &up), needed);
    host.assert_nothing_is_left();
    // So many are enough, whatever is done with the lab.
    let limit = format!("ulimit -n {needed}");
    for words in [&up, "check", "reset", "down ring"] {
        let said = under(&host, &limit, words);
        assert_eq!(said.status, 0, "{words}: {said:?}");
    }
    host.assert_nothing_is_left();
    // Without checks every node takes one.
    let built = refused(60, &format!("up --no-check {FILE}"));
    assert!(built >= 60 && built < needed, "{built}, {needed}");
    let up = under(&host, &format!("ulimit -n {built}"), &format!("up --no-check {FILE}"));
    assert_eq!(up.status, 0, "{up:?}");
    host.done(&["down"]);
    // What no verb could work with is said, and is no bug.
    for limit in [4, 7, 16, 39] {
        assert_eq!(refused(limit, "ls"), 40);
    }
}
