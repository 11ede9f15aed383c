//! VRF devices: what is on them, what stays on their ports, and how many a node may have.

use crate::standing::{Standing, read};
use std::fmt::Write;
use std::time::Instant;
use vrflab::document::Format;

fn up(name: &str, text: &str) -> Standing {
    let (built, said) = read(text, Format::Yaml, name);
    assert!(said.is_empty(), "{said:?}");
    let standing = built.up();
    standing.holds_what_it_says();
    standing
}

#[test]
fn a_vrf_reaches_itself_where_it_has_loopback_addresses() {
    let text = |addresses: &str| {
        format!(
            "family: dual\nnodes: {{r: {{role: router, vrfs: {{blue: {{addresses: [{addresses}]}}}}}}}}\n\
             links: [{{ends: [h, r], vrf: blue}}]\n\
             checks: [r%blue -> 127.0.0.1, 'r%blue -> ::1', r%blue -> h]\n"
        )
    };
    let with = up("own-lo", &text("127.0.0.1/8, '::1'"));
    with.all_checks_hold();
    // With the scope of the whole net it would be chosen as the source of what the VRF sends.
    let shown = with.ip("r", "-4 -o addr show dev blue");
    assert!(shown.contains("inet 127.0.0.1/8 scope host blue"), "{shown}");
    drop(with);
    let without = up("no-lo", &text(""));
    for line in ["r%blue -> 127.0.0.1", "r%blue -> ::1"] {
        assert!(!without.check(line).ok, "{line}");
    }
    assert!(without.check("r%blue -> h").ok);
}

#[test]
fn a_port_keeps_its_addresses_of_both_families_in_its_vrf() {
    let text = "nodes: {r: {role: router, vrfs: [blue]}}\nlinks: [{ends: [h, r], vrf: blue, \
                addresses: [[10.0.0.1/24, '2001:db8::1/64'], [10.0.0.2/24, '2001:db8::2/64']]}]\n";
    let standing = up("ports", text);
    let kept =
        |family: &str| standing.ip("r", &format!("{family} -o addr show dev eth0 scope global"));
    assert!(kept("-4").contains("10.0.0.2/24") && kept("-6").contains("2001:db8::2/64"));
    standing.all_checks_hold();
    // Whoever puts a port with addresses into a VRF loses those of IPv6: the order of steps matters.
    standing.ip("r", "link set dev eth0 nomaster");
    standing.ip("r", "link set dev eth0 master blue");
    assert!(kept("-4").contains("10.0.0.2/24"));
    assert_eq!(kept("-6"), "");
}

#[test]
fn a_thousand_vrfs_fit_in_one_node() {
    let mut text = String::from("routing: none\nnodes:\n  r:\n    role: router\n    vrfs:\n");
    for vrf in 0..1000 {
        writeln!(text, "      v{vrf}: {{addresses: [10.0.{}.{}]}}", vrf / 250, vrf % 250 + 1)
            .unwrap();
    }
    text += "  h: {role: host}\nlinks: [{ends: [h, r], vrf: v0}]\n";
    text += "checks: [r%v0 -> 10.0.0.1, r%v0 -> h, r%v999 -> 10.0.3.250, \"r%v0 !> 10.0.3.250\"]\n";
    let begun = Instant::now();
    let standing = up("thousand", &text);
    println!("a thousand VRFs built and read back in {:.1} s", begun.elapsed().as_secs_f64());
    standing.all_checks_hold();
}
