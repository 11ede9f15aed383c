//! The five traps of an L3VPN built by hand: each with what vrflab does about it, and with the lab
//! broken by hand as it stands, failing in the trap's way, and what vrflab says of that.

use crate::standing::l3vpn;
use rtnetlink::RouteMessageBuilder;
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::route::MplsLabel;
use vrflab::compile::{Options, compile_source};
use vrflab::diagnostic::{Code, Source, render};
use vrflab::document::{Format, LabName};
use vrflab::kernel::{Mode, SendError, Socket};

const FAR: &str = "c1h1 -> c1h3";

fn said(text: &str) -> String {
    let source = Source { name: "lab.yaml".to_owned(), text: text.to_owned() };
    let name = LabName::new("lab").unwrap();
    let (_, said) = compile_source(&source, Format::Yaml, &name, &Options::default());
    render::text(&said, &source, render::Style { colour: false })
}

#[test]
fn trap_1_labels_live_in_the_main_table_only() {
    let refused = said("nodes: {p: {role: p, mpls: [101 as 111 via inet 2.1.1.6 table 10]}}\n");
    assert!(refused.starts_with(&format!("error[{}]", Code::LabelTable)), "{refused}");
    assert!(refused.contains("MPLS only supports the main route table"), "{refused}");

    let standing = l3vpn("trap1").up();
    let label = MplsLabel { label: 150, traffic_class: 0, bottom_of_stack: true, ttl: 0 };
    let route = RouteMessageBuilder::<MplsLabel>::new().label(label).table_id(10);
    let request = RouteNetlinkMessage::NewRoute(route.output_interface(1).build());
    let answer =
        standing.within("p", |_| Socket::open().unwrap().send(vec![(Mode::Create, request)]));
    let Err(SendError::Refused { refusal, .. }) = answer else { panic!("{answer:?}") };
    assert_eq!(refusal.to_string(), "MPLS only supports the main route table (EINVAL)");
}

#[test]
fn trap_2_platform_labels_make_room_for_the_labels_in_use() {
    let standing = l3vpn("trap2").up();
    assert!(standing.check(FAR).ok);
    // The highest label that p takes in is 202, and there is room for more to be added by hand.
    assert_eq!(standing.ip("p", "-f mpls route add 9999 as 111 via inet 2.1.1.6"), "");
    let refused = standing.ip("p", "-f mpls route add 10000 as 111 via inet 2.1.1.6");
    assert!(refused.contains("Label >= configured maximum in platform_labels"), "{refused}");

    standing.set("p", "net/mpls/platform_labels", "0");
    let result = standing.check(FAR);
    assert!(!result.ok);
    let words = result.explanation.join("\n");
    assert!(words.contains("net.mpls.platform_labels"), "{words}");
}

#[test]
fn trap_3_a_vrf_is_made_where_it_stays() {
    let standing = l3vpn("trap3").up();
    assert!(standing.check(FAR).ok);
    let refused = standing.ip("pe1", "link set dev c1 netns trap3-pe2");
    assert!(refused.contains("Invalid argument") || refused.contains("immutable"), "{refused}");
}

#[test]
fn trap_4_without_the_source_route_packets_are_martians_where_sources_are_checked() {
    let standing = l3vpn("trap4a").up();
    assert!(standing.check(FAR).ok);
    standing.set("pe1", "net/ipv4/conf/c1e1/rp_filter", "1");
    assert!(standing.check(FAR).ok, "the route is there, so the source is accepted");
    standing.ip("pe1", "route del 88.1.1.0/24 table 10");
    let result = standing.check(FAR);
    assert!(!result.ok);
    assert_eq!(
        result.explanation[1..],
        [
            "The probe went via c1e1, pe1, and was last seen coming in through c1e1 of pe1.",
            "Going by the state of the kernels, the probe is dropped at pe1: the route back to the \
             source does not lead through the interface that it came in by.",
            "Not as it was built: pe1 has no route `88.1.1.0/24 table 10 via 1.1.1.1 dev c1e1`.",
        ]
    );
    let mend = "vrflab exec trap4a pe1 -- ip route add 88.1.1.0/24 table 10 via 1.1.1.1 dev c1e1";
    assert_eq!(result.cause.mend, [mend]);
}

#[test]
fn trap_4_without_the_source_route_answers_are_lost_where_sources_are_not_checked() {
    let standing = l3vpn("trap4b").up();
    standing.ip("pe1", "route del 88.1.1.0/24 table 10");
    let result = standing.check(FAR);
    assert!(!result.ok);
    assert_eq!(
        result.explanation[2..],
        [
            "Its answer went via c1e2, pe2, p[102], pe1[112], and was last seen leaving through c1 of pe1.",
            "Going by the state of the kernels, the answer is dropped at pe1: a route or a rule says \
             unreachable.",
            "Not as it was built: pe1 has no route `88.1.1.0/24 table 10 via 1.1.1.1 dev c1e1`.",
        ]
    );
    let mend = "vrflab exec trap4b pe1 -- ip route add 88.1.1.0/24 table 10 via 1.1.1.1 dev c1e1";
    assert_eq!(result.cause.mend, [mend]);
}

#[test]
fn trap_5_lo_is_up_so_that_a_node_reaches_itself() {
    let standing = l3vpn("trap5").up();
    assert!(standing.check("c1h1 -> c1h1").ok);
    standing.ip("c1h1", "link set dev lo down");
    let result = standing.check("c1h1 -> c1h1");
    assert!(!result.ok);
    let words = result.explanation.join("\n");
    assert!(words.contains("Not as it was built: lo of c1h1 is down."), "{words}");
    assert!(standing.check(FAR).ok, "others are still reached");
}

#[test]
fn another_customers_label_is_a_leak_and_not_a_loss() {
    let standing = l3vpn("leak").up();
    standing.ip("pe1", "route replace 88.2.1.0/24 table 10 encap mpls 201 via 2.1.1.2");
    let result = standing.check(FAR);
    assert!(!result.ok);
    let words = result.explanation.join("\n");
    assert!(words.contains("c2h3"), "{words}");
}
