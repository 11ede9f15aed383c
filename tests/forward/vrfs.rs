//! What VRFs make of a packet: its source, the rules that it meets, and who hears its answer.

use crate::compiled;
use crate::traps::printed;
use std::net::IpAddr;
use vrflab::forward::{Exchange, Network, Probe, Protocol};
use vrflab::plan::{Resource, State, lower};

/// What becomes of a probe through a router with a host in red and one in blue, both routed in every VRF,
/// nobody in green, and an interface that is down in gray. `rules` are the router's.
fn exchanged(
    rules: &str,
    (from, device): (&str, Option<&str>),
    to: &str,
    look: impl Fn(&Probe<'_>, &Exchange<'_>) -> String,
) -> String {
    changed(rules, (from, device), to, |_| (), look)
}

/// The same for an echo request that is changed.
fn changed(
    rules: &str,
    (from, device): (&str, Option<&str>),
    to: &str,
    change: impl Fn(&mut Probe<'_>),
    look: impl Fn(&Probe<'_>, &Exchange<'_>) -> String,
) -> String {
    let routes = ["red", "blue", "green", "gray"].map(|vrf| {
        format!(
            "10.0.1.0/24 vrf {vrf} dev a metric 9, 10.0.2.0/24 vrf {vrf} dev b metric 9,
             fd01::/64 vrf {vrf} dev a metric 9, fd02::/64 vrf {vrf} dev b metric 9"
        )
    });
    let text = format!(
        "routing: none
nodes:
  h1: {{routes: [default via 10.0.1.254, default via fd01::ff]}}
  h2: {{routes: [default via 10.0.2.254, default via fd02::ff]}}
  r:
    role: router
    loopback: [192.0.2.1, fd0f::1]
    vrfs: {{red: {{table: 11, addresses: [10.9.0.1/32]}}, blue: {{table: 12, fallthrough: true}}, green: 13, gray: 14}}
    interfaces:
      a: {{vrf: red}}
      b: {{vrf: blue}}
      c: {{kind: dummy, vrf: gray, up: false, addresses: [10.0.3.1/24, 10.0.3.2/24, fd03::1/64, fd03::2/64]}}
    rules: [{rules}]
    routes: [{}]
links:
  - {{ends: [h1, r:a], addresses: [[10.0.1.1/24, fd01::1/64], [10.0.1.254/24, fd01::ff/64]]}}
  - {{ends: [h2, r:b], addresses: [[10.0.2.1/24, fd02::1/64], [10.0.2.254/24, fd02::ff/64]]}}
",
        routes.join(", ")
    );
    let lab = compiled("vrfs.yaml", text);
    let plan = lower(&lab).unwrap();
    let network = Network::of_plan(&plan);
    let namespace = lab[lab.node(from).unwrap()].namespace.as_str();
    let mut probe = Probe { device, ..Probe::echo(namespace, to.parse::<IpAddr>().unwrap()) };
    change(&mut probe);
    let exchanges = network.exchange(&probe);
    let [exchange] = &exchanges[..] else { panic!("{exchanges:?}") };
    look(&probe, exchange)
}

/// The source of a request, and what became of it.
fn source(from: (&str, Option<&str>), to: &str) -> String {
    exchanged("", from, to, |_, exchange| {
        format!("{}: {}", exchange.request.packet.source, printed(&exchange.request.end))
    })
}

#[test]
fn a_packet_that_leaves_its_vrf_has_the_source_of_the_vrf() {
    assert_eq!(source(("r", Some("red")), "10.0.2.1"), "10.9.0.1: delivered at h2");
    assert_eq!(source(("r", Some("blue")), "10.0.1.1"), "10.0.2.254: delivered at h1");
    assert_eq!(source(("r", Some("red")), "fd02::1"), "fd01::ff: delivered at h2");
}

#[test]
fn out_of_a_vrf_without_addresses_ipv4_is_sent_without_a_source_and_ipv6_is_not() {
    let green = ("r", Some("green"));
    assert_eq!(source(green, "10.0.2.1"), "0.0.0.0: dropped at h2: MartianSource");
    assert_eq!(source(green, "fd02::1"), "fd02::1: refused: NoSource");
}

#[test]
fn out_of_a_vrf_whose_ports_have_link_local_addresses_alone_it_is_not_known_what_becomes_of_ipv6() {
    let end = |port: &str| {
        let text = format!(
            "routing: none
nodes:
  h: {{}}
  r:
    role: router
    vrfs: [red]
    interfaces: {{c: {{kind: dummy, vrf: red{port}}}}}
    routes: [\"fd01::/64 vrf red dev a\"]
links:
  - {{ends: [h, r:a], addresses: [fd01::1/64, fd01::ff/64]}}
"
        );
        let lab = compiled("lonely.yaml", text);
        let plan = lower(&lab).unwrap();
        let network = Network::of_plan(&plan);
        let namespace = lab[lab.node("r").unwrap()].namespace.as_str();
        let device = Some("red");
        let probe = Probe { device, ..Probe::echo(namespace, "fd01::1".parse().unwrap()) };
        printed(&network.send(&probe)[0].end)
    };
    assert_eq!(end(""), "unknown at r: LinkLocalSource");
    assert_eq!(end(", up: false"), "refused: NoSource");
}

#[test]
fn an_interface_that_is_down_lends_the_first_of_its_ipv4_addresses_and_the_last_of_ipv6_as_a_source()
 {
    let gray = ("r", Some("gray"));
    assert_eq!(source(gray, "10.0.2.1"), "10.0.3.1: delivered at h2");
    assert_eq!(source(gray, "fd02::1"), "fd03::2: delivered at h2");
}

#[test]
fn a_rule_by_a_port_of_a_vrf_is_for_ipv4_and_one_by_the_vrf_for_ipv6() {
    let end = |rules, to| {
        exchanged(rules, ("h1", None), to, |_, exchange| printed(&exchange.request.end))
    };
    let (by_port, by_vrf) = ("-6 iif a prohibit pref 5", "-6 iif red prohibit pref 5");
    assert_eq!(end(by_port, "fd02::1"), "delivered at h2");
    assert_eq!(end(by_vrf, "fd02::1"), "prohibited by r (Some(fd01::ff))");
    let by_port = "to 10.0.2.0/24 iif a prohibit pref 5";
    assert_eq!(end(by_port, "10.0.2.1"), "prohibited by r (Some(10.0.1.254))");
}

#[test]
fn a_socket_in_a_vrf_does_not_hear_what_comes_in_beside_it() {
    let heard = |to| {
        exchanged("", ("r", Some("blue")), to, |probe, exchange| {
            let home = exchange.reply.iter().filter(|reply| reply.comes_home(probe)).count();
            format!("{}, {home} heard", printed(&exchange.request.end))
        })
    };
    assert_eq!(heard("192.0.2.1"), "delivered at r, 0 heard");
    assert_eq!(heard("10.0.2.1"), "delivered at h2, 1 heard");
}

#[test]
fn the_rules_see_the_source_that_a_route_has_chosen_of_ipv4_sockets_with_ports_alone() {
    let end = |protocol, to: &str| {
        let rules = "from 192.0.2.1/32 prohibit pref 5, -6 from fd0f::1/128 prohibit pref 5";
        let change = |probe: &mut Probe<'_>| probe.protocol = protocol;
        changed(rules, ("r", None), to, change, |_, exchange| printed(&exchange.request.end))
    };
    let udp = Protocol::Udp { sport: 4000, dport: 53 };
    assert_eq!(end(Protocol::Echo, "192.0.2.1"), "delivered at r");
    assert_eq!(end(udp, "192.0.2.1"), "refused: Prohibited");
    assert_eq!(end(udp, "fd0f::1"), "delivered at r");
}

#[test]
fn a_source_is_looked_up_in_the_vrf_that_a_packet_is_routed_into() {
    let end = |back: &str, filter| {
        let text = format!(
            "routing: none
nodes:
  h1: {{routes: [default via 10.0.1.254]}}
  h2: {{}}
  r:
    role: router
    vrfs: [red]
    interfaces: {{b: {{vrf: red}}}}
    sysctls: {{net.ipv4.conf.all.rp_filter: {filter}}}
    routes: [10.0.2.0/24 dev b{back}]
links:
  - {{ends: [h1, r:a], addresses: [10.0.1.1/24, 10.0.1.254/24]}}
  - {{ends: [h2, r:b], addresses: [10.0.2.1/24, 10.0.2.254/24]}}
"
        );
        let lab = compiled("into.yaml", text);
        let plan = lower(&lab).unwrap();
        let network = Network::of_plan(&plan);
        let namespace = lab[lab.node("h1").unwrap()].namespace.as_str();
        let outcomes = network.send(&Probe::echo(namespace, [10, 0, 2, 1].into()));
        printed(&outcomes[0].end)
    };
    assert_eq!(end("", 1), "dropped at r: SourceInvalid");
    assert_eq!(end("", 0), "delivered at h2");
    assert_eq!(end(", 10.0.1.0/24 vrf red dev a", 1), "delivered at h2");
}

#[test]
fn the_answer_to_a_search_for_an_ipv6_neighbour_is_routed_as_others_are() {
    let end = |rules, to| {
        exchanged(rules, ("r", Some("blue")), to, |_, exchange| printed(&exchange.request.end))
    };
    let rules = "-6 iif blue lookup blue suppress_prefixlength 64 pref 5";
    assert_eq!(end(rules, "fd02::1"), "delivered at h2");
    let rules = "iif b unreachable pref 5, -6 iif blue unreachable pref 5";
    assert_eq!(end(rules, "fd02::1"), "unknown at r: SilentOwner");
    assert_eq!(end(rules, "10.0.2.1"), "delivered at h2", "an answer of ARP is not routed");
}

#[test]
fn in_a_vrf_without_addresses_ipv4_is_sent_without_a_source() {
    let text = "routing: none
nodes:
  h1: {}
  r: {vrfs: [red], interfaces: {a: {vrf: red, addresses: ~}}, routes: [10.0.1.0/24 vrf red dev a]}
links:
  - {ends: [h1, r:a], tailaddresses: 10.0.1.1/24}
";
    let lab = compiled("none.yaml", text.to_owned());
    let plan = lower(&lab).unwrap();
    let network = Network::of_plan(&plan);
    let namespace = lab[lab.node("r").unwrap()].namespace.as_str();
    let probe = Probe { device: Some("red"), ..Probe::echo(namespace, [10, 0, 1, 1].into()) };
    let sent = &network.send(&probe)[0];
    assert_eq!(sent.packet.source.to_string(), "0.0.0.0");
    assert_eq!(printed(&sent.end), "dropped at h1: MartianSource");
}

#[test]
fn what_is_sent_to_a_vrf_that_is_down_arrives_and_is_not_answered() {
    let text = "routing: none
nodes:
  h1: {}
  r: {vrfs: [red], interfaces: {a: {vrf: red}}}
links:
  - {ends: [h1, r:a], addresses: [10.0.1.1/24, 10.0.1.254/24]}
";
    let lab = compiled("down.yaml", text.to_owned());
    let mut state = State::of(&lower(&lab).unwrap());
    let is_red = |it: &Resource| matches!(it, Resource::Up { device, .. } if device == "red");
    state.resources.retain(|it| !is_red(it));
    let network = Network::of_state(&state);
    let namespace = |node: &str| lab[lab.node(node).unwrap()].namespace.as_str();
    for protocol in [Protocol::Echo, Protocol::Tcp { sport: 4000, dport: 80 }] {
        let probe = Probe { protocol, ..Probe::echo(namespace("h1"), [10, 0, 1, 254].into()) };
        let exchange = &network.exchange(&probe)[0];
        assert_eq!(printed(&exchange.request.end), "delivered at r%red");
        assert_eq!(printed(&exchange.reply[0].end), "refused: NoRoute");
    }
    let out = Probe { device: Some("red"), ..Probe::echo(namespace("r"), [10, 0, 1, 1].into()) };
    assert_eq!(printed(&network.send(&out)[0].end), "refused: NoRoute");
}
