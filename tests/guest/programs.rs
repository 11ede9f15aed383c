//! Commands whose sockets are bound to a VRF, and daemons that find a lab's routes.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

fn vrflab(arguments: &[&str]) -> Output {
    let mut command = Command::new(crate::host::program());
    command.env("VRFLAB_KERNEL", "host").args(arguments).output().unwrap()
}

fn done(arguments: &[&str]) -> String {
    let output = vrflab(arguments);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{arguments:?}: {}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout)
}

fn path(name: &str) -> String {
    crate::standing::file(name).into_os_string().into_string().unwrap()
}

/// What the server at pe's address, the same for both customers, says to one of them, once it is up.
fn answer(host: &str) -> String {
    let script =
        "exec 3<>/dev/tcp/10.0.0.1/80 && printf 'GET / HTTP/1.0\r\n\r\n' >&3 && tail -n 1 <&3";
    let deadline = Instant::now() + Duration::from_secs(120);
    while Instant::now() < deadline {
        let output = vrflab(&["exec", "servers", host, "--", "timeout", "5", "bash", "-c", script]);
        if output.status.success() && !output.stdout.is_empty() {
            return String::from_utf8(output.stdout).unwrap();
        }
    }
    panic!("no answer to {host}: {}", done(&["logs", "servers"]));
}

#[test]
fn a_command_with_a_vrf_serves_that_vrf_alone() {
    done(&["up", "--no-check", &path("tests/guest/programs/servers.yaml")]);
    let answers = ["blue", "red"].map(answer);
    done(&["down", "servers"]);
    assert_eq!(answers, ["blue's", "red's"]);
}

/// Whether a TCP connection from one node to an address and port comes about.
fn connects(host: &str, address: &str) -> bool {
    let script = format!("exec 3<>/dev/tcp/{address}/80");
    vrflab(&["exec", "sockets", host, "--", "timeout", "5", "bash", "-c", &script]).status.success()
}

#[test]
fn an_unbound_server_hears_a_vrf_only_where_it_may_and_a_bound_one_its_own() {
    done(&["up", &path("labs/sockets.yaml")]);
    let address = |node: &str, interface: &str| {
        let words = ["exec", "sockets", node, "--", "ip", "-o", "-4", "addr", "show", interface];
        let line = done(&words);
        line.split_whitespace().nth(3).unwrap().split('/').next().unwrap().to_owned()
    };
    let deadline = Instant::now() + Duration::from_secs(60);
    while !connects("blue", &address("any", "eth0")) && Instant::now() < deadline {}
    let heard = [("any", "eth0", "blue"), ("any", "eth1", "red"), ("bound", "eth0", "blue")];
    let heard = heard.map(|(node, interface, host)| connects(host, &address(node, interface)));
    let unheard = [("deaf", "eth0", "blue"), ("deaf", "eth1", "red"), ("bound", "eth1", "red")];
    let unheard = unheard.map(|(node, interface, host)| connects(host, &address(node, interface)));
    // The same server hears as soon as it may.
    done(&["exec", "sockets", "deaf", "--", "sysctl", "-qw", "net.ipv4.tcp_l3mdev_accept=1"]);
    let allowed = connects("red", &address("deaf", "eth1"));
    done(&["down", "sockets"]);
    assert_eq!((heard, unheard, allowed), ([true; 3], [false; 3], true));
}

#[test]
fn daemons_converge_and_the_checks_wait_for_them() {
    let said = done(&["up", "--wait", "240", &path("labs/frr.yaml")]);
    let routes = done(&["exec", "frr", "pe1", "--", "ip", "route", "show", "vrf", "blue"]);
    let labels = done(&["exec", "frr", "p", "--", "ip", "-f", "mpls", "route"]);
    done(&["down", "frr"]);
    assert!(said.ends_with("frr: 5 checks passed\n"), "{said}");
    let to_site_2 = routes.lines().find(|line| line.starts_with("10.2.0.0/24 ")).unwrap();
    assert!(to_site_2.contains(" encap mpls ") && to_site_2.contains(" proto bgp"), "{routes}");
    assert!(
        labels.lines().all(|line| line.contains(" proto ldp")) && !labels.is_empty(),
        "{labels}"
    );
}

#[test]
fn a_node_calls_its_own_domains_by_name_and_ip_knows_its_tables_and_who_is_in_its_vrfs() {
    done(&["up", "--no-check", &path("tests/guest/programs/names.yaml")]);
    // What each of the commands says, its words one space apart, in a line of its own.
    let lines = |place: &[&str], commands: &[&str]| {
        let script = commands.iter().map(|command| format!("echo $({command});"));
        let script: String = script.collect();
        let output = vrflab(&[&["exec", "names"], place, &["--", "sh", "-c", &script]].concat());
        String::from_utf8(output.stdout).unwrap()
    };
    let b1 = lines(&["b1"], &["getent hosts b2", "getent hosts r2"]);
    let r1 = lines(&["r1"], &["getent hosts r2", "getent hosts pe"]);
    let red = lines(&["pe", "--vrf", "red"], &["ping -qc 1 -W 9 r2 >&2; echo $?"]);
    let pe = [
        "getent hosts r2",
        "getent hosts r2%red",
        "ip vrf exec red ping -qc 1 -W 9 r2%red >&2; echo $?",
        "ip vrf pids red | grep -c sleep",
        "ip route show table isp2",
        "ip -4 route show table red 10.0.1.0/24",
        "ls -d /sys/kernel/tracing/events/fib",
    ];
    let pe = lines(&["pe"], &pe);
    let blue = lines(&["pe", "--vrf", "blue"], &["ip vrf identify"]);
    done(&["down", "names"]);
    assert_eq!(b1, "10.0.1.1 b2\n\n");
    assert_eq!(r1, "10.0.1.1 r2\n10.0.0.2 pe pe%red\n");
    assert_eq!(red, "0\n");
    let expected = "\n10.0.1.1 r2%red\n0\n1\nblackhole 10.99.0.0/16 proto static\n10.0.1.0/24 dev \
                    eth3 proto kernel scope link src 10.0.1.2\n/sys/kernel/tracing/events/fib\n";
    assert_eq!(pe, expected);
    assert_eq!(blue, "blue\n");
}
