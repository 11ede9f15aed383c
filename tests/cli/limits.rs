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
fn a_limit_of_nothing_that_is_counted_is_wrong_usage() {
    for (limit, why) in [
        (
            "routers=9",
            "`routers` is none of nodes, links, interfaces, neighbours, paths, routes, checks, bytes, lookups",
        ),
        ("routes=many", "`many` is no number"),
        ("routes", "as in `routes=1000000`"),
    ] {
        let said = ended(&mut vrflab(&["validate", "--limit", limit, "x.dot"]));
        assert_eq!(said.status, 2);
        assert!(said.err.contains(why), "{}", said.err);
    }
}
