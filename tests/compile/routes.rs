//! Which routes small labs get.

use crate::walk::{ends, visits};
use std::collections::BTreeSet;
use std::net::IpAddr;
use vrflab::compile::{Lab, MAIN, NodeId, Options, Route, compile_source};
use vrflab::diagnostic::{Code, Severity, Source};
use vrflab::document::{Format, LabName, Role};
use vrflab::iproute::RouteKind;

pub fn lab(text: &str) -> Lab {
    let source = Source { name: "lab.dot".to_owned(), text: text.to_owned() };
    let name = LabName::new("lab").unwrap();
    let (lab, said) = compile_source(&source, Format::Dot, &name, &Options::default());
    assert!(said.iter().all(|it| it.severity != Severity::Error), "{text}\n{said:?}");
    lab.unwrap()
}

/// The routes of a node, those of IPv4 first.
fn routes(lab: &Lab, node: &str) -> Vec<String> {
    lab[lab.node(node).unwrap()].routes.iter().map(ToString::to_string).collect()
}

fn name(lab: &Lab, id: NodeId) -> &str {
    lab[id].name.as_str()
}

/// The addresses of a node's interfaces.
fn addresses(lab: &Lab, node: &str) -> Vec<IpAddr> {
    let ports = lab[lab.node(node).unwrap()].interfaces.iter();
    ports.flat_map(|port| &port.addresses).map(|address| address.value.addr()).collect()
}

/// Every address of these nodes' interfaces is reached from each of the others.
fn all_reach_all(lab: &Lab, nodes: &[&str]) {
    for to in nodes {
        for from in nodes.iter().filter(|from| *from != to) {
            for address in addresses(lab, to) {
                let ends = ends(lab, lab.node(from).unwrap(), address);
                assert_eq!(ends, BTreeSet::from([lab.node(to)]), "{from} to {address} of {to}");
            }
        }
    }
}

#[test]
fn each_family_goes_by_the_links_that_have_it() {
    let ends = "taillabel=\"10.9.0.1/30\", headlabel=\"10.9.0.2/30\"";
    let graph = |ends: &str| {
        format!(
            "graph {{ family=dual; node [role=router]; r1 -- r2 [{ends}]; r1 -- r3 -- r2;
             node [role=host]; h1 -- r1; h2 -- r2 }}"
        )
    };
    all_reach_all(&lab(&graph(ends)), &["h1", "h2", "r1", "r2", "r3"]);
    // An end of which the file says no address is no way either.
    all_reach_all(&lab(&graph("headaddresses=\"~\"")), &["h1", "h2"]);
}

#[test]
fn a_segment_is_routed_to_as_an_address_of_its_node() {
    let lab = lab(
        "graph { family=ipv6; node [role=router]; a -- b; b:far -- c [subnet=\"fd23::/64\"]; c -- d
         c [routes=\"fc00:3::/48 encap seg6local action End dev eth0; fc00:4::4 dev eth0\"] }",
    );
    let to_segments = |node: &str| {
        let routes = routes(&lab, node).into_iter();
        routes.filter(|route| route.starts_with("fc00")).collect::<Vec<_>>()
    };
    assert_eq!(to_segments("b"), ["fc00:3::/48 via fd23::2 dev far"]);
    assert_eq!(to_segments("c").len(), 2, "those that the file says");
}

#[test]
fn a_tunnel_is_no_way_to_its_own_far_end() {
    let tunnel = |vrf: &str| {
        lab(&format!(
            "graph {{ node [role=router]; r1 -- p -- q -- r2
             r1 [loopback=\"192.0.2.1\", vrfs=blue,
                 interfaces=\"t kind gre local 192.0.2.1 remote 192.0.2.2{vrf}\"]
             r2 [loopback=\"192.0.2.2\", vrfs=blue,
                 interfaces=\"t kind gre local 192.0.2.2 remote 192.0.2.1{vrf}\"]
             node [role=host]; h1 -- r1 [vrf=blue]; h2 -- r2 [vrf=blue] }}"
        ))
    };
    let through = |lab: &Lab| {
        let routes = routes(lab, "r1").into_iter();
        routes.filter(|route| route.contains(" dev t")).collect::<Vec<_>>()
    };
    assert_eq!(through(&tunnel("")), Vec::<String>::new());
    // Inside of a VRF it is a link like any other.
    assert_eq!(through(&tunnel(" vrf blue")), ["172.16.0.2/31 table 10 via 172.16.0.5 dev t"]);
}

#[test]
fn a_host_whose_links_are_one_bond_is_no_router() {
    let lab = lab("graph { s [interfaces=\"b kind bond ports e1,e2\"]; w [role=switch]
                   s:e1 -- w; s:e2 -- w; h -- w }");
    assert_eq!(lab[lab.node("s").unwrap()].role, Role::Host);
}

/// The addresses of both ends of the only link.
fn ends_of_link(text: &str) -> [Vec<String>; 2] {
    let lab = lab(text);
    lab.links[0].ends.map(|(node, port)| {
        lab[node].interfaces[port.0].addresses.iter().map(ToString::to_string).collect()
    })
}

#[test]
fn no_end_gets_an_address_that_faces_nobody() {
    let graph = |family: &str, tail: &str| {
        format!("graph {{ family={family}; node [role=router]; r1 -- r2 [taillabel=\"{tail}\"] }}")
    };
    let second = |family: &str, tail: &str| {
        let [_, head] = ends_of_link(&graph(family, tail));
        head
    };
    assert_eq!(second("dual", "10.9.0.1/30"), ["10.9.0.2/30"]);
    assert_eq!(second("dual", "2001:db8::1/64"), ["2001:db8::2/64"]);
    assert_eq!(second("dual", "10.9.0.1/30\\n2001:db8::1/64"), ["10.9.0.2/30", "2001:db8::2/64"]);
    // The family is of what the compiler chooses, and here the file has chosen.
    assert_eq!(second("ipv4", "2001:db8::1/64"), ["2001:db8::2/64"]);
    assert_eq!(second("ipv6", "10.9.0.1/30"), ["10.9.0.2/30"]);
    assert_eq!(second("ipv4", "10.9.0.1/30\\n2001:db8::1/64"), ["10.9.0.2/30"]);
}

#[test]
fn a_customer_on_two_edges_is_no_way_between_them() {
    let lab = lab("graph { node [role=pe]; pe1; pe2; p [role=p]; ce [role=ce]; node [role=host]
         pe1 -- p -- pe2; edge [vrf=a]; ce -- pe1; ce -- pe2; h1 -- pe1; h2 -- pe2 }");
    all_reach_all(&lab, &["h1", "h2"]);
    let ce = lab.node("ce").unwrap();
    for (from, to) in [("h1", "h2"), ("h2", "h1")] {
        let from = (lab.node(from).unwrap(), MAIN);
        assert!(!visits(&lab, from, addresses(&lab, to)[0]).contains(&ce), "to {to}");
    }
    all_reach_all(&lab, &["ce", "h1"]);
    all_reach_all(&lab, &["ce", "h2"]);
}

#[test]
fn a_site_at_two_edges_is_reached_by_the_nearer_one() {
    let passes = |text: &str, from: &str| {
        let lab = lab(text);
        let visits = visits(&lab, (lab.node(from).unwrap(), MAIN), addresses(&lab, "g3")[0]);
        let names = visits.iter().map(|id| name(&lab, *id)).filter(|it| it.len() == 1);
        names.map(str::to_owned).collect::<Vec<_>>()
    };
    // A ring of edges: from `a`, `f` is next to it and `e` behind `f`.
    let ring = "graph { node [role=pe]; a -- b -- c -- d -- e -- f -- a; ce3 [role=ce]
         node [role=host]; g3 -- ce3; edge [vrf=v]; ce3 -- e; ce3 -- f; ga -- a; gd -- d }";
    assert_eq!(passes(ring, "ga"), ["a", "f"]);
    assert_eq!(passes(ring, "gd"), ["d", "e"]);
    let evenly = "graph { node [role=pe]; a -- b; a -- c; ce3 [role=ce]
         node [role=host]; g3 -- ce3; edge [vrf=v]; ce3 -- b; ce3 -- c; ga -- a }";
    assert_eq!(passes(evenly, "ga"), ["a", "b", "c"]);
    // What a link of the customer's costs counts as those of the core do.
    let unevenly = evenly.replace("ce3 -- c;", "ce3 -- c [cost=10];");
    assert_eq!(passes(&unevenly, "ga"), ["a", "b"]);
}

#[test]
fn a_default_that_leads_to_a_customer_is_not_led_back() {
    // A hub: what spokes do not know comes down to `ce`, and goes up again to the spokes.
    let hub = lab("graph {
        node [role=pe]; pe1 [vrfs=\"up import spoke; down\",
          routes=\"default vrf down via 10.0.2.2\"]
        pe2 [vrfs=\"spoke import down,default\"]; pe1 -- pe2
        ce [role=ce]; node [role=host]; h [loopback=\"10.9.9.9/32\"]; h -- ce
        ce -- pe1 [vrf=up, taillabel=\"10.0.1.2/30\", headlabel=\"10.0.1.1/30\"]
        ce -- pe1 [vrf=down, taillabel=\"10.0.2.2/30\", headlabel=\"10.0.2.1/30\"]
        s -- pe2 [vrf=spoke] }");
    let [up, down] = ["up", "down"].map(|vrf| {
        let pe1 = lab_node(&hub, "pe1");
        (pe1, hub[pe1].vrf(vrf).unwrap().table)
    });
    let nobodys = "198.51.100.1".parse().unwrap();
    for from in [up, down, (lab_node(&hub, "s"), MAIN), (lab_node(&hub, "ce"), MAIN)] {
        // A circle would fail the walk.
        visits(&hub, from, nobodys);
    }
    all_reach_all(&hub, &["s", "h"]);
    // The same at an edge of one VRF, where the site has a second router.
    let one = lab("graph {
        node [role=pe]; pe1 [routes=\"default vrf v via 10.0.1.2\"]; pe1 -- pe2
        node [role=ce]; ce; r; c2; node [role=host]; h -- r; h2 -- c2; r -- ce
        ce -- pe1 [vrf=v, taillabel=\"10.0.1.2/30\", headlabel=\"10.0.1.1/30\"]; c2 -- pe2 [vrf=v] }");
    for from in ["h", "h2", "r", "ce", "c2"] {
        visits(&one, (lab_node(&one, from), MAIN), nobodys);
    }
    // The other site's packets to anywhere come to where the default leads.
    let passes = visits(&one, (lab_node(&one, "h2"), MAIN), nobodys);
    assert!(passes.contains(&lab_node(&one, "ce")));
    all_reach_all(&one, &["h", "h2"]);
}

#[test]
fn no_default_is_filled_in_against_one_that_is_written() {
    let lab = lab("graph { node [role=router]; r1 -- r2 [taillabel=\"10.0.1.1/30\", headlabel=\"10.0.1.2/30\"]
        r1 -- r3; r2 [routes=\"default via 10.0.1.1\"]; node [role=host]; h1 -- r1; h2 -- r2; h3 -- r3 }");
    let nobodys = "198.51.100.1".parse().unwrap();
    for from in ["h1", "h2", "h3"] {
        visits(&lab, (lab_node(&lab, from), MAIN), nobodys);
    }
}

#[test]
fn a_written_default_ends_what_is_filled_in_beside_it() {
    let uplinks = |more: &str| {
        lab(&format!(
            "graph {{ family=dual; node [role=router]; isp1 -- core; isp2 -- core; far [role=host]; core -- far
             s [role=host, {more}
               routes=\"default nexthop via 10.0.1.1 weight 1 nexthop via 10.0.2.1 weight 9\"]
             s -- isp1 [taillabel=\"10.0.1.2/24\\n2001:db8:1::2/64\", headlabel=\"10.0.1.1/24\\n2001:db8:1::1/64\"]
             s -- isp2 [taillabel=\"10.0.2.2/24\\n2001:db8:2::2/64\", headlabel=\"10.0.2.1/24\\n2001:db8:2::1/64\"] }}"
        ))
    };
    let v4 = |lab: &Lab| {
        routes(lab, "s").into_iter().filter(|it| !it.contains("::")).collect::<Vec<_>>()
    };
    let own =
        "default nexthop via 10.0.1.1 dev eth0 weight 1 nexthop via 10.0.2.1 dev eth1 weight 9";
    let written = uplinks("");
    assert_eq!(v4(&written), [own]);
    // The other family has none, and is filled in.
    assert!(routes(&written, "s").len() > 1);
    assert!(v4(&uplinks("routing=auto,")).len() > 1);
    assert_eq!(routes(&uplinks("routing=none,"), "s"), [own]);
}

#[test]
fn a_default_of_a_vrf_is_of_that_vrf_alone() {
    let lab = lab("graph { node [role=router]; r [vrfs=\"blue; red\", routes=\"default vrf blue via 10.0.1.2\"]
        r -- b [vrf=blue, taillabel=\"10.0.1.1/24\", headlabel=\"10.0.1.2/24\"]; b -- b2
        r -- c [vrf=red]; c -- c2 }");
    let of = |vrf: &str| {
        let r = lab_node(&lab, "r");
        let table = lab[r].vrf(vrf).unwrap().table;
        let of_it = |route: &&Route| route.table == table && route.kind == RouteKind::Unicast;
        lab[r].routes.iter().map(|route| &route.value).filter(of_it).count()
    };
    assert_eq!(of("blue"), 1);
    assert!(of("red") > 1);
}

#[test]
fn routing_can_be_chosen_for_each_node() {
    let graph = |lab: &str, node: &str| {
        format!("graph {{ routing={lab}; node [role=router]; a -- b [taillabel=\"10.0.1.1/24\", headlabel=\"10.0.1.2/24\"]
                 b -- c [taillabel=\"10.0.2.1/24\", headlabel=\"10.0.2.2/24\"]; a [routing={node}] }}")
    };
    let of = |text: &str| {
        let lab = lab(text);
        ["a", "c"].map(|node| routes(&lab, node).is_empty())
    };
    assert_eq!(of(&graph("auto", "none")), [true, false]);
    assert_eq!(of(&graph("none", "auto")), [false, true]);
}

#[test]
fn a_leg_that_is_down_is_no_way_into_its_lan() {
    let graph = |down: &str| {
        format!(
            "graph {{ node [role=router]; core -- r1; core -- r2; x -- r1; lan [role=switch]
                 r1:lan -- lan {down}; r2:lan -- lan; node [role=host]; h -- lan; far -- core }}"
        )
    };
    let whole = lab(&graph(""));
    // The router's own end, and the switch's.
    for down in ["[tailup=false]", "[headup=false]"] {
        let lab = lab(&graph(down));
        let lost = addresses(&whole, "r1").into_iter().find(|it| it.to_string().starts_with("10."));
        for from in ["far", "h", "core", "r1", "r2"] {
            for to in ["far", "h", "r2"] {
                for address in addresses(&lab, to) {
                    let ends = ends(&lab, lab_node(&lab, from), address);
                    assert_eq!(ends, BTreeSet::from([lab.node(to)]), "{down}: {from} to {address}");
                }
            }
            // The address that went with the leg is nobody's, and no circle leads to it.
            visits(&lab, (lab_node(&lab, from), MAIN), lost.unwrap());
        }
        // The kernel holds the route of a port without a carrier, which is not the one that is used.
        let around = routes(&lab, "r1").into_iter().find(|route| route.starts_with("10."));
        assert!(around.unwrap().contains("metric 4096"));
    }
}

#[test]
fn there_is_room_for_labels_that_are_added_by_hand() {
    let room = |p: &str| {
        let lab = lab(&format!(
            "graph {{ routing=none; q [role=p]; p [role=p, {p}]; p -- q [taillabel=\"10.0.0.1/30\", headlabel=\"10.0.0.2/30\"]; h -- q }}"
        ));
        let of = |node: &str| {
            let mut settings = lab[lab_node(&lab, node)].early_sysctls.iter();
            let setting = settings.find(|it| it.value.key.ends_with("platform_labels"));
            setting.map(|it| it.value.value.clone())
        };
        assert_eq!(of("h"), None);
        // Whoever takes labels in has room for them before there is any.
        assert_eq!(of("q").as_deref(), Some("10000"));
        of("p").unwrap()
    };
    assert_eq!(room("mpls=\"16 via inet 10.0.0.2\""), "10000");
    assert_eq!(room("mpls=\"20000 via inet 10.0.0.2\""), "21001");
    assert_eq!(room("mpls=\"1048574 via inet 10.0.0.2\""), "1048575");
    assert_eq!(room("sysctls=\"net.mpls.platform_labels 50\""), "50");
}

#[test]
fn an_anycast_address_is_that_of_the_nearest() {
    let text = "graph { node [role=router]; a -- b -- c -- d; node [role=host]
         s1 [loopback=\"10.9.9.9/32 anycast\"]; s1 -- a
         s2 [interfaces=\"d0 kind dummy addresses '10.9.9.9/32 anycast'\"]; s2 -- d }";
    let anycast = lab(text);
    let [s1, s2] = ["s1", "s2"].map(|node| anycast.node(node));
    let from = |node: &str| ends(&anycast, lab_node(&anycast, node), "10.9.9.9".parse().unwrap());
    assert_eq!(from("a"), BTreeSet::from([s1]));
    assert_eq!(from("b"), BTreeSet::from([s1]));
    assert_eq!(from("c"), BTreeSet::from([s2]));
    assert_eq!(from("s1"), BTreeSet::from([s1]));
    // Said by one of them alone it is a slip.
    let source = Source { name: "lab.dot".to_owned(), text: text.replacen(" anycast", "", 1) };
    let (none, said) =
        compile_source(&source, Format::Dot, &LabName::new("lab").unwrap(), &Options::default());
    assert!(none.is_none() && said.iter().any(|it| it.code == Code::DuplicateAddress), "{said:?}");
}

#[test]
fn routers_with_one_address_are_one_gateway_to_hosts_and_none_to_each_other() {
    let lab = lab("graph { node [role=router]; core -- a; core -- b; lan [role=switch]
         a -- lan [taillabel=\"10.0.0.1/24 anycast\", tailmac=\"02:00:00:00:00:01\"]
         b -- lan [taillabel=\"10.0.0.1/24 anycast\", tailmac=\"02:00:00:00:00:01\"]
         h [role=host]; far [role=host]; h -- lan; far -- core }");
    assert!(routes(&lab, "h").contains(&"default via 10.0.0.1 dev eth0".to_owned()));
    assert!(routes(&lab, "h").iter().all(|route| !route.contains("nexthop")));
    for router in ["a", "b"] {
        assert!(routes(&lab, router).iter().all(|route| !route.contains("via 10.0.0.1")));
    }
    all_reach_all(&lab, &["h", "far"]);
}

#[test]
fn a_link_of_a_node_to_itself_joins_two_of_its_tables() {
    let lab = lab("graph { r [role=router, vrfs=\"red; blue\"]; node [role=host]
         r:a -- r:b [tailvrf=red, headvrf=blue]; r -- h1 [vrf=red]; r -- h2 [vrf=blue] }");
    all_reach_all(&lab, &["h1", "h2"]);
}

fn lab_node(lab: &Lab, name: &str) -> NodeId {
    lab.node(name).unwrap()
}

#[test]
fn a_host_between_hosts_is_reached_at_its_own_addresses_alone() {
    let lab = lab("graph { node [role=host]; a -- h -- b; s [role=switch]; b -- s; c -- s }");
    // Beyond h and b, neither of which forwards, nobody can be reached.
    assert_eq!(routes(&lab, "a"), ["172.16.0.2/32 via 172.16.0.1 dev eth0"]);
    assert_eq!(routes(&lab, "h"), ["10.0.0.1/32 via 172.16.0.3 dev eth1"]);
    assert_eq!(routes(&lab, "b"), ["172.16.0.1/32 via 172.16.0.2 dev eth0"]);
    assert_eq!(routes(&lab, "c"), ["172.16.0.3/32 via 10.0.0.1 dev eth0"]);
}

#[test]
fn what_a_written_route_leads_to_is_handed_out_to_nobody() {
    let graph = |routes: &str| {
        let routes = format!("r1 [routes=\"{routes}\"]");
        lab(&format!(
            "graph {{ r1:e0 -- r2 [taillabel=\"192.0.2.1/30\", headlabel=\"192.0.2.2/30\"];
             h1 -- r1; h2 -- r1; {routes} }}"
        ))
    };
    let first = |routes: &str| addresses(&graph(routes), "h1")[0].to_string();
    assert_eq!(first("172.16.0.0/24 via 192.0.2.2"), "172.16.1.0");
    // In any table, and whatever becomes of the packets.
    assert_eq!(first("172.16.0.0/31 table 100 dev e0"), "172.16.0.2");
    assert_eq!(first("blackhole 172.16.0.0/13"), "172.24.0.0");
    // All there is cannot be kept free.
    for all in ["default", "172.0.0.0/8", "172.16.0.0/12"] {
        assert_eq!(first(&format!("{all} via 192.0.2.2")), "172.16.0.0", "{all}");
    }
    // Whoever names a gateway that is handed out knows what is.
    assert_eq!(first("172.16.0.0/30 via 172.16.0.0"), "172.16.0.0");
}
