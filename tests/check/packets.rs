//! Packets with a mark, a type of service or a source port: rules of the kernel choose by them.

use crate::bench::Bench;
use crate::options::{all_hold, fails};

/// A host that reaches another over two routers.
const TWO_WAYS: &str = "
    h1 host
    r1 router
    r2 router
    h2 host
    h1:eth0 10.1.0.10/24,2001:db8:1::10/64 - r1:eth0 10.1.0.1/24,2001:db8:1::1/64
    h1:eth1 10.2.0.10/24,2001:db8:2::10/64 - r2:eth0 10.2.0.1/24,2001:db8:2::1/64
    r1:eth1 10.3.0.1/24,2001:db8:3::1/64 - h2:eth0 10.3.0.10/24,2001:db8:3::10/64
    r2:eth1 10.4.0.1/24,2001:db8:4::1/64 - h2:eth1 10.4.0.10/24,2001:db8:4::10/64
    h1: route add default via 10.1.0.1
    h1: -6 route add default via 2001:db8:1::1
    h1: route add default via 10.2.0.1 table 100
    h1: -6 route add default via 2001:db8:2::1 table 100
    r2: route add 10.3.0.0/24 via 10.4.0.10
    r2: -6 route add 2001:db8:3::/64 via 2001:db8:4::10
    h2: route add 10.1.0.0/24 via 10.3.0.1
    h2: -6 route add 2001:db8:1::/64 via 2001:db8:3::1
    h2: route add 10.2.0.0/24 via 10.4.0.1
    h2: -6 route add 2001:db8:2::/64 via 2001:db8:4::1
";

/// Both families of h2 by one way.
fn by(way: &str, sent: &[&str]) -> String {
    let lines = sent.iter().flat_map(|sent| {
        ["10.3.0.10", "2001:db8:3::10"].map(|to| format!("h1 -> {to} {sent} via {way}\n"))
    });
    lines.collect()
}

#[test]
fn rules_choose_by_what_a_check_says_of_its_packets() {
    let bench = Bench::new(TWO_WAYS);
    let sent = [
        "mark 0x7",
        "udp 53 mark 0x7",
        "tcp 80 mark 0x7",
        "tcp 80 sport 5000",
        "udp 53 sport 5000",
    ];
    let served = ["tos 0x10", "udp 53 tos 0x10", "tcp 80 tos 0x10"];
    all_hold(&bench.run(&(by("r1", &sent) + &by("r1", &served))));
    bench.change(
        "h1: rule add fwmark 0x7 lookup 100
         h1: -6 rule add fwmark 0x7 lookup 100
         h1: rule add sport 5000 lookup 100
         h1: -6 rule add sport 5000 lookup 100
         h1: rule add tos 0x10 lookup 100
         h1: -6 rule add tos 0x10 lookup 100",
    );
    all_hold(&bench.run(&(by("r2", &sent) + &by("r2", &served))));
    all_hold(&bench.run(&by("r1", &["", "tcp 80 mark 0x8", "udp 53 sport 5001", "dscp EF"])));
    let (_, said) = fails(&bench, "h1 -> 10.3.0.10 mark 0x7 tos 0x8 via r1");
    assert!(said.starts_with("the probe went via r2, not via r1\n"), "{said}");
    assert!(
        said.contains("h1 sent 2 echo requests with tos 0x8 and mark 0x7 to 10.3.0.10."),
        "{said}"
    );
}

#[test]
fn connections_from_one_port_go_one_after_another_from_whichever_node() {
    let bench = Bench::new(TWO_WAYS);
    let report = bench.run(
        "h1 -> 10.3.0.10 tcp 80 sport 7 via r1
         h1 -> 10.3.0.10 tcp 81 sport 7 via r1
         h1 -> 10.3.0.10 tcp 80 sport 7 from 10.1.0.10
         h1 -> 2001:db8:3::10 tcp 80 sport 7 via r1
         r2 -> 10.3.0.10 tcp 80 sport 7 via
         h1 -> 10.3.0.10 udp 53 sport 7 via r1
         h1 -> 10.3.0.10 udp 53 sport 7 from 10.1.0.10
         h1 -> 10.3.0.10 tcp 9 refused sport 7
         h1 !> 10.3.0.10 tcp 80 sport 7 hops 1 error time-exceeded by 10.1.0.1",
    );
    all_hold(&report);
}
