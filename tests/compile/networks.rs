//! What must hold of the tables of any network.

use crate::walk::{ends, visits};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::IpAddr;
use vrflab::compile::{InterfaceId, Lab, MAIN, NodeId, Options, compile_source};
use vrflab::diagnostic::{Severity, Source};
use vrflab::document::{Format, LabName, Role};

/// The lab of a DOT file.
pub fn lab(text: &str) -> Lab {
    compiled(text, Format::Dot)
}

/// The lab of a YAML file.
pub fn lab_of_yaml(text: &str) -> Lab {
    compiled(text, Format::Yaml)
}

fn compiled(text: &str, format: Format) -> Lab {
    let source = Source { name: "lab".to_owned(), text: text.to_owned() };
    let name = LabName::new("lab").unwrap();
    let (lab, said) = compile_source(&source, format, &name, &Options::default());
    assert!(said.iter().all(|it| it.severity != Severity::Error), "{text}\n{said:?}");
    lab.unwrap_or_else(|| panic!("{text}"))
}

fn hosts(lab: &Lab) -> Vec<NodeId> {
    (0..lab.nodes.len()).map(NodeId).filter(|id| lab[*id].role == Role::Host).collect()
}

fn addresses(lab: &Lab, id: NodeId) -> Vec<IpAddr> {
    let node = &lab[id];
    let own = node.interfaces.iter().flat_map(|port| &port.addresses).chain(&node.loopback);
    own.map(|address| address.value.addr()).collect()
}

/// What a link costs: a little, or as much as there is room for.
fn cost() -> impl Strategy<Value = u32> {
    prop_oneof![9 => 1..4u32, 1 => Just(u32::MAX)]
}

/// Links of routers, each to an earlier one and some across, each with a cost, and hosts at some.
pub fn plain() -> impl Strategy<Value = String> {
    let links = proptest::collection::vec((any::<prop::sample::Index>(), cost()), 1..14);
    let across = proptest::collection::vec((0..14usize, 0..14usize, cost()), 0..8);
    let hosts = proptest::collection::vec(any::<prop::sample::Index>(), 2..6);
    let family = prop::sample::select(vec!["ipv4", "ipv6", "dual"]);
    (links, across, hosts, family).prop_map(|(links, across, hosts, family)| {
        let count = links.len() + 1;
        let mut text = format!("graph {{ family={family}; node [role=router]; r0;\n");
        for (at, (to, cost)) in links.iter().enumerate() {
            let _ = writeln!(text, "r{} -- r{} [cost={cost}]", at + 1, to.index(at + 1));
        }
        for (near, far, cost) in across {
            if near % count != far % count {
                let _ = writeln!(text, "r{} -- r{} [cost={cost}]", near % count, far % count);
            }
        }
        for (at, router) in hosts.iter().enumerate() {
            let _ = writeln!(text, "h{at} [role=host]; h{at} -- r{}", router.index(count));
        }
        text + "}"
    })
}

/// Routers and hosts as in [`plain`], with links of which both ends, or one, are written in IPv4 alone.
fn families() -> impl Strategy<Value = String> {
    let written = proptest::collection::vec(0..4u8, 30);
    (plain(), written).prop_map(|(text, written)| {
        let mut number = 0;
        let mut line = |line: &str| {
            let Some((ends, rest)) = line.split_once(" [cost=") else { return line.to_owned() };
            number += 1;
            let labels = match written[number - 1] {
                0 => format!(
                    "taillabel=\"10.200.{number}.1/24\", headlabel=\"10.200.{number}.2/24\", "
                ),
                1 => format!("taillabel=\"10.200.{number}.1/24\", "),
                _ => String::new(),
            };
            format!("{ends} [{labels}cost={rest}")
        };
        text.lines().map(|it| line(it) + "\n").collect()
    })
}

/// The parts that nodes fall into by the links both of whose ends have addresses of a family.
fn parts(lab: &Lab, ipv4: bool) -> Vec<usize> {
    let mut parts: Vec<usize> = (0..lab.nodes.len()).collect();
    for link in &lab.links {
        let has = |(node, port): (NodeId, InterfaceId)| {
            let mut addresses = lab[node].interfaces[port.0].addresses.iter();
            addresses.any(|address| address.value.addr().is_ipv4() == ipv4)
        };
        if link.ends.into_iter().all(has) {
            let [near, far] = link.ends.map(|(node, _)| parts[node.0]);
            parts.iter_mut().filter(|part| **part == far).for_each(|part| *part = near);
        }
    }
    parts
}

/// Edges around a core, and the sites of three VPNs at them, some at two edges.
pub fn vpns() -> impl Strategy<Value = String> {
    let core = proptest::collection::vec(any::<prop::sample::Index>(), 1..5);
    let edges = proptest::collection::vec(any::<prop::sample::Index>(), 2..5);
    let site =
        (0..3usize, any::<prop::sample::Index>(), prop::option::of(any::<prop::sample::Index>()));
    let sites = proptest::collection::vec(site, 3..9);
    let direct = proptest::collection::vec((0..3usize, any::<prop::sample::Index>()), 0..3);
    let family = prop::sample::select(vec!["ipv4", "ipv6", "dual"]);
    (core, edges, sites, direct, family, any::<bool>()).prop_map(
        |(core, edges, sites, direct, family, php)| {
            let mut text =
                format!("graph {{ family={family}; vpn=\"php {php}\"; node [role=p]; p0;\n");
            for (at, to) in core.iter().enumerate() {
                let _ = writeln!(text, "p{} -- p{}", at + 1, to.index(at + 1));
            }
            for (at, p) in edges.iter().enumerate() {
                let _ = writeln!(text, "e{at} [role=pe]; e{at} -- p{}", p.index(core.len() + 1));
            }
            for (at, (vpn, edge, second)) in sites.iter().enumerate() {
                let edge = edge.index(edges.len());
                let _ = writeln!(text, "c{at}v{vpn} [role=ce]; h{at}v{vpn} [role=host]");
                let _ = writeln!(text, "h{at}v{vpn} -- c{at}v{vpn}");
                let _ = writeln!(text, "c{at}v{vpn} -- e{edge} [vrf=v{vpn}]");
                if let Some(second) =
                    second.map(|it| it.index(edges.len())).filter(|it| *it != edge)
                {
                    let _ = writeln!(text, "c{at}v{vpn} -- e{second} [vrf=v{vpn}]");
                }
            }
            for (at, (vpn, edge)) in direct.iter().enumerate() {
                let edge = edge.index(edges.len());
                let _ =
                    writeln!(text, "d{at}v{vpn} [role=host]; d{at}v{vpn} -- e{edge} [vrf=v{vpn}]");
            }
            text + "}"
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_host_reaches_every_address_of_a_plain_network(text in plain()) {
        let lab = lab(&text);
        let mut seen = BTreeSet::new();
        for to in (0..lab.nodes.len()).map(NodeId) {
            for address in addresses(&lab, to) {
                prop_assert!(seen.insert(address), "{} twice\n{}", address, text);
                for from in hosts(&lab) {
                    let ends = ends(&lab, from, address);
                    prop_assert_eq!(ends, BTreeSet::from([Some(to)]), "{} to {}\n{}", lab[from].name, address, text);
                }
            }
        }
    }

    #[test]
    fn each_family_reaches_as_far_as_its_own_links_do(text in families()) {
        let lab = lab(&text);
        let parts = [parts(&lab, false), parts(&lab, true)];
        for to in hosts(&lab) {
            for address in addresses(&lab, to) {
                let part = &parts[usize::from(address.is_ipv4())];
                for from in hosts(&lab) {
                    let joined = part[from.0] == part[to.0];
                    let end = ends(&lab, from, address);
                    prop_assert_eq!(end == BTreeSet::from([Some(to)]), joined, "{} to {}\n{}", lab[from].name, address, text);
                }
            }
        }
    }

    #[test]
    fn what_is_added_at_the_end_leaves_addresses_as_they_were(text in plain()) {
        let before = lab(&text);
        let longer = text.replace('}', "more [role=host]; more -- r0; r0 -- r1 }");
        let after = lab(&longer);
        for id in (0..before.nodes.len()).map(NodeId) {
            let known = addresses(&after, id);
            for address in addresses(&before, id) {
                prop_assert!(known.contains(&address), "{} of {}\n{}", address, before[id].name, text);
            }
        }
    }

    #[test]
    fn what_nobody_has_reaches_nobody(text in plain(), number: u32) {
        let lab = lab(&text);
        let address = IpAddr::from(number.to_be_bytes());
        let somebodys = (0..lab.nodes.len()).any(|id| addresses(&lab, NodeId(id)).contains(&address));
        prop_assume!(!somebodys);
        for from in hosts(&lab) {
            prop_assert_eq!(ends(&lab, from, address), BTreeSet::from([None]));
        }
    }

    #[test]
    fn hosts_reach_their_own_vpn_and_never_another(text in vpns()) {
        let lab = lab(&text);
        let vpn = |id: NodeId| lab[id].name.as_str().rsplit('v').next().unwrap().to_owned();
        let hosts = hosts(&lab);
        for from in &hosts {
            for to in &hosts {
                for address in addresses(&lab, *to) {
                    let ends = ends(&lab, *from, address);
                    if vpn(*from) == vpn(*to) {
                        let ce = |id: NodeId| lab[id].name.as_str().replacen(['h', 'd'], "c", 1);
                        let way = visits(&lab, (*from, MAIN), address);
                        let mut routers = way.iter().filter(|id| lab[**id].role == Role::Ce);
                        prop_assert!(
                            routers.all(|it| [ce(*from), ce(*to)].contains(&lab[*it].name.to_string())),
                            "{} to {} by a third site\n{}", lab[*from].name, address, text
                        );
                        prop_assert_eq!(ends, BTreeSet::from([Some(*to)]), "{} to {}\n{}", lab[*from].name, address, text);
                    } else {
                        let elsewhere = ends.iter().flatten().any(|end| vpn(*end) != vpn(*from));
                        prop_assert!(!elsewhere, "{} to {}: {:?}\n{}", lab[*from].name, address, ends, text);
                    }
                }
            }
        }
    }
}

/// A fat tree of routers with as many ports each.
fn fat_tree(ports: usize) -> String {
    let half = ports / 2;
    let mut text = String::from("graph { node [role=router]\n");
    for pod in 0..ports {
        for upper in 0..half {
            for other in 0..half {
                let _ = writeln!(text, "a{pod}_{upper} -- e{pod}_{other}");
                let _ = writeln!(text, "c{upper}_{other} -- a{pod}_{upper}");
            }
        }
    }
    text + "}"
}

#[test]
fn a_fat_tree_is_whole_and_its_regions_share_prefixes() {
    let lab = lab(&fat_tree(10));
    assert_eq!(lab.nodes.len(), 125);
    let names = ["e0_0", "e9_4", "a3_2", "c0_0", "c4_4"];
    for from in names.map(|name| lab.node(name).unwrap()) {
        for to in (0..lab.nodes.len()).map(NodeId) {
            for address in addresses(&lab, to) {
                let ends = ends(&lab, from, address);
                assert_eq!(ends, BTreeSet::from([Some(to)]), "{} to {address}", lab[from].name);
            }
        }
    }
    // A route for each destination would be one for each of 125 loopbacks and 500 links.
    let routes: usize = lab.nodes.iter().map(|node| node.routes.len()).sum();
    assert!(routes < 125 * 120, "{routes} routes");
}
