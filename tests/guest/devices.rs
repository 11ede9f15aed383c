//! Interfaces that no link makes, in the labs that show them.

use crate::standing::{Built, file, read, words};
use vrflab::check::{self, CheckResult};
use vrflab::compile::{Check, Expect, Target};
use vrflab::document::Format;
use vrflab::link::PublicKey;

/// Builds a lab, compares the kernel with its plan, and sees that all of its checks hold.
fn holds(built: Built) {
    let standing = built.up();
    standing.holds_what_it_says();
    assert!(!standing.lab().checks.is_empty());
    standing.all_checks_hold();
}

fn lab(path: &str, name: &str) {
    let text = std::fs::read_to_string(file(path)).unwrap();
    let format = Format::of_name(path).unwrap();
    let (built, said) = read(&text, format, name);
    assert!(said.is_empty(), "{path}: {said:?}");
    holds(built);
}

#[test]
fn a_bridge_and_the_router_on_a_stick_keep_vlans_apart() {
    lab("labs/vlans.yaml", "dev-vlans");
}

#[test]
fn a_lan_goes_over_routers() {
    let text = std::fs::read_to_string(file("labs/vxlan.dot")).unwrap();
    let standing = read(&text, Format::Dot, "dev-vxlan").0.up();
    standing.holds_what_it_says();
    standing.all_checks_hold();
    let path = &standing.check("h1 -> h2").probes[0].path;
    assert_eq!(words(path), ["spine(vxlan)", "leaf2(vxlan)", "h2"]);
}

#[test]
fn several_machines_are_on_one_wire() {
    lab("labs/macvlan.dot", "dev-macvlan");
}

#[test]
fn a_bad_line_still_carries() {
    lab("labs/impair.dot", "dev-impair");
}

#[test]
fn what_is_left_out_is_filled_in_for_all_kinds() {
    let text = "graph {
        family=dual
        h1 [interfaces=\"v0 kind vlan id 7 parent eth0; vv kind vlan id 8 parent v0; v3 kind vlan id 9 parent vv;
           v4 kind vlan id 9 parent v3; v5 kind vlan id 9 parent v4; v6 kind vlan id 9 parent v5; eighth kind vlan id 9 parent v6\"]
        r [role=router, vrfs=blue, interfaces=\"br0 kind bridge ports a,b vrf blue; v0 kind vlan id 7 parent uplink;
           vv kind vlan id 8 parent v0; i0 kind ifb; m0 kind macvlan parent uplink mode private;
           br1 kind bridge vlan_filtering true vlans '1 pvid untagged', 5-7; over kind vlan id 5 parent br1 addresses 10.99.0.1/24\"]
        h2 -- r:a; h3 -- r:b; h1 -- r:uplink [mtu=9000]
        t1 [role=router, loopback=\"fd77::1\", interfaces=\"x kind vxlan id 5 local fd77::1 remote fd77::2\"]
        t2 [role=router, loopback=\"fd77::2\", vrfs=wan, interfaces=\"x kind vxlan id 5 local fd77::2 remote fd77::1;
           ipv kind ipvlan parent eth0 mode l3; sec kind vti remote 192.0.2.9 key 5 dev eth0; far kind gre remote 192.0.2.9 dev wan ttl 3\"]
        t1 -- t2; t2 -- r
    }";
    let (built, said) = read(text, Format::Dot, "dev-all");
    assert!(said.is_empty(), "{said:?}");
    holds(built);
}

#[test]
fn tunnels_of_every_kind_carry_packets_and_nothing_passes_without_them() {
    let text = std::fs::read_to_string(file("tests/guest/tunnels.yaml")).unwrap();
    let (built, said) = read(&text, Format::Yaml, "dev-tunnels");
    assert!(said.is_empty(), "{said:?}");
    let standing = built.up();
    standing.holds_what_it_says();
    let lab = standing.lab();
    let report = check::run(lab, &lab.checks, |_, _| {}).unwrap();
    let failed: Vec<_> = report.results.iter().filter(|result| !result.ok).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    // The node between the tunnels' ends has seen the probes and their answers inside.
    for kind in TUNNELS {
        let (h1, h2) = (format!("{kind}-h1"), format!("{kind}-h2"));
        let p = format!("p({kind})");
        let mut of_kind = report.results.iter().filter(|it| it.check.starts_with(&h1));
        for probe in of_kind.next().unwrap().probes.iter() {
            assert_eq!(words(&probe.path), ["r1", &p, "r2", &h2]);
            assert_eq!(words(&probe.back), ["r2", &p, "r1", &h1]);
        }
    }
    let gre = lab.checks.iter().find(|check| check.text.starts_with("gre-h1")).unwrap();
    let run = |change: &dyn Fn(&mut Check)| -> CheckResult {
        let mut check = gre.clone();
        change(&mut check);
        check::run(lab, &[check], |_, _| {}).unwrap().results.remove(0)
    };
    let result = run(&|check| {
        let Expect::Arrives(arrival) = &mut check.expect else { panic!() };
        arrival.via.as_mut().unwrap().pop();
    });
    let reason = result.reason.as_deref();
    assert_eq!(reason, Some("the probe went via r1 p(gre) r2, not via r1"), "{result:#?}");

    // What passes a node in a tunnel has not come there; what ends there has, though nobody opens it.
    let never_at = |name: &str| {
        run(&|check| {
            let Target::Node { node, takers, .. } = &mut check.to else { panic!() };
            *node = lab.node(name).unwrap();
            *takers = vec![*node];
            check.expect = Expect::Lost;
        })
    };
    assert_eq!(never_at("p").reason, None);
    assert_eq!(standing.ip("r2", "link set dev gre down"), "");
    let leak = never_at("r2");
    assert_eq!(leak.reason.as_deref(), Some("the probe arrives at r2, though it must not"));
    let seen = "The probe went via r1, p(gre), r2(gre), and was last seen coming in through eth0 of r2 in \
                gre to 192.0.2.2.";
    assert!(leak.explanation.iter().any(|line| line == seen), "{leak:#?}");
    let lost = run(&|_| ());
    assert_eq!(lost.reason.as_deref(), Some("the probe was lost at r2"));
    let ends = "At r2 the gre from 192.0.2.1 to 192.0.2.2 ends, and no interface takes the packet out of it.";
    assert!(lost.explanation.iter().any(|line| line == ends), "{lost:#?}");

    for kind in TUNNELS {
        assert_eq!(standing.ip("r1", &format!("link set dev {kind} down")), "");
    }
    let report = check::run(lab, &lab.checks, |_, _| {}).unwrap();
    assert_eq!(report.passed, 1, "the one over no tunnel");
}

/// The kinds of tunnel that `tests/guest/tunnels.yaml` has, which are the names of their interfaces.
const TUNNELS: [&str; 8] =
    ["gre", "gretap", "ip6gre", "ip6gretap", "ipip", "sit", "ip6tnl", "geneve"];

#[test]
fn a_vti_encrypts_what_goes_through_it_and_lets_nothing_pass_without_ipsec_states() {
    let host = crate::host::Host::new();
    host.done(&["up", file("labs/ipsec.yaml").to_str().unwrap()]);
    let states = host.done(&["exec", "b1", "--", "ip", "-s", "xfrm", "state"]);
    assert!(states.contains("rfc4106(gcm(aes))") && states.contains("output-mark 0x7"), "{states}");
    host.done(&["exec", "b2", "--", "ip", "xfrm", "state", "flush"]);
    let check = host.run(&["check"]);
    assert_eq!(check.status, 1, "{}{}", check.out, check.err);
    assert!(check.out.contains("a1 -> a2 via b1 b2"), "{}", check.out);
    host.done(&["down"]);
    host.assert_nothing_is_left();
}

#[test]
fn a_bond_goes_on_with_the_ports_that_are_left() {
    let text = std::fs::read_to_string(file("labs/bond.dot")).unwrap();
    let (built, said) = read(&text, Format::Dot, "dev-bond");
    assert!(said.is_empty(), "{said:?}");
    let standing = built.up();
    standing.holds_what_it_says();
    standing.all_checks_hold();
    for (node, port) in [("r1", "e1"), ("server", "e1")] {
        assert_eq!(standing.ip(node, &format!("link set dev {port} down")), "");
    }
    standing.all_checks_hold();
    assert_eq!(standing.ip("r1", "link set dev e2 down"), "");
    assert!(!standing.check("client -> server").ok);
}

#[test]
fn wireguard_goes_over_ipv6_to_peers_by_their_keys_and_needs_the_key_that_they_share() {
    let text = std::fs::read_to_string(file("tests/guest/wireguard.yaml")).unwrap();
    // More networks, and more peers, than one message to the kernel holds.
    let network = |third: usize| format!("10.{}.{}.0/24", 100 + third / 256, third % 256);
    let peer = |number: u8, networks: &mut dyn Iterator<Item = usize>| {
        let networks: Vec<String> = networks.map(network).collect();
        format!("'{} allowed-ips {}'", PublicKey::new([number; 32]), networks.join(","))
    };
    let many = std::iter::once(peer(0, &mut (0..5000))).chain(
        (1..=200).map(|number| peer(number, &mut std::iter::once(5000 + usize::from(number)))),
    );
    let many = many.collect::<Vec<_>>().join(", ");
    let node = "  isp: {role: router}\n";
    assert!(text.contains(node));
    let interface = format!("{{kind: wireguard, table: off, peers: [{many}]}}");
    let with_many = format!("  isp: {{role: router, interfaces: {{wg0: {interface}}}}}\n");
    let text = text.replace(node, &with_many);
    let (built, said) = read(&text, Format::Yaml, "dev-wireguard-6");
    assert!(said.is_empty(), "{said:?}");
    let standing = built.up();
    standing.holds_what_it_says();
    standing.all_checks_hold();
    // A new session begins with another key on one side.
    for node in ["r2", "r4"] {
        let id = standing.lab().node(node).unwrap();
        let script = format!(
            "set -e; n='ip netns exec {}'; head -c 32 /dev/urandom | base64 > /tmp/other-key
             for peer in $($n wg show wg0 peers); do
               $n wg set wg0 peer $peer preshared-key /tmp/other-key
             done
             ip -n {0} link set wg0 down; ip -n {0} link set wg0 up",
            standing.lab()[id].namespace
        );
        assert!(std::process::Command::new("sh").args(["-c", &script]).status().unwrap().success());
    }
    assert!(!standing.check("r1 -> fd09::2").ok);
    assert!(!standing.check("r3 -> 10.8.0.4").ok);
}

#[test]
fn wireguard_joins_sites_that_its_underlay_does_not_and_needs_what_is_filled_in() {
    let text = std::fs::read_to_string(file("labs/wireguard.dot")).unwrap();
    let (built, said) = read(&text, Format::Dot, "dev-wireguard");
    assert!(said.is_empty(), "{said:?}");
    let standing = built.up();
    standing.holds_what_it_says();
    standing.all_checks_hold();
    let lab = standing.lab();
    let run = || {
        let report = check::run(lab, &lab.checks[..2], |_, _| {}).unwrap();
        report.results.iter().map(|result| result.ok).collect::<Vec<_>>()
    };
    // From one spoke to the other by way of the hub, and from the first to the hub.
    assert_eq!(standing.ip("s2", "link set dev wg0 down"), "");
    assert_eq!(run(), [false, true]);
    standing.set("s1", "net/ipv4/udp_l3mdev_accept", "0");
    assert_eq!(run(), [false, false], "what comes in through the VRF finds no socket");
}
