//! What is printed is read as the same.

use proptest::prelude::*;
use std::fmt::Display;
use vrflab::diagnostic::{Diagnostic, Text};
use vrflab::iproute::{Filter, HtbClass, LabelRoute, Leaf, Netem, NexthopObject, Route, Rule, Tbf};

/// Reads, prints and reads again; the second print is the first one.
fn settles<T: Display>(line: &str, parse: impl Fn(&Text) -> Result<T, Diagnostic>) {
    let read = |line: &str| {
        parse(&Text::filled(line)).unwrap_or_else(|error| panic!("{line}: {error:?}")).to_string()
    };
    let printed = read(line);
    assert_eq!(read(&printed), printed, "of `{line}`");
}

fn label_route() -> impl Strategy<Value = String> {
    let label = || 16..1_048_574u32;
    let stack = proptest::collection::vec(label(), 1..4)
        .prop_map(|labels| labels.iter().map(u32::to_string).collect::<Vec<_>>().join("/"));
    let way = prop_oneof![
        (stack.clone(), any::<u32>()).prop_map(|(stack, via)| {
            format!("as {stack} via inet {} dev a", std::net::Ipv4Addr::from(via))
        }),
        (stack, any::<u128>()).prop_map(|(stack, via)| {
            format!("as to {stack} via inet6 {}", std::net::Ipv6Addr::from(via))
        }),
        Just("dev blue".to_owned()),
    ];
    let ttl = super::perhaps(
        proptest::sample::select(&["enabled", "disabled"][..])
            .prop_map(|word| format!(" ttl-propagate {word}")),
    );
    prop_oneof![
        (label(), ttl.clone(), way.clone())
            .prop_map(|(label, ttl, way)| format!("{label}{ttl} {way}")),
        (label(), ttl, way.clone(), way)
            .prop_map(|(label, ttl, one, two)| format!("{label}{ttl} nexthop {one} nexthop {two}")),
    ]
}

#[test]
fn a_protocol_without_a_name_settles() {
    settles("10.0.0.0/8 dev a proto 77", Route::parse);
}

#[test]
fn a_nexthop_object_settles() {
    super::OBJECTS.iter().for_each(|line| settles(line, NexthopObject::parse));
}

proptest! {
    #[test]
    fn a_rule_settles(line in any::<bool>().prop_flat_map(|v4| super::rule(v4, &["a", "lo"]))) {
        settles(&line, Rule::parse);
    }

    #[test]
    fn a_route_settles(line in any::<bool>().prop_flat_map(|v4| super::route(v4, true))) {
        settles(&line, Route::parse);
    }

    #[test]
    fn a_label_route_settles(line in label_route()) {
        settles(&line, LabelRoute::parse);
    }

    #[test]
    fn an_impairment_settles(line in crate::queues::netem()) {
        settles(&line, Netem::parse);
    }

    #[test]
    fn a_token_bucket_settles(line in crate::queues::tbf()) {
        settles(&line, Tbf::parse);
    }

    #[test]
    fn a_class_settles(line in crate::queues::class()) {
        settles(&line, HtbClass::parse);
    }

    #[test]
    fn a_filter_settles(line in crate::queues::filter()) {
        settles(&line, Filter::parse);
    }

    #[test]
    fn no_words_of_tc_in_any_order_make_the_parsers_panic(
        line in proptest::collection::vec(
            proptest::sample::select(&[
                "delay", "10ms", "2ms", "25%", "-5", "distribution", "normal", "loss", "state",
                "gemodel", "gap", "reorder", "rate", "1mbit", "burst", "32kb", "latency", "limit",
                "slot", "packets", "ecn", "peakrate", "minburst", "99999999999tbit", "0", "1e9",
                "0ms", "4000000000", "duplicate", "htb", "default", "classid", "1:10", "parent", "1:",
                "ceil", "fw", "flower", "handle", "protocol", "ip", "ip_proto", "tcp", "dst_port",
                "ip_tos", "0xb8/0xfc", "src_ip", "10.0.0.0/8",
            ][..]),
            0..12,
        )
    ) {
        let text = Text::filled(line.join(" "));
        let _ = (Netem::parse(&text), Tbf::parse(&text), Leaf::parse(&text));
        let _ = (HtbClass::parse(&text), Filter::parse(&text));
    }

    #[test]
    fn no_words_make_the_parsers_panic(line in "(\\PC{0,6} ){0,12}") {
        let text = Text::filled(line.as_str());
        let _ = (Rule::parse(&text), Route::parse(&text), LabelRoute::parse(&text));
        let _ = NexthopObject::parse(&text);
    }

    #[test]
    fn no_known_words_in_any_order_make_the_parsers_panic(
        line in proptest::collection::vec(
            proptest::sample::select(&[
                "default", "via", "dev", "nexthop", "as", "to", "inet", "10.0.0.1", "::1", "100",
                "lookup", "from", "all", "not", "goto", "priority", "weight", "encap", "mpls",
                "100/200", "table", "vrf", "metric", "src", "onlink", "unreachable", "-6", "a",
                "tos", "proto", "scope", "link", "mtu", "lock", "nhid", "local", "ttl-propagate",
                "id", "group", "1/2,3", "type", "resilient", "buckets", "blackhole", "seg6",
                "mode", "segs", "dst", "ip", "ip6", "ttl", "seg6local", "action", "End", "End.X",
                "End.DT6", "nh6", "nh4", "vrftable", "oif", "srh",
            ][..]),
            0..12,
        )
    ) {
        let text = Text::filled(line.join(" "));
        let _ = (Rule::parse(&text), Route::parse(&text), LabelRoute::parse(&text));
        let _ = NexthopObject::parse(&text);
    }
}
