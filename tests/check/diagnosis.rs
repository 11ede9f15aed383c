//! What a failed check says, on kernels of every kind: plain IP only.

use crate::bench::{Bench, words};
use vrflab::compile::{Nexthop, Route};
use vrflab::diagnostic::Spanned;
use vrflab::document::DeviceName;

/// A host on either side of a router.
const PAIR: &str = "
    h1 host
    r1 router
    r2 router
    h2 host
    h1:eth0 10.1.0.1/24,2001:db8:1::1/64 - r1:eth0 10.1.0.254/24,2001:db8:1::fe/64
    r1:eth1 10.2.0.1/30,2001:db8:2::1/64 - r2:eth0 10.2.0.2/30,2001:db8:2::2/64
    r2:eth1 10.3.0.254/24,2001:db8:3::fe/64 - h2:eth0 10.3.0.1/24,2001:db8:3::1/64
    h1: route add default via 10.1.0.254
    h1: -6 route add default via 2001:db8:1::fe
    r1: route add 10.3.0.0/24 via 10.2.0.2
    r1: -6 route add 2001:db8:3::/64 via 2001:db8:2::2
    r2: route add 10.1.0.0/24 via 10.2.0.1
    r2: -6 route add 2001:db8:1::/64 via 2001:db8:2::1
    h2: route add default via 10.3.0.254
    h2: -6 route add default via 2001:db8:3::fe
";

/// Breaks the lab, makes a check that must fail, and looks for all of these in what it says.
fn says(change: &str, check: &str, parts: &[&str]) {
    let bench = Bench::new(PAIR);
    bench.change(change);
    let result = bench.one(check);
    let words = words(&result).replace(bench.lab.name.as_str(), "lab");
    assert!(!result.ok, "{result:#?}");
    println!("{words}\n");
    for part in parts {
        assert!(words.contains(part), "`{part}` is not in:\n{words}");
    }
}

#[test]
fn forwarding_that_is_off_is_named_at_the_port_that_counts() {
    says(
        "r2: sysctl net/ipv4/ip_forward 0",
        "h1 -> 10.3.0.1",
        &[
            "the probe was lost at r2",
            "The probe went via r1, r2, and was last seen coming in through eth0 of r2.",
            "r2 does not forward what comes in through eth0: net.ipv4.conf.eth0.forwarding is 0",
        ],
    );
}

#[test]
fn forwarding_of_ipv6_that_is_off_is_named() {
    says(
        "r1: sysctl net/ipv6/conf/all/forwarding 0",
        "h1 -> 2001:db8:3::1",
        &["the probe was lost at r1", "net.ipv6.conf.all.forwarding is 0"],
    );
}

#[test]
fn a_source_that_the_kernel_refuses_is_named_with_the_route_to_add() {
    says(
        "r2: sysctl net/ipv4/conf/all/rp_filter 1
         r2: route del 10.1.0.0/24",
        "h1 -> h2",
        &[
            "r2: the kernel refuses 10.1.0.1 as a source on eth0 (rp_filter 1, the main table has \
             no route to it).",
            "Add the route `10.1.0.0/24 via 10.2.0.1` at r2.",
        ],
    );
}

#[test]
fn an_answer_that_finds_no_way_back_is_told_from_a_lost_probe() {
    says(
        "r2: route del 10.1.0.0/24",
        "h1 -> h2",
        &[
            "the answer was lost at r2",
            "Its answer went via r2, and was last seen coming in through eth1 of r2.",
            "At r2, the main table has no route to 10.1.0.1, so the answer cannot go on.",
            "Add the route `10.1.0.0/24 via 10.2.0.1` at r2.",
        ],
    );
}

#[test]
fn a_missing_route_forth_is_named_with_the_error_that_came_back() {
    says(
        "r1: route del 10.3.0.0/24",
        "h1 -> 10.3.0.1",
        &[
            "10.1.0.254 reported: net-unreachable (ICMP type 3, code 0).",
            "At r1, the main table has no route to 10.3.0.1",
            "Add the route `10.3.0.0/24 via 10.2.0.2` at r1",
        ],
    );
    says(
        "r1: -6 route del 2001:db8:3::/64",
        "h1 -> 2001:db8:3::1",
        &[
            "2001:db8:1::fe reported: net-unreachable (ICMP type 1, code 0).",
            "Add the route `2001:db8:3::/64 via 2001:db8:2::2` at r1",
        ],
    );
}

#[test]
fn a_host_without_a_route_could_not_send() {
    says(
        "h1: route del default",
        "h1 -> h2",
        &[
            "the probe never left h1",
            "h1 could not send to 10.3.0.1: Network is unreachable",
            "Add the route `10.3.0.0/24 via 10.1.0.254` at h1",
        ],
    );
}

#[test]
fn a_loopback_that_is_down_is_named_when_a_node_does_not_reach_itself() {
    says("h1: link set lo down", "h1 -> h1", &["the probe never left h1", "lo is down in h1"]);
}

#[test]
fn an_interface_that_is_down_is_named_at_whichever_end() {
    says(
        "h1: link set eth0 down",
        "h1 -> 10.1.0.254",
        &[
            "the probe never left h1",
            "eth0 of h1 is down: `vrflab exec lab h1 -- ip link set dev eth0 up`.",
        ],
    );
    says("h2: link set eth0 down", "h1 -> h2", &["eth0 of h2, the far end, is down"]);
}

#[test]
fn an_address_that_is_missing_is_named() {
    says(
        "h2: address del 10.3.0.1/24 dev eth0",
        "h1 -> h2",
        &[
            "The kernel of r2 would send the probe through eth1.",
            "eth0 of h2 should have the address 10.3.0.1 and does not.",
        ],
    );
}

#[test]
fn a_target_that_answers_nobody_is_told_from_a_loss() {
    says(
        "h2: sysctl net/ipv4/icmp_echo_ignore_all 1",
        "h1 -> 10.3.0.1",
        &["the probe arrived at h2, which did not answer", "net.ipv4.icmp_echo_ignore_all is 1"],
    );
    says(
        "h2: sysctl net/ipv4/icmp_echo_ignore_all 1",
        "h1 -> h2",
        &["the probe arrived at h2, which did not answer"],
    );
}

#[test]
fn a_port_of_a_switch_that_is_down_is_named() {
    let bench = Bench::new(
        "h1 host
         h2 host
         sw switch
         h1:eth0 10.1.0.1/24 - sw:p1
         h2:eth0 10.1.0.2/24 - sw:p2",
    );
    bench.change("sw: link set br0 down");
    let first = bench.one("h1 -> h2");
    assert!(words(&first).contains("br0 of sw is down: `vrflab exec "), "{first:#?}");
    bench.change("sw: link set br0 up");
    assert!(bench.one("h1 -> h2").ok);
    bench.change("sw: link set p2 down");
    let second = bench.one("h1 -> h2");
    assert!(words(&second).contains("the probe was lost at sw"), "{second:#?}");
    assert!(words(&second).contains("p2 of sw is down: `vrflab exec "), "{second:#?}");
    println!("{}\n\n{}", words(&first), words(&second));
}

#[test]
fn a_port_of_a_switch_that_is_down_is_named_from_either_side_of_it() {
    let bench = Bench::new(
        "h1 host
         h2 host
         r host
         sw switch
         h1:eth0 10.1.0.1/24 - sw:p1
         h2:eth0 10.1.0.2/24 - sw:p2
         r:eth0 10.1.0.3/24 - sw:p3
         r: sysctl net/ipv4/conf/all/ignore_routes_with_linkdown 1",
    );
    let said = |check: &str| words(&bench.one(check)).replace(bench.lab.name.as_str(), "lab");
    bench.change("sw: link set p3 down");
    let up = "`vrflab exec lab sw -- ip link set dev p3 up`.";
    let to = said("h1 -> r");
    assert!(to.contains(&format!("p3 of sw is down: {up}")), "{to}");
    let from = said("r -> h1");
    let reason = "eth0 of r has no carrier: p3 of sw, the far end, is down: ";
    assert!(from.contains(&format!("{reason}{up}")), "{from}");
}

#[test]
fn a_blackhole_is_told_from_a_source_that_the_kernel_refuses() {
    for (kind, what) in [("blackhole", "a blackhole"), ("prohibit", "a prohibit")] {
        says(
            &format!("r1: route replace {kind} 10.3.0.0/24"),
            "h1 -> 10.3.0.1",
            &[&format!("At r1, the main table has {what} route to 10.3.0.1, so the probe")],
        );
    }
}

#[test]
fn a_refusal_that_does_not_come_back_is_not_put_down_to_the_port() {
    says(
        "h2: route del default",
        "h1 -> h2 tcp 80 refused",
        &[
            "the probe arrived at h2, which did not answer\n",
            "At h2, the main table has no route to 10.1.0.1",
        ],
    );
}

#[test]
fn a_packet_in_a_forwarding_loop_is_told_with_what_each_router_does() {
    says(
        "r2: link set eth1 down
         r2: route add default via 10.2.0.1",
        "h1 -> h2",
        &[
            "the probe is caught in a forwarding loop: r2, r1",
            "The probe went via r1, r2, r1, r2",
            "At r1, the main table sends 10.3.0.1 to 10.2.0.2 through eth1.",
            "At r2, the main table sends 10.3.0.1 to 10.2.0.1 through eth0.",
            "eth1 of r2 is down: `vrflab exec lab r2 -- ip link set dev eth1 up`.",
        ],
    );
}

#[test]
fn a_route_that_the_lab_has_and_the_kernel_has_not_is_named_as_the_lab_has_it() {
    let mut bench = Bench::new(PAIR);
    let r1 = bench.id("r1");
    let via = Some("10.2.0.2".parse().unwrap());
    let way = Nexthop { via, ..Nexthop::to(DeviceName::new("eth1").unwrap()) };
    let route = Route::unicast("10.3.0.0/24".parse().unwrap(), vec![way]);
    bench.lab[r1].routes.push(Spanned::filled(route));
    bench.change("r1: route del 10.3.0.0/24");
    let said = words(&bench.one("h1 -> 10.3.0.1")).replace(bench.lab.name.as_str(), "lab");
    assert!(
        said.contains(
            "The lab has the route `10.3.0.0/24 via 10.2.0.2 dev eth1` at r1, and it is no longer \
             there: `vrflab exec lab r1 -- ip route add 10.3.0.0/24 via 10.2.0.2 dev eth1`."
        ),
        "{said}"
    );
    bench.change("r1: route add 10.3.0.0/24 via 10.2.0.2\nr1: link set eth1 down");
    let said = words(&bench.one("h1 -> 10.3.0.1"));
    assert!(said.contains("eth1 of r1 is down: `vrflab exec "), "{said}");
}

#[test]
fn a_time_to_live_that_runs_out_is_the_reason() {
    let bench = Bench::new(
        "h1 host
         r1 router
         r2 router
         h2 host
         h1:eth0 10.1.0.1/24 - r1:eth0 10.1.0.254/24
         r1:eth1 10.2.0.1/30 - r2:eth0 10.2.0.2/30
         r2:eth1 10.3.0.254/24 - h2:eth0 10.3.0.1/24
         h1: route add default via 10.1.0.254
         r1: route add 10.3.0.0/24 via 10.2.0.2
         r2: route add 10.1.0.0/24 via 10.2.0.1
         h2: route add default via 10.3.0.254
         h1: sysctl net/ipv4/ip_default_ttl 1",
    );
    // What a probe starts with is no matter of the sender's settings.
    let report = bench.run("h1 -> h2\nh1 -> h2 tcp 80\nh1 -> h2 udp 53\nh1 -> h2 ttl 62");
    assert_eq!(report.passed, 4, "{report:#?}");

    bench.change("h2: sysctl net/ipv4/ip_default_ttl 2");
    let report = bench.run("h1 -> h2\nh1 -> h2 hops 2");
    let said = words(&report.results[0]);
    assert!(said.starts_with("the TTL of the answer ran out at r1\n"), "{said}");
    assert!(
        said.contains(
            "It left h2 with TTL 2, which h2 gives its own packets (net.ipv4.ip_default_ttl), \
             and came to 2 nodes."
        ),
        "{said}"
    );
    let said = words(&report.results[1]);
    assert!(said.starts_with("the TTL of the probe ran out at r2\n"), "{said}");
    assert!(said.contains("It left h1 with TTL 2, the check says `hops`, and came to 2 nodes."));
}
