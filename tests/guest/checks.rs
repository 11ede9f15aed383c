//! The language of checks inside VRFs, over labels, and on links that delay and lose.

use crate::standing::{Standing, file, read};
use vrflab::check::{self, CheckResult, Report};
use vrflab::compile::read_check;
use vrflab::diagnostic::Text;
use vrflab::document::Format;

fn up(path: &str, name: &str) -> Standing {
    let text = std::fs::read_to_string(file(path)).unwrap();
    let (built, said) = read(&text, Format::Dot, name);
    assert!(said.is_empty(), "{path}: {said:?}");
    built.up()
}

/// Makes the lab's own checks.
fn own(standing: &Standing) -> Report {
    let report = check::run(standing.lab(), &standing.lab().checks, |_, _| {}).unwrap();
    let failed: Vec<_> = report.results.iter().filter(|result| !result.ok).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    report
}

/// Makes one check that the lab's file does not have.
fn one(standing: &Standing, line: &str) -> CheckResult {
    let check = read_check(standing.lab(), &Text::filled(line)).unwrap();
    check::run(standing.lab(), &[check], |_, _| {}).unwrap().results.remove(0)
}

fn words(result: &CheckResult) -> String {
    assert!(!result.ok, "{result:#?}");
    format!("{}\n{}", result.reason.as_deref().unwrap(), result.explanation.join("\n"))
}

#[test]
fn the_kernels_own_test_of_leaking_between_vrfs_holds_and_fails_as_there() {
    let standing = up("labs/route-leaking.dot", "leaking");
    own(&standing);
    // As in the kernel's test: without the way back answers are lost.
    standing.ip("r1", "route del 172.16.1.0/24 vrf red");
    let said = words(&one(&standing, "h1 -> 172.16.2.2"));
    assert!(said.starts_with("the answer was lost at r1"), "{said}");
    // Without both, the router says so itself.
    standing.ip("r1", "route del 172.16.2.0/24 vrf blue");
    let result = one(&standing, "h1 !> 172.16.2.2 error host-unreachable by 172.16.1.253");
    assert!(result.ok, "{result:#?}");
}

#[test]
fn flows_divide_over_equal_and_unequal_ways_between_vrfs() {
    let standing = up("tests/guest/checks/multipath.dot", "multipath");
    own(&standing);
    for (left, right) in [(2, 1), (11, 45)] {
        let way = |gateway: &str, device: &str, weight: u32| {
            format!("nexthop via {gateway} dev {device} weight {weight}")
        };
        standing.ip(
            "r1",
            &format!(
                "route replace 198.51.100.0/24 vrf v1 {} {}",
                way("169.254.2.22", "rp12", left),
                way("169.254.3.23", "rp13", right)
            ),
        );
        let line = format!("h1 -> 198.51.100.2 spread up weight {left} down weight {right}");
        let result = one(&standing, &line);
        assert!(result.ok, "{result:#?}");
        let said = words(&one(&standing, "h1 -> 198.51.100.2 spread up down count 1000"));
        assert!(said.starts_with("of 1000 flows "), "{said}");
    }
    // What is measured while a link fails goes on, once the router may see that it has failed.
    standing.ip("r1", "link set rp12 down");
    standing.ip("r2", "link set rp22 down");
    let result = one(&standing, "h1 -> 198.51.100.2 udp 7 count 100");
    assert!(result.ok, "{result:#?}");
}

#[test]
fn labels_divide_flows_by_their_addresses_alone() {
    let standing = up("tests/guest/checks/labels.dot", "labels");
    own(&standing);
    let said = words(&one(&standing, "h1 -> h2 spread a b"));
    assert!(said.starts_with("of 256 flows "), "{said}");
    assert!(said.contains("256 went via") && said.contains(" 0 went via"), "{said}");
    assert!(said.contains("`from PREFIX` varies the source addresses"), "{said}");
}

#[test]
fn a_core_takes_as_much_of_a_ttl_either_way_and_with_uniform_labels_it_has_to_last_longer() {
    let standing = up("tests/guest/checks/pipe.dot", "pipe-ttl");
    own(&standing);
    drop(standing);
    let text = std::fs::read_to_string(file("tests/guest/checks/pipe.dot")).unwrap();
    let text = text.replace("vpn=\"ttl pipe\"", "");
    let (built, _) = read(&text, Format::Dot, "uniform-ttl");
    let standing = built.up();
    let said = words(&one(&standing, "h1 -> h2 hops 5"));
    assert!(said.starts_with("the TTL of the probe ran out at p3"), "{said}");
    // The answer is taken in with as much as in the other core.
    let result = one(&standing, "h1 -> h2 hops 6 ttl 60");
    assert!(result.ok, "{result:#?}");
}

#[test]
fn silence_lasts_as_long_as_the_delays_on_the_way_and_those_of_finding_neighbours() {
    let text = "graph { r [role=router]; node [role=host]; a; b; c; d; a -- r; d -- r;
        r -- b [netem=\"delay 600ms\"]; r -- c [netem=\"delay 1200ms\"] ;
        checks=\"a !> b; a !> c; a -> c\" }";
    let (built, said) = read(text, Format::Dot, "slow");
    assert!(said.is_empty(), "{said:?}");
    let standing = built.up();
    let checks = &standing.lab().checks;
    // Nobody knows his neighbours, and then everybody does.
    for _ in 0..2 {
        let report = check::run(standing.lab(), checks, |_, _| {}).unwrap();
        let ok: Vec<bool> = report.results.iter().map(|result| result.ok).collect();
        assert_eq!(ok, [false, false, true], "{report:#?}");
        assert!(words(&report.results[0]).starts_with("the probe arrives at b"), "{report:#?}");
    }
    // What the file does not know of is told by how long the answers of others take.
    let id = standing.lab().node("r").unwrap();
    let namespace = &standing.lab()[id].namespace;
    let mut tc = std::process::Command::new("tc");
    tc.args(["-n", namespace]).args("qdisc replace dev eth0 root netem delay 800ms".split(' '));
    assert!(tc.status().unwrap().success());
    standing.ip("r", "neigh flush dev eth0");
    let d = standing.lab().node("d").unwrap();
    let address = standing.lab()[d].interfaces[0].addresses[0].value.addr();
    let result = one(&standing, &format!("a !> {address}"));
    assert!(words(&result).starts_with(&format!("{address} answers")), "{result:#?}");
}

#[test]
fn delay_and_loss_on_a_link_are_measured() {
    let standing = up("tests/guest/checks/impaired.dot", "impaired");
    own(&standing);
    // Emulation may be slow, so only what is far beyond it is a bound from above.
    let said = words(&one(&standing, "h1 -> h2 rtt > 5s"));
    assert!(said.contains("which is not > 5s"), "{said}");
    let impair = |words: &str| {
        let id = standing.lab().node("r").unwrap();
        let mut command = std::process::Command::new("tc");
        command.args(["-n", &standing.lab()[id].namespace]);
        let line = format!("qdisc replace dev eth1 root netem {words}");
        let done = command.args(line.split(' ')).status().unwrap();
        assert!(done.success(), "{line}");
    };
    impair("delay 200ms");
    for line in [
        "h1 -> h2 rtt > 200ms",
        "h1 -> h2 rtt > 200ms tcp 80",
        "h1 -> h2 udp 7 rtt > 200ms",
        "r%blue -> h2 rtt > 200ms count 10",
    ] {
        let result = one(&standing, line);
        assert!(result.ok, "{result:#?}");
        assert!(result.probes[0].rtt_ms.unwrap() > 200.0, "{result:#?}");
    }
    let said = words(&one(&standing, "h1 -> h2 rtt < 100ms"));
    assert!(said.contains("which is not < 100ms"), "{said}");

    impair("loss 30%");
    let result = one(&standing, "h1 -> h2 loss > 10% count 200");
    assert!(result.ok, "{result:#?}");
    let result = one(&standing, "h1 -> h2 loss < 50% count 200 udp 7");
    assert!(result.ok, "{result:#?}");
    let said = words(&one(&standing, "h1 -> h2 loss < 5% count 200"));
    assert!(said.contains("of 200 were lost, which is not < 5%"), "{said}");
    assert!(said.contains("r, and was last seen"), "{said}");
}
