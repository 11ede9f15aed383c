//! Checks on the L3VPN of the netdev 1.1 tutorial, two customers with the same addresses over two
//! PEs and a P: what holds there, and what is said of each way to break it. The kernel must have
//! VRFs and MPLS.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

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

/// What is broken, how it is mended, and what a check from c1h1 to c1h3 says meanwhile.
const BREAKS: &[(&str, &str, &[&str])] = &[
    (
        "pe1: route del 88.1.1.0/24 table 10
         pe1: sysctl net/ipv4/conf/all/rp_filter 1",
        "pe1: sysctl net/ipv4/conf/all/rp_filter 0
         pe1: route add 88.1.1.0/24 table 10 via 1.1.1.1",
        &[
            "the probe was lost at pe1",
            "pe1: the kernel refuses 88.1.1.1 as a source on pe1-c1e1-eth (rp_filter 1, table 10 \
             (VRF vrf-pe1-c1) has no route to it).",
            "Add the route `88.1.1.0/24 via 1.1.1.1 vrf vrf-pe1-c1` at pe1.",
        ],
    ),
    (
        "pe1: route del 88.1.1.0/24 table 10",
        "pe1: route add 88.1.1.0/24 table 10 via 1.1.1.1",
        &[
            "the answer was lost at pe1",
            "pe2, p[102], pe1[112]",
            "At pe1, label 112 leads into VRF vrf-pe1-c1.",
            "At pe1, table 10 (VRF vrf-pe1-c1) has no route to 88.1.1.1, so the answer cannot go \
             on.",
            "Add the route `88.1.1.0/24 via 1.1.1.1 vrf vrf-pe1-c1` at pe1.",
        ],
    ),
    (
        "pe2: route del 88.2.1.0/24 table 10",
        "pe2: route add 88.2.1.0/24 table 10 via 3.1.1.2",
        &[
            "the probe was lost at pe2",
            "pe1, p[101], pe2[111]",
            "At pe2, label 111 leads into VRF vrf-pe2-c1.",
            "Add the route `88.2.1.0/24 via 3.1.1.2 vrf vrf-pe2-c1` at pe2.",
        ],
    ),
    (
        "p: sysctl net/mpls/conf/p-pe1-eth/input 0",
        "p: sysctl net/mpls/conf/p-pe1-eth/input 1",
        &["the probe was lost at p", "net.mpls.conf.p-pe1-eth.input is 0"],
    ),
    (
        "p: -f mpls route del 101",
        "p: -f mpls route add 101 as 111 via inet 2.1.1.6",
        &["the probe was lost at p", "p has no MPLS route for label 101"],
    ),
    (
        "p: sysctl net/mpls/platform_labels 0",
        "p: sysctl net/mpls/platform_labels 10000
         p: -f mpls route add 101 as 111 via inet 2.1.1.6
         p: -f mpls route add 201 as 211 via inet 2.1.1.6
         p: -f mpls route add 102 as 112 via inet 2.1.1.1
         p: -f mpls route add 202 as 212 via inet 2.1.1.1",
        &["the probe was lost at p", "net.mpls.platform_labels is 0"],
    ),
    (
        "pe1: sysctl net/ipv4/ip_forward 0",
        "pe1: sysctl net/ipv4/ip_forward 1",
        &["the probe was lost at pe1", "net.ipv4.conf.pe1-c1e1-eth.forwarding is 0"],
    ),
    (
        "pe2: link set vrf-pe2-c1 down",
        "pe2: link set vrf-pe2-c1 up
         pe2: route replace 88.2.1.0/24 table 10 via 3.1.1.2",
        &["the probe was lost at pe2", "The VRF device vrf-pe2-c1 of pe2 is down"],
    ),
    (
        "c1e2: link set c1e2-eth down",
        "c1e2: link set c1e2-eth up",
        &["the probe is caught in a forwarding loop: c1e2, pe2", "c1e2-eth of c1e2 is down"],
    ),
    (
        "pe1: route replace 88.2.1.0/24 table 10 encap mpls 201 via 2.1.1.2",
        "pe1: route replace 88.2.1.0/24 table 10 encap mpls 101 via 2.1.1.2",
        &[
            "the probe arrived at c2h3, not at c1h3",
            "At pe1, table 10 (VRF vrf-pe1-c1) sends 88.2.1.3 to 2.1.1.2 through pe1-p-eth with \
             label 201.",
            "At pe2, label 211 leads into VRF vrf-pe2-c2.",
        ],
    ),
    (
        "p: -f mpls route replace 102 as 212 via inet 2.1.1.1",
        "p: -f mpls route replace 102 as 112 via inet 2.1.1.1",
        &[
            "the answer came to c2h1, not to c1h1",
            "At pe2, table 10 (VRF vrf-pe2-c1) sends 88.1.1.1 to 2.1.1.5 through pe2-p-eth with \
             label 102.",
            "At pe1, label 212 leads into VRF vrf-pe1-c2.",
        ],
    ),
];

#[test]
fn each_way_to_break_it_is_named_where_it_is_broken() {
    let bench = Bench::new(L3VPN);
    for (change, back, parts) in BREAKS {
        bench.change(change);
        let result = bench.one("c1h1 -> c1h3");
        let words = words(&result);
        println!("{change}\n{words}\n");
        bench.change(back);
        assert!(!result.ok, "{change}");
        for part in *parts {
            assert!(words.contains(part), "`{part}` is not in:\n{words}");
        }
        let mended = bench.one("c1h1 -> c1h3");
        assert!(mended.ok, "{back}\n{}", bench::words(&mended));
    }
}
