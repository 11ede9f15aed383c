//! VPNs that the compiler fills with tables, labels and routes: each comes up and does what it says.

use crate::standing::{file, read};
use vrflab::check;
use vrflab::document::Format;

/// Builds a lab and runs all of its checks.
fn holds(path: &str, name: &str) {
    let text = std::fs::read_to_string(file(path)).unwrap();
    let (built, said) = read(&text, Format::Dot, name);
    assert!(said.is_empty(), "{path}: {said:?}");
    let standing = built.up();
    let lab = standing.lab();
    let report = check::run(lab, &lab.checks, |_, _| {}).unwrap();
    let failed: Vec<_> = report.results.iter().filter(|result| !result.ok).collect();
    assert!(failed.is_empty(), "{path}: {failed:#?}");
    assert!(report.passed > 0, "{path} has checks");
}

#[test]
fn three_customers_at_three_sites() {
    holds("labs/vpns.dot", "vpn-three");
}

#[test]
fn two_edges_of_one_customer() {
    holds("tests/guest/vpn/two-edges.dot", "vpn-edges");
}

#[test]
fn a_hub_and_its_spokes() {
    holds("tests/guest/vpn/hub.dot", "vpn-hub");
}

#[test]
fn routes_of_the_main_table_in_a_vpn() {
    holds("tests/guest/vpn/leak.dot", "vpn-leak");
}

#[test]
fn labels_that_are_popped_by_the_last_router() {
    holds("tests/guest/vpn/no-php.dot", "vpn-no-php");
}

#[test]
fn ttls_that_the_core_does_not_count() {
    holds("tests/guest/vpn/pipe.dot", "vpn-pipe");
}

#[test]
fn customers_with_ipv6() {
    holds("tests/guest/vpn/six.dot", "vpn-six");
}

#[test]
fn customers_with_both_families() {
    holds("tests/guest/vpn/dual.dot", "vpn-dual");
}
