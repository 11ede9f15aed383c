//! Links that fail while their lab stands, and come back.

use crate::host::{Host, Said};
use std::fs;
use vrflab::compile::{Options, compile_source};
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
    let (lab, _) = compile_source(&source, Format::Dot, &name, &Options::default());
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
    assert!(down.err.contains("static and do not avoid the link"), "{}", down.err);
    let Said { status, out, .. } = host.run(&["check"]);
    assert_eq!(status, 1, "{out}");
    assert!(out.contains("FAILED  h1 -> h2\n"), "{out}");
    assert!(out.contains("ring: since it came up, a of r1 was brought down\n"), "{out}");
    let undo =
        "a of r1 was brought down.\n        To undo it:\n          vrflab link ring r1:a up\n";
    assert!(out.contains(undo), "{out}");
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

#[test]
fn a_lab_is_brought_back_in_place_while_what_runs_in_it_goes_on() {
    let host = ring();
    let mut runs = host.vrflab(&["exec", "r3", "--", "sleep", "1017"]).spawn().unwrap();
    let ip = |node: &str, words: &str| {
        let words: Vec<&str> = words.split(' ').collect();
        host.done(&[&["exec", node, "--", "ip"], &words[..]].concat());
    };
    host.done(&["link", "r1:a", "down", "--reroute"]);
    ip("r2", "link set dev b down");
    ip("r1", "addr flush dev b");
    ip("r3", "route flush table main");
    ip("h1", "addr add 10.99.0.1/24 dev eth0");
    ip("h1", "route add 10.98.0.0/24 via 10.99.0.2");
    ip("h1", "rule add priority 77 table 77");
    ip("r3", "link add other type bridge");
    ip("h2", "link del eth0");
    assert!(wrong().len() > 20, "{:#?}", wrong());
    let healed = host.done(&["reset", "--in-place"]);
    assert!(healed.starts_with("ring: restored, "), "{healed}");
    assert_eq!(wrong(), Vec::<String>::new());
    assert!(!host.done(&["check"]).contains("since it came up"));
    let again = host.done(&["reset", "--in-place"]);
    assert_eq!(again, "ring: matches its file already\n");
    // A node that has gone altogether is made again.
    let ip = std::process::Command::new("ip").args(["netns", "del", "ring-r4"]).status();
    assert!(ip.unwrap().success());
    crate::host::until("the node has gone", || wrong().len() > 40);
    host.done(&["reset", "--in-place"]);
    assert_eq!(wrong(), Vec::<String>::new());
    host.done(&["check"]);
    assert!(runs.try_wait().unwrap().is_none(), "what runs in a node goes on");
    host.done(&["down"]);
    runs.wait().unwrap();
    host.assert_nothing_is_left();
}

#[test]
fn a_lab_that_cannot_be_brought_back_in_place_stands_as_it_was() {
    let host = Host::new();
    fs::write(FILE, "graph ring { a [run=\"sleep 1018\"]; a -- b }").unwrap();
    host.done(&["up", "--no-check", FILE]);
    let said = host.run(&["reset", "--in-place"]);
    let expected = "vrflab: ring runs commands, whose changes cannot be told from yours; `vrflab reset \
                    ring` builds it anew\n";
    assert_eq!((said.status, said.err.as_str()), (2, expected));
    host.done(&["down"]);
    fs::write(FILE, "graph ring { a -- b; a -- c }").unwrap();
    host.done(&["up", FILE]);
    host.done(&["link", "a:eth0", "down"]);
    // The end of the other link is elsewhere under its name, so that none can be made there.
    let ip = |words: &str| {
        let words: Vec<&str> = words.split(' ').collect();
        host.done(&[&["exec", "a", "--", "ip"], &words[..]].concat())
    };
    ip("link del eth1");
    ip("link add eth1 type veth peer name other netns 1");
    let before = ip("-o addr");
    let said = host.run(&["reset", "--in-place"]);
    assert_eq!(said.status, 4, "{said:?}");
    assert!(said.err.ends_with("ring: the change was rolled back\n"), "{}", said.err);
    assert_eq!(ip("-o addr"), before);
    assert!(host.run(&["check"]).out.contains("since it came up, eth0 of a was brought down"));
    ip("link del eth1");
    host.done(&["reset", "--in-place"]);
    host.done(&["check"]);
    gone(host);
}
