//! Where IPv4 and IPv6 fare otherwise, and where one goes by way of the other.

use crate::compiled;
use crate::traps::{fates, printed};
use vrflab::forward::{Network, Probe, Protocol};
use vrflab::plan::lower;

/// What becomes of a probe of `h1`, whose side of the router is in `vrf`, and of its answer.
pub fn sent(vrf: &str, router: &str, to: &str, change: impl Fn(&mut Probe<'_>)) -> String {
    let text = format!(
        "routing: none
nodes:
  h1: {{routes: [default via 10.0.1.254, default via fd01::ff]}}
  r: {{role: router, vrfs: {{red: {{table: 11}}}}, interfaces: {{a: {{{vrf}}}, b: {{}}}}{router}}}
  h2:
    loopback: [192.0.2.2, fd0f::2]
    routes: [default via 10.0.2.254, default via fd02::ff]
    interfaces: {{c: {{mpls: true}}}}
    mpls: [100 dev lo]
links:
  - {{ends: [h1, r:a], addresses: [[10.0.1.1/24, fd01::1/64], [10.0.1.254/24, fd01::ff/64]]}}
  - {{ends: [r:b, h2:c], addresses: [[10.0.2.254/24, fd02::ff/64], [10.0.2.2/24, fd02::2/64]]}}
"
    );
    fates(text, to.parse().unwrap(), change)
}

#[test]
fn an_ipv4_route_may_lead_to_an_ipv6_gateway() {
    let by = |gateway| {
        sent(
            "",
            &format!(", routes: [192.0.2.2/32 via inet6 {gateway} dev b]"),
            "192.0.2.2",
            |_| (),
        )
    };
    assert_eq!(by("fd02::2"), "delivered at h2, delivered at h1");
    assert_eq!(by("fd02::7"), "host-unreachable by r (Some(10.0.1.254)), delivered at h1");
}

#[test]
fn an_ipv6_route_may_push_labels_towards_an_ipv4_gateway() {
    let by = |gateway| {
        let route =
            format!(", routes: [\"fd0f::2/128 encap mpls 100 via ::ffff:{gateway} dev b onlink\"]");
        sent("", &route, "fd0f::2", |_| ())
    };
    assert_eq!(by("10.0.2.2"), "delivered at h2, delivered at h1");
    assert_eq!(by("10.0.2.7"), "dropped at r: NeighbourUnresolved");
}

#[test]
fn an_echo_into_a_vrf_is_answered_there_and_one_of_ipv6_in_the_vrf_of_the_address() {
    let rules =
        ", rules: [to 10.0.2.254/32 lookup local pref 5, -6 to fd02::ff/128 lookup local pref 5]";
    let asked = |more: &str, to| sent("vrf: red", &format!("{rules}{more}"), to, |_| ());
    assert_eq!(asked("", "10.0.2.254"), "delivered at r%red, delivered at h1");
    assert_eq!(asked("", "fd02::ff"), "delivered at r%red, refused: NoRoute");
    let back = ", routes: [\"fd01::/64 dev a\"]";
    assert_eq!(asked(back, "fd02::ff"), "delivered at r%red, delivered at h1");
}

#[test]
fn an_own_ipv6_address_on_lo_that_is_looked_up_in_main_is_one_without_a_route() {
    let said = |from, to: &str| {
        let rules = "ipproto udp lookup main pref 5, -6 ipproto udp lookup main pref 5";
        let router = format!(", loopback: [192.0.2.9, fd0f::9], rules: [{rules}]");
        sent("", &router, to, |probe| {
            probe.namespace = from;
            probe.protocol = Protocol::Udp { sport: 4000, dport: 53 };
        })
    };
    assert_eq!(said("lab-r", "fd0f::9"), "net-unreachable by r (Some(fd0f::9)), delivered at r");
    assert_eq!(said("lab-h1", "fd0f::9"), "net-unreachable by r (Some(fd0f::9)), delivered at h1");
    assert_eq!(said("lab-r", "192.0.2.9"), "delivered at r, delivered at r");
}

#[test]
fn ipv6_chooses_a_source_without_a_route_too_and_looks_for_one_again_with_it() {
    let said = |to: &str| {
        let router = ", rules: [-6 not from fd02::/64 prohibit pref 5]";
        sent("", router, to, |probe| probe.namespace = "lab-r")
    };
    assert_eq!(said("fd02::2"), "delivered at h2, delivered at r");
    assert_eq!(said("fd01::1"), "refused: Prohibited");
}

#[test]
fn of_equally_good_routes_an_ipv6_echo_is_answered_by_that_to_where_it_came_in() {
    let text = "routing: none
nodes:
  h1: {}
  h2: {}
  r: {role: router}
links:
  - {ends: [h2, r:b], addresses: [fd01::2/64, fd01::fe/64]}
  - {ends: [h1, r:a], addresses: [fd01::1/64, fd01::ff/64]}
";
    let lab = compiled("twice.yaml", text.to_owned());
    let plan = lower(&lab).unwrap();
    let network = Network::of_plan(&plan);
    let replies = |from, to: &str, protocol| {
        let namespace = lab[lab.node(from).unwrap()].namespace.as_str();
        let probe = Probe { protocol, ..Probe::echo(namespace, to.parse().unwrap()) };
        printed(&network.exchange(&probe)[0].reply[0].end)
    };
    assert_eq!(replies("h1", "fd01::ff", Protocol::Echo), "delivered at h1");
    assert_eq!(replies("h2", "fd01::fe", Protocol::Echo), "delivered at h2");
    let udp = Protocol::Udp { sport: 4000, dport: 53 };
    assert_eq!(replies("h1", "fd01::ff", udp), "dropped at r: NeighbourUnresolved");
}

#[test]
fn what_a_node_itself_sends_in_a_vrf_passes_the_queue_of_the_vrf_device() {
    let text = "routing: none
nodes:
  h1: {routes: [default via 10.0.1.254]}
  h2: {routes: [default via 10.0.2.254]}
  r: {role: router, vrfs: {red: {netem: loss 100%}}, interfaces: {a: {vrf: red}, b: {vrf: red}}}
links:
  - {ends: [h1, r:a], addresses: [10.0.1.1/24, 10.0.1.254/24]}
  - {ends: [h2, r:b], addresses: [10.0.2.1/24, 10.0.2.254/24]}
";
    let lab = compiled("queue.yaml", text.to_owned());
    let plan = lower(&lab).unwrap();
    let network = Network::of_plan(&plan);
    let replies = |to: [u8; 4]| {
        let namespace = lab[lab.node("h1").unwrap()].namespace.as_str();
        printed(&network.exchange(&Probe::echo(namespace, to.into()))[0].reply[0].end)
    };
    assert_eq!(replies([10, 0, 2, 1]), "delivered at h1");
    assert_eq!(replies([10, 0, 1, 254]), "dropped at r: Impaired");
}

#[test]
fn into_a_vrf_that_is_down_packets_come_and_the_node_itself_sends_none() {
    let text = "routing: none
nodes:
  h1: {routes: [default via 10.0.1.254, default via fd01::ff]}
  h2: {routes: [default via 10.0.2.254, default via fd02::ff]}
  r: {role: router, vrfs: {red: {up: false}}, interfaces: {a: {vrf: red}, b: {vrf: red}}}
links:
  - {ends: [h1, r:a], addresses: [[10.0.1.1/24, fd01::1/64], [10.0.1.254/24, fd01::ff/64]]}
  - {ends: [h2, r:b], addresses: [[10.0.2.1/24, fd02::1/64], [10.0.2.254/24, fd02::ff/64]]}
";
    let asked =
        |to: &str, ttl| fates(text.to_owned(), to.parse().unwrap(), |probe| probe.ttl = Some(ttl));
    for to in ["10.0.2.1", "fd02::1"] {
        assert_eq!(asked(to, 64), "delivered at h2, delivered at h1");
    }
    assert_eq!(asked("10.0.1.254", 64), "delivered at r%red, refused: NoRoute");
    assert_eq!(asked("fd01::ff", 64), "delivered at r%red, dropped at r: LinkDown");
    assert_eq!(asked("10.0.2.1", 1), "time-exceeded by r (None)");
    let from = |to: &str| {
        fates(text.to_owned(), to.parse().unwrap(), |probe| {
            (probe.namespace, probe.device) = ("lab-r", Some("red"));
        })
    };
    assert_eq!(from("10.0.1.1"), "refused: NoRoute");
    assert_eq!(from("fd01::1"), "dropped at r: LinkDown");
}
