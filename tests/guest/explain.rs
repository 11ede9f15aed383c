//! What `vrflab explain` says of a pair in labs that somebody broke by hand: the exact text stands behind the
//! commands that break each. `BLESS=1` writes the texts anew.

use crate::diagnosis::{heal, inside};
use crate::standing::{Standing, file, l3vpn};
use std::collections::BTreeSet;
use std::fmt::Write;
use vrflab::check;
use vrflab::compile::read_check;
use vrflab::diagnostic::{Source, Span, Text};
use vrflab::explain::{Explanation, Trace, of_standing};

/// The commands that break a lab, each at its node, and the kernel's reason for dropping packets then.
type Fault = (&'static [(&'static str, &'static str)], Option<&'static str>);

/// What breaks the lab each time, by node, and the reason for which the kernel then drops packets, where it has one
/// of its own.
const FAULTS: [Fault; 6] = [
    (&[("pe1", "ip route del 88.2.1.0/24 table 10")], None),
    (
        &[
            ("pe1", "ip route del 88.1.1.0/24 table 10"),
            ("pe1", "sysctl -qw net.ipv4.conf.c1e1.rp_filter=1"),
        ],
        Some("IP_RPFILTER"),
    ),
    (&[("p", "ip -f mpls route del 101")], None),
    (&[("pe1", "ip route replace 88.2.1.0/24 table 10 encap mpls 201 via 2.1.1.2 dev p")], None),
    (&[("c1e2", "sysctl -qw net.ipv4.ip_forward=0")], None),
    // A redirect that is remembered stands in no table.
    (
        &[
            (
                "c1h1",
                "sysctl -qw net.ipv4.conf.all.accept_redirects=1 net.ipv4.conf.eth0.accept_redirects=1",
            ),
            ("c1e1", "sysctl -qw net.ipv4.conf.all.send_redirects=1"),
            ("c1e1", "ip route add 88.2.1.0/24 via 88.1.1.2"),
            ("c1h1", "ping -c3 -i0.3 -W1 88.2.1.3 || true"),
            ("c1e1", "ip route del 88.2.1.0/24"),
        ],
        None,
    ),
];

fn explained(standing: &Standing, question: &str) -> Explanation {
    let text = Text::new(question, Span::new(0, question.len()));
    let lab = standing.lab();
    let check = read_check(lab, &text).unwrap();
    let observed = check::observe(lab).unwrap();
    let text = std::fs::read_to_string(file("labs/l3vpn.dot")).unwrap();
    let source = Source { name: "l3vpn.dot".to_owned(), text };
    of_standing((lab, &source), &check, &observed, || false).unwrap()
}

/// The lines that are the same each time: how many packets come back or are dropped is not, and what the kernel
/// drops is that of other tests as well.
fn steady(explanation: &Explanation) -> String {
    let lines = explanation.lines(None);
    let lines =
        lines.iter().take_while(|line| !line.starts_with("Packets that the kernel dropped"));
    let mut text = String::new();
    for line in lines.filter(|line| !line.contains(" reported: ")) {
        let counter = line.rsplit_once(" +").filter(|(_, by)| by.parse::<u64>().is_ok());
        writeln!(text, "{}", counter.map_or(line.as_str(), |(counter, _)| counter)).unwrap();
    }
    text
}

#[test]
fn explain_says_where_file_state_kernels_and_what_is_seen_part() {
    let standing = l3vpn("explained").up();
    let whole = explained(&standing, "c1h1 -> c1h3");
    assert_eq!((whole.ok, whole.parting.as_ref()), (Some(true), None), "{whole:?}");
    let mut found = String::new();
    for (commands, reason) in FAULTS {
        for (node, command) in commands {
            writeln!(found, "> {node}: {command}").unwrap();
            inside(&standing, node, command);
        }
        let explanation = explained(&standing, "c1h1 -> c1h3");
        writeln!(found, "{}", steady(&explanation)).unwrap();
        if let Some(reason) = reason {
            let Some(Trace::Heard { drops, lookups }) = &explanation.trace else {
                panic!("{:?}", explanation.trace)
            };
            assert!(drops.iter().any(|drop| drop.reason == reason), "{drops:?}");
            let tables: BTreeSet<u32> = lookups.iter().map(|lookup| lookup.table).collect();
            assert!(tables.contains(&10), "the kernel looked into the VRF's table: {lookups:?}");
        }
        inside(&standing, "c1h1", "ip route flush cache");
        heal(&standing);
    }
    let path = file("tests/guest/explain.txt");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "BLESS=1 writes it\n{found}");
    assert_eq!(explained(&standing, "c1h1 -> c1h3").ok, Some(true), "it is healed");
    let left = std::fs::read_dir("/sys/kernel/tracing/instances").unwrap().count();
    assert_eq!(left, 0, "nothing is left in the kernel's tracing");
}
