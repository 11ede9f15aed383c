//! Addresses with peers, and entries of neighbour tables that a file has.

use crate::standing::{file, read};
use vrflab::compile::names;
use vrflab::document::Format;

#[test]
fn peers_are_reached_and_neighbours_that_say_nothing_are_known_and_answered_for() {
    let text = std::fs::read_to_string(file("tests/guest/neighbours.yaml")).unwrap();
    let (built, said) = read(&text, Format::Yaml, "neighbours");
    assert!(said.is_empty(), "{said:?}");
    let standing = built.up();
    standing.holds_what_it_says();
    standing.all_checks_hold();
    let names = names(standing.lab());
    assert!(names.hosts[0].contains("10.1.0.1 a\nfd01::1 a\n"), "{names:?}");
    let route = standing.ip("a", "route get 10.1.0.2");
    assert!(route.starts_with("10.1.0.2 dev eth0 src 10.1.0.1"), "{route}");

    assert_eq!(standing.ip("r", "neigh del proxy 10.2.0.9 dev lan"), "");
    assert_eq!(standing.ip("r", "neigh del proxy fd02::9 dev lan"), "");
    assert_eq!(standing.ip("b", "neigh flush dev eth0"), "");
    assert!(!standing.check("b -> c").ok);
    assert_eq!(standing.ip("r", "neigh del 10.2.0.2 dev lan"), "");
    assert!(!standing.check("r -> b").ok);
}
