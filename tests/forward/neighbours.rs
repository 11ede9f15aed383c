//! Who is found on a link, and of whom that cannot be said.

use crate::compiled;
use crate::families::sent;
use crate::traps::{fates, printed};
use vrflab::forward::{Network, Probe};
use vrflab::plan::lower;

#[test]
fn of_an_ipv6_neighbour_with_an_own_address_it_is_not_known_whether_it_was_heard() {
    let reached = |own: &str| {
        let text = format!(
            "routing: none
nodes:
  h1: {{routes: [fd0f::2/128 encap mpls 100 via fd01::ff]}}
  r: {{role: router, interfaces: {{a: {{mpls: true}}}}, mpls: [100 via inet6 fd02::2 dev b]}}
  h2: {{loopback: [fd0f::2], routes: [default via fd02::ff]}}
links:
  - {{ends: [h1, r:a], addresses: [fd01::1/64, fd01::ff/64]}}
  - {{ends: [r:b, h2], addresses: [[fd02::ff/64{own}], fd02::2/64 anycast]}}
"
        );
        fates(text, "fd0f::2".parse().unwrap(), |_| ())
    };
    assert_eq!(reached(""), "delivered at h2, delivered at h1");
    assert_eq!(reached(", fd02::2/64 anycast"), "unknown at r: SilentOwner");
}

#[test]
fn who_asks_for_an_ipv6_neighbour_from_its_own_address_is_not_answered_but_may_have_been_asked() {
    let text = "routing: none
nodes:
  h1: {}
  h2: {}
links:
  - {ends: [h1, h2], addresses: [[fd01::1/64, fd01::2/64 anycast], [fd01::2/64 anycast, fd01::3/64]]}
";
    let lab = compiled("own.yaml", text.to_owned());
    let plan = lower(&lab).unwrap();
    let network = Network::of_plan(&plan);
    let namespace = lab[lab.node("h1").unwrap()].namespace.as_str();
    let outcomes = network.send(&Probe::echo(namespace, "fd01::3".parse().unwrap()));
    assert_eq!(printed(&outcomes[0].end), "unknown at h1: SilentOwner");
}

#[test]
fn a_neighbour_that_hears_nobody_may_have_asked_where_its_own_frames_come_through() {
    let asked = |vlans: &str| {
        let text = format!(
            "routing: none
nodes:
  h1: {{}}
  s: {{role: switch, interfaces: {{br0: {{vlan_filtering: true}}, p1: {{vlans: [10 pvid untagged]}}, p2: {{vlans: [{vlans}]}}}}}}
  r: {{interfaces: {{e: {{}}, e.10: {{kind: vlan, id: 10, parent: e, addresses: [10.0.1.9/24, fd01::9/64]}}}}}}
links:
  - {{ends: [h1, s:p1], tailaddresses: [10.0.1.1/24, fd01::1/64]}}
  - {{ends: [r:e, s:p2]}}
"
        );
        ["10.0.1.9", "fd01::9"].map(|to| fates(text.clone(), to.parse().unwrap(), |_| ()))
    };
    assert_eq!(asked("10"), ["delivered at r, delivered at h1"; 2]);
    // Of IPv4 the node answers through the other interface.
    let untagged = ["delivered at r, delivered at h1", "unknown at h1: SilentOwner"];
    assert_eq!(asked("10 pvid untagged"), untagged);
    assert_eq!(asked("20"), ["dropped at h1: NeighbourUnresolved"; 2]);
}

#[test]
fn an_ipv6_search_and_its_answer_are_looked_up_by_the_rules_too() {
    let reached = |rules: &str, more: &str| {
        let router = format!(", loopback: [192.0.2.9], rules: [{rules}]{more}");
        sent("", &router, "fd02::2", |_| ())
    };
    let delivered = "delivered at h2, delivered at h1";
    let answers = "-6 from fd02::2/128 iif b lookup main pref 5";
    assert_eq!(reached(answers, ""), "unknown at r: SilentOwner", "main has `fe80::/64` alone");
    assert_eq!(reached("-6 from fd02::2/128 iif b lookup main pref 1500", ""), delivered);
    let searches = "-6 from fe80::/10 iif a prohibit pref 5";
    assert_eq!(reached(searches, ""), delivered, "the host asks from an address that is no such");
    let searches = "-6 from fd01::1/128 to ff00::/8 prohibit pref 5";
    assert_eq!(reached(searches, ""), "unknown at h1: SilentOwner");
}

#[test]
fn an_arp_request_is_looked_up_with_its_source() {
    let reached = |rule: &str| {
        sent("", &format!(", rules: [{rule} iif a lookup main pref 5]"), "10.0.2.2", |_| ())
    };
    assert_eq!(reached("from 10.0.1.1/32"), "unknown at h1: SilentOwner");
    assert_eq!(reached("from 10.0.1.2/32"), "delivered at h2, delivered at h1");
}
