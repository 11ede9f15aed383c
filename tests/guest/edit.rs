//! Files that are edited while their lab stands, where that takes VRFs and labels.

use crate::host::{Host, file};
use std::fs;
use std::path::Path;

const FILE: &str = "/run/lab.dot";

/// Labs that have nothing in common but their names are the farthest that an edit can go: every kind of thing is
/// made, changed and deleted.
#[test]
fn a_lab_becomes_any_other_lab_and_nothing_is_left_of_the_one_before() {
    let host = Host::new();
    let some = [
        "l3vpn.dot",
        "vlans.yaml",
        "tunnels.dot",
        "vxlan-vni.yaml",
        "wireguard.dot",
        "htb.yaml",
        "l3vpn.dot",
    ];
    for name in some {
        // The language is told by the text.
        fs::copy(file(&format!("labs/{name}")), "/run/lab").unwrap();
        let up = host.run(&["up", "--no-check", "--name", "lab", "/run/lab"]);
        assert_eq!(up.status, 0, "{name}: {}{}", up.out, up.err);
        let healed = host.done(&["reset", "--in-place"]);
        assert_eq!(healed, "lab: matches its file already\n", "{name}");
        let check = host.run(&["check", "--wait", "20"]);
        assert_eq!(check.status, 0, "{name}: {}{}", check.out, check.err);
        assert!(!check.out.contains(" from what was built"), "{name}: {}", check.out);
    }
    host.done(&["down"]);
    host.assert_nothing_is_left();
}

/// A provider with two customers, or with a third in front of them.
fn vpns(third: bool) -> String {
    let third = match third {
        true => "c1 -- pe1 [vrf=a]; c2 -- pe2 [vrf=a];",
        false => "",
    };
    format!(
        "graph {{ pe1 [role=pe]; pe2 [role=pe]; p [role=p]; node [role=host]; {third}
         pe1 -- p -- pe2; r1 -- pe1 [vrf=red]; r2 -- pe2 [vrf=red];
         b1 -- pe1 [vrf=blue]; b2 -- pe2 [vrf=blue] }}"
    )
}

#[test]
fn a_vpn_that_comes_and_goes_leaves_the_others_as_they_were() {
    let host = Host::new();
    let of = |node: &str, words: &str| {
        let words: Vec<&str> = words.split(' ').collect();
        host.done(&[&["exec", node, "--", "ip"], &words[..]].concat())
    };
    let others = || {
        let tables = ["route show vrf red", "route show vrf blue", "-br link show eth0"];
        let labels = "-f mpls route show dev red";
        tables.map(|words| [of("pe1", words), of("pe2", words), of("pe1", labels)])
    };
    fs::write(FILE, vpns(false)).unwrap();
    host.done(&["up", FILE]);
    let before = others();
    assert!(before.iter().flatten().all(|shown| !shown.is_empty()), "{before:?}");
    fs::write(FILE, vpns(true)).unwrap();
    let up = host.done(&["up", FILE]);
    assert!(up.starts_with("lab: changed, "), "{up}");
    assert_eq!(others(), before);
    assert_eq!(host.done(&["reset", "--in-place"]), "lab: matches its file already\n");
    fs::write(FILE, vpns(false)).unwrap();
    host.done(&["up", FILE]);
    assert_eq!(others(), before);
    assert_eq!(host.done(&["reset", "--in-place"]), "lab: matches its file already\n");
    assert!(!Path::new("/run/netns/lab-c1").exists());
    host.done(&["down"]);
    host.assert_nothing_is_left();
}
