//! Gateways and source addresses: a file is refused exactly those that the kernel refuses, and the
//! others lead where `ip` has them lead.

use crate::oracle::{errors, refusals, sample};
use crate::standing::read;
use std::fmt::Write;
use vrflab::document::Format;

const NODE: &str = "routing: none
nodes:
  a:
    vrfs: {red: 10, blue: {table: 20, addresses: [10.20.0.1/24, 'fd20::1/64']}}
    loopback: [10.9.0.1/32, 10.8.0.1/24, 'fd09::1/128']
    tables: {other: 100}
    interfaces:
      e0: {kind: dummy, addresses: [10.0.0.1/24, 'fd00::1/64', 'fe80::1/64']}
      e1: {kind: dummy, addresses: [10.0.1.1/24, 'fd01::1/64']}
      r0: {kind: dummy, vrf: red, addresses: [10.1.0.1/30, 'fd10::1/64']}
      b0: {kind: dummy, vrf: blue, addresses: [10.2.0.1/30, 'fd02::1/64']}
    routes:
      - 10.7.0.0/16 dev e0 table other
      - 'fd07::/16 dev e0 table other'
      - 172.31.1.1 dev e0
      - 'fd31::1 dev e0'
";

/// The file with more routes, each on a line of its own, and the number of the first one's line.
fn text(routes: &[String]) -> (String, usize) {
    let mut text = NODE.to_owned();
    let first = text.lines().count() + 1;
    for route in routes {
        writeln!(text, "      - '{route}'").unwrap();
    }
    text.push_str("links: [a -- b]\n");
    (text, first)
}

/// Every way in which a route can have one of many gateways.
fn sentences() -> Vec<String> {
    let v4 = [
        "10.0.0.2",
        "10.0.0.1",
        "10.0.0.255",
        "10.0.1.2",
        "10.1.0.2",
        "10.1.0.1",
        "10.1.0.3",
        "10.2.0.2",
        "10.9.0.1",
        "10.8.0.7",
        "10.7.0.1",
        "10.20.0.2",
        "172.31.1.1",
        "192.0.2.1",
        "inet6 fd00::2",
        "inet6 fe80::9",
        "inet6 fd10::2",
    ];
    let v6 = [
        "fd00::2",
        "fd00::1",
        "fd01::2",
        "fd01::1",
        "fd10::2",
        "fd10::1",
        "fd02::2",
        "fd09::1",
        "fd07::1",
        "fd20::2",
        "fd31::1",
        "2001:db8::1",
        "fe80::9",
        "fe80::1",
    ];
    let tables = ["", " table 100", " vrf red", " vrf blue"];
    let devices = ["", "e0", "e1", "r0", "b0", "red", "blue", "lo"];
    let mut sentences = Vec::new();
    for gateway in v4.iter().chain(&v6) {
        for table in tables {
            for device in devices {
                let number = sentences.len();
                let v4 = gateway.contains('.') || gateway.starts_with("inet6");
                let net = if v4 {
                    format!("198.18.{}.{}/32", number / 256, number % 256)
                } else {
                    format!("2001:db8:{number:x}::/48")
                };
                let device =
                    if device.is_empty() { String::new() } else { format!(" dev {device}") };
                sentences.push(format!("{net}{table} proto static via {gateway}{device}"));
                if !device.is_empty() {
                    let net = net.replace("198.18", "198.19").replace("2001:db8", "2001:db9");
                    sentences
                        .push(format!("{net}{table} proto static via {gateway}{device} onlink"));
                }
            }
        }
    }
    let sources = [
        "10.0.0.1", "10.0.0.2", "10.1.0.1", "10.9.0.1", "10.8.0.9", "fd00::1", "fd10::1",
        "fd00::2", "fd09::1",
    ];
    for source in sources {
        for table in tables {
            for device in ["e0", "r0", "blue"] {
                let number = sentences.len();
                let net = match source.contains('.') {
                    true => format!("198.20.{}.{}/32", number / 256, number % 256),
                    false => format!("2001:dba:{number:x}::/48"),
                };
                sentences.push(format!("{net}{table} proto static src {source} dev {device}"));
            }
        }
    }
    sentences
}

#[test]
fn a_file_has_the_gateways_and_sources_that_the_kernel_takes_and_no_others() {
    let sentences = sample(sentences(), 7);
    let (standing, said) = read(&text(&[]).0, Format::Yaml, "gateways");
    assert!(said.is_empty(), "{said:?}");
    let standing = standing.up();
    standing.holds_what_it_says();
    let by_ip = refusals(&["ip", "-n", "gateways-a"], "route add", &sentences);
    let (all, first) = text(&sentences);
    let errors = errors(&all);
    let mut wrong = Vec::new();
    for (place, (sentence, by_ip)) in sentences.iter().zip(&by_ip).enumerate() {
        let by_us = errors.get(&(first + place));
        if by_ip.is_some() != by_us.is_some() {
            wrong.push(format!("{sentence}\n  ip: {by_ip:?}\n  we: {by_us:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), sentences.len(), wrong.join("\n"));
    println!("{} sentences, {} refused", sentences.len(), by_ip.iter().flatten().count());
    assert!(by_ip.iter().flatten().count() > 50, "the kernel refuses some");

    // What both take, the program too can build, and each route leads where it leads for `ip`.
    let taken: Vec<String> = sentences
        .into_iter()
        .zip(by_ip)
        .filter_map(|(sentence, refused)| refused.is_none().then_some(sentence))
        .collect();
    drop(standing);
    let (base, _) = read(&text(&[]).0, Format::Yaml, "gateways");
    let base = base.up();
    let all_taken = refusals(&["ip", "-n", "gateways-a"], "route add", &taken);
    assert!(all_taken.iter().all(Option::is_none));
    let (whole, _) = read(&text(&taken).0, Format::Yaml, "gateways");
    base.holds(&whole.plan);
    drop(base);
    let whole = whole.up();
    whole.holds_what_it_says();
}
