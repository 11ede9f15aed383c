//! What is said of a check beside its ends: ports, sizes, times to live, errors, counts.

use crate::bench::{Bench, words};
use std::net::{TcpListener, UdpSocket};
use vrflab::check::{CheckResult, Report};
use vrflab::kernel::{Namespace, on_worker};

/// Two hosts with two routers between them, and a link that carries less than the others.
pub const ROW: &str = "
    h1 host
    r1 router
    r2 router
    h2 host
    h1:eth0 10.1.0.1/24,2001:db8:1::1/64 - r1:eth0 10.1.0.254/24,2001:db8:1::fe/64
    r1:eth1 10.2.0.1/30,2001:db8:2::1/64 - r2:eth0 10.2.0.2/30,2001:db8:2::2/64
    r2:eth1 10.3.0.254/24,2001:db8:3::fe/64 - h2:eth0 10.3.0.1/24,2001:db8:3::1/64
    r2: link set eth1 mtu 1400
    h2: link set eth0 mtu 1400
    h1: route add default via 10.1.0.254
    h1: -6 route add default via 2001:db8:1::fe
    r1: route add 10.3.0.0/24 via 10.2.0.2
    r1: -6 route add 2001:db8:3::/64 via 2001:db8:2::2
    r2: route add 10.1.0.0/24 via 10.2.0.1
    r2: -6 route add 2001:db8:1::/64 via 2001:db8:2::1
    h2: route add default via 10.3.0.254
    h2: -6 route add default via 2001:db8:3::fe
";

pub fn all_hold(report: &Report) {
    let failed: Vec<String> =
        report.results.iter().filter(|it| !it.ok).map(|it| format!("{it:#?}")).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// What a check that must fail says.
pub fn fails(bench: &Bench, line: &str) -> (CheckResult, String) {
    let result = bench.one(line);
    assert!(!result.ok, "{result:#?}");
    let words = words(&result);
    println!("{line}\n{words}\n");
    (result, words)
}

/// Does work in a node's namespace.
pub fn within<T: Send>(bench: &Bench, node: &str, work: impl FnOnce() -> T + Send) -> T {
    let namespace = Namespace::open(&bench.lab[bench.id(node)].namespace).unwrap();
    on_worker(|worker| {
        worker.enter(&namespace).unwrap();
        work()
    })
}

#[test]
fn connections_and_datagrams_get_through_to_ports_that_are_opened_for_the_check() {
    let bench = Bench::new(ROW);
    let report = bench.run(
        "h1 -> h2 tcp 80
         h1 -> h2 udp 53
         h1 -> h2 via r1 r2 tcp 80 back via r2 r1
         h1 -> h2 back via r2 r1 udp 53 via r1 r2 size 1200
         h1 -> 10.3.0.1 tcp 443
         h1 -> 2001:db8:3::1 udp 443
         h1 -> h1 tcp 80
         h1 -> h1 udp 53
         r1 -> r2 tcp 22 count 20
         r1 -> h2 udp 22 count 20 loss < 5%
         h1 -> h2 ttl 62 udp 53
         h1 -> h2 ttl 62 tcp 80",
    );
    all_hold(&report);
    assert_eq!(report.results[0].probes.len(), 2, "one in each family");
    assert_eq!(report.results[0].probes[0].protocol, "tcp 80");
    assert_eq!(report.results[8].probes[0].answered, 20);
    // Closed again, on both sides: nothing is left that listens, waits or is half open.
    for node in ["h1", "h2"] {
        for table in ["tcp", "tcp6", "udp", "udp6"] {
            let path = format!("/proc/thread-self/net/{table}");
            let open = within(&bench, node, || std::fs::read_to_string(&path).unwrap());
            assert_eq!(open.lines().count(), 1, "{node} {table}\n{open}");
        }
    }
}

#[test]
fn a_server_of_somebodys_own_is_used_and_named_when_the_check_fails() {
    let bench = Bench::new(ROW);
    let (tcp, udp) = within(&bench, "h2", || {
        (TcpListener::bind("10.3.0.1:80").unwrap(), UdpSocket::bind("10.3.0.1:53").unwrap())
    });
    all_hold(&bench.run("h1 -> 10.3.0.1 tcp 80"));
    assert!(tcp.accept().is_ok(), "it was this server that was connected to");
    let (_, said) = fails(&bench, "h1 -> 10.3.0.1 udp 53");
    assert!(said.contains(&format!(
        "(process {}) has udp port 53 of h2, so it was left to answer.",
        std::process::id()
    )));
    drop(udp);
    all_hold(&bench.run("h1 -> 10.3.0.1 udp 53"));
}

#[test]
fn nobodys_port_is_opened_for_an_address_outside_the_lab() {
    let bench = Bench::new(ROW);
    bench.change("h2: address add 10.3.0.99/24 dev eth0");
    let (_, said) = fails(&bench, "h1 -> 10.3.0.99 tcp 80");
    assert!(said.contains("10.3.0.99 refuses connections to port 80"), "{said}");
    assert!(said.contains("No node of the lab has 10.3.0.99, so its tcp port 80 was not opened."));
    all_hold(&bench.run("h1 -> h2\n h1 !> 10.3.0.99 tcp 80\n h1 !> 10.3.0.99 udp 53"));
}

#[test]
fn what_a_filter_drops_does_not_get_through_and_the_rest_does() {
    let bench = Bench::new(ROW);
    let nft = |rules: &str| {
        let namespace = &bench.lab[bench.id("h2")].namespace;
        let done = std::process::Command::new("ip")
            .args(["netns", "exec", namespace, "nft", rules])
            .status();
        assert!(done.unwrap().success(), "{rules}");
    };
    nft("add table inet f");
    nft("add chain inet f in { type filter hook input priority 0 ; }");
    nft("add rule inet f in tcp dport 23 drop");
    nft("add rule inet f in udp dport 69 reject");
    nft("add rule inet f in tcp dport 79 reject with tcp reset");
    nft("add rule inet f in udp dport 161 reject with icmpx type admin-prohibited");
    all_hold(&bench.run(
        "h1 -> h2 tcp 22
         h1 !> h2 tcp 23
         h1 -> h2 udp 68
         h1 !> h2 udp 69
         h1 !> h2 udp 69 error port-unreachable by 10.3.0.1
         h1 !> h2 tcp 79
         h1 !> h2 udp 161 error prohibited",
    ));
    let (_, said) = fails(&bench, "h1 !> h2 tcp 22");
    assert!(said.contains("h2 answers"), "{said}");
    let (_, said) = fails(&bench, "h1 -> h2 tcp 79");
    assert!(said.contains("10.3.0.1 refuses connections to port 79"), "{said}");
}

#[test]
fn sizes_are_held_against_the_smallest_link_of_the_way() {
    let bench = Bench::new(ROW);
    all_hold(&bench.run(
        "h1 -> h2 size 1352 df
         h1 -> 10.3.0.1 size 1372 df
         h1 -> 2001:db8:3::1 size 1352 df
         h1 !> 10.3.0.1 size 1373 df error frag-needed mtu 1400 by 10.2.0.2
         h1 !> 2001:db8:3::1 size 1353 df error packet-too-big mtu 1400 by 2001:db8:2::2
         h1 !> 10.3.0.1 size 1373 df udp 7 error frag-needed
         h1 -> 10.3.0.1 size 16
         h1 -> h2 size 3000
         h1 -> h2 size 3000 via r1 r2
         h1 -> h2 size 3000 udp 7",
    ));
    let (result, said) = fails(&bench, "h1 -> 10.3.0.1 size 1400 df");
    assert!(
        said.contains("10.2.0.2 reported: frag-needed mtu 1400 (ICMP type 3, code 4)."),
        "{said}"
    );
    assert!(said.contains("echo requests of 1400 bytes that may not be fragmented to 10.3.0.1"));
    let json = serde_json::to_value(&result).unwrap();
    assert_eq!(json["probes"][0]["errors"][0]["error"], "frag-needed");
    assert_eq!(json["probes"][0]["errors"][0]["mtu"], 1400);
    assert_eq!(json["probes"][0]["errors"][0]["from"], "10.2.0.2");
    assert_eq!(json["probes"][0]["lookup"]["gateway"], "10.1.0.254");
    assert_eq!(json["probes"][0]["lookup"]["interface"], "eth0");
    let (_, said) = fails(&bench, "h1 -> 10.3.0.1 size 1500 df");
    assert!(said.contains("h1 could not send to 10.3.0.1: Message too long"), "{said}");
}

#[test]
fn times_to_live_run_out_where_they_should_and_are_counted_on_the_way_back() {
    let bench = Bench::new(ROW);
    all_hold(&bench.run(
        "h1 -> h2 hops 3 ttl 62
         h1 !> h2 hops 1 error time-exceeded
         h1 !> h2 hops 1 error time-exceeded by 10.1.0.254
         h1 !> h2 error time-exceeded by 2001:db8:2::2 hops 2
         h1 !> 10.3.0.1 hops 2 tcp 80 error time-exceeded by 10.2.0.2
         h1 !> 10.3.0.1 hops 2 udp 80 error time-exceeded by 10.2.0.2
         h1 !> h2 hops 2
         h1 -> h1 ttl 64",
    ));
    let (_, said) = fails(&bench, "h1 -> 10.3.0.1 ttl 61");
    assert!(said.starts_with("the answer came with TTL 62, not 61"), "{said}");
    let (_, said) = fails(&bench, "h1 !> h2 hops 1 error time-exceeded by 10.9.9.9");
    assert!(said.starts_with("no `time-exceeded by 10.9.9.9` came back"), "{said}");
    assert!(said.contains("10.1.0.254 reported: time-exceeded (ICMP type 11, code 0)."), "{said}");
    let (_, said) = fails(&bench, "h1 !> 10.3.0.1 error net-unreachable");
    assert!(said.starts_with("10.3.0.1 answers"), "{said}");
}

#[test]
fn routes_that_refuse_are_told_apart_by_their_errors() {
    let bench = Bench::new(ROW);
    bench.change(
        "r1: route add unreachable 10.5.0.0/24
         r1: route add prohibit 10.6.0.0/24
         r1: route add blackhole 10.7.0.0/24
         r1: -6 route add prohibit 2001:db8:6::/64",
    );
    all_hold(&bench.run(
        "h1 -> r1
         h1 !> 10.4.0.1 error net-unreachable by 10.1.0.254
         h1 !> 10.5.0.1 error host-unreachable by 10.1.0.254
         h1 !> 10.6.0.1 error prohibited by 10.1.0.254
         h1 !> 10.7.0.1
         h1 !> 2001:db8:6::1 error prohibited by 2001:db8:1::fe
         h1 !> 2001:db8:7::1 error net-unreachable by 2001:db8:1::fe
         h1 !> 10.2.0.2 udp 9 error port-unreachable by 10.2.0.2",
    ));
}

/// A kernel answers with six errors at once to one address and then with one in a second.
#[test]
fn more_errors_are_waited_for_than_a_kernel_sends_at_once() {
    let bench = Bench::new(ROW);
    let lines: String =
        (1..=9).map(|host| format!("h1 !> 10.3.0.{host} hops 1 error time-exceeded\n")).collect();
    all_hold(&bench.run(&lines));
}

#[test]
fn a_source_is_chosen_and_a_foreign_one_can_be_tried() {
    let bench = Bench::new(ROW);
    all_hold(&bench.run(
        "h1 -> 10.3.0.1 from 10.1.0.1
         h1 -> h2 from 10.1.0.1 tcp 80
         h1 -> h2 from 2001:db8:1::1 udp 80",
    ));
    let (_, said) = fails(&bench, "h1 !> h2 from 2001:db8:1::99 udp 80");
    assert!(said.contains("h2 answers"), "{said}");
    // Where routers check sources, one of somebody else's does not get past the first.
    bench.change("r1: sysctl net/ipv4/conf/eth0/rp_filter 1");
    all_hold(&bench.run("h1 -> h2\n h1 !> h2 from 10.3.0.77\n h1 !> h2 from 10.3.0.77 udp 9"));
    let (_, said) = fails(&bench, "h1 !> h2 from 10.1.0.77");
    assert!(said.contains("the probe arrives at h2"), "{said}");
    let (_, said) = fails(&bench, "h1 !> h2 udp 9 from 10.1.0.77");
    assert!(said.contains("h2 answers"), "{said}");
}

#[test]
fn losses_and_round_trips_are_measured() {
    let bench = Bench::new(ROW);
    all_hold(&bench.run(
        "h1 -> h2 count 50
         h1 -> h2 loss < 5%
         h1 -> h2 rtt < 500ms
         h1 -> h2 rtt < 500ms loss < 10% count 30 via r1 r2",
    ));
    let (result, said) = fails(&bench, "h1 -> 10.3.0.1 rtt > 900ms");
    assert!(said.contains("the median round trip took"), "{said}");
    assert!(said.contains("which is not > 900ms"), "{said}");
    assert_eq!((result.probes[0].sent, result.probes[0].answered), (5, 5));
    let (_, said) = fails(&bench, "h1 -> 10.3.0.1 loss > 20% count 40");
    assert!(said.starts_with("0 of 40 were lost, which is not > 20%"), "{said}");
    bench.change("r2: route del 10.3.0.0/24");
    let (_, said) = fails(&bench, "h1 -> 10.3.0.1 count 10");
    assert!(said.starts_with("10 of 10 were lost\nh1 sent 10 echo requests"), "{said}");
    assert!(said.contains("One of them went via r1, r2, and was last seen"), "{said}");
    let report = bench.run("h1 -> 10.3.0.1 loss > 90% count 10\n h1 !> 10.9.0.1");
    assert!(report.results[0].ok);
    assert!(!report.results[1].ok, "what was lost on purpose vouches for nobody");
}

/// Two ways of equal cost between r1 and r2, over a and b.
const DIAMOND: &str = "
    h1 host
    r1 router
    a router
    b router
    r2 router
    h2 host
    h1:eth0 10.1.0.1/24,2001:db8:1::1/64 - r1:eth0 10.1.0.254/24,2001:db8:1::fe/64
    r1:ta 10.0.1.1/30,2001:db8:11::1/64 - a:tr1 10.0.1.2/30,2001:db8:11::2/64
    r1:tb 10.0.2.1/30,2001:db8:12::1/64 - b:tr1 10.0.2.2/30,2001:db8:12::2/64
    a:tr2 10.0.3.1/30,2001:db8:13::1/64 - r2:ta 10.0.3.2/30,2001:db8:13::2/64
    b:tr2 10.0.4.1/30,2001:db8:14::1/64 - r2:tb 10.0.4.2/30,2001:db8:14::2/64
    r2:eth0 10.3.0.254/24,2001:db8:3::fe/64 - h2:eth0 10.3.0.1/24,2001:db8:3::1/64
    h1: route add default via 10.1.0.254
    h1: -6 route add default via 2001:db8:1::fe
    h2: route add default via 10.3.0.254
    h2: -6 route add default via 2001:db8:3::fe
    r1: sysctl net/ipv4/fib_multipath_hash_policy 1
    r1: sysctl net/ipv6/fib_multipath_hash_policy 1
    r1: sysctl net/ipv4/conf/all/ignore_routes_with_linkdown 1
    r2: sysctl net/ipv4/conf/all/ignore_routes_with_linkdown 1
    r1: route add 10.3.0.0/24 nexthop via 10.0.1.2 nexthop via 10.0.2.2
    r1: -6 route add 2001:db8:3::/64 nexthop via 2001:db8:11::2 nexthop via 2001:db8:12::2
    r2: route add 10.1.0.0/24 nexthop via 10.0.3.1 nexthop via 10.0.4.1
    r2: -6 route add 2001:db8:1::/64 nexthop via 2001:db8:13::1 nexthop via 2001:db8:14::1
    a: route add 10.3.0.0/24 via 10.0.3.2
    a: route add 10.1.0.0/24 via 10.0.1.1
    b: route add 10.3.0.0/24 via 10.0.4.2
    b: route add 10.1.0.0/24 via 10.0.2.1
    a: -6 route add 2001:db8:3::/64 via 2001:db8:13::2
    a: -6 route add 2001:db8:1::/64 via 2001:db8:11::1
    b: -6 route add 2001:db8:3::/64 via 2001:db8:14::2
    b: -6 route add 2001:db8:1::/64 via 2001:db8:12::1
";

#[test]
fn flows_divide_over_equal_ways_and_by_weight() {
    let bench = Bench::new(DIAMOND);
    let report = bench.run(
        "h1 -> h2 spread a b
         h1 -> h2 spread a b tcp 80
         h1 -> 10.3.0.1 spread a b udp 53 count 100
         h1 -> 10.3.0.1 spread a b from 10.1.0.0/24
         h1 -> h2 spread a b from 10.1.0.0/24",
    );
    let (last, others) = report.results.split_last().unwrap();
    assert!(last.ok && others.iter().all(|it| it.ok), "{report:#?}");
    let flows = &others[0].probes[0].flows;
    assert_eq!(flows.iter().map(|flows| flows.count).sum::<usize>(), 256);
    assert_eq!((flows[0].node.as_str(), flows[1].node.as_str()), ("a", "b"));

    bench.change(
        "r1: route replace 10.3.0.0/24 nexthop via 10.0.1.2 weight 11 nexthop via 10.0.2.2 weight 45",
    );
    all_hold(&bench.run("h1 -> 10.3.0.1 spread a weight 11 b weight 45"));
    let (_, said) = fails(&bench, "h1 -> 10.3.0.1 spread a b");
    assert!(said.starts_with("of 256 flows "), "{said}");
    assert!(said.contains("went via a (a fair share is 128), "), "{said}");
}

#[test]
fn flows_that_all_go_one_way_do_not_divide() {
    let bench = Bench::new(DIAMOND);
    // By addresses alone, all flows between two hosts are one.
    bench.change("r1: sysctl net/ipv4/fib_multipath_hash_policy 0");
    let (_, said) = fails(&bench, "h1 -> 10.3.0.1 spread a b");
    assert!(said.contains("256 went via") && said.contains(" 0 went via"), "{said}");
    all_hold(&bench.run("h1 -> 10.3.0.1 spread a b from 10.1.0.0/24"));
}

/// How many datagrams the node's sockets have taken in.
fn datagrams(bench: &Bench, node: &str) -> u64 {
    let text = within(bench, node, || std::fs::read_to_string("/proc/thread-self/net/snmp"));
    let text = text.unwrap();
    let counts = text.lines().filter(|line| line.starts_with("Udp: ")).nth(1).unwrap();
    counts.split(' ').nth(1).unwrap().parse().unwrap()
}

/// What a user does to see that a failure is survived: measure while it happens.
#[test]
fn traffic_is_measured_while_a_link_fails() {
    let bench = Bench::new(DIAMOND);
    // Until the link goes down half of the flows are on it; each probe of the count is one flow.
    let line = "h1 -> 10.3.0.1 udp 7 count 200 loss < 20%";
    let checks = bench.checks(line);
    let result = std::thread::scope(|scope| {
        let measuring = scope.spawn(|| vrflab::check::run(&bench.lab, &checks, |_, _| {}));
        while datagrams(&bench, "h2") < 50 {
            std::thread::yield_now();
        }
        bench.change("r1: link set ta down\n r2: link set ta down");
        measuring.join().unwrap().unwrap().results.remove(0)
    });
    println!("{} of {} answered", result.probes[0].answered, result.probes[0].sent);
    assert!(result.ok, "{result:#?}");
    let (_, said) = fails(&bench, "h1 -> 10.3.0.1 spread a b");
    assert!(said.contains(" 0 went via a") || said.contains("flows 0 went via a"), "{said}");
    all_hold(&bench.run("h1 -> 10.3.0.1 count 100 via r1 b r2 back via r2 b r1"));
}

#[test]
fn hundreds_of_checks_of_all_kinds_are_made_at_once() {
    let bench = Bench::new(ROW);
    let lines: String = (0..100)
        .map(|n| {
            format!(
                "h1 -> h2 tcp {}\nr1 -> h2 udp {}\nh2 -> h1 size {}\nh1 -> h2 count 10\n",
                1000 + n,
                2000 + n,
                100 + n,
            )
        })
        .collect();
    let begin = std::time::Instant::now();
    all_hold(&bench.run(&lines));
    println!("400 checks in {:?}", begin.elapsed());
}
