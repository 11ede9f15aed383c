//! VPNs that the compiler made, built and checked.

use crate::standing::{Built, file, read};
use vrflab::check;
use vrflab::document::Format;

fn lab(path: &str, name: &str) -> Built {
    let text = std::fs::read_to_string(file(path)).unwrap();
    let (built, said) = read(&text, Format::Dot, name);
    assert!(said.is_empty(), "{path}: {said:?}");
    built
}

/// Builds a lab and says how many of its checks there are, after all of them held.
fn all_hold(path: &str, name: &str) -> usize {
    let standing = lab(path, name).up();
    let lab = standing.lab();
    let report = check::run(lab, &lab.checks, |_, _| {}).unwrap();
    let failed: Vec<_> = report.results.iter().filter(|result| !result.ok).collect();
    assert!(failed.is_empty(), "{path}: {failed:#?}");
    report.results.len()
}

#[test]
fn three_customers_reach_their_own_sites_and_nobody_elses() {
    // Of each customer's three hosts each reaches two and none of the six others. The six routers of
    // the core reach each other, and no host reaches it or is reached from there.
    assert_eq!(all_hold("labs/vpns.dot", "vpn-three"), 9 * 2 + 9 * 6 + 6 * 5 + 9 + 9);
}

#[test]
fn both_families_ride_an_ipv4_core() {
    all_hold("tests/guest/vpn/dual.dot", "vpn-dual");
}

#[test]
fn a_core_of_ipv6_alone_switches_labels_too() {
    all_hold("tests/guest/vpn/six.dot", "vpn-six");
}

#[test]
fn without_penultimate_hop_popping_the_egress_takes_both_labels() {
    all_hold("tests/guest/vpn/no-php.dot", "vpn-no-php");
}

#[test]
fn labels_can_have_a_ttl_of_their_own() {
    all_hold("tests/guest/vpn/pipe.dot", "vpn-pipe");
}

#[test]
fn a_hub_sees_its_spokes_and_no_spoke_another() {
    all_hold("tests/guest/vpn/hub.dot", "vpn-hub");
}

#[test]
fn what_a_drawing_keeps_apart_is_checked_and_a_lookup_that_falls_through_is_seen() {
    let path = "tests/guest/vpn/apart.dot";
    all_hold(path, "vpn-apart");
    let text = std::fs::read_to_string(file(path)).unwrap();
    let leaky = text.replace("; blue\"", "; blue fallthrough true\"");
    let (built, said) = read(&leaky, Format::Dot, "vpn-leaky");
    assert_eq!(said.len(), 1, "{said:?}");
    let standing = built.up();
    let report = check::run(standing.lab(), &standing.lab().checks, |_, _| {}).unwrap();
    let failed = report.results.iter().filter(|result| !result.ok);
    let failed: Vec<&str> = failed.map(|result| result.check.as_str()).collect();
    assert_eq!(failed, ["b !> p"], "{:#?}", report.results);
}

#[test]
fn vrfs_of_one_router_import_one_way_and_no_further() {
    all_hold("tests/guest/vpn/leak.dot", "vpn-leak");
}

#[test]
fn a_customer_on_two_edges_stays_reachable_when_one_attachment_fails() {
    let standing = lab("tests/guest/vpn/two-edges.dot", "vpn-two").up();
    for check in &standing.lab().checks {
        assert!(standing.check(&check.text).ok, "{check}");
    }
    standing.ip("pe1", "link set dev a down");
    for line in ["h1 -> h4", "h3 -> h1", "h1 -> h3"] {
        let result = standing.check(line);
        assert!(result.ok, "{line}: {result:?}");
    }
}
