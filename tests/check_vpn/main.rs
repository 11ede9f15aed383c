//! Checks on the L3VPN of the netdev 1.1 tutorial, two customers with the same addresses over two
//! PEs and a P: what holds there. The kernel must have VRFs and MPLS.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

// Other tests break their labs.
#[allow(dead_code)]
#[path = "../check/bench.rs"]
mod bench;

use bench::{Bench, words};

/// The lab as the write-up builds it, with the routes back to the source subnets.
const L3VPN: &str = include_str!("l3vpn.txt");

/// Every host of a customer reaches each other and itself, on the way that the labels give.
#[test]
fn each_customer_reaches_its_own_far_site_by_its_own_labels_and_nobody_else() {
    let bench = Bench::new(L3VPN);
    let mut lines = String::new();
    for (customer, there, back) in [(1, (101, 111), (102, 112)), (2, (201, 211), (202, 212))] {
        for from in 1..=4 {
            for to in 1..=4 {
                let (near, far) = if from <= 2 { (1, 2) } else { (2, 1) };
                let way = |from: i32, to: i32, outer: (i32, i32), near: i32, far: i32| {
                    if (from <= 2) == (to <= 2) {
                        return String::new();
                    }
                    format!(
                        " via c{customer}e{near} pe{near} p[{}] pe{far}[{}] c{customer}e{far}",
                        outer.0, outer.1
                    )
                };
                let (forth, reverse) = if from <= 2 { (there, back) } else { (back, there) };
                let forth = way(from, to, forth, near, far);
                let reverse = way(from, to, reverse, far, near);
                let reverse = if reverse.is_empty() { reverse } else { format!(" back{reverse}") };
                lines += &format!("c{customer}h{from} -> c{customer}h{to}{forth}{reverse}\n");
                lines += &format!("c{customer}h{from} !> c{}h{to}\n", 3 - customer);
            }
        }
    }
    lines += "c1h1 -> 88.1.1.254
              c1h1 -> pe1%vrf-pe1-c1
              c1h1 !> 3.1.1.2
              c1h1 !> 2.1.1.2
              pe1%vrf-pe1-c1 -> c1h1
              pe1%vrf-pe1-c1 !> 88.2.1.3
              pe1%vrf-pe1-c1 -> pe1%vrf-pe1-c1
              pe1 !> 88.1.1.1
              pe1 -> 2.1.1.2";
    let report = bench.run(&lines);
    let failed: Vec<String> = report
        .results
        .iter()
        .filter(|result| !result.ok)
        .map(|result| format!("{}\n{}\n", result.check, words(result)))
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert_eq!(report.passed, 73);
}
