//! Random labs: networks that the compiler fills in, and routers whose tables make little sense.

use super::lans::lans;
use super::tables::tables;
use super::tunnels::tunnels;
use fastrand::Rng;
use std::fmt::Write;

/// Settings of every node with which no kernel holds back an ICMP error.
pub const UNLIMITED: &str = "net.ipv4.icmp_ratemask: 0, net.ipv6.icmp.ratelimit: 0";

/// A lab of one of all kinds, in YAML.
pub fn any(rng: &mut Rng) -> String {
    match rng.u8(..10) {
        0..2 => plain(rng),
        2..4 => vpns(rng),
        4..6 => lans(rng),
        6 => tunnels(rng),
        _ => tables(rng),
    }
}

fn head(rng: &mut Rng) -> String {
    let family = ["ipv4", "ipv6", "dual", "dual"][rng.usize(..4)];
    let policy = if rng.u8(..4) == 0 { ", net.ipv4.fib_multipath_hash_policy: 0" } else { "" };
    format!("family: {family}\ndefaults: {{node: {{sysctls: {{{UNLIMITED}{policy}}}}}}}\n")
}

/// A ruleset in some places, mostly one that can be read.
pub fn ruleset(rng: &mut Rng) -> String {
    if rng.u8(..6) != 0 {
        return String::new();
    }
    let hook = ["input", "forward", "output", "forward"][rng.usize(..4)];
    let family = ["ip", "ip", "ip", "inet"][rng.usize(..4)];
    let (policy, other) = match rng.u8(..3) {
        0 => ("drop", "accept"),
        _ => ("accept", "drop"),
    };
    let mut rules = String::new();
    for _ in 0..rng.u8(1..4) {
        let (address, port) = (rng.u8(1..4), [53, 80][rng.usize(..2)]);
        rules += &match rng.u8(..8) {
            0 => format!("ip saddr 172.16.0.0/29 {other}; "),
            1 => format!("ip daddr 192.0.2.{address} counter {other}; "),
            2 => format!("udp dport {port} {other}; "),
            3 => format!("tcp dport {port} {other}; "),
            4 => format!("tcp sport 1024-65535 counter {other}; "),
            5 => format!("ip protocol icmp {other}; "),
            6 => format!("ip saddr 10.0.10.0/28 meta l4proto udp {other}; "),
            _ => format!("ip daddr 172.16.0.0/30 tcp dport {port} {policy}; "),
        };
    }
    if rng.u8(..8) == 0 {
        rules += "ct state established accept; ";
    }
    let chain = format!("type filter hook {hook} priority 0; policy {policy}; {rules}");
    format!(", nft: \"table {family} t {{ chain c {{ {chain} }}; }}\"")
}

/// Routers and hosts, some on LANs, with routes of the compiler's.
fn plain(rng: &mut Rng) -> String {
    let mut text = head(rng);
    let routers = rng.usize(2..6);
    let mut links = Vec::new();
    let mut nodes = Vec::new();
    for at in 0..routers {
        let nft = ruleset(rng);
        nodes.push(format!("r{at}: {{role: router, loopback: [192.0.2.{}]{nft}}}", at + 1));
        if at > 0 {
            links.push(format!("r{at} -- r{}", rng.usize(..at)));
        }
    }
    for _ in 0..rng.usize(..4) {
        let (near, far) = (rng.usize(..routers), rng.usize(..routers));
        if near != far {
            let mtu = [1500, 1500, 1400, 9000][rng.usize(..4)];
            links.push(format!("{{ends: [r{near}, r{far}], mtu: {mtu}, cost: {}}}", rng.u8(1..3)));
        }
    }
    if rng.bool() {
        nodes.push("s0: {role: switch}".to_owned());
        links.push(format!("s0 -- r{}", rng.usize(..routers)));
        for at in 0..rng.usize(1..4) {
            nodes.push(format!("l{at}: {{role: host}}"));
            links.push(format!("l{at} -- s0"));
        }
        if rng.bool() {
            links.push(format!("s0 -- r{}", rng.usize(..routers)));
        }
    }
    for at in 0..rng.usize(2..4) {
        let nft = ruleset(rng);
        nodes.push(format!("h{at}: {{role: host{nft}}}"));
        links.push(format!("h{at} -- r{}", rng.usize(..routers)));
    }
    finish(&mut text, &nodes, &links);
    text
}

/// VPNs over a core, some of which bring in the routes of another.
fn vpns(rng: &mut Rng) -> String {
    let mut text = head(rng);
    let ttl = if rng.bool() { "uniform" } else { "pipe" };
    let _ = writeln!(text, "vpn: {{php: {}, ttl: {ttl}}}", rng.bool());
    let (core, edges) = (rng.usize(1..3), rng.usize(2..4));
    let mut nodes: Vec<String> = (0..core).map(|at| format!("p{at}: {{role: p}}")).collect();
    let mut links: Vec<String> = (1..core).map(|at| format!("p{at} -- p{}", at - 1)).collect();
    for at in 0..edges {
        let import = match rng.u8(..4) {
            0 => "[red]",
            1 => "[red, main]",
            _ => "[]",
        };
        let through = rng.u8(..5) == 0;
        nodes.push(format!(
            "e{at}: {{role: pe, vrfs: {{blue: {{import: {import}, fallthrough: {through}}}, red: {{}}}}}}"
        ));
        links.push(format!("e{at} -- p{}", rng.usize(..core)));
        if rng.u8(..3) == 0 && core > 1 {
            links.push(format!("e{at} -- p{}", rng.usize(..core)));
        }
    }
    for at in 0..rng.usize(3..6) {
        let (vrf, edge) = (["blue", "red"][rng.usize(..2)], rng.usize(..edges));
        match rng.bool() {
            true => {
                nodes.push(format!("h{at}: {{role: host}}"));
                links.push(format!("{{ends: [h{at}, e{edge}], vrf: {vrf}}}"));
            }
            false => {
                nodes.push(format!("c{at}: {{role: ce}}"));
                nodes.push(format!("h{at}: {{role: host}}"));
                links.push(format!("h{at} -- c{at}"));
                links.push(format!("{{ends: [c{at}, e{edge}], vrf: {vrf}}}"));
            }
        }
    }
    finish(&mut text, &nodes, &links);
    text
}

fn finish(text: &mut String, nodes: &[String], links: &[String]) {
    *text += "nodes:\n";
    nodes.iter().for_each(|node| *text += &format!("  {node}\n"));
    *text += "links:\n";
    links.iter().for_each(|link| *text += &format!("  - {link}\n"));
}
