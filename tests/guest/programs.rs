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
