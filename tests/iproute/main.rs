//! iproute2's language: what is printed is read as the same, and the kernel takes it as the same.
#![allow(clippy::unwrap_used)]

mod kernel;
mod queues;
mod words;

use proptest::prelude::*;
use proptest::strategy::Strategy;
use queues::perhaps;

/// A prefix too long to hold the gateways of the tests by chance.
fn prefix(v4: bool) -> BoxedStrategy<String> {
    match v4 {
        true => (any::<u32>(), 16..=32u8)
            .prop_map(|(bits, length)| {
                let net = bits & (u32::MAX << (32 - length));
                format!("{}/{length}", std::net::Ipv4Addr::from(net))
            })
            .boxed(),
        false => (any::<u128>(), 16..=128u8)
            .prop_map(|(bits, length)| {
                let net = bits & (u128::MAX << (128 - length));
                format!("{}/{length}", std::net::Ipv6Addr::from(net))
            })
            .boxed(),
    }
}

/// A rule that the kernel takes, its devices among these.
pub fn rule(v4: bool, devices: &'static [&'static str]) -> impl Strategy<Value = String> {
    let device = || proptest::sample::select(devices);
    let ports = || (1..30000u16, 0..3000u16).prop_map(|(first, more)| (first, first + more));
    let action = prop_oneof![
        (1..252u32).prop_map(|table| format!("lookup {table}")),
        (256..u32::MAX).prop_map(|table| format!("lookup {table}")),
        Just("unreachable".to_owned()),
        Just("blackhole".to_owned()),
        Just("prohibit".to_owned()),
    ];
    let selectors = (
        perhaps(Just("not ".to_owned())),
        perhaps(prefix(v4).prop_map(|net| format!("from {net} "))),
        perhaps(prefix(v4).prop_map(|net| format!("to {net} "))),
        perhaps(device().prop_map(|name| format!("iif {name} "))),
        perhaps(device().prop_map(|name| format!("oif {name} "))),
        perhaps(
            (any::<u32>(), 1..u32::MAX)
                .prop_map(|(mark, mask)| format!("fwmark {:#x}/{mask:#x} ", mark & mask)),
        ),
        // The kernel takes the four bits of RFC 1349 for IPv4.
        perhaps((1..8u8).prop_map(|tos| format!("tos {:#x} ", tos << 2))),
        perhaps(
            proptest::sample::select(&["tcp", "udp", "sctp", "200"][..])
                .prop_map(|name| format!("ipproto {name} ")),
        ),
        perhaps(ports().prop_map(|(first, last)| format!("sport {first}-{last} "))),
        perhaps(ports().prop_map(|(first, _)| format!("dport {first} "))),
        perhaps(
            (0..5000u32, 0..5000u32)
                .prop_map(|(first, more)| format!("uidrange {first}-{} ", first + more)),
        ),
    );
    let family = if v4 { "" } else { "-6 " };
    (2..1000u32, selectors, action).prop_map(move |(priority, it, action)| {
        let (not, from, to, iif, oif, mark, tos, proto, sport, dport, users) = it;
        format!(
            "{family}priority {priority} {not}{from}{to}{iif}{oif}{mark}{tos}{proto}{sport}{dport}\
             {users}{action}"
        )
    })
}

/// A route of a node whose devices are these, `a` with the gateway's subnet on it.
pub fn route(v4: bool) -> impl Strategy<Value = String> {
    let (gateways, family) = match v4 {
        true => (&["10.255.0.2", "10.255.0.3"][..], ""),
        false => (&["fd99::2", "fd99::3"][..], "-6 "),
    };
    let gateway = proptest::sample::select(gateways);
    let way = gateway.prop_map(|gateway| format!("via {gateway} dev a"));
    let several = (way.clone(), way.clone(), 1..=256u16, 1..=256u16)
        .prop_filter("two ways are two", |(one, two, _, _)| one != two)
        .prop_map(|(one, two, left, right)| {
            format!("nexthop {one} weight {left} nexthop {two} weight {right}")
        });
    let ways = prop_oneof![way, several, Just("dev a".to_owned())];
    let tail = (
        perhaps((1..u32::MAX).prop_map(|table| match table {
            253..=255 => "table 10 ".to_owned(),
            table => format!("table {table} "),
        })),
        perhaps((1..u32::MAX).prop_map(|metric| format!("metric {metric} "))),
    );
    let kinds = proptest::sample::select(&["unreachable", "blackhole", "prohibit", "throw"][..]);
    let kinds = kinds.prop_map(str::to_owned);
    prop_oneof![
        3 => (prefix(v4), tail.clone(), ways)
            .prop_map(move |(net, (table, metric), ways)| format!("{family}{net} {table}{metric}{ways}")),
        1 => (kinds, prefix(v4), tail)
            .prop_map(move |(kind, net, (table, metric))| format!("{family}{kind} {net} {table}{metric}")),
    ]
}
