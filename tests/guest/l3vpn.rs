//! The L3VPN of `labs/`, built, checked and read back.

use crate::standing::l3vpn;
use vrflab::check;
use vrflab::kernel::{observe, on_worker, sysctl};
use vrflab::plan::differences;

#[test]
fn every_check_of_the_l3vpn_holds() {
    let standing = l3vpn("l3vpn-checks").up();
    let lab = standing.lab();
    let report = check::run(lab, &lab.checks, |_, _| {}).unwrap();
    let failed: Vec<_> = report.results.iter().filter(|result| !result.ok).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!(report.passed, 64);
}

#[test]
fn what_up_made_is_what_the_plan_says_when_read_back() {
    let standing = l3vpn("l3vpn-read").up();
    let observed = on_worker(|worker| observe(&standing.0.plan, worker)).unwrap();
    assert_eq!(differences(&standing.0.plan, &observed), Vec::new());
    // The comparison can fail: what is taken away by hand is missing, and what is put there extra.
    standing.ip("pe1", "route del 88.1.1.0/24 table 10");
    standing.ip("c1h1", "address add 9.9.9.9/32 dev eth0");
    let observed = on_worker(|worker| observe(&standing.0.plan, worker)).unwrap();
    let words: Vec<String> =
        differences(&standing.0.plan, &observed).iter().map(|it| format!("{it:?}")).collect();
    assert_eq!(words.len(), 2, "{words:#?}");
    assert!(words[0].starts_with("Missing(Route"), "{words:#?}");
    assert!(words[1].starts_with("Extra(Address"), "{words:#?}");
}

#[test]
fn what_a_new_lo_takes_over_from_the_host_is_put_back() {
    let kept = "/proc/sys/net/ipv4/conf/default/rp_filter";
    let before = std::fs::read(kept).unwrap();
    std::fs::write(kept, "1").unwrap();
    let standing = l3vpn("l3vpn-inherits").up();
    std::fs::write(kept, before).unwrap();
    for scope in ["all", "default", "lo", "p"] {
        let key = format!("net/ipv4/conf/{scope}/rp_filter");
        assert_eq!(
            standing.within("pe1", |worker| sysctl::read(worker, &key)).unwrap(),
            "0",
            "{key}"
        );
    }
}
