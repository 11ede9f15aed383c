//! What arrives, what does not, and on which way.

use crate::bench::{Bench, words};
use std::time::Instant;
use vrflab::compile::Target;

/// Two hosts behind two routers in a row, one of the hosts on a LAN; both families.
const ROW: &str = "
    h1 host
    h2 host
    sw switch
    r1 router
    r2 router
    h3 host
    h1:eth0 10.1.0.1/24,2001:db8:1::1/64 - sw:p1
    h2:eth0 10.1.0.2/24,2001:db8:1::2/64 - sw:p2
    r1:eth0 10.1.0.254/24,2001:db8:1::fe/64 - sw:p3
    r1:eth1 10.2.0.1/30,2001:db8:2::1/64 - r2:eth0 10.2.0.2/30,2001:db8:2::2/64
    r2:eth1 10.3.0.254/24,2001:db8:3::fe/64 - h3:eth0 10.3.0.1/24,2001:db8:3::1/64
    h1: route add default via 10.1.0.254
    h1: -6 route add default via 2001:db8:1::fe
    h2: route add default via 10.1.0.254
    r1: route add 10.3.0.0/24 via 10.2.0.2
    r1: -6 route add 2001:db8:3::/64 via 2001:db8:2::2
    r2: route add 10.1.0.0/24 via 10.2.0.1
    r2: -6 route add 2001:db8:1::/64 via 2001:db8:2::1
    h3: route add default via 10.3.0.254
    h3: -6 route add default via 2001:db8:3::fe
";

#[test]
fn nodes_reach_each_other_on_the_way_that_is_said_in_both_families() {
    let bench = Bench::new(ROW);
    let report = bench.run(
        "h1 -> h2
         h1 -> h2 via
         h1 -> h3 via r1 r2 back via r2 r1
         h1 -> h3 via r1[] r2[]
         h1 -> 10.3.0.1
         h1 -> 2001:db8:3::1 via r1 r2
         r1 -> h3
         h1 -> h1
         h3 -> h3",
    );
    assert_eq!((report.passed, report.failed), (9, 0), "{report:#?}");
    assert_eq!(report.results[2].probes.len(), 2);
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["passed"], 9);
    assert_eq!(json["checks"][0]["check"], "h1 -> h2");
    assert_eq!(json["checks"][0]["ok"], true);
    assert!(json["checks"][0]["probes"][0]["rtt_ms"].as_f64().unwrap() > 0.0);
    assert_eq!(json["checks"][2]["probes"][0]["path"][1]["node"], "r2");
}

#[test]
fn a_way_that_differs_from_what_is_said_fails() {
    let bench = Bench::new(ROW);
    let report = bench.run(
        "h1 -> h3 via r1
         h1 -> h3 via r2 r1
         h1 -> h3 via r1 r2 h2
         h1 -> h3 via r1[101] r2
         h1 -> h3 back via r1 r2",
    );
    assert_eq!((report.passed, report.failed), (0, 5), "{report:#?}");
    println!("{}", report.results.iter().map(words).collect::<Vec<_>>().join("\n---\n"));
}

#[test]
fn what_must_not_arrive_holds_only_beside_something_that_arrives() {
    let bench = Bench::new(ROW);
    bench.change("h2: -6 address del 2001:db8:1::2/64 dev eth0\nh2: link set eth0 down");
    let report = bench.run(
        "h1 -> h3
         h1 !> h2
         h1 !> 10.9.9.9
         h1 !> h3
         h1 !> 10.3.0.1
         h2 !> h1",
    );
    let ok: Vec<bool> = report.results.iter().map(|result| result.ok).collect();
    assert_eq!(ok, [true, true, true, false, false, false], "{report:#?}");
    assert!(words(&report.results[5]).contains("nothing shows that h2 can send at all"));
}

#[test]
fn a_node_that_reaches_itself_has_not_shown_that_it_can_send() {
    let bench = Bench::new("a host\nb host\na:eth0 10.0.0.1/24 - b:eth0 10.0.0.2/24");
    bench.change("a: link set eth0 down");
    let report = bench.run("a -> a\na -> 10.0.0.1\na !> b\na !> 10.9.9.9");
    let ok: Vec<bool> = report.results.iter().map(|result| result.ok).collect();
    assert_eq!(ok, [true, true, false, false], "{report:#?}");
    assert!(words(&report.results[2]).contains("nothing shows that a can send at all"));
}

#[test]
fn what_must_not_arrive_stands_alone_where_a_neighbour_answers() {
    let bench = Bench::new(ROW);
    bench.change("r2: route del 10.1.0.0/24 via 10.2.0.1\nr2: route add blackhole 10.1.0.0/24");
    let report = bench.run("h1 !> 10.9.9.9\nr1 !> 2001:db8:9::9\nh3 !> 10.1.0.1\nh1 !> h2");
    let ok: Vec<bool> = report.results.iter().map(|result| result.ok).collect();
    assert_eq!(ok, [true, true, true, false], "{report:#?}");
    // What it was held against is no result of its own.
    assert_eq!(report.results.len(), 4);
}

#[test]
fn somebody_else_who_has_the_same_address_and_answers_proves_nothing() {
    let bench = Bench::new(
        "h1 host
         r1 router
         red host
         blue host
         h1:eth0 10.1.0.1/24 - r1:eth0 10.1.0.254/24
         r1:red 10.2.0.1/30 - red:eth0 10.2.0.2/30
         r1:blue 10.2.1.1/30 - blue:eth0 10.2.1.2/30
         h1: route add default via 10.1.0.254
         red: route add default via 10.2.0.1
         blue: route add default via 10.2.1.1
         red: address add 10.3.0.1/32 dev eth0
         blue: address add 10.3.0.1/32 dev eth0
         r1: route add 10.3.0.1 via 10.2.1.2",
    );
    let mut checks = bench.checks(
        "h1 -> 10.3.0.1
         h1 -> red
         h1 -> blue
         h1 !> red",
    );
    for check in &mut checks[1..] {
        if let Target::Node { addresses, .. } = &mut check.to {
            *addresses = vec!["10.3.0.1".parse().unwrap()];
        }
    }
    let report = vrflab::check::run(&bench.lab, &checks, |_, _| {}).unwrap();
    let ok: Vec<bool> = report.results.iter().map(|result| result.ok).collect();
    assert_eq!(ok, [true, false, true, true], "{report:#?}");
    assert_eq!(report.results[1].probes[0].path.last().unwrap().node, "blue");
}

#[test]
fn a_thousand_checks_and_more_are_made_at_once() {
    let hosts = 40;
    let mut lines = "r router\n".to_owned();
    for host in 1..=hosts {
        lines += &format!(
            "h{host} host
             h{host}:eth0 10.{host}.0.1/24 - r:h{host} 10.{host}.0.254/24
             h{host}: route add default via 10.{host}.0.254\n"
        );
    }
    let bench = Bench::new(&lines);
    let pairs = (1..=hosts).flat_map(|a| (1..=hosts).map(move |b| (a, b)));
    let checks: String = pairs.map(|(a, b)| format!("h{a} -> h{b}\n")).collect();
    let begin = Instant::now();
    let report = bench.run(&checks);
    println!("{} checks in {:?}", report.passed, begin.elapsed());
    assert_eq!((report.passed, report.failed), (1600, 0));
}
