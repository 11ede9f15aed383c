//! Random tunnels between branches over a provider's network.

use super::labs::UNLIMITED;
use fastrand::Rng;

/// Two branches, each a router with a host, and a provider between them that knows nothing of them.
pub fn tunnels(rng: &mut Rng) -> String {
    let kind = ["gre", "ipip", "gretap", "vxlan", "sit", "ip6tnl", "ip6gre"][rng.usize(..7)];
    let inside = if rng.bool() { "wan" } else { "" };
    let under_v6 = matches!(kind, "ip6tnl" | "ip6gre");
    let outer = |at: usize| match under_v6 {
        true => format!("\"2001:db8::{at}\""),
        false => format!("192.0.2.{at}"),
    };
    let mut nodes = Vec::new();
    let mut links = Vec::new();
    let carries_v4 = kind != "sit";
    let carries_v6 = kind != "ipip";
    for (at, far) in [(1, 2), (2, 1)] {
        let mut said = format!("kind: {kind}, local: {}, remote: {}", outer(at), outer(far));
        if !inside.is_empty() && rng.u8(..8) != 0 {
            said += &format!(", dev: {inside}");
        }
        if kind == "vxlan" {
            said += ", id: 7, dstport: 4789";
        }
        if rng.u8(..8) == 0 && kind != "vxlan" {
            said += ", ttl: 1";
        }
        if rng.u8(..8) == 0 && kind.contains("gre") {
            said += &format!(", key: {}", rng.u8(1..3));
        }
        let mut own = Vec::new();
        let mut routes = Vec::new();
        if carries_v4 {
            own.push(format!("10.9.0.{at}/24"));
            routes.push(format!("10.0.{far}.0/24 via 10.9.0.{far}"));
        }
        if carries_v6 {
            own.push(format!("\"fd09::{at}/64\""));
            routes.push(format!("\"fd00:0:0:{far}::/64 via fd09::{far}\""));
        }
        let address = outer(at);
        let (vrfs, loopback) = match inside {
            "" => (String::new(), format!("loopback: [{address}], ")),
            vrf => (format!("{vrf}: {{table: 101, addresses: [{address}]}}"), String::new()),
        };
        let to = outer(far).replace('"', "");
        let table = if inside.is_empty() { String::new() } else { format!(" vrf {inside}") };
        let length = if under_v6 { 128 } else { 32 };
        let gateway = if under_v6 {
            format!("fd00:0:0:{}::9", 10 + at)
        } else {
            format!("10.0.{}.9", 10 + at)
        };
        if rng.u8(..8) != 0 {
            routes.push(format!("\"{to}/{length}{table} via {gateway}\""));
        }
        let vrf = if inside.is_empty() { String::new() } else { format!("vrf: {inside}") };
        nodes.push(format!(
            "b{at}: {{role: router, {loopback}vrfs: {{{vrfs}}}, interfaces: {{up: {{{vrf}}}, t: {{{said}, addresses: [{}]}}}}, sysctls: {{{UNLIMITED}}}, routes: [{}]}}",
            own.join(", "),
            routes.join(", ")
        ));
        nodes.push(format!(
            "h{at}: {{role: host, sysctls: {{{UNLIMITED}}}, routes: [default via 10.0.{at}.9, \"default via fd00:0:0:{at}::9\"]}}"
        ));
        links.push(format!(
            "{{ends: [h{at}, \"b{at}:lan\"], addresses: [[10.0.{at}.1/24, \"fd00:0:0:{at}::1/64\"], [10.0.{at}.9/24, \"fd00:0:0:{at}::9/64\"]]}}"
        ));
        let mtu = [1500, 1500, 1400][rng.usize(..3)];
        let core = 10 + at;
        links.push(format!(
            "{{ends: [\"b{at}:up\", \"isp:c{at}\"], mtu: {mtu}, addresses: [[10.0.{core}.1/24, \"fd00:0:0:{core}::1/64\"], [10.0.{core}.9/24, \"fd00:0:0:{core}::9/64\"]]}}"
        ));
    }
    let length = if under_v6 { 128 } else { 32 };
    let routes = [1, 2].map(|at| {
        let gateway = if under_v6 {
            format!("fd00:0:0:{}::1", 10 + at)
        } else {
            format!("10.0.{}.1", 10 + at)
        };
        format!("\"{}/{length} via {gateway}\"", outer(at).replace('"', ""))
    });
    nodes.push(format!(
        "isp: {{role: router, sysctls: {{{UNLIMITED}}}, routes: [{}]}}",
        routes.join(", ")
    ));
    let nodes: Vec<String> = nodes.iter().map(|node| format!("  {node}\n")).collect();
    let links: Vec<String> = links.iter().map(|link| format!("  - {link}\n")).collect();
    format!("routing: none\nfamily: dual\nnodes:\n{}links:\n{}", nodes.concat(), links.concat())
}
