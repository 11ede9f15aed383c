//! Which packets are too long: for the device that a frame comes to, for the port of a bridge, for a route.

use crate::traps::fates;
use std::net::IpAddr;
use vrflab::forward::Probe;

/// A host, a router, a switch and another host. `sent` and `taken` are the MTUs of the router's port to the
/// switch and of the switch's port to the router, `far` and `last` those of the two ends of the last link,
/// and `routes` are of the router.
fn fate(
    [sent, taken, far, last]: [u32; 4],
    [own, routes]: [&str; 2],
    to: &str,
    (length, df): (u32, bool),
) -> String {
    let text = format!(
        "routing: none
nodes:
  h1: {{routes: [default via 10.0.1.254, default via fd01::ff{own}]}}
  r: {{role: router, interfaces: {{b: {{mtu: {sent}}}}}, routes: [{routes}]}}
  sw: {{role: switch, interfaces: {{r: {{mtu: {taken}}}, h2: {{mtu: {far}}}}}}}
  h2: {{interfaces: {{c: {{mtu: {last}}}}}, routes: [default via 10.0.2.254, default via fd02::ff]}}
links:
  - {{ends: [h1, r:a], addresses: [[10.0.1.1/24, fd01::1/64], [10.0.1.254/24, fd01::ff/64]]}}
  - {{ends: [r:b, sw:r], tailaddresses: [10.0.2.254/24, fd02::ff/64]}}
  - {{ends: [sw:h2, h2:c], headaddresses: [10.0.2.2/24, fd02::2/64]}}
"
    );
    let to: IpAddr = to.parse().unwrap();
    let headers = if to.is_ipv4() { 28 } else { 48 };
    let change = |probe: &mut Probe<'_>| (probe.size, probe.df) = (length - headers, df);
    fates(text, to, change)
}

const ARRIVES: &str = "delivered at h2, delivered at h1";

#[test]
fn a_frame_that_is_longer_than_the_mtu_of_the_device_that_it_comes_to_is_dropped_without_a_word() {
    let fate = |mtus, length, df| fate(mtus, ["", ""], "10.0.2.2", (length, df));
    let at_switch = [1500, 1300, 1500, 1500];
    assert_eq!(fate(at_switch, 1305, true), "dropped at sw: FrameTooLong");
    assert_eq!(fate(at_switch, 1305, false), "dropped at sw: FrameTooLong");
    let at_host = [1500, 1500, 1500, 1400];
    assert_eq!(fate(at_host, 1404, false), ARRIVES, "there is room for a VLAN tag");
    assert_eq!(fate(at_host, 1405, false), "dropped at h2: FrameTooLong");
}

#[test]
fn an_answer_that_is_too_long_for_the_device_that_it_comes_to_is_lost() {
    let said = fate(
        [1400, 1500, 1500, 1500],
        ["", "10.0.2.2/32 dev b mtu 1500"],
        "10.0.2.2",
        (1500, true),
    );
    assert_eq!(said, "delivered at h2, dropped at r: FrameTooLong");
}

#[test]
fn a_bridge_sends_no_frame_to_a_port_that_is_too_long_for_it_and_may_fragment_it() {
    let fate = |to, length, df| fate([1500, 1500, 1300, 1500], ["", ""], to, (length, df));
    assert_eq!(fate("10.0.2.2", 1300, true), ARRIVES);
    assert_eq!(fate("10.0.2.2", 1305, true), "dropped at sw: FrameTooLong");
    let said = "unknown at sw: BridgeFragments";
    assert_eq!(fate("10.0.2.2", 1304, true), said, "without br_netfilter it passes");
    assert_eq!(fate("10.0.2.2", 1400, false), said);
    assert_eq!(fate("fd02::2", 1400, true), said);
}

#[test]
fn the_mtu_of_a_route_counts_instead_of_the_devices_locked_or_not() {
    let whole = [1500; 4];
    for locked in ["", "lock "] {
        let routes =
            format!("10.0.2.2/32 dev b mtu {locked}1000, \"fd02::2/128 dev b mtu {locked}1000\"");
        let fate = |to, sent| fate(whole, ["", &routes], to, sent);
        let said = "frag-needed mtu 1000 by r (Some(10.0.1.254)), delivered at h1";
        assert_eq!(fate("10.0.2.2", (1001, true)), said, "{locked}");
        assert_eq!(fate("10.0.2.2", (1000, true)), ARRIVES, "{locked}");
        assert_eq!(fate("10.0.2.2", (1001, false)), ARRIVES, "{locked}");
        let said = "frag-needed mtu 1000 by r (Some(fd01::ff)), delivered at h1";
        assert_eq!(fate("fd02::2", (1200, false)), said, "{locked}");
    }
}

#[test]
fn a_sender_goes_by_the_mtu_of_its_own_route() {
    let own = ", 10.0.2.0/24 via 10.0.1.254 mtu 1200, fd02::/64 via fd01::ff mtu 1300";
    let fate = |to, sent| fate([1500; 4], [own, ""], to, sent);
    assert_eq!(fate("10.0.2.2", (1201, true)), "refused: MtuTooSmall");
    assert_eq!(fate("10.0.2.2", (1201, false)), ARRIVES);
    assert_eq!(fate("fd02::2", (1301, true)), "refused: MtuTooSmall");
    assert_eq!(fate("fd02::2", (1300, true)), ARRIVES);
}
