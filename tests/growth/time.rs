//! Work that allocates nothing, above all lists that are gone through once for each of their items: it
//! shows in the time of a processor alone.
//!
//! A file and one eight times as large are compiled. What is linear takes eight times as long then, and what is
//! quadratic 64 times; the larger one must take less than 12 times as long. So lists that are gone through so fast
//! that they are a small part of all that is done with a file of this size are not seen. The time is that of this
//! thread alone, and of several runs the shortest.

use crate::{net, pieces, work};
use nix::time::{ClockId, clock_gettime};
use std::time::Duration;
use vrflab::document::Format;

/// How many times as large the larger file is.
const FACTOR: usize = 8;
/// The most that the time may grow.
const MOST: f64 = 12.0;
/// How often a family is measured whose time grew more.
const RUNS: usize = 3;

/// The time for a file.
fn time(text: &str) -> Duration {
    let now = || Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap());
    let before = now();
    work(text.to_owned(), Format::Yaml);
    now() - before
}

/// A file without filled-in routes.
fn lab(nodes: &str, links: &str, checks: &str) -> String {
    format!("{{routing: none, nodes: {{{nodes}}}, links: [{links}], checks: [{checks}]}}")
}

/// A router with these keys.
fn router(keys: &str) -> String {
    lab(&format!("r1: {{role: router, {keys}}}"), "", "")
}

type Family = (&'static str, usize, fn(usize) -> String);

const FAMILIES: &[Family] = &[
    ("spokes of a WireGuard hub", 100, |n| {
        let peers = pieces(n, |it| format!("s{it}, "));
        let spoke =
            |it| format!("s{it}: {{interfaces: {{wg: {{kind: wireguard, peers: [hub]}}}}}}, ");
        let hub = format!("hub: {{interfaces: {{wg: {{kind: wireguard, peers: [{peers}]}}}}}}");
        lab(&(pieces(n, spoke) + &hub), &pieces(n, |it| format!("hub -- s{it}, ")), "")
    }),
    ("WireGuard tunnels between two nodes", 100, |n| {
        let of = |peer: &str| {
            let tunnel = |it| format!("w{it}: {{kind: wireguard, peers: ['{peer}:w{it}']}}, ");
            format!("{{interfaces: {{{}}}}}", pieces(n, tunnel))
        };
        lab(&format!("a: {}, b: {}", of("b"), of("a")), "a -- b", "")
    }),
    ("checks of nodes that are not there", 150, |n| {
        let links = pieces(n, |it| format!("node{it} -- node{}, ", it + 1));
        lab("", &links, &pieces(n, |it| format!("nodx{it} -> node0, ")))
    }),
    ("routes by interfaces that are not there", 125, |n| {
        let dummies = pieces(n, |it| format!("dum{it}: {{kind: dummy}}, "));
        let routes = pieces(n, |it| format!("{}.0/24 dev dux{it}, ", net(it)));
        router(&format!("interfaces: {{{dummies}}}, routes: [{routes}]"))
    }),
    ("links in VRFs that are not there", 90, |n| {
        let vrfs = pieces(n, |it| format!("cust{it}, "));
        let link = |it| format!("{{ends: [a, c{it}], vrf: cusx{it}}}, ");
        lab(&format!("a: {{vrfs: [{vrfs}]}}"), &pieces(n, link), "")
    }),
    ("rules by tables that are not there", 150, |n| {
        let tables = pieces(n, |it| format!("tab{it}: {}, ", it + 1_000));
        let rules = pieces(n, |it| format!("from {}.0/24 lookup tax{it}, ", net(it)));
        router(&format!("tables: {{{tables}}}, rules: [{rules}]"))
    }),
    ("nexthop objects in VRFs", 100, |n| {
        let vrfs = pieces(n, |it| format!("v{it}, "));
        let dummy =
            |it| format!("d{it}: {{kind: dummy, vrf: v{it}, addresses: {}.1/24}}, ", net(it));
        let objects = pieces(n, |it| format!("id {} via {}.2, ", it + 1, net(it)));
        let interfaces = pieces(n, dummy);
        router(&format!("vrfs: [{vrfs}], interfaces: {{{interfaces}}}, nexthops: [{objects}]"))
    }),
    ("VRFs that import each other", 600, |n| {
        let vrf = |it: usize| format!("v{it}: {{import: [v{}]}}, ", (it + 1) % n);
        router(&format!("vrfs: {{{}}}", pieces(n, vrf)))
    }),
    ("routes over many subnets", 500, |n| {
        let routes =
            pieces(n, |it| format!("192.168.{}.{}/32 via {}.2, ", it / 256, it % 256, net(it)));
        let dummy = |it| format!("d{it}: {{kind: dummy, addresses: {}.1/24}}, ", net(it));
        router(&format!("interfaces: {{{}}}, routes: [{routes}]", pieces(n, dummy)))
    }),
    ("gateways on no subnet", 100, |n| {
        let routes =
            pieces(n, |it| format!("{}.0/24 via 192.168.{}.{}, ", net(it), it / 256, it % 256));
        let dummy = |it| format!("d{it}: {{kind: dummy, addresses: {}.1/24}}, ", net(it));
        router(&format!("interfaces: {{{}}}, routes: [{routes}]", pieces(n, dummy)))
    }),
    ("checks into a node of many addresses", 400, |n| {
        let addresses = pieces(n, |it| format!("{}.1/24, ", net(it)));
        let nodes = format!("z: {{interfaces: {{d: {{kind: dummy, addresses: [{addresses}]}}}}}}");
        lab(&nodes, "a -- z", &pieces(n, |_| "a -> z, ".to_owned()))
    }),
    ("checks from the addresses of a node", 400, |n| {
        let addresses = pieces(n, |it| format!("{}.1/24, ", net(it)));
        let nodes = format!("z: {{interfaces: {{d: {{kind: dummy, addresses: [{addresses}]}}}}}}");
        lab(&nodes, "a -- z", &pieces(n, |it| format!("z -> a from {}.1, ", net(it))))
    }),
    ("gateways on the subnets of one interface", 500, |n| {
        let addresses = pieces(n, |it| format!("{}.1/24, ", net(it)));
        let routes = pieces(n, |it| format!("{0}.0/25 via {0}.2, ", net(it)));
        router(&format!(
            "interfaces: {{d: {{kind: dummy, addresses: [{addresses}]}}}}, routes: [{routes}]"
        ))
    }),
    ("static routes round a ring", 60, |n| {
        let node = |it: usize| {
            let on = format!("10.{}.{}.2", it / 250, it % 250);
            let routes = pieces(4, |hop| {
                let to = (it + hop + 1) % n;
                format!("172.16.{}.{}/32 via {on}, ", to / 250, to % 250)
            });
            let own = format!("172.16.{}.{}", it / 250, it % 250);
            format!(
                "r{it}: {{role: router, loopback: [{own}], routes: [{routes}192.168.0.0/16 via {on}]}}, "
            )
        };
        let link = |it: usize| {
            let net = format!("10.{}.{}", it / 250, it % 250);
            format!("{{ends: [r{it}, r{}], addresses: [{net}.1/24, {net}.2/24]}}, ", (it + 1) % n)
        };
        lab(&pieces(n, node), &pieces(n, link), "")
    }),
    ("label paths along a chain", 60, |n| {
        let node = |it: usize| {
            let labels = pieces(4, |path| {
                format!(
                    "{} as {} via inet 10.{}.{}.2, ",
                    100 + path,
                    100 + path,
                    it / 250,
                    it % 250
                )
            });
            let swaps = if it + 1 < n { labels } else { String::new() };
            let push = format!(
                "192.168.{}.{}/32 encap mpls 100 via 10.{}.{}.2",
                it / 250,
                it % 250,
                it / 250,
                it % 250
            );
            let routes = if it + 1 < n { push } else { String::new() };
            format!("r{it}: {{role: p, mpls: [{swaps}], routes: [{routes}]}}, ")
        };
        let link = |it: usize| {
            let net = format!("10.{}.{}", it / 250, it % 250);
            format!("{{ends: [r{it}, r{}], addresses: [{net}.1/24, {net}.2/24]}}, ", it + 1)
        };
        lab(&pieces(n, node), &pieces(n - 1, link), "")
    }),
    ("gateways of one IPv6 route", 400, |n| {
        let ways = pieces(n, |it| format!(" nexthop via fe80::{:x} dev d", it + 1));
        router(&format!("interfaces: {{d: {{kind: dummy}}}}, routes: ['2001:db8::/32{ways}']"))
    }),
];

#[test]
fn the_time_grows_as_the_file_does() {
    let mut wrong = Vec::new();
    for (family, size, text) in FAMILIES {
        let texts = [text(*size), text(FACTOR * size)];
        let mut least = [Duration::MAX; 2];
        let ratio = |[small, large]: [Duration; 2]| large.as_secs_f64() / small.as_secs_f64();
        for _ in 0..RUNS {
            for (least, text) in least.iter_mut().zip(&texts) {
                *least = time(text).min(*least);
            }
            if ratio(least) < MOST {
                break;
            }
        }
        eprintln!("{family}: {least:?}, {:.1} times", ratio(least));
        if ratio(least) >= MOST {
            wrong.push(format!("{family}: {least:?}, {:.1} times", ratio(least)));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
