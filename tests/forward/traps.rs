//! One behaviour of the kernel each, of a host, a router and another host.

use crate::compiled;
use std::net::IpAddr;
use vrflab::forward::{End, Network, Probe, Protocol};
use vrflab::plan::lower;

/// What becomes of a probe of `h1` to an address, where the router says `router` and the far host `far`.
fn sent(router: &str, far: &str, change: impl Fn(&mut Probe<'_>)) -> String {
    let text = format!(
        "routing: none
nodes:
  h1: {{routes: [default via 10.0.1.254]}}
  r: {{role: router{router}}}
  h2: {{{far}}}
links:
  - {{ends: [h1, r:a], addresses: [10.0.1.1/24, 10.0.1.254/24]}}
  - {{ends: [r:b, h2:c], addresses: [10.0.2.254/24, 10.0.2.2/24]}}
"
    );
    fates(text, [10, 0, 2, 2].into(), change)
}

/// What becomes of a probe of a lab's `h1`, and of its answer.
pub fn fates(text: String, to: IpAddr, change: impl Fn(&mut Probe<'_>)) -> String {
    let lab = compiled("trap.yaml", text);
    let plan = lower(&lab).unwrap();
    let network = Network::of_plan(&plan);
    let namespace = lab[lab.node("h1").unwrap()].namespace.as_str();
    let mut probe = Probe::echo(namespace, to);
    change(&mut probe);
    let exchanges = network.exchange(&probe);
    let [exchange] = &exchanges[..] else { panic!("{exchanges:?}") };
    let replies = exchange.reply.iter().map(|reply| &reply.end);
    std::iter::once(&exchange.request.end)
        .chain(replies)
        .map(printed)
        .collect::<Vec<_>>()
        .join(", ")
}

pub fn printed(end: &End<'_>) -> String {
    let short = |namespace: &str| namespace.rsplit('-').next().unwrap().to_owned();
    match end {
        End::Delivered { namespace, vrf, .. } => match vrf {
            Some(vrf) => format!("delivered at {}%{vrf}", short(namespace)),
            None => format!("delivered at {}", short(namespace)),
        },
        End::Rejected { by, vrf: _, error } => {
            let mtu = error.mtu.map(|mtu| format!(" mtu {mtu}")).unwrap_or_default();
            format!("{}{mtu} by {} ({:?})", error.kind, short(by), error.source)
        }
        End::Refused { reason } => format!("refused: {reason:?}"),
        End::Dropped { at, reason } => format!("dropped at {}: {reason:?}", short(at)),
        End::Loop { at } => format!("loop at {}", short(at)),
        End::Unknown { at, why } => format!("unknown at {}: {why:?}", short(at)),
    }
}

const BACK: &str = "routes: [default via 10.0.2.254]";

#[test]
fn a_packet_is_forwarded_and_answered() {
    assert_eq!(sent("", BACK, |_| ()), "delivered at h2, delivered at h1");
}

#[test]
fn without_a_way_back_the_request_arrives_and_the_answer_is_not_sent() {
    assert_eq!(sent("", "", |_| ()), "delivered at h2, refused: NoRoute");
}

#[test]
fn a_router_that_does_not_forward_says_nothing() {
    let router = ", sysctls: {net.ipv4.ip_forward: 0}";
    assert_eq!(sent(router, BACK, |_| ()), "dropped at r: NotForwarding");
}

#[test]
fn the_ttl_runs_out_at_the_router_which_says_so_from_the_side_of_the_sender() {
    let said = sent("", BACK, |probe| probe.ttl = Some(1));
    assert_eq!(said, "time-exceeded by r (Some(10.0.1.254)), delivered at h1");
}

#[test]
fn routes_that_let_nothing_pass_say_so_each_in_its_own_way() {
    for (kind, wanted) in [
        ("unreachable", "host-unreachable by r (Some(10.0.1.254)), delivered at h1"),
        ("prohibit", "prohibited by r (Some(10.0.1.254)), delivered at h1"),
        ("blackhole", "dropped at r: Blackhole"),
        ("throw", "delivered at h2, delivered at h1"),
    ] {
        let router =
            format!(", routes: [{kind} 10.0.2.0/24 table 7], rules: [from all lookup 7 pref 100]");
        assert_eq!(sent(&router, BACK, |_| ()), wanted, "{kind}");
    }
}

#[test]
fn where_no_route_is_the_network_is_unreachable() {
    let said = sent("", BACK, |probe| probe.destination = [10, 0, 9, 9].into());
    assert_eq!(said, "net-unreachable by r (Some(10.0.1.254)), delivered at h1");
}

#[test]
fn an_address_that_nobody_has_is_a_host_that_is_unreachable() {
    let said = sent("", BACK, |probe| probe.destination = [10, 0, 2, 9].into());
    assert_eq!(said, "host-unreachable by r (Some(10.0.1.254)), delivered at h1");
}

#[test]
fn the_source_is_asked_for_by_a_strict_filter_and_by_a_loose_one_if_no_route_leads_to_it() {
    let foreign = |probe: &mut Probe<'_>| probe.source = Some([10, 9, 9, 9].into());
    for (filter, wanted) in [
        (0, "delivered at h2, net-unreachable by r (Some(10.0.2.254))"),
        (1, "dropped at r: SourceInvalid"),
        (2, "dropped at r: SourceInvalid"),
    ] {
        let router = format!(", sysctls: {{net.ipv4.conf.all.rp_filter: {filter}}}");
        let said = sent(&router, BACK, foreign);
        assert_eq!(said, wanted, "rp_filter {filter}");
    }
}

#[test]
fn a_route_elsewhere_passes_a_loose_filter_and_no_strict_one() {
    let other = |probe: &mut Probe<'_>| probe.source = Some([10, 0, 2, 7].into());
    for (filter, wanted) in [
        (1, "dropped at r: SourceInvalid"),
        (2, "delivered at h2, dropped at h2: NeighbourUnresolved"),
    ] {
        let router = format!(", sysctls: {{net.ipv4.conf.all.rp_filter: {filter}}}");
        assert_eq!(sent(&router, BACK, other), wanted, "rp_filter {filter}");
    }
}

#[test]
fn a_packet_that_may_not_be_fragmented_is_refused_with_the_mtu_of_the_next_link() {
    let text = ", routes: [10.0.2.2/32 encap mpls 100 via 10.0.2.2]";
    let big = |probe: &mut Probe<'_>| (probe.size, probe.df) = (1469, true);
    let said = sent(text, BACK, big);
    assert_eq!(said, "frag-needed mtu 1496 by r (Some(10.0.1.254)), delivered at h1");
}

#[test]
fn a_labelled_packet_is_dropped_where_labels_do_not_come_in() {
    let router = ", routes: [10.0.2.2/32 encap mpls 100 via 10.0.2.2]";
    assert_eq!(sent(router, BACK, |_| ()), "dropped at h2: MplsInputOff");
}

#[test]
fn an_address_answers_though_its_interface_is_down() {
    let router = ", interfaces: {down: {kind: dummy, addresses: [10.0.3.1/24], up: false}}";
    let near = |probe: &mut Probe<'_>| probe.destination = [10, 0, 3, 1].into();
    assert_eq!(sent(router, BACK, near), "delivered at r, delivered at h1");
}

#[test]
fn a_packet_that_runs_in_a_circle_ends_when_its_ttl_does() {
    let (router, far) =
        (", routes: [10.0.9.0/24 via 10.0.2.2]", "role: router, routes: [default via 10.0.2.254]");
    let said = sent(router, far, |probe| {
        (probe.destination, probe.ttl) = ([10, 0, 9, 9].into(), Some(255));
    });
    assert_eq!(said, "time-exceeded by r (Some(10.0.1.254)), delivered at h1");
}

#[test]
fn an_arp_request_is_not_answered_where_its_own_source_does_not_pass_the_filter() {
    let far =
        "interfaces: {d: {kind: dummy}}, routes: [default via 10.0.2.254, 10.0.2.254/32 dev d]";
    let answered = format!("{far}, sysctls: {{net.ipv4.conf.all.rp_filter: 2}}");
    assert_eq!(sent("", &answered, |_| ()), "delivered at h2, dropped at h2: DropsAll");
    let unheard = format!("{far}, sysctls: {{net.ipv4.conf.all.rp_filter: 1}}");
    assert_eq!(sent("", &unheard, |_| ()), "unknown at r: SilentOwner");
}

#[test]
fn a_line_that_loses_all_loses_the_answers_to_the_search_for_neighbours_too() {
    let lossy = |at| format!(", interfaces: {{{at}: {{netem: loss 100%}}}}");
    assert_eq!(sent(&lossy("b"), BACK, |_| ()), "dropped at r: Impaired");
    assert_eq!(sent(&lossy("a"), BACK, |_| ()), "dropped at h1: NeighbourUnresolved");
}

#[test]
fn a_ruleset_of_addresses_protocols_and_ports_is_followed() {
    let ruled = |hook: &str, rules: &str, change: &dyn Fn(&mut Probe<'_>)| {
        let chain = format!("type filter hook {hook} priority 0; policy accept; {rules}");
        let nft = format!(", nft: 'table inet t {{ chain c {{ {chain} }} }}'");
        sent(&nft, BACK, change)
    };
    let echo = |_: &mut Probe<'_>| ();
    let passes = "delivered at h2, delivered at h1";
    let from = "ip saddr 10.0.1.0/24 counter drop";
    assert_eq!(ruled("forward", from, &echo), "dropped at r: Filtered");
    assert_eq!(ruled("input", from, &echo), passes, "it is not for the router");
    let back = "ip saddr 10.0.2.2 meta l4proto icmp drop";
    assert_eq!(ruled("forward", back, &echo), "delivered at h2, dropped at r: Filtered");
    let port = "tcp dport 80 accept; ip daddr 10.0.2.2 drop";
    let tcp =
        |dport| move |probe: &mut Probe<'_>| probe.protocol = Protocol::Tcp { sport: 4000, dport };
    assert_eq!(ruled("forward", port, &tcp(80)), passes);
    assert_eq!(ruled("forward", port, &tcp(81)), "dropped at r: Filtered");
    let expired = |probe: &mut Probe<'_>| probe.ttl = Some(1);
    assert_eq!(
        ruled("output", "ip protocol icmp drop", &expired),
        "time-exceeded by r (Some(10.0.1.254)), refused: Filtered"
    );
    let stateful = "ct state established accept";
    assert_eq!(ruled("forward", stateful, &echo), "unknown at r: Ruleset");
}

#[test]
fn from_an_ipv6_address_of_the_kernels_own_it_is_not_known_what_becomes_of_a_packet() {
    let said = sent(", routes: [\"fd09::/64 dev b\"]", BACK, |probe| {
        probe.namespace = "lab-r";
        probe.destination = "fd09::1".parse().unwrap();
    });
    assert_eq!(said, "unknown at r: LinkLocalSource");
}
