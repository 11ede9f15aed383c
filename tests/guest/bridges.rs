//! What bridges and their ports are told, by what packets do then.

use crate::standing::{Standing, file, read};
use vrflab::document::Format;

fn holds(standing: &Standing, check: &str) -> bool {
    standing.check(check).ok
}

#[test]
fn ports_are_isolated_send_back_and_block_as_they_are_told() {
    let text = std::fs::read_to_string(file("tests/guest/bridges.yaml")).unwrap();
    let (built, said) = read(&text, Format::Yaml, "bridges");
    assert!(said.is_empty(), "{said:?}");
    let standing = built.up();
    standing.holds_what_it_says();
    standing.all_checks_hold();
    for (port, state) in [("dear", "blocking"), ("cheap", "forwarding")] {
        let shown = standing.ip("r2", &format!("-d link show dev {port}"));
        assert!(shown.contains(&format!("state {state}")), "{shown}");
    }

    assert_eq!(standing.ip("s", "link set dev b type bridge_slave isolated off"), "");
    assert!(!holds(&standing, "a !> b"));
    assert_eq!(standing.ip("s", "link set dev m type bridge_slave hairpin off"), "");
    assert!(!holds(&standing, "m%red -> m%blue"));
    assert!(!standing.ip("x", "link show up").contains("down@trunk"));
}
