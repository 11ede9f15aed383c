//! A lab that stands is verified by what its kernel holds.

use crate::host::{Host, Said, lab};
use std::fs;

const FILE: &str = "/run/row.yaml";
const ROW: &str = "routing: none
nodes:
  h1: {routes: [default via 10.0.1.1]}
  r1: {role: router, routes: [10.0.2.0/24 via 10.0.3.2]}
  r2: {role: router, routes: [10.0.1.0/24 via 10.0.3.1]}
  h2: {routes: [default via 10.0.2.1]}
links:
  - {ends: [h1, r1], addresses: [10.0.1.10/24, 10.0.1.1/24]}
  - {ends: [r1, r2], addresses: [10.0.3.1/30, 10.0.3.2/30]}
  - {ends: [r2, h2], addresses: [10.0.2.1/24, 10.0.2.10/24]}
checks: [h1 -> r1, h1 -> h2, h2 -> h1]
";

const ROUTE_GONE: &str = "\
REFUTED h1 -> h2
        r2 rejects the answer with `net-unreachable`
        The probe, from 10.0.1.10 to 10.0.2.10:
          h1  ttl 255, out eth0
          r1  ttl 255, in eth0, out eth1
          r2  ttl 254, in eth0, out eth1
          h2  ttl 253, in eth0
        The answer, from 10.0.2.10 to 10.0.1.10:
          h2  ttl 64, out eth0
          r2  ttl 64, in eth1
        differs from what was built: r2 has no route `10.0.1.0/24 via 10.0.3.1 dev eth0`
        To mend it:
          vrflab exec row r2 -- ip route add 10.0.1.0/24 via 10.0.3.1 dev eth0
         --> /run/row.yaml:5:31
          |
        5 |   r2: {role: router, routes: [10.0.1.0/24 via 10.0.3.1]}
          |                               ^^^^^^^^^^^^^^^^^^^^^^^^ missing at r2
        2 checks fail for this reason; the other is:
          h2 -> h1
row: 1 check proved, 2 refuted
row: 1 thing differs from what was built
        r2 has no route `10.0.1.0/24 via 10.0.3.1 dev eth0`
";

fn row() -> Host {
    let host = Host::new();
    fs::write(FILE, ROW).unwrap();
    host.done(&["up", FILE]);
    host
}

fn gone(host: Host) {
    host.done(&["down"]);
    host.assert_nothing_is_left();
}

fn refuted(host: &Host) -> String {
    let Said { status, out, err } = host.run(&["verify", "row"]);
    assert_eq!((status, err.as_str()), (1, ""), "{out}");
    out
}

#[test]
fn a_lab_as_it_was_built_is_verified_like_its_file() {
    let host = Host::new();
    for name in ["routers", "bridge"] {
        let file = lab(&format!("{name}.dot"));
        let of_file = host.run(&["verify", &file]);
        host.done(&["up", "--no-check", &file]);
        let Said { status, out, err } = host.run(&["verify", name]);
        assert_eq!((status, out, err), (of_file.status, of_file.out, of_file.err), "{name}");
        assert_eq!(host.run(&["verify"]).status, status, "{name}: it is the only one");
        host.done(&["down"]);
    }
    host.assert_nothing_is_left();
}

#[test]
fn a_route_that_is_gone_is_named_with_the_walk_and_its_line() {
    let host = row();
    host.done(&["exec", "r2", "--", "ip", "route", "del", "10.0.1.0/24"]);
    assert_eq!(refuted(&host), ROUTE_GONE);
    let said = host.run(&["verify", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    let missing = serde_json::json!([{
        "node": "r2",
        "found": "missing",
        "command": "ip -n row-r2 route add 10.0.1.0/24 via 10.0.3.1 dev eth0",
        "text": "r2 has no route `10.0.1.0/24 via 10.0.3.1 dev eth0`",
    }]);
    assert_eq!((said.status, &report["deviations"]), (1, &missing));
    assert_eq!(report["checks"][1]["deviations"], missing);
    assert_eq!(report["checks"][1]["decided_by"]["start"]["line"], 5);
    host.done(&["reset", "--in-place"]);
    assert_eq!(host.done(&["verify"]), "row: 3 checks proved\n");
    gone(host);
}

#[test]
fn what_somebody_added_and_brought_down_is_told_from_what_was_built() {
    let host = row();
    host.done(&["exec", "r1", "--", "ip", "route", "add", "blackhole", "10.0.2.10"]);
    let out = refuted(&host);
    let added = "r1 has the route `blackhole 10.0.2.10/32`, which was not built";
    assert!(out.contains(&format!("differs from what was built: {added}\n")), "{out}");
    host.done(&["exec", "r1", "--", "ip", "route", "del", "blackhole", "10.0.2.10"]);
    host.done(&["exec", "h2", "--", "ip", "link", "set", "eth0", "down"]);
    let out = refuted(&host);
    let down = "differs from what was built: eth0 of h2 is down\n";
    assert!(out.contains(down), "{out}");
    assert!(out.contains("               ^^ down at h2\n"), "{out}");
    // One check ends beside the node, the other in it.
    assert!(out.contains("2 checks fail for this reason"), "{out}");
    gone(host);
}

#[test]
fn a_change_that_the_record_has_is_no_deviation() {
    let host = row();
    host.run(&["link", "h2:eth0", "down"]);
    let out = refuted(&host);
    assert!(!out.contains("built"), "{out}");
    let wrong = host.run(&["verify", "--if-down", "any"]);
    assert_eq!(wrong.status, 2, "{wrong:?}");
    let slip = host.run(&["verify", "rwo"]);
    assert_eq!(slip.err, "vrflab: no lab `rwo` is up; did you mean `row`?\n");
    gone(host);
}

#[test]
fn a_change_that_checks_fail_for_is_named_with_what_takes_it_back_and_no_route_is_advised() {
    let host = row();
    host.done(&["link", "r2:eth1", "down"]);
    let out = refuted(&host);
    let changed = "\n        changed: since it came up, eth1 of r2 was brought down\n";
    assert!(out.contains(changed), "{out}");
    assert!(!out.contains("Add the route"), "{out}");
    let said = host.run(&["verify", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    let checks = report["checks"].as_array().unwrap().iter();
    let mut changes = checks.filter_map(|check| check.get("changes"));
    let undo = serde_json::json!(["vrflab link row r2:eth1 up"]);
    assert_eq!(changes.next().unwrap()[0]["undo"], undo);
    gone(host);
}
