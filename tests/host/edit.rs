//! Files that are edited while their lab stands, and applied to it.

use crate::host::{Host, names};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Stdio};

const FILE: &str = "/run/lab.dot";
const LINE: &str = "graph { node [role=router]; a -- b; b -- c }";
const LONGER: &str = "graph { node [role=router]; new -- b; a -- b; b -- c; c -- new }";

fn up(host: &Host, text: &str) -> String {
    fs::write(FILE, text).unwrap();
    host.done(&["up", FILE])
}

/// Sees that the kernel holds what the file says, and no more.
fn matches(host: &Host) {
    assert_eq!(host.done(&["reset", "--in-place"]), "lab: matches its file already\n");
    host.done(&["check"]);
}

fn gone(host: Host) {
    host.done(&["down"]);
    host.assert_nothing_is_left();
}

/// The numbers of a node's interfaces and of its namespace, which others in their place have not.
fn numbers(host: &Host, node: &str, interfaces: &[&str]) -> (u64, Vec<String>) {
    let number = |interface: &&str| {
        let file = format!("/sys/class/net/{interface}/ifindex");
        host.done(&["exec", node, "--", "cat", &file])
    };
    let namespace = fs::metadata(format!("/run/netns/lab-{node}")).unwrap().ino();
    (namespace, interfaces.iter().map(number).collect())
}

fn ip(words: &str) {
    assert!(Command::new("ip").args(words.split(' ')).status().unwrap().success(), "{words}");
}

#[test]
fn an_edited_file_is_applied_and_what_it_leaves_is_not_touched() {
    let host = Host::new();
    up(&host, LINE);
    let untouched = || [numbers(&host, "a", &["eth0"]), numbers(&host, "b", &["eth0", "eth1"])];
    let before = untouched();
    let said = up(&host, LONGER);
    assert!(said.starts_with("lab: changed, "), "{said}");
    assert!(said.ends_with("checks passed\n"), "{said}");
    assert_eq!(names("/run/netns"), ["lab-a", "lab-b", "lab-c", "lab-new"]);
    assert_eq!(untouched(), before);
    matches(&host);
    assert_eq!(host.done(&["up", FILE]), "lab is up already\n");

    up(&host, LINE);
    assert_eq!(names("/run/netns"), ["lab-a", "lab-b", "lab-c"]);
    assert_eq!(untouched(), before);
    matches(&host);
    gone(host);
}

#[test]
fn what_goes_past_an_edit_loses_no_packet() {
    let host = Host::new();
    // The middle has a default route once the far ends are all behind one neighbour, and none before.
    let line = |more: &str| {
        format!("graph {{ node [role=router]; h1 -- r1 -- r2 -- h2; r2 -- x; {more} }}")
    };
    up(&host, &line("r1 -- y; r1 -- z"));
    let mut ping = host
        .vrflab(&["exec", "h1", "--", "ping", "-q", "-i", "0.005", "-c", "800", "h2"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    for more in ["", "r1 -- y; y -- r2", "r2 -- w; r1 -- y; r1 -- z"] {
        up(&host, &line(more));
    }
    assert!(ping.try_wait().unwrap().is_none(), "it goes on all the time");
    let said = ping.wait_with_output().unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(said.contains("800 packets transmitted, 800 received, 0% packet loss"), "{said}");
    matches(&host);
    gone(host);
}

#[test]
fn a_dry_run_shows_the_steps_and_takes_none() {
    let host = Host::new();
    let two = "graph { node [role=host]; a:x -- b:x [subnet=\"192.0.2.0/31\"] }";
    fs::write(FILE, two).unwrap();
    let dry = host.run(&["up", "--dry-run", "--exit-code", FILE]);
    assert_eq!(dry.status, 10, "{dry:?}");
    assert!(dry.out.starts_with("+ ip netns add lab-a\n"), "{}", dry.out);
    assert!(names("/run/netns").is_empty());

    host.done(&["up", FILE]);
    let nothing = host.run(&["up", "--dry-run", "--exit-code", FILE]);
    assert_eq!((nothing.status, nothing.out.as_str()), (0, "lab: nothing would change\n"));

    fs::write(FILE, two.replace("192.0.2.0/31", "192.0.2.4/31")).unwrap();
    let steps = "- ip -n lab-a addr del 192.0.2.0/31 dev x\n\
                 - ip -n lab-b addr del 192.0.2.1/31 dev x\n\
                 + ip -n lab-a addr replace 192.0.2.4/31 dev x\n\
                 + ip -n lab-b addr replace 192.0.2.5/31 dev x\n";
    assert_eq!(host.done(&["up", "--dry-run", FILE]), steps);
    let dry = host.run(&["up", "--dry-run", "--exit-code", FILE]);
    assert_eq!((dry.status, dry.out.as_str()), (10, steps));
    assert!(host.done(&["up", FILE]).starts_with("lab: changed, 4 steps applied\n"));
    matches(&host);
    gone(host);
}

#[test]
fn an_edit_that_the_kernel_refuses_leaves_the_lab_as_it_was() {
    let host = Host::new();
    up(&host, LINE);
    let before = numbers(&host, "b", &["eth0", "eth1"]);
    // The file's new link takes the name of what somebody has put there.
    ip("-n lab-b link add eth2 type bridge");
    fs::write(FILE, LONGER).unwrap();
    let refused = host.run(&["up", FILE]);
    assert_eq!((refused.status, refused.out.as_str()), (4, ""), "{refused:?}");
    assert!(refused.err.contains("(EEXIST)\n --> /run/lab.dot:1:"), "{}", refused.err);
    assert!(refused.err.ends_with("lab: the change was rolled back\n"), "{}", refused.err);
    assert_eq!(names("/run/netns"), ["lab-a", "lab-b", "lab-c"]);
    assert_eq!(numbers(&host, "b", &["eth0", "eth1"]), before);
    ip("-n lab-b link del eth2");
    matches(&host);
    fs::write(FILE, LINE).unwrap();
    assert_eq!(host.done(&["up", FILE]), "lab is up already\n", "the record is that of before");
    gone(host);
}

#[test]
fn a_namespace_of_somebody_else_that_an_edit_needs_is_left_alone() {
    let host = Host::new();
    up(&host, LINE);
    ip("netns add lab-new");
    fs::write(FILE, LONGER).unwrap();
    let refused = host.run(&["up", FILE]);
    assert_eq!(refused.status, 4, "{refused:?}");
    assert!(refused.err.contains("a namespace `lab-new` already"), "{}", refused.err);
    matches(&host);
    ip("netns del lab-new");
    gone(host);
}

#[test]
fn what_somebody_changed_by_hand_stays_unless_the_file_has_it_another_way_now() {
    let host = Host::new();
    up(&host, LINE);
    ip("-n lab-a route add blackhole 198.51.100.0/24");
    ip("-n lab-b addr add 203.0.113.1/24 dev lo");
    host.done(&["link", "b:eth1", "down"]);
    let said = up(&host, &LONGER.replace("graph {", "graph { checks=\"a -> b\"; "));
    assert!(said.starts_with("lab: changed, "), "{said}");
    let of = |node: &str, words: &[&str]| host.done(&[&["exec", node, "--", "ip"], words].concat());
    assert!(of("a", &["route"]).contains("blackhole 198.51.100.0/24"));
    assert!(of("b", &["addr", "show", "lo"]).contains("203.0.113.1/24"));
    let already = "lab is up already\nlab: since it came up, eth1 of b was brought down\n";
    assert_eq!(host.done(&["up", FILE]), already);
    host.done(&["reset", "--in-place"]);
    matches(&host);
    gone(host);
}

#[test]
fn a_file_of_another_lab_takes_no_labs_place() {
    let host = Host::new();
    up(&host, LINE);
    fs::create_dir("/run/other").unwrap();
    fs::write("/run/other/lab.dot", "graph { x -- y }").unwrap();
    let refused = host.run(&["up", "/run/other/lab.dot"]);
    assert_eq!(refused.status, 2, "{refused:?}");
    assert!(refused.err.contains("made from another file (/run/lab.dot)"), "{}", refused.err);
    matches(&host);
    gone(host);
}

/// What `pgrep` finds of a command line.
fn pids(of: &str) -> Vec<String> {
    let found = Command::new("pgrep").args(["-xf", of]).output().unwrap();
    String::from_utf8(found.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn commands_are_started_stopped_and_left_alone_as_the_file_says() {
    let host = Host::new();
    let path = "/run/lab.yaml";
    let write = |a: &str, b: &str| {
        let text = format!(
            "nodes:\n  a: {{run: [{a}]}}\n  b: {{run: [sleep 4001], etc: {{motd: {b}}}}}\n\
             links: [a -- b]\nchecks: []\n"
        );
        fs::write(path, text).unwrap();
        host.run(&["up", path])
    };
    write("sleep 4002, sleep 4003", "hello");
    let [first, second, of_b] = ["sleep 4002", "sleep 4003", "sleep 4001"].map(pids);
    assert_eq!((first.len(), second.len(), of_b.len()), (1, 1, 1));

    let said = write("sleep 4002, sleep 4004", "hello");
    assert_eq!(said.out, "lab: changed, 2 steps applied\nlab: no checks\n", "{said:?}");
    assert_eq!((pids("sleep 4002"), pids("sleep 4001")), (first.clone(), of_b.clone()));
    assert_eq!((pids("sleep 4003"), pids("sleep 4004").len()), (Vec::new(), 1));
    assert!(!host.done(&["ls"]).contains('`'), "what was stopped has not failed");

    // The files of a node are read when its commands start.
    write("sleep 4002, sleep 4004", "goodbye");
    assert_eq!(pids("sleep 4002"), first);
    let again = pids("sleep 4001");
    assert!(again.len() == 1 && again != of_b, "{again:?}");

    let said = write("", "goodbye");
    assert_eq!(said.status, 0, "{said:?}");
    assert_eq!([pids("sleep 4002"), pids("sleep 4004")], [Vec::<String>::new(), Vec::new()]);
    gone(host);
}

#[test]
fn a_node_that_is_made_anew_has_its_files_and_commands_and_none_of_those_before() {
    let host = Host::new();
    let path = "/run/lab.yaml";
    let write = |a: &str| {
        let nodes = format!("nodes:\n  b: {{}}\n  c: {{}}\n{a}\nlinks: [b -- c");
        let link = if a.is_empty() { "]" } else { ", a -- b]" };
        fs::write(path, format!("{nodes}{link}\nchecks: []\n")).unwrap();
        host.done(&["up", path])
    };
    let of = |node: &str| fs::metadata(format!("/run/netns/lab-{node}")).unwrap().ino();
    let motd = || host.run(&["exec", "a", "--", "cat", "/etc/motd"]).out;
    let sack = || host.done(&["exec", "a", "--", "cat", "/proc/sys/net/ipv4/tcp_sack"]);
    write("  a: {run: [sleep 4005], etc: {motd: mine}, sysctls: {net.ipv4.tcp_sack: 0}}");
    let before = (of("a"), of("b"), pids("sleep 4005"));
    assert_eq!((sack().as_str(), motd().as_str()), ("0\n", "mine"));

    // What the kernel has of itself of such a setting a new namespace alone tells.
    write("  a: {run: [sleep 4005], etc: {motd: mine}}");
    assert_ne!(of("a"), before.0);
    assert_eq!(of("b"), before.1);
    assert_eq!((sack().as_str(), motd().as_str()), ("1\n", "mine"));
    let again = pids("sleep 4005");
    assert!(again.len() == 1 && again != before.2, "{again:?}");

    write("");
    assert_eq!(pids("sleep 4005"), Vec::<String>::new());
    write("  a: {}");
    assert_ne!(motd(), "mine");
    assert_eq!(pids("sleep 4005"), Vec::<String>::new());
    gone(host);
}
