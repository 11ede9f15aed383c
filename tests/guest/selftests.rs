//! Cases of the kernel's own tests about VRFs and routes, with the results that they expect.

use crate::standing::{Standing, read};
use nix::errno::Errno;
use vrflab::diagnostic::Code;
use vrflab::document::Format;
use vrflab::kernel::sysctl;

const STRICT: &str = "net/vrf/strict_mode";

fn up(text: &str, name: &str) -> Standing {
    let (built, said) = read(text, Format::Yaml, name);
    assert!(said.is_empty(), "{said:?}");
    let standing = built.up();
    standing.holds_what_it_says();
    standing
}

fn strict(standing: &Standing, node: &str) -> String {
    standing.within(node, |worker| sysctl::read(worker, STRICT)).unwrap().trim().to_owned()
}

/// What the kernel answers to a change of `strict_mode`.
fn set(standing: &Standing, node: &str, value: &str) -> Result<(), Option<i32>> {
    let written = standing.within(node, |worker| sysctl::write(worker, STRICT, value));
    written.map_err(|error| error.raw_os_error())
}

/// `vrf_strict_mode_test.sh`: a lab's namespaces are strict unless they say otherwise, each for itself.
#[test]
fn tables_are_shared_by_vrfs_only_where_a_node_is_not_strict() {
    let text = "routing: none\nnodes:\n  first: {vrfs: {vrf100: 100}, sysctls: {net.vrf.strict_mode: 0}}\n  \
                second: {vrfs: {vrf100: 100}}\nlinks: [first -- second]\n";
    let standing = up(text, "st-strict");
    let add = |node: &str, name: &str, table: u32| {
        standing.ip(node, &format!("link add {name} type vrf table {table}"))
    };
    let used = "Table is used by another VRF";
    assert_eq!((strict(&standing, "first"), strict(&standing, "second")), ("0".into(), "1".into()));

    assert_eq!(set(&standing, "first", "1"), Ok(()));
    assert!(add("first", "vrf101", 100).contains(used));
    assert_eq!(set(&standing, "first", "0"), Ok(()));
    assert_eq!(add("first", "vrf101", 100), "");
    assert_eq!(set(&standing, "first", "1"), Err(Some(Errno::EBUSY as i32)));
    assert_eq!(standing.ip("first", "link del vrf101"), "");
    assert_eq!(set(&standing, "first", "1"), Ok(()));
    assert_eq!(add("first", "vrf102", 102), "");

    assert!(add("second", "vrf101", 100).contains(used));
    assert!(add("second", "vrf102", 100).contains(used));
    assert_eq!(add("second", "vrf200", 200), "");
    assert_eq!(set(&standing, "second", "0"), Ok(()));
    assert_eq!(add("second", "vrf101", 100), "");
    assert_eq!(add("second", "vrf102", 100), "");
    assert_eq!((strict(&standing, "first"), strict(&standing, "second")), ("1".into(), "0".into()));
    assert_eq!(set(&standing, "second", "1"), Err(Some(Errno::EBUSY as i32)));
    for name in ["vrf101", "vrf102"] {
        assert_eq!(standing.ip("second", &format!("link del {name}")), "");
    }
    assert_eq!(set(&standing, "second", "1"), Ok(()));
    assert_eq!(set(&standing, "second", "1"), Ok(()));
}

/// `fib_tests.sh`, ipv4_del_addr: an address that goes takes along the routes of its own table that
/// have it as their source.
#[test]
fn an_address_that_goes_takes_the_routes_of_its_table_along() {
    let addresses = "addresses: [172.16.104.1/24, 172.16.104.11/24, 172.16.104.12/24]";
    let route = "172.16.105.0/24 via 172.16.104.2 src 172.16.104.11";
    let text = format!(
        "routing: none\nnodes:\n  a:\n    vrfs: {{red: 1111}}\n    interfaces:\n      \
         dummy1: {{kind: dummy, {addresses}}}\n      dummy2: {{kind: dummy, vrf: red, {addresses}}}\n    \
         routes: [{route}, {route} vrf red]\nlinks: [a -- b]\n"
    );
    let standing = up(&text, "st-source");
    let shown = |table: &str| standing.ip("a", &format!("route show {table} 172.16.105.0/24"));
    let both = || (!shown("table 254").is_empty(), !shown("vrf red").is_empty());
    assert_eq!(both(), (true, true));
    assert_eq!(standing.ip("a", "addr del dev dummy2 172.16.104.11/24"), "");
    assert_eq!(both(), (true, false));
    assert_eq!(standing.ip("a", "addr add dev dummy2 172.16.104.11/24"), "");
    assert_eq!(standing.ip("a", &format!("route add vrf red {route}")), "");
    assert_eq!(standing.ip("a", "addr del dev dummy1 172.16.104.11/24"), "");
    assert_eq!(both(), (false, true));
}

/// `fib_tests.sh`, fib_nexthop_test: a gateway has to be on a subnet of the route's own table, or of
/// main. What the kernel refuses, a file is told of.
#[test]
fn a_gateway_is_looked_for_in_the_routes_own_table_and_then_in_main() {
    let text = |routes: &str| {
        format!(
            "routing: none\nnodes:\n  a:\n    vrfs: {{red: 1}}\n    interfaces:\n      \
             veth0: {{addresses: [192.0.2.1/24]}}\n      \
             dummy1: {{kind: dummy, vrf: red, addresses: [192.168.2.1/24]}}\n    routes: [{routes}]\n  \
             b: {{role: router, interfaces: {{veth1: {{addresses: [192.0.2.2/24]}}}}}}\n\
             links: [a:veth0 -- b:veth1]\n"
        )
    };
    let good = "172.16.101.0/24 via 192.168.2.64 vrf red, 172.16.102.0/24 via 192.0.2.2, \
                172.16.103.0/24 via 192.0.2.2 vrf red";
    let standing = up(&text(good), "st-gateway");
    for bad in ["172.16.104.0/24 via 192.168.2.64", "172.16.105.0/24 via 192.0.3.64 vrf red"] {
        let refused = standing.ip("a", &format!("route add {bad}"));
        assert!(refused.contains("Nexthop has invalid gateway"), "{bad}: {refused}");
        let said = crate::standing::said(&text(bad), Format::Yaml);
        assert_eq!(said.iter().map(|it| it.code).collect::<Vec<_>>(), [Code::Unreachable], "{bad}");
    }
}
