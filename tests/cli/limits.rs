//! What a file may make at the most.

use crate::program::{directory, ended, vrflab};
use std::fs;

const RING: &str = "graph { node [role=router]; r1 -- r2 -- r3 -- r4 -- r1 }";

#[test]
fn a_limit_refuses_what_a_file_would_make_and_a_higher_one_allows_it() {
    let directory = directory("a_limit_refuses_what_a_file_would_make_and_a_higher_one_allows_it");
    fs::write(directory.join("ring.dot"), RING).unwrap();
    let said = |arguments: &[&str]| {
        ended(vrflab(&[arguments, &["ring.dot"]].concat()).current_dir(&directory))
    };
    for verb in ["validate", "verify", "plan", "compile", "up"] {
        let low = said(&[verb, "--limit", "routes=9", "--limit", "nodes=4"]);
        assert_eq!((low.status, low.out.as_str()), (2, ""), "{verb}: {low:?}");
        let title = "error[too-many]: the file makes 10 routes or more\n";
        assert!(low.err.starts_with(title), "{verb}: {}", low.err);
    }
    for verb in ["validate", "verify", "plan", "compile"] {
        let high = said(&[verb, "--limit=routes=20"]);
        assert_eq!((high.status, high.err.as_str()), (0, ""), "{verb}: {high:?}");
    }
}

#[test]
fn nexthops_of_a_group_count_for_each_route_that_names_it() {
    let directory = directory("nexthops_of_a_group_count_for_each_route_that_names_it");
    let lab = "routing: none
nodes:
  r1:
    nexthops: [id 1 via 192.0.2.2, id 2 via 192.0.2.3, id 9 group 1/2]
    routes: [10.0.0.0/24 nhid 9, 10.0.1.0/24 nhid 9, 10.0.2.0/24 via 192.0.2.2]
links: [{ends: [r1, r2], addresses: [192.0.2.1/24, [192.0.2.2/24, 192.0.2.3/24]]}]
";
    fs::write(directory.join("group.yaml"), lab).unwrap();
    let said = |limit: &str| {
        ended(vrflab(&["validate", "--limit", limit, "group.yaml"]).current_dir(&directory))
    };
    let low = said("nexthops=4");
    let title = "error[too-many]: the file makes 5 nexthops of routes\n";
    assert!(low.status == 2 && low.err.starts_with(title), "{low:?}");
    assert_eq!(said("nexthops=5").status, 0);
}

#[test]
fn a_limit_of_nothing_that_is_counted_is_wrong_usage() {
    for (limit, why) in [
        (
            "routers=9",
            "`routers` is none of nodes, links, interfaces, neighbours, paths, routes, nexthops, checks, probes, bytes, lookups",
        ),
        ("routes=many", "`many` is no number"),
        ("routes", "as in `routes=1000000`"),
    ] {
        let said = ended(&mut vrflab(&["validate", "--limit", limit, "x.dot"]));
        assert_eq!(said.status, 2);
        assert!(said.err.contains(why), "{}", said.err);
    }
}
