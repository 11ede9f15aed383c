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

/// What a packet is put into; labels only where the kernel has them.
fn encap(v4: bool, labels: bool) -> BoxedStrategy<String> {
    let address = || any::<u32>().prop_map(|bits| std::net::Ipv4Addr::from(bits | 1));
    let address6 = || any::<u128>().prop_map(|bits| std::net::Ipv6Addr::from(bits | 1));
    let number = || 1..=255u8;
    let segments = || {
        proptest::collection::vec(address6(), 1..4).prop_map(|segments| {
            segments.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
        })
    };
    let modes = &["encap", "encap.red", "l2encap", "l2encap.red", "inline"];
    let modes = if v4 { &modes[..4] } else { modes };
    let seg6 = (proptest::sample::select(modes), segments())
        .prop_map(|(mode, segments)| format!("seg6 mode {mode} segs {segments}"));
    // What leads into a VRF needs one.
    let local = prop_oneof![
        Just("End".to_owned()),
        address6().prop_map(|nexthop| format!("End.X nh6 {nexthop}")),
        (256..u32::MAX).prop_map(|table| format!("End.T table {table}")),
        Just("End.DX2 oif a".to_owned()),
        address6().prop_map(|nexthop| format!("End.DX6 nh6 {nexthop}")),
        address().prop_map(|nexthop| format!("End.DX4 nh4 {nexthop}")),
        (256..u32::MAX).prop_map(|table| format!("End.DT6 table {table}")),
        segments().prop_map(|segments| format!("End.B6 srh segs {segments}")),
        segments().prop_map(|segments| format!("End.B6.Encaps srh segs {segments}")),
    ];
    let local = local.prop_map(|action| format!("seg6local action {action}"));
    let ip = (1..u64::MAX, address(), address(), number(), perhaps(Just(" key".to_owned())))
        .prop_map(|(id, src, dst, ttl, key)| {
            format!("ip id {id} src {src} dst {dst} ttl {ttl}{key}")
        });
    let ip6 = (1..u64::MAX, address6(), perhaps(number().prop_map(|it| format!(" hoplimit {it}"))))
        .prop_map(|(id, dst, limit)| format!("ip6 id {id} dst {dst}{limit} tc 0x20"));
    let stack = proptest::collection::vec(16..1_048_575u32, 1..4)
        .prop_map(|labels| labels.iter().map(u32::to_string).collect::<Vec<_>>().join("/"));
    let mpls = (stack, perhaps(any::<u8>().prop_map(|ttl| format!(" ttl {ttl}"))))
        .prop_map(|(stack, ttl)| format!("mpls {stack}{ttl}"));
    let weight = u32::from(labels) * 3;
    let of_segments = if v4 { 0 } else { 2 };
    prop_oneof![1 => seg6, of_segments => local, 1 => ip, 1 => ip6, weight => mpls]
        .prop_map(|words| format!("encap {words} "))
        .boxed()
}

/// What a route says beside where packets go.
fn attributes(v4: bool) -> impl Strategy<Value = String> + Clone {
    let lock = || perhaps(Just("lock ".to_owned()));
    let metrics = (
        perhaps((lock(), 1280..9000u32).prop_map(|(lock, it)| format!("mtu {lock}{it} "))),
        perhaps((lock(), 500..9000u32).prop_map(|(lock, it)| format!("advmss {lock}{it} "))),
        perhaps((1..=255u8).prop_map(|it| format!("hoplimit {it} "))),
        perhaps((1..100u32).prop_map(|it| format!("initcwnd {it} initrwnd {it} "))),
        perhaps(Just("quickack 1 window 4000 reordering 5 ".to_owned())),
    );
    let own =
        (
            // The kernel takes the four bits of RFC 1349.
            perhaps((1..8u8).prop_map(move |tos| {
                if v4 { format!("tos {:#x} ", tos << 2) } else { String::new() }
            })),
            perhaps(
                // No numbers: a batch of `ip` 6.1 gives the next name the number before it.
                proptest::sample::select(&["bgp", "static", "zebra"][..])
                    .prop_map(|name| format!("proto {name} ")),
            ),
        );
    (own, metrics).prop_map(|((tos, proto), (mtu, mss, hops, windows, quick))| {
        format!("{tos}{proto}{mtu}{mss}{hops}{windows}{quick}")
    })
}

/// A route of a node whose devices are these, `a` with the gateways' subnets on it; with labels only
/// where the kernel has them.
pub fn route(v4: bool, labels: bool) -> impl Strategy<Value = String> {
    let (gateways, family) = match v4 {
        true => (&["10.255.0.2", "10.255.0.3", "inet6 fd99::2"][..], ""),
        false => (&["fd99::2", "fd99::3"][..], "-6 "),
    };
    let gateway = proptest::sample::select(gateways);
    let way = (perhaps(encap(v4, labels)), gateway)
        .prop_map(|(encap, gateway)| format!("{encap}via {gateway} dev a"));
    let several = (way.clone(), way.clone(), 1..=256u16, 1..=256u16)
        .prop_filter("two ways are two", |(one, two, _, _)| one != two)
        .prop_map(|(one, two, left, right)| {
            format!("nexthop {one} weight {left} nexthop {two} weight {right}")
        });
    let scope = if v4 { "scope host " } else { "" };
    let ways = prop_oneof![
        way,
        several,
        Just("dev a".to_owned()),
        Just(format!("{scope}dev a")),
        Just("nhid 10".to_owned()),
        Just(if v4 { "nhid 20" } else { "nhid 12" }.to_owned()),
    ];
    let tail = (
        perhaps((1..u32::MAX).prop_map(|table| match table {
            253..=255 => "table 10 ".to_owned(),
            table => format!("table {table} "),
        })),
        perhaps((1..u32::MAX).prop_map(|metric| format!("metric {metric} "))),
        attributes(v4),
    );
    let kinds = proptest::sample::select(&["unreachable", "blackhole", "prohibit", "throw"][..]);
    let kinds = kinds.prop_map(str::to_owned);
    prop_oneof![
        6 => (prefix(v4), tail.clone(), ways)
            .prop_map(move |(net, (table, metric, it), ways)| format!("{family}{net} {table}{metric}{it}{ways}")),
        1 => (kinds, prefix(v4), tail.clone())
            .prop_map(move |(kind, net, (table, metric, it))| format!("{family}{kind} {net} {table}{metric}{it}")),
        1 => (prefix(v4), tail)
            .prop_map(move |(net, (table, metric, it))| format!("{family}local {net} {table}{metric}{it}dev lo")),
    ]
}

/// The nexthop objects that those routes name, and others.
pub const OBJECTS: &[&str] = &[
    "id 20 group 1,3/2,2/10",
    "id 21 group 10/11,256 type resilient buckets 32 idle_timer 60 unbalanced_timer 300",
    "id 1 via 10.255.0.2 dev a",
    "id 2 via 10.255.0.3 dev a onlink",
    "-6 id 10 via fd99::2",
    "id 11 via fd99::3 dev a proto bgp",
    "-6 id 12 blackhole",
    "id 13 blackhole proto ospf",
    "-6 id 14 dev a",
    "id 15 dev a",
    "id 16 encap ip id 7 dst 192.0.2.1 via 10.255.0.2 dev a",
    "id 22 group 16",
    "-6 id 17 encap seg6local action End.X nh6 fd99::2 dev a",
    "-6 id 18 encap seg6 mode encap.red segs fd00::1,fd00::2 via fd99::2 dev a",
];
