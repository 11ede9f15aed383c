//! Changes to a VPN that stands, by the program itself.

use crate::host::Host;
use std::fs;
use vrflab::compile::{Options, compile_source};
use vrflab::diagnostic::Source;
use vrflab::document::{Format, LabName};
use vrflab::kernel::{observe, on_worker};
use vrflab::plan::{differences, lower};

const FILE: &str = "/run/core.dot";
/// Two ways through the core, the shorter one over `p1`.
const CORE: &str = "graph {
    family=dual
    h1 [role=host]; h2 [role=host]
    node [role=pe]; pe2
    pe1 [vrfs=\"blue table 10 addresses 10.9.9.1,2001:db8::9 mtu 1400 netem 'delay 1ms' tbf 'rate 100mbit burst 32kb latency 50ms'\"]
    node [role=p]; p1; p2; p3
    pe1:a -- p1 -- pe2; pe1:b -- p2 -- p3 -- pe2
    edge [vrf=blue]; h1 -- pe1:blue0 [netem=\"delay 1ms\"]; h2 -- pe2:blue0
}";

/// In what the kernel differs from the file.
fn wrong() -> Vec<String> {
    let source = Source { name: FILE.to_owned(), text: CORE.to_owned() };
    let name = LabName::new("core").unwrap();
    let (lab, said) = compile_source(&source, Format::Dot, &name, &Options::default());
    let plan = lower(&lab.unwrap_or_else(|| panic!("{said:?}"))).unwrap();
    let observed = on_worker(|worker| observe(&plan, worker)).unwrap();
    differences(&plan, &observed).iter().map(|it| format!("{it:?}")).collect()
}

fn core() -> Host {
    let host = Host::new();
    fs::write(FILE, CORE).unwrap();
    host.done(&["up", FILE]);
    assert_eq!(wrong(), Vec::<String>::new());
    host
}

#[test]
fn a_vrf_is_an_interface_that_is_impaired_and_goes_down_and_comes_back() {
    let host = core();
    let holds = |check: &str| host.run(&["check", "--only", check]).status == 0;
    host.done(&["impair", "pe1:blue", "delay", "400ms"]);
    let slow = holds("pe1%blue -> h1 rtt > 400ms");
    // A label leads what comes back into the VRF by way of its device.
    let back = holds("h1 -> h2 rtt > 400ms");
    host.done(&["impair", "pe1:blue", "--clear"]);
    assert_eq!(wrong(), Vec::<String>::new());
    host.done(&["link", "pe1:blue", "down"]);
    let down = !holds("pe1%blue -> h1");
    let twice = host.run(&["link", "pe1:blue", "down", "--reroute"]);
    host.done(&["link", "pe1:blue", "up"]);
    assert_eq!(wrong(), Vec::<String>::new());
    host.done(&["check"]);
    host.done(&["down"]);
    assert_eq!((slow, back, down), (true, true, true));
    assert_eq!(twice.status, 2);
    assert!(twice.err.contains("pe1:blue is a VRF device"), "{}", twice.err);
    host.assert_nothing_is_left();
}

#[test]
fn labels_are_led_round_a_link_of_the_core_and_back() {
    let host = core();
    host.done(&["link", "pe1:a", "down"]);
    assert_eq!(host.run(&["check"]).status, 1);
    host.done(&["link", "pe1:a", "up"]);
    host.done(&["check"]);
    assert_eq!(wrong(), Vec::<String>::new());
    host.done(&["link", "pe1:a", "down", "--reroute"]);
    host.done(&["check"]);
    host.done(&["link", "pe1:a", "up"]);
    assert_eq!(wrong(), Vec::<String>::new());
    // A port of a VRF loses its routes in the VRF's table.
    host.done(&["link", "pe1:blue0", "down"]);
    host.done(&["link", "pe1:blue0", "up"]);
    assert_eq!(wrong(), Vec::<String>::new());
    host.done(&["check"]);
    host.done(&["down"]);
    host.assert_nothing_is_left();
}

#[test]
fn an_interface_is_impaired_and_cleared_while_its_lab_stands() {
    let host = core();
    let queues = || host.done(&["exec", "pe1", "--", "tc", "qdisc", "show", "dev", "blue0"]);
    let before = queues();
    assert!(before.contains("netem 1: root refcnt 2 limit 1000 delay 1ms"), "{before}");
    let tbf = "tbf rate 10mbit burst 32kb limit 64kb";
    let words: Vec<&str> = tbf.split(' ').collect();
    host.done(&[&["impair", "core", "pe1:blue0"], &words[..]].concat());
    let both = queues();
    assert!(both.contains("delay 1ms") && both.contains("rate 10Mbit burst 32Kb"), "{both}");
    host.done(&["impair", "pe1:blue0", "loss", "100%"]);
    let lossy = queues();
    assert!(lossy.contains("loss 100%") && lossy.contains("rate 10Mbit"), "{lossy}");
    let check = host.run(&["check"]);
    assert_eq!(check.status, 1);
    let said = "core: since it came up, blue0 of pe1 has netem loss 100%, has tbf rate 10mbit";
    assert!(check.out.contains(said), "{}", check.out);
    host.done(&["impair", "pe1:blue0", "--clear"]);
    assert_eq!(wrong(), Vec::<String>::new());
    assert_eq!(queues(), before);
    host.done(&["check"]);
    host.done(&["down"]);
    host.assert_nothing_is_left();
}

#[test]
fn a_vpn_is_brought_back_in_place() {
    let host = core();
    let exec = |node: &str, words: &str| {
        let words: Vec<&str> = words.split(' ').collect();
        host.done(&[&["exec", node, "--"], &words[..]].concat());
    };
    host.done(&["impair", "pe1:a", "delay", "3ms"]);
    host.done(&["link", "pe1:a", "down", "--reroute"]);
    exec("pe1", "ip link del blue");
    exec("pe2", "ip route flush table main");
    exec("pe2", "ip link set blue down");
    exec("p1", "ip -f mpls route flush proto static");
    exec("p2", "sysctl -qw net.mpls.platform_labels=0");
    exec("p3", "ip link add dummy0 type dummy");
    exec("pe1", "tc qdisc del dev blue0 root");
    assert!(wrong().len() > 30, "{:#?}", wrong());
    host.done(&["reset", "--in-place"]);
    assert_eq!(wrong(), Vec::<String>::new());
    assert!(!host.done(&["check"]).contains("since it came up"));
    host.done(&["down"]);
    host.assert_nothing_is_left();
}
