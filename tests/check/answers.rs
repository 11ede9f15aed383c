//! Who answers: on a link, on a port, and whether anybody else does.

use crate::bench::Bench;
use crate::options::{ROW, all_hold, fails};

#[test]
fn link_local_addresses_are_reached_on_the_link_that_is_named_and_never_chosen() {
    // Both neighbours of r have the same address, each on its own link.
    let bench = Bench::new(
        "a host
         r router
         b host
         a:eth0 fe80::b/64,2001:db8:1::a/64 - r:left fe80::1/64,2001:db8:1::1/64
         b:eth0 fe80::b/64,2001:db8:2::b/64 - r:right fe80::1/64,2001:db8:2::1/64
         a: -6 route add default via fe80::1 dev eth0
         b: -6 route add default via fe80::1 dev eth0",
    );
    let report = bench.run(
        "a -> b
         a -> fe80::1%eth0
         a -> fe80::1%eth0 via back via
         a -> fe80::1%eth0 tcp 80 from fe80::b
         a -> fe80::1%eth0 udp 53
         a -> fe80::b%eth0 tcp 80
         r -> fe80::b%left tcp 80
         r -> fe80::b%right tcp 80
         r !> fe80::c%right
         r !> fe80::b%right udp 7 error port-unreachable by fe80::b",
    );
    let failed: Vec<_> = report.results.iter().filter(|result| !result.ok).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!(report.results[0].probes.len(), 1, "{report:#?}");
    let path = |check: usize| report.results[check].probes[0].path.last().unwrap().node.clone();
    assert_eq!((path(6).as_str(), path(7).as_str()), ("a", "b"));
    // Each far side is that of its own link.
    bench.change("b: link set eth0 down");
    let report =
        bench.run("r -> fe80::b%left udp 53\nr -> fe80::b%right udp 53\na -> fe80::2%eth0");
    let ok: Vec<bool> = report.results.iter().map(|result| result.ok).collect();
    assert_eq!(ok, [true, false, false], "{report:#?}");
}

/// A program that listens in a node, ended with the test.
struct Server(std::process::Child);

impl Server {
    fn start(bench: &Bench, node: &str, port: &str) -> Self {
        let namespace = &bench.lab[bench.lab.node(node).unwrap()].namespace;
        let mut ip = std::process::Command::new("ip");
        let command = ["netns", "exec", namespace, "/usr/bin/python3", "-um", "http.server", port];
        let quiet = std::process::Stdio::null;
        let mut child =
            ip.args(command).stdout(std::process::Stdio::piped()).stderr(quiet()).spawn().unwrap();
        // It says so when it listens.
        let mut line = String::new();
        let output = child.stdout.as_mut().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(output), &mut line).unwrap();
        assert!(line.starts_with("Serving HTTP"), "{line}");
        Self(child)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn a_port_is_refused_where_nobody_listens_and_served_where_a_server_does() {
    let bench = Bench::new(ROW);
    // A far side that is opened for one check is not there for another one.
    all_hold(&bench.run(
        "h1 -> h2 tcp 80
         h1 -> h2 tcp 80 refused
         h1 -> h2 udp 53 refused
         h1 -> h2 udp 53
         h1 -> h2 tcp 80 refused via r1 r2 back via r2 r1 ttl 62
         h1 -> 10.3.0.1 udp 7 refused via r1 r2 back via r2 r1 ttl 62
         h1 -> 10.3.0.1 tcp 80 refused count 20 rtt < 900ms",
    ));
    let (_, said) = fails(&bench, "h1 -> 10.3.0.1 tcp 80 served");
    assert!(said.starts_with("nobody listens on tcp port 80 of h2"), "{said}");
    let (_, said) = fails(&bench, "h1 -> 10.3.0.1 udp 53 served");
    assert!(said.starts_with("nobody listens on udp port 53 of h2"), "{said}");

    let server = Server::start(&bench, "h2", "80");
    let report = bench.run("h1 -> 10.3.0.1 tcp 80 served\nh1 -> 10.3.0.1 tcp 80");
    all_hold(&report);
    for result in &report.results {
        let [found] = result.probes[0].servers.as_slice() else { panic!("{report:#?}") };
        assert_eq!(
            (found.node.as_str(), found.opened, found.pid),
            ("h2", false, Some(server.0.id()))
        );
        assert_eq!(found.command.as_deref(), Some("/usr/bin/python3 -um http.server 80"));
    }
    let (_, said) = fails(&bench, "h1 -> 10.3.0.1 tcp 80 refused");
    let pid = server.0.id();
    let reason = format!(
        "`/usr/bin/python3 -um http.server 80` (process {pid}) listens on tcp port 80 of h2"
    );
    assert!(said.starts_with(&reason), "{said}");
    let (_, said) = fails(&bench, "h1 !> 10.3.0.1 tcp 80");
    assert!(said.contains(&format!("(process {pid}) has tcp port 80 of h2")), "{said}");
    drop(server);
    // What a filter on the way says is not the target's word.
    bench.change("r2: route add blackhole 10.3.0.1");
    let (_, said) = fails(&bench, "h1 -> 10.3.0.1 tcp 80 refused");
    assert!(said.starts_with("the probe was lost at r2"), "{said}");
}

#[test]
fn an_address_is_unique_where_nobody_else_answers_for_it() {
    let bench = Bench::new(
        "h1 host
         r router
         sw switch
         h2 host
         h3 host
         h1:eth0 10.1.0.1/24,2001:db8:1::1/64 - r:eth0 10.1.0.254/24,2001:db8:1::fe/64
         r:eth1 10.2.0.254/24,2001:db8:2::fe/64 - sw:p1
         h2:eth0 10.2.0.2/24,2001:db8:2::2/64 - sw:p2
         h3:eth0 10.2.0.3/24,2001:db8:2::3/64 - sw:p3
         h1: route add default via 10.1.0.254
         h1: -6 route add default via 2001:db8:1::fe
         h2: route add default via 10.2.0.254
         h2: -6 route add default via 2001:db8:2::fe
         h3: route add default via 10.2.0.254
         h3: -6 route add default via 2001:db8:2::fe",
    );
    let checks = "h1 -> h2 unique
                  h1 -> 10.2.0.2 unique count 5
                  h1 -> h1 unique
                  h1 -> r unique
                  h2 -> 10.2.0.3 unique";
    let report = bench.run(checks);
    all_hold(&report);
    let responders = &report.results[0].probes[0].responders;
    assert_eq!(responders.len(), 1, "{report:#?}");
    assert_eq!(responders[0].node.as_deref(), Some("h2"));
    // Whoever has the address too is asked nothing by a ping.
    bench.change(
        "h3: address add 10.2.0.2/32 dev eth0
         h3: -6 address add 2001:db8:2::2/128 dev eth0 nodad",
    );
    for check in
        ["h1 -> 10.2.0.2 unique", "h1 -> 2001:db8:2::2 unique", "h1 -> 10.2.0.2 unique count 3"]
    {
        let (result, said) = fails(&bench, check);
        assert!(
            said.contains(" is answered for by h2 (") || said.contains(" is answered for by h3 (")
        );
        assert!(said.contains("h2 (") && said.contains(" and h"), "{said}");
        assert_eq!(result.probes[0].responders.len(), 2, "{result:#?}");
    }
    all_hold(&bench.run("h1 -> 10.2.0.2\nh1 -> 10.2.0.3 unique"));
}
