//! ICMP errors: from which address they come, and in which VRF the way back is looked up.

use crate::compiled;
use crate::families::sent;
use crate::traps::{fates, printed};
use std::net::IpAddr;
use vrflab::forward::{Network, Probe};
use vrflab::plan::lower;

#[test]
fn an_ipv4_error_has_an_address_of_where_it_leaves_and_one_of_ipv6_that_of_where_the_packet_came_in()
 {
    let back = |source| {
        format!(", routes: [192.0.2.2/32 via 10.0.2.2, \"fd0f::2/128 via fd02::2{source}\"]")
    };
    let error = |router: &str, to, from: &str| {
        let from: IpAddr = from.parse().unwrap();
        sent("", router, to, |probe| (probe.source, probe.ttl) = (Some(from), Some(1)))
    };
    let (v4, v6) = (("10.0.2.2", "192.0.2.2"), ("fd02::2", "fd0f::2"));
    assert_eq!(
        error(&back(""), v4.0, v4.1),
        "time-exceeded by r (Some(10.0.2.254)), delivered at h2"
    );
    assert_eq!(
        error(&back(""), v6.0, v6.1),
        "time-exceeded by r (Some(fd01::ff)), delivered at h2"
    );
    assert_eq!(
        error(&back(" src fd02::ff"), v6.0, v6.1),
        "time-exceeded by r (Some(fd02::ff)), delivered at h2"
    );
}

#[test]
fn an_icmpv6_error_comes_from_whom_the_packet_was_to_where_that_is_an_own_address_behind_another_vrf()
 {
    let routes = ", routes: [10.0.2.0/24 vrf red dev b, \"fd02::/64 vrf red dev b\", \"fd01::/64 dev a\", 10.0.1.0/24 dev a]";
    let said = |to| sent("vrf: red", routes, to, |_| ());
    assert_eq!(said("fd02::ff"), "host-unreachable by r (Some(fd02::ff)), delivered at h1");
    assert_eq!(said("10.0.2.254"), "host-unreachable by r (Some(10.0.1.254)), delivered at h1");
    assert_eq!(said("fd02::77"), "host-unreachable by r (Some(fd01::ff)), delivered at h1");
}

#[test]
fn too_big_an_ipv6_packet_is_refused_in_the_vrf_of_where_it_leaves_and_one_of_ipv4_where_it_came_in()
 {
    let routes = "\"fd0f::2/128 vrf red encap mpls 100 via fd02::2 dev b\", 192.0.2.2/32 vrf red encap mpls 100 via 10.0.2.2 dev b";
    let refused = |more: &str, to: &str, header: u32| {
        let router = format!(", routes: [{routes}{more}]");
        sent("vrf: red", &router, to, |probe| (probe.size, probe.df) = (1500 - header, true))
    };
    assert_eq!(refused("", "fd0f::2", 48), "frag-needed mtu 1496 by r (None)");
    let back = ", \"fd01::/64 dev a\"";
    let said = "frag-needed mtu 1496 by r (Some(fd01::ff)), delivered at h1";
    assert_eq!(refused(back, "fd0f::2", 48), said);
    let said = "frag-needed mtu 1496 by r (Some(10.0.1.254)), delivered at h1";
    assert_eq!(refused("", "192.0.2.2", 28), said);
}

#[test]
fn an_icmpv6_error_has_a_source_before_its_route_and_looks_for_another_in_main_alone() {
    let error = |routes: &str, rules: &str, to: &str| {
        let text = format!(
            "routing: none
nodes:
  h1: {{loopback: [fd0f::1], routes: [default via fd01::ff src fd0f::1]}}
  h2: {{}}
  r:
    role: router
    vrfs: {{red: {{table: 11, addresses: [fd0e::1/128]}}}}
    interfaces: {{a: {{vrf: red}}, b: {{vrf: red}}}}
    routes: [fd0f::1/128 vrf red via fd01::1 src fd0e::1{routes}]
    rules: [{rules}]
links:
  - {{ends: [h1, r:a], addresses: [fd01::1/64, fd01::ff/64]}}
  - {{ends: [r:b, h2], addresses: [fd02::ff/64, fd02::2/64]}}
  - {{ends: [r:c, h2], addresses: [fd03::ff/64, fd03::2/64]}}
"
        );
        fates(text, to.parse().unwrap(), |probe| probe.ttl = Some(1))
    };
    let expired = |from: &str| format!("time-exceeded by r (Some({from})), delivered at h1");
    assert_eq!(error("", "", "fd02::2"), expired("fd01::ff"));
    let in_main = ", fd0f::1/128 via fd03::2 src fd03::ff";
    assert_eq!(error(in_main, "", "fd02::2"), expired("fd0e::1"));
    let by_source = "-6 from fd01::ff/128 prohibit pref 5";
    assert_eq!(error("", by_source, "fd02::2"), "time-exceeded by r (None)");
    assert_eq!(error(in_main, by_source, "fd02::2"), expired("fd0e::1"));
    let all = format!("{by_source}, -6 from fd0f::1/128 iif red prohibit pref 6");
    let prohibited = "prohibited by r (Some(fd02::ff)), delivered at h1";
    assert_eq!(error("", &all, "fd02::ff"), prohibited);
}

#[test]
fn an_ipv4_error_has_an_address_of_each_way_back() {
    let text = "routing: none
nodes:
  h1: {loopback: [192.0.2.1], routes: [default via 10.0.1.254]}
  r:
    role: router
    routes: [192.0.2.1/32 nexthop via 10.0.1.1 nexthop via 10.0.2.1]
links:
  - {ends: [h1, r:a], addresses: [10.0.1.1/24, 10.0.1.254/24]}
  - {ends: [h1, r:b], addresses: [10.0.2.1/24, 10.0.2.254/24]}
";
    let lab = compiled("back.yaml", text.to_owned());
    let plan = lower(&lab).unwrap();
    let network = Network::of_plan(&plan);
    let namespace = lab[lab.node("h1").unwrap()].namespace.as_str();
    let source = Some("192.0.2.1".parse().unwrap());
    let probe = Probe { source, ..Probe::echo(namespace, [203, 0, 113, 1].into()) };
    let sent = network.send(&probe);
    let ends: Vec<_> = sent.iter().map(|it| (printed(&it.end), it.share)).collect();
    let refused = |from: &str| (format!("net-unreachable by r (Some({from}))"), 0.5);
    assert_eq!(ends, [refused("10.0.1.254"), refused("10.0.2.254")]);
}

#[test]
fn an_error_leaves_by_the_route_that_gave_it_its_source_whatever_the_rules_say_of_that() {
    let error = |settings: &str| {
        let rules = "rules: [from 10.0.1.254/32 prohibit pref 5]";
        sent("", &format!(", {rules}{settings}"), "10.0.2.2", |probe| probe.ttl = Some(1))
    };
    assert_eq!(error(""), "time-exceeded by r (Some(10.0.1.254)), delivered at h1");
    let inbound = ", sysctls: {net.ipv4.icmp_errors_use_inbound_ifaddr: 1}";
    assert_eq!(error(inbound), "time-exceeded by r (None)");
}
