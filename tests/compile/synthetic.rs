//! The checks of a file that has none.

use crate::networks::{lab, plain, vpns};
use crate::walk::ends;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::net::IpAddr;
use vrflab::compile::{Check, Expect, InterfaceId, Lab, NodeId, Target, print};
use vrflab::document::Role;

/// The lines of a lab's checks.
fn lines(text: &str) -> Vec<String> {
    lab(text).checks.into_iter().map(|check| check.text).collect()
}

fn hosts(lab: &Lab) -> impl Iterator<Item = NodeId> {
    (0..lab.nodes.len()).map(NodeId).filter(|id| lab[*id].role == Role::Host)
}

/// The addresses of a node without VRFs, where their links are up.
fn addresses(lab: &Lab, id: NodeId) -> Vec<IpAddr> {
    let ports = (0..lab[id].interfaces.len()).map(InterfaceId);
    let ports = ports.filter(|port| lab.carries(id, *port));
    let own = ports.flat_map(|port| &lab[id].interfaces[port.0].addresses);
    own.chain(&lab[id].loopback).map(|address| address.value.addr()).collect()
}

/// Whom a check is about beside its sender.
fn target(lab: &Lab, check: &Check) -> NodeId {
    match &check.to {
        Target::Node { node, .. } => *node,
        Target::Address(to) | Target::OnLink { address: to, .. } => {
            let mut nodes = (0..lab.nodes.len()).map(NodeId);
            nodes.find(|id| addresses(lab, *id).contains(to)).unwrap()
        }
    }
}

fn is_isolation(check: &&Check) -> bool {
    check.expect == Expect::Lost
}

/// What holds of the checks of every lab.
fn hold_together(lab: &Lab) -> Result<(), TestCaseError> {
    let (apart, reaching): (Vec<&Check>, Vec<&Check>) = lab.checks.iter().partition(is_isolation);
    for check in &apart {
        let is_vouched_for = reaching.iter().any(|it| it.from == check.from);
        prop_assert!(is_vouched_for, "{} has no control", check.text);
    }
    let texts: BTreeSet<&String> = lab.checks.iter().map(|check| &check.text).collect();
    prop_assert_eq!(texts.len(), lab.checks.len(), "a check stands twice");
    prop_assert!(reaching.len() <= 1000 + 2 * lab.nodes.len(), "{}", reaching.len());
    Ok(())
}

/// Hosts of some VPNs, named in turns, each VPN at one edge or at several.
fn turns() -> impl Strategy<Value = (usize, usize, bool, String)> {
    (2..6usize, 1..24usize, 1..4usize, any::<bool>()).prop_map(|(vpns, hosts, edges, lans)| {
        (vpns, hosts, lans, in_turns(vpns, hosts, edges, lans))
    })
}

fn in_turns(vpns: usize, hosts: usize, edges: usize, lans: bool) -> String {
    let mut text = String::from("graph { p [role=p]; node [role=pe]\n");
    for edge in 0..edges {
        let _ = writeln!(text, "e{edge} -- p");
    }
    for vpn in (0..vpns).filter(|_| lans) {
        for edge in 0..edges {
            let _ = writeln!(
                text,
                "s{edge}v{vpn} [role=switch]; s{edge}v{vpn} -- e{edge} [vrf=v{vpn}]"
            );
        }
    }
    for host in 0..hosts {
        for vpn in 0..vpns {
            let (edge, name) = (host % edges, format!("h{host}v{vpn}"));
            let _ = match lans {
                true => writeln!(text, "{name} [role=host]; {name} -- s{edge}v{vpn}"),
                false => writeln!(text, "{name} [role=host]; {name} -- e{edge} [vrf=v{vpn}]"),
            };
        }
    }
    text + "}"
}

/// A plain network with links that are down, routers that do not forward, and hosts with two links.
fn broken() -> impl Strategy<Value = String> {
    let links = proptest::collection::vec((any::<prop::sample::Index>(), 0..5u8), 1..9);
    let across = proptest::collection::vec((0..9usize, 0..9usize, 0..5u8), 0..4);
    let lame = proptest::collection::vec(0..6u8, 10);
    let host =
        (any::<prop::sample::Index>(), prop::option::of(any::<prop::sample::Index>()), 0..5u8);
    let hosts = proptest::collection::vec(host, 2..6);
    (links, across, lame, hosts).prop_map(|(links, across, lame, hosts)| {
        let count = links.len() + 1;
        let up = |it: u8| if it == 0 { "up=false" } else { "" };
        let mut text = String::from("graph { node [role=router]; r0;\n");
        for (at, (to, is_up)) in links.iter().enumerate() {
            let _ = writeln!(text, "r{} -- r{} [{}]", at + 1, to.index(at + 1), up(*is_up));
        }
        for (near, far, is_up) in across {
            if near % count != far % count {
                let _ = writeln!(text, "r{} -- r{} [{}]", near % count, far % count, up(is_up));
            }
        }
        for router in (0..count).filter(|router| lame[*router] == 0) {
            let _ = writeln!(text, "r{router} [forwarding=false]");
        }
        for (at, (one, other, is_up)) in hosts.iter().enumerate() {
            let _ = writeln!(
                text,
                "h{at} [role=host]; h{at} -- r{} [{}]",
                one.index(count),
                up(*is_up)
            );
            if let Some(other) = other {
                let _ = writeln!(text, "h{at} -- r{}", other.index(count));
            }
        }
        text + "}"
    })
}

/// Whether packets from a node come to another at an address, on every way.
fn arrives(lab: &Lab, from: NodeId, to: NodeId, address: IpAddr) -> bool {
    ends(lab, from, address) == BTreeSet::from([Some(to)])
}

/// Whether they come to any address of it.
fn arrives_somewhere(lab: &Lab, from: NodeId, to: NodeId) -> bool {
    addresses(lab, to).into_iter().any(|address| arrives(lab, from, to, address))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_is_checked_holds_and_what_holds_is_checked(text in prop_oneof![plain(), broken()]) {
        let lab = lab(&text);
        hold_together(&lab)?;
        let mut checked = BTreeSet::new();
        for check in &lab.checks {
            let (from, to) = (check.from.node, target(&lab, check));
            for address in check.to.addresses() {
                prop_assert!(arrives(&lab, from, to, *address), "{} at {address}\n{text}", check.text);
            }
            prop_assert!(arrives_somewhere(&lab, to, from), "{} back\n{text}", check.text);
            checked.insert((from, to));
        }
        for from in hosts(&lab) {
            for to in hosts(&lab).filter(|to| *to != from) {
                let both = arrives_somewhere(&lab, from, to) && arrives_somewhere(&lab, to, from);
                let (near, far) = (&lab[from].name, &lab[to].name);
                prop_assert_eq!(checked.contains(&(from, to)), both, "{} to {}\n{}", near, far, text);
            }
        }
    }

    #[test]
    fn every_host_and_every_pair_of_vpns_is_checked((count, each, lans, text) in turns()) {
        let lab = lab(&text);
        hold_together(&lab)?;
        let vpn = |id: NodeId| lab[id].name.as_str().rsplit('v').next().unwrap().to_owned();
        let is_vpn = |name: &str| name.parse::<usize>().is_ok();
        let mut apart: BTreeMap<(String, String), usize> = BTreeMap::new();
        let mut senders = BTreeSet::new();
        for check in &lab.checks {
            if let Target::Node { node, .. } = check.to {
                let pair = (vpn(check.from.node), vpn(node));
                if check.expect == Expect::Lost {
                    *apart.entry(pair).or_default() += 1;
                } else {
                    prop_assert!(pair.0 == pair.1 || !is_vpn(&pair.1), "{}", check.text);
                }
            }
            if check.expect != Expect::Lost {
                senders.insert(check.from.node);
            }
        }
        for host in hosts(&lab) {
            prop_assert!(senders.contains(&host), "{} sends nothing", lab[host].name);
        }
        let between_vpns = apart.iter().filter(|((from, to), _)| is_vpn(from) && is_vpn(to));
        let numbers: Vec<usize> = between_vpns.map(|(_, number)| *number).collect();
        prop_assert_eq!(numbers.len(), count * (count - 1));
        let all = numbers.len() * each * each;
        let chosen: usize = numbers.iter().sum();
        prop_assert!(chosen <= 1000);
        // On LANs the kernel's neighbour tables may leave room for fewer.
        if !lans {
            let (least, most) = (numbers.iter().min().unwrap(), numbers.iter().max().unwrap());
            prop_assert!(most - least <= 1, "drawn unevenly: {:?}", numbers);
            prop_assert!(chosen >= all.min(500), "{} of {}", chosen, all);
        }
    }

    #[test]
    fn the_same_file_gets_the_same_checks_and_its_compiled_form_too(text in prop_oneof![plain(), vpns(), broken()]) {
        let (first, second) = (lab(&text), lab(&text));
        prop_assert_eq!(&first.checks, &second.checks);
        let whole = crate::networks::lab_of_yaml(&print(&first).yaml());
        let bare = |check: &Check| (check.text.clone(), check.from.clone(), check.to.clone());
        let (before, after) = (first.checks.iter().map(bare), whole.checks.iter().map(bare));
        prop_assert!(before.eq(after), "{text}");
    }
}

#[test]
fn a_vpn_with_one_host_has_its_gateway_as_the_control() {
    let lines = lines(
        "graph { r [role=router, vrfs=\"blue; red\"]; node [role=host]
           h1 -- r [vrf=blue]; h2 -- r [vrf=red] }",
    );
    assert_eq!(
        lines,
        [
            "h1 -> r%blue",
            "h1 !> 192.168.0.1",
            "h1 !> h2",
            "h2 -> r%red",
            "h2 !> 192.168.0.1",
            "h2 !> h1"
        ]
    );
}

#[test]
fn no_check_leads_through_a_host() {
    assert_eq!(
        lines("graph { node [role=host]; a -- h -- b }"),
        ["a -> h", "h -> a", "h -> b", "b -> 172.16.0.2"]
    );
    let far = "graph { node [role=router]; r1; r2; node [role=host]; a -- r1 -- s -- r2 -- b }";
    assert_eq!(lines(far), ["a -> s", "s -> a", "s -> b", "b -> 172.16.0.4"]);
    // The host is named, unless what it joins is joined elsewhere too.
    assert_eq!(lab(far).sample.unwrap().between, [lab(far).node("s").unwrap()]);
    assert!(lab(&far.replace("}", "; r1 -- r2 }")).sample.is_none());
}

#[test]
fn what_is_down_or_does_not_forward_leads_nowhere() {
    let down = "graph { r [role=router]; node [role=host]; a -- r; b -- r; c -- r [up=false] }";
    assert_eq!(lines(down), ["a -> b", "b -> a"]);
    let unchecked = lab(down).sample.unwrap().unchecked;
    assert_eq!(unchecked, [lab(down).node("c").unwrap()]);
    let lame = "graph { r [role=router, forwarding=false]; node [role=host]; a -- r; b -- r }";
    assert_eq!(lines(lame), ["a -> r", "b -> 172.16.0.3"]);
    // What the file routes itself may lead anywhere.
    let own = "graph { node [role=router]; r -- s; s [routing=none]; node [role=host]
               a -- r; b -- r; c -- s; d -- s }";
    assert_eq!(lines(own), ["a -> b", "b -> a"]);
    let cut = lab(own).sample.unwrap().unchecked;
    assert_eq!(cut.len(), 2, "c and d");
    // The LAN's two pieces have one subnet, and the router sends to either.
    let torn =
        "graph { r [role=router]; node [role=switch]; s; t; r -- s; r -- t; s -- t [up=false]
                node [role=host]; a -- s; b -- t; c -- r; d -- r }";
    assert_eq!(lines(torn), ["c -> d", "d -> c"]);
}

#[test]
fn routers_without_hosts_reach_each_other() {
    let lines = lines("graph { node [role=router]; a -- b -- c -- a }");
    assert_eq!(lines, ["a -> b", "a -> c", "b -> a", "b -> c", "c -> a", "c -> b"]);
}

#[test]
fn every_address_of_a_host_is_reached() {
    let lines = lines(
        "graph { family=dual; r [role=router]; node [role=host]
           a -- r; b -- r; b [loopback=\"10.9.0.1/32; fd99::1/128\"] }",
    );
    assert_eq!(lines, ["a -> b", "a -> 10.9.0.1", "a -> fd99::1", "b -> a"]);
}

/// The checks between hosts, without those of the core and of addresses.
fn between_hosts(text: &str) -> Vec<String> {
    let mut lines = lines(text);
    lines.retain(|line| line.split(' ').filter(|word| word.starts_with('h')).count() == 2);
    lines
}

#[test]
fn an_import_of_one_way_is_checked_the_other_way_and_one_of_both_ways_both_ways() {
    let text = |imports: &str| {
        format!(
            "graph {{ r [role=router, vrfs=\"{imports}\"]; node [role=host]
               h1 -- r [vrf=blue]; h2 -- r [vrf=red] }}"
        )
    };
    assert_eq!(between_hosts(&text("blue import red; red")), ["h2 !> h1"]);
    let both = between_hosts(&text("blue import red; red import blue"));
    assert_eq!(both, ["h1 -> h2", "h2 -> h1"]);
    assert_eq!(between_hosts(&text("blue; red")), ["h1 !> h2", "h2 !> h1"]);
}

#[test]
fn main_is_kept_from_a_vpn_unless_the_file_leads_there() {
    let text = |vrf: &str, routes: &str| {
        format!(
            "graph {{ r [role=router, vrfs=\"{vrf}\", routes=\"{routes}\"]; node [role=host]
               h1 -- r [vrf=blue, taillabel=\"10.1.0.2/24\", headlabel=\"10.1.0.1/24\"]
               h2 -- r [taillabel=\"10.2.0.2/24\", headlabel=\"10.2.0.1/24\"] }}"
        )
    };
    let apart = ["h1 !> h2", "h2 !> h1"];
    assert_eq!(between_hosts(&text("blue", "")), apart);
    assert_eq!(between_hosts(&text("blue fallthrough true", "")), apart);
    assert_eq!(between_hosts(&text("blue import main", "")), ["h2 !> h1"]);
    assert_eq!(between_hosts(&text("blue", "throw 10.2.0.0/24 vrf blue")), ["h2 !> h1"]);
    let both = "throw 10.2.0.0/24 vrf blue; 10.1.0.0/24 dev blue";
    assert_eq!(between_hosts(&text("blue", both)), <[String; 0]>::default());
}

#[test]
fn a_vrf_of_a_host_is_a_network_of_its_own() {
    let lines = between_hosts(
        "graph { r [role=router]; node [role=host]; h1 [vrfs=mgmt]; h2 [vrfs=mgmt]
           h1 -- r; h2 -- r; h1 -- h3 [vrf=mgmt]; h2 -- h3 [vrf=mgmt] }",
    );
    assert_eq!(
        lines,
        [
            "h1 -> h2",
            "h1%mgmt -> h3",
            "h1 !> h2%mgmt",
            "h1 !> h3",
            "h2 -> h1",
            "h2 !> h1%mgmt",
            "h2 !> h3",
            "h3 -> h1%mgmt",
            "h3 -> h2%mgmt",
        ]
    );
}

#[test]
fn many_vpns_have_a_check_for_each_pair_and_no_more() {
    let lab = lab(&in_turns(60, 8, 2, false));
    hold_together(&lab).unwrap();
    let apart = lab.checks.iter().filter(is_isolation).count();
    // Each of 60 VPNs and the core is kept from every other.
    assert_eq!(apart, 60 * 59 + 2 * 60);
    let sample = lab.sample.unwrap();
    assert_eq!(sample.chosen, lab.checks.len());
    // The three routers of the core, the hosts of each VPN, those of any two, and each with the core.
    assert_eq!(sample.of, 3 * 2 + 60 * 8 * 7 + 60 * 59 * 8 * 8 + 2 * 60 * 8);
}

#[test]
fn a_sample_on_lans_goes_through_their_router_and_fits_the_neighbour_tables() {
    let mut text = String::from("graph { r [role=router]; node [role=switch]; s0; s1; s2\n");
    text += "r -- s0; r -- s1; r -- s2; node [role=host]\n";
    for host in 0..600 {
        let _ = writeln!(text, "h{host} -- s{}", host % 3);
    }
    let lab = lab(&(text + "}"));
    let lan = |id: NodeId| lab.peer(id, InterfaceId(0)).unwrap().0;
    let mut neighbours = BTreeSet::new();
    for check in &lab.checks {
        let (from, to) = (check.from.node, target(&lab, check));
        match lan(from) == lan(to) {
            true => neighbours.extend([(from, Some(to)), (to, Some(from))]),
            // The router has an entry for the host as the host has one for it.
            false => neighbours.extend([(from, None), (to, None)]),
        }
    }
    let routed = neighbours.iter().filter(|(_, to)| to.is_none()).count();
    assert!(routed >= 50 && neighbours.len() + routed < 800, "{routed} of {}", neighbours.len());
    let senders: BTreeSet<NodeId> = lab.checks.iter().map(|check| check.from.node).collect();
    assert_eq!(senders.len(), 600);
}
