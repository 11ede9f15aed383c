//! Labs of routes, rules and labels, built, compared with what the kernel then holds, and checked with
//! packets.

use crate::standing::{Standing, file, read, words};
use vrflab::check;
use vrflab::compile::{Encap, Nexthop};
use vrflab::document::Format;

/// A file of the project as a lab that stands, holds what it says and keeps its checks.
fn stands(path: &str, name: &str) -> Standing {
    let text = std::fs::read_to_string(file(path)).unwrap();
    let format = Format::of_name(path).unwrap();
    let (built, said) = read(&text, format, name);
    assert!(said.is_empty(), "{path}: {said:?}");
    let standing = built.up();
    standing.holds_what_it_says();
    standing.all_checks_hold();
    standing
}

#[test]
fn the_labs_of_routing_come_up_and_their_checks_hold() {
    for name in ["two-uplinks", "leak", "multipath", "nexthops", "labels"] {
        stands(&format!("labs/{name}.dot"), &format!("rt-{name}"));
    }
}

#[test]
fn frrs_ldp_topology_switches_the_labels_that_are_written_down() {
    let standing = stands("tests/guest/routing/ldp.yaml", "rt-ldp");
    let shown = standing.ip("r2", "-f mpls route show 203");
    for way in ["nexthop via inet 10.0.2.3 dev r2-eth1", "nexthop via inet 10.0.3.3 dev r2-eth2"] {
        assert!(shown.contains(way), "{shown}");
    }
}

#[test]
fn labels_are_taken_in_where_they_arrive_and_nowhere_else() {
    let standing = stands("labs/labels.dot", "rt-input");
    let input = |node: &str, interface: &str| {
        let path = format!("/proc/sys/net/mpls/conf/{interface}/input");
        standing.within(node, |_| std::fs::read_to_string(path)).unwrap().trim().to_owned()
    };
    assert_eq!(input("r1", "eth0"), "1");
    assert_eq!(input("r1", "eth1"), "0", "the host's side");
    assert_eq!(input("r1", "lo"), "0");
    assert_eq!((input("r2", "eth0"), input("r2", "eth1")), ("1".to_owned(), "1".to_owned()));
}

#[test]
fn an_uplink_that_fails_leaves_the_other_to_the_server() {
    let standing = stands("labs/two-uplinks.dot", "rt-uplink");
    standing.ip("isp1", "link set eth0 down");
    let end = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while !standing.ip("server", "route show default").contains("linkdown")
        && std::time::Instant::now() < end
    {
        std::thread::yield_now();
    }
    let lost = standing.check("far -> 192.0.2.2");
    assert!(!lost.ok, "{lost:#?}");
    let other = standing.check("far -> 198.51.100.2");
    assert!(other.ok, "{other:#?}");
}

#[test]
fn nexthop_objects_push_labels_and_lead_ipv4_by_gateways_of_ipv6() {
    stands("tests/guest/routing/objects.yaml", "rt-objects");
}

#[test]
fn routes_lead_to_gateways_on_ports_of_other_vrfs() {
    stands("tests/guest/routing/inter-vrf.yaml", "rt-inter-vrf");
}

#[test]
fn routes_lead_to_gateways_that_a_route_behind_them_puts_on_the_link() {
    stands("tests/guest/routing/on-link.yaml", "rt-on-link");
}

/// A lab whose answers come back with this TTL, where r4 pushes and r2 pops in these words.
fn ttl(expected: u8, push: &str, pop: &str, settings: &str) {
    let text = std::fs::read_to_string(file("tests/guest/routing/ttl.yaml")).unwrap();
    let text = text.replace("PUSH", push).replace("POP", pop).replace("SETTINGS", settings);
    let text = text.replace("EXPECTED", &expected.to_string());
    let (built, said) = read(&text, Format::Yaml, "rt-ttl");
    assert!(said.is_empty(), "{said:?}");
    let standing = built.up();
    standing.holds_what_it_says();
    standing.all_checks_hold();
}

#[test]
fn a_ttl_goes_into_labels_and_back_as_the_routes_and_settings_say() {
    let (push, pop) = ("encap mpls 200", "100 via inet 10.0.12.1");
    // Every router counts: r4, r3, r2 and r1.
    ttl(60, push, pop, "");
    // The label begins with 9, and what is left of it comes out.
    ttl(6, "encap mpls 200 ttl 9", pop, "");
    // What is left of it does not come out: r4, r2 and r1 count.
    ttl(61, "encap mpls 200 ttl 9", "100 ttl-propagate disabled via inet 10.0.12.1", "");
    // Where the packet's TTL does not go in, the label begins with the default.
    ttl(17, push, pop, "net.mpls.ip_ttl_propagate: 0, net.mpls.default_ttl: 20");
    // The route wins over the setting.
    ttl(60, "encap mpls 200 ttl 0", pop, "net.mpls.ip_ttl_propagate: 0");
}

#[test]
fn segments_lead_a_packet_over_a_router_that_is_on_no_shortest_way() {
    let standing = stands("tests/guest/routing/segments.yaml", "rt-segments");
    let came_in = || {
        let text = standing.within("r2", |_| std::fs::read_to_string("/proc/thread-self/net/dev"));
        let text = text.unwrap();
        let line = text.lines().find(|line| line.trim_start().starts_with("from:")).unwrap();
        line.split_whitespace().nth(2).unwrap().parse::<u64>().unwrap()
    };
    let before = came_in();
    assert!(standing.check("h1 -> fd02::2").ok);
    assert!(came_in() > before, "r2 has seen nothing");
    standing.set("r3", "net/ipv6/conf/all/seg6_enabled", "0");
    assert!(!standing.check("h1 -> fd02::2").ok, "r3 takes no segments");
}

#[test]
fn every_action_of_a_segment_has_a_packet_go_on_and_none_goes_without_it() {
    let text = std::fs::read_to_string(file("tests/guest/routing/srv6.yaml")).unwrap();
    let (built, said) = read(&text, Format::Yaml, "rt-srv6");
    assert!(said.is_empty(), "{said:?}");
    let standing = built.up();
    standing.holds_what_it_says();
    let lab = standing.lab();
    let report = check::run(lab, &lab.checks, |_, _| {}).unwrap();
    let failed: Vec<_> = report.results.iter().filter(|result| !result.ok).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    let path = |to: &str| {
        let result = report.results.iter().find(|it| it.check.contains(to)).unwrap();
        words(&result.probes[0].path)
    };
    assert_eq!(path("fd02::11"), ["r1", "r2", "r3", "h2"], "in its own header");
    assert_eq!(path("fd02::12"), ["r1", "r2(seg6)", "r3(seg6)", "h2"]);
    assert_eq!(path("fd02::15"), ["r1", "r2(seg6)", "r3(seg6/seg6)", "h2"]);
    assert_eq!(path("fd02::16"), ["r1", "r2(ip6tnl)", "r3(ip6tnl)", "h2"], "none is left");
    for node in ["r2", "r3"] {
        let id = lab.node(node).unwrap();
        for route in &lab[id].routes {
            let is_segment = |way: &Nexthop| way.encap.as_ref().and_then(Encap::local).is_some();
            if route.value.nexthops.iter().any(is_segment) {
                let segment = route.value.destination;
                assert_eq!(standing.ip(node, &format!("-6 route del {segment}")), "");
            }
        }
    }
    assert_eq!(check::run(lab, &lab.checks, |_, _| {}).unwrap().passed, 0);
}

#[test]
fn an_l3vpn_over_segments_needs_each_of_them() {
    let standing = stands("labs/srv6.dot", "rt-srv6-vpn");
    let checks = &standing.lab().checks[..2];
    let run = || {
        let report = check::run(standing.lab(), checks, |_, _| {}).unwrap();
        report.results.iter().map(|result| result.ok).collect::<Vec<_>>()
    };
    assert_eq!(standing.ip("p2", "-6 route del fc00:b::e"), "");
    assert_eq!(run(), [true, false], "red is led over p2");
    assert_eq!(standing.ip("pe1", "-6 rule del priority 999"), "");
    assert_eq!(run(), [false, false], "what a VRF wraps is looked up in the VRF");
}

/// What a rule picks: whom a packet with this source, destination, mark and kind of service meets.
fn ways(rules: &[&str], name: &str, asked: &[(&str, &str)]) {
    let text = std::fs::read_to_string(file("tests/guest/routing/policy.yaml")).unwrap();
    let quoted: Vec<String> = rules.iter().map(|rule| format!("\"{rule}\"")).collect();
    let text = text.replace("RULES", &format!("[{}]", quoted.join(", ")));
    let (built, said) = read(&text, Format::Yaml, name);
    assert!(said.is_empty(), "{said:?}");
    let standing = built.up();
    standing.holds_what_it_says();
    for (words, way) in asked {
        let shown = standing.ip("r", &format!("route get {words}"));
        assert!(shown.contains(way), "{rules:?}\n`route get {words}` said\n{shown}not `{way}`");
    }
}

/// The way through `b` and that through `a`, as the kernel's lookup shows them.
const B: &str = "dev b0";
const A: &str = "dev a0";

#[test]
fn rules_choose_by_addresses_interfaces_marks_and_service() {
    let from_h = "from 10.0.0.2 iif h0";
    let to_t = |rest: &str| format!("10.3.0.3 {rest}");
    ways(
        &["from 10.0.0.3 lookup other"],
        "rt-from",
        &[(&to_t("from 10.0.0.3 iif h0"), B), (&to_t(from_h), A)],
    );
    ways(
        &["not from 10.0.0.3 lookup other"],
        "rt-not",
        &[(&to_t("from 10.0.0.3 iif h0"), A), (&to_t(from_h), B)],
    );
    ways(
        &["to 10.3.0.0/24 lookup other"],
        "rt-to",
        &[(&to_t(from_h), B), ("10.4.0.3 from 10.0.0.2 iif h0", A)],
    );
    ways(&["iif h0 lookup other"], "rt-iif", &[(&to_t(from_h), B), ("10.3.0.3", A)]);
    ways(&["oif b0 lookup other"], "rt-oif", &[("10.3.0.3 oif b0", B), ("10.3.0.3", A)]);
    ways(
        &["fwmark 0x10/0xf0 lookup other"],
        "rt-mark",
        &[
            (&to_t("from 10.0.0.2 iif h0 mark 0x1f"), B),
            (&to_t("from 10.0.0.2 iif h0 mark 0x2f"), A),
        ],
    );
    ways(
        &["tos 0x10 lookup other"],
        "rt-tos",
        &[(&to_t("from 10.0.0.2 iif h0 tos 0x10"), B), (&to_t("from 10.0.0.2 iif h0 tos 0x08"), A)],
    );
    ways(
        &["uidrange 1000-1999 lookup other"],
        "rt-uid",
        &[("10.3.0.3 uid 1500", B), ("10.3.0.3 uid 2000", A)],
    );
}

#[test]
fn rules_choose_by_protocol_and_ports() {
    ways(
        &["ipproto udp lookup other"],
        "rt-proto",
        &[
            ("10.3.0.3 from 10.0.0.2 iif h0 ipproto udp", B),
            ("10.3.0.3 from 10.0.0.2 iif h0 ipproto tcp", A),
        ],
    );
    ways(
        &["ipproto tcp dport 80-90 lookup other"],
        "rt-dport",
        &[
            ("10.3.0.3 from 10.0.0.2 iif h0 ipproto tcp dport 85", B),
            ("10.3.0.3 from 10.0.0.2 iif h0 ipproto tcp dport 91", A),
        ],
    );
    ways(
        &["ipproto udp sport 4000 lookup other"],
        "rt-sport",
        &[
            ("10.3.0.3 from 10.0.0.2 iif h0 ipproto udp sport 4000", B),
            ("10.3.0.3 from 10.0.0.2 iif h0 ipproto udp sport 4001", A),
        ],
    );
}

#[test]
fn rules_go_on_stop_and_leave_out_short_routes() {
    ways(
        &["from 10.0.0.3 goto 300 priority 200", "lookup other priority 250", "nop priority 300"],
        "rt-goto",
        &[("10.3.0.3 from 10.0.0.3 iif h0", A), ("10.3.0.3 from 10.0.0.2 iif h0", B)],
    );
    ways(
        &["lookup other suppress_prefixlength 0"],
        "rt-sup",
        &[("10.3.0.3 from 10.0.0.2 iif h0", A), ("10.9.9.1 from 10.0.0.2 iif h0", B)],
    );
    ways(
        &["from 10.0.0.2 unreachable", "from 10.0.0.3 blackhole", "from 10.0.0.4 prohibit"],
        "rt-stop",
        &[
            ("10.3.0.3 from 10.0.0.2 iif h0", "Network is unreachable"),
            ("10.3.0.3 from 10.0.0.3 iif h0", "Invalid argument"),
            ("10.3.0.3 from 10.0.0.4 iif h0", "Permission denied"),
        ],
    );
}

#[test]
fn rules_of_ipv6_choose_as_those_of_ipv4() {
    ways(
        &["from fd00::3 lookup other", "-6 fwmark 7 lookup other"],
        "rt-six",
        &[
            ("fd03::3 from fd00::3 iif h0", B),
            ("fd03::3 from fd00::2 iif h0", A),
            ("fd03::3 from fd00::2 iif h0 mark 7", B),
            ("10.3.0.3 from 10.0.0.3 iif h0", A),
        ],
    );
}
