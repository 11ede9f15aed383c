//! Data that goes over a connection and back: what a connection alone does not show.

use crate::bench::Bench;
use crate::options::{ROW, all_hold, fails, within};
use std::net::TcpListener;
use std::process::Command;

/// Gives a node a ruleset of nft.
fn filter(bench: &Bench, node: &str, ruleset: &str) {
    let namespace = &bench.lab[bench.id(node)].namespace;
    let mut command = Command::new("ip");
    let status = command.args(["netns", "exec", namespace, "nft", ruleset]).status().unwrap();
    assert!(status.success(), "{ruleset}");
}

#[test]
fn data_goes_there_and_back_in_both_families_beside_other_checks_of_the_port() {
    let bench = Bench::new(ROW);
    let report = bench.run(
        "h1 -> h2 tcp 80 data 100kB
         h1 -> h2 tcp 80
         h2 -> h1 tcp 80 data 3MB via r2 r1 back via r1 r2
         h1 -> h1 tcp 80 data 1kB
         r1 -> h2 tcp 80 data 10kB sport 700
         h1 -> h2 tcp 80 count 20",
    );
    all_hold(&report);
    assert_eq!(report.results[0].probes.len(), 2, "one in each family");
}

/// The link between the routers takes less than those of the hosts.
const NARROW: &str = "
    r1: link set eth1 mtu 1300
    r2: link set eth0 mtu 1300
    h2: link set eth0 mtu 1500
    r2: link set eth1 mtu 1500
";

#[test]
fn a_router_that_does_not_say_that_packets_are_too_large_is_found_by_data_alone() {
    let said = Bench::new(ROW);
    said.change(NARROW);
    let both = "h1 -> 10.3.0.1 tcp 80 data 100kB\nh1 -> 2001:db8:3::1 tcp 80 data 100kB";
    all_hold(&said.run(both));
    let bench = Bench::new(ROW);
    bench.change(NARROW);
    let silence = "add table inet f { chain out { type filter hook output priority 0; \
                   icmp type destination-unreachable drop; icmpv6 type packet-too-big drop; } ; }";
    filter(&bench, "r1", silence);
    all_hold(&bench.run("h1 -> h2 tcp 80\nh1 -> h2"));
    for to in ["10.3.0.1", "2001:db8:3::1"] {
        let (result, said) = fails(&bench, &format!("h1 -> {to} tcp 80 data 100kB"));
        let reason = format!("{to} took in 0 of 100000 bytes, and 0 came back");
        assert_eq!(result.reason, Some(reason), "{said}");
        let hint = "The connection was made, so small packets pass. Segments of ";
        assert!(said.contains(hint), "{said}");
        assert!(said.contains(" were lost on their way to the far side, as where"), "{said}");
    }
}

#[test]
fn a_server_that_is_there_is_not_asked_to_send_data_back() {
    let bench = Bench::new(ROW);
    let server = within(&bench, "h2", || TcpListener::bind("10.3.0.1:80").unwrap());
    let (result, said) = fails(&bench, "h1 -> 10.3.0.1 tcp 80 data 1kB");
    assert_eq!(result.reason.as_deref(), Some("h1 sent 1000 bytes, and 0 came back"));
    let hint = "It need not send back what it gets: data is for a port that nobody has.";
    assert!(said.contains(hint), "{said}");
    drop(server);
}

#[test]
fn data_that_is_lost_on_its_way_back_is_told_from_data_that_does_not_arrive() {
    let bench = Bench::new(ROW);
    let back = "add table ip f { chain f { type filter hook forward priority 0; oifname eth0 meta length > 1100 drop; \
                } ; }";
    filter(&bench, "r2", back);
    all_hold(&bench.run("h1 -> 10.3.0.1 tcp 80\nh1 -> 10.3.0.1 tcp 80 data 1kB"));
    let (result, said) = fails(&bench, "h1 -> h2 tcp 80 from 10.1.0.1 data 50kB");
    assert_eq!(result.reason.as_deref(), Some("h2 took in 50000 of 50000 bytes, and 0 came back"));
    assert!(said.contains("were lost on their way there or back"), "{said}");
}
