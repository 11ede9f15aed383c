//! Links that fail while their lab stands, and come back.

use crate::host::{Host, Said};
use std::fs;
use vrflab::diagnostic::Source;
use vrflab::document::{Format, LabName};
use vrflab::kernel::{observe, on_worker};
use vrflab::plan::{differences, lower};

const FILE: &str = "/run/ring.dot";
/// Two ways from one host to the other, the shorter one over `a`.
const RING: &str =
    "graph { family=dual; h1 -- r1; r1:a -- r2:a; r2 -- h2; r1:b -- r3 -- r4 -- r2:b }";

/// Two routers between a core and a LAN; `r1` has its own neighbour too, so that it says of the LAN what it
/// does not say of everything.
const LEGS: &str = "graph {
    family=dual
    node [role=router]; core -- r1; core -- r2; x -- r1; lan [role=switch]
    r1:lan -- lan:p1; r2:lan -- lan; node [role=host]; h -- lan; far -- core
}";

/// In what the kernel differs from the ring's file.
fn wrong() -> Vec<String> {
    wrong_of("ring", RING)
}

fn wrong_of(name: &str, text: &str) -> Vec<String> {
    let source = Source { name: FILE.to_owned(), text: text.to_owned() };
    let name = LabName::new(name).unwrap();
    let (lab, _) = vrflab::understand(&source, Format::Dot, None, &name);
    let plan = lower(&lab.unwrap()).unwrap();
    let observed = on_worker(|worker| observe(&plan, worker)).unwrap();
    differences(&plan, &observed).iter().map(|it| format!("{it:?}")).collect()
}

fn ring() -> Host {
    let host = Host::new();
    fs::write(FILE, RING).unwrap();
    host.done(&["up", FILE]);
    assert_eq!(wrong(), Vec::<String>::new());
    host
}

fn gone(host: Host) {
    host.done(&["down"]);
    host.assert_nothing_is_left();
}

#[test]
fn a_link_that_is_down_takes_its_routes_along_and_up_brings_all_of_them_back() {
    let host = ring();
    let down = host.run(&["link", "r1:a", "down"]);
    assert_eq!((down.status, down.out.as_str()), (0, "ring: r1:a is down\n"));
    assert!(down.err.contains("static: none finds a way round"), "{}", down.err);
    let Said { status, out, .. } = host.run(&["check"]);
    assert_eq!(status, 1, "{out}");
    assert!(out.contains("FAILED  h1 -> h2\n"), "{out}");
    assert!(out.contains("ring: since it came up, a of r1 was brought down\n"), "{out}");
    assert!(out.contains("a of r1 is down") || out.contains("has no carrier"), "{out}");
    let carrier = ["exec", "r2", "--", "cat", "/sys/class/net/a/carrier"];
    assert_eq!(host.done(&carrier), "0\n", "the far end sees it");
    assert!(host.done(&["up", FILE]).contains("a of r1 was brought down"));
    host.done(&["link", "ring", "r1:a", "up"]);
    assert_eq!(wrong(), Vec::<String>::new());
    assert_eq!(host.done(&["up", FILE]), "ring is up already\n");
    gone(host);
}

#[test]
fn up_brings_back_what_was_lost_when_somebody_else_brought_the_link_down() {
    let host = ring();
    for (node, device) in [("r1", "a"), ("r2", "a"), ("r2", "eth0")] {
        for state in ["down", "up"] {
            host.done(&["exec", node, "--", "ip", "link", "set", "dev", device, state]);
        }
    }
    assert_ne!(wrong(), Vec::<String>::new(), "the kernel lost something");
    host.done(&["link", "r2:a", "up"]);
    assert_eq!(wrong(), Vec::<String>::new());
    gone(host);
}

#[test]
fn routes_are_led_round_a_link_and_back() {
    let host = ring();
    let down = host.done(&["link", "r1:a", "down", "--reroute"]);
    assert!(down.contains(" changed to lead round it\n"), "{down}");
    let check = host.done(&["check"]);
    assert!(check.contains("a of r1 was brought down, routes lead round it"), "{check}");
    // The other way is down too, and nothing is left.
    host.done(&["link", "r3:eth1", "down", "--reroute"]);
    assert_eq!(host.run(&["check"]).status, 1);
    host.done(&["link", "r1:a", "up"]);
    host.done(&["check"]);
    host.done(&["link", "r3:eth1", "up"]);
    assert_eq!(wrong(), Vec::<String>::new());
    gone(host);
}

#[test]
fn a_routers_leg_into_a_lan_can_fail_and_the_other_one_takes_all() {
    let host = Host::new();
    fs::write(FILE, LEGS).unwrap();
    host.done(&["up", "--name", "legs", FILE]);
    // The router's own end, which the kernel takes all routes from, and the far one, which leaves them.
    for end in ["r1:lan", "lan:p1"] {
        host.done(&["link", end, "down", "--reroute"]);
        for line in ["far -> h count 20", "h -> far count 20", "r1 -> h count 5", "x -> h count 5"]
        {
            host.done(&["check", "--only", line]);
        }
        host.done(&["link", end, "up"]);
        assert_eq!(wrong_of("legs", LEGS), Vec::<String>::new());
    }
    gone(host);
}

#[test]
fn reset_takes_back_what_was_changed() {
    let host = ring();
    host.done(&["link", "r1:a", "down", "--reroute"]);
    host.done(&["reset"]);
    assert_eq!(wrong(), Vec::<String>::new());
    assert_eq!(host.done(&["up", FILE]), "ring is up already\n");
    gone(host);
}

#[test]
fn what_cannot_be_changed_is_said() {
    let host = ring();
    let wrong = |arguments: &[&str], words: &str| {
        let said = host.run(arguments);
        assert_eq!((said.status, said.out.as_str()), (2, ""), "{arguments:?}: {said:?}");
        assert!(said.err.contains(words), "{arguments:?}: {}", said.err);
    };
    wrong(&["link", "r1", "down"], "name an interface, as in `r1:eth0`");
    wrong(&["link", "r1:a", "sideways"], "say `up`, `down` or `down --reroute`");
    wrong(&["link", "r1:a", "up", "--reroute"], "say `up`, `down` or `down --reroute`");
    wrong(&["link", "rr1:a", "up"], "ring has no node `rr1`; did you mean `r1`?");
    wrong(&["link", "r1:eth", "up"], "`r1` has no interface `eth`; did you mean `eth0`?");
    wrong(&["link", "no", "r1:a", "up"], "no lab `no` is up");
    wrong(&["impair", "r1:a"], "say what happens");
    wrong(&["impair", "r1:a", "delay", "10"], "`10` is not a time; say the unit, as in 10ms");
    wrong(&["impair", "r1:a", "--clear", "delay", "10ms"], "say what happens");
    gone(host);
}
