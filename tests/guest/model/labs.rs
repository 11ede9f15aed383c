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

/// Routers and hosts, some on LANs, with routes of the compiler's.
fn plain(rng: &mut Rng) -> String {
    let mut text = head(rng);
    let routers = rng.usize(2..6);
    let mut links = Vec::new();
    let mut nodes = Vec::new();
    for at in 0..routers {
        nodes.push(format!("r{at}: {{role: router, loopback: [192.0.2.{}]}}", at + 1));
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
        nodes.push(format!("h{at}: {{role: host}}"));
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
