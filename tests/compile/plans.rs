//! The same lab is the same plan, whichever language it is written in and however often.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use vrflab::compile::{Lab, NodeId, Options, compile_source};
use vrflab::diagnostic::Source;
use vrflab::document::{Format, LabName};
use vrflab::plan::{Action, Plan, Resource, lower, lower_part};

fn lab(file: &str) -> Lab {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let source = Source { name: file.to_owned(), text: fs::read_to_string(path).unwrap() };
    let name = LabName::new("lab").unwrap();
    let format = Format::of_name(file).unwrap();
    let (lab, said) = compile_source(&source, format, &name, &Options::default());
    assert!(said.is_empty(), "{file}: {said:?}");
    lab.unwrap()
}

fn plan(file: &str) -> Plan {
    lower(&lab(file)).unwrap()
}

fn printed(plan: &Plan) -> String {
    let graph = plan.graph();
    plan.steps()
        .enumerate()
        .map(|(place, step)| format!("{} {:?}\n", step.action, graph.edges_to(place)))
        .collect()
}

#[test]
fn the_plan_of_some_nodes_is_what_the_whole_plan_does_at_them() {
    for file in ["labs/l3vpn.dot", "labs/vxlan.dot", "labs/nexthops.dot", "labs/bond.dot"] {
        let lab = lab(file);
        let whole = lower(&lab).unwrap();
        for id in (0..lab.nodes.len()).map(NodeId) {
            let part = lower_part(&lab, &BTreeSet::from([id])).unwrap();
            let here = lab[id].namespace.as_str();
            let at = |plan: &Plan| -> Vec<Action> {
                let steps = plan.steps().map(|step| step.action.clone());
                let touches = |it: &Action| it.resource().namespaces().any(|it| it == here);
                steps.filter(touches).collect()
            };
            assert_eq!(at(&part), at(&whole), "{file}: {here}");
            let beyond = part.resources().filter(|it| it.namespace() != here);
            for resource in beyond {
                assert!(
                    matches!(resource, Resource::Namespace { .. } | Resource::Veth { .. }),
                    "{file}: {resource:?}"
                );
            }
        }
    }
}

#[test]
fn a_lab_is_read_as_it_was_written() {
    let labs = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("labs")).unwrap();
    let names = labs.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let files = names.filter(|name| Format::of_name(name).is_some());
    for file in files.map(|name| format!("labs/{name}")) {
        let before = lab(&file);
        let after: Lab = postcard::from_bytes(&postcard::to_allocvec(&before).unwrap()).unwrap();
        assert_eq!(format!("{after:?}"), format!("{before:?}"), "{file}");
        assert_eq!(printed(&lower(&after).unwrap()), printed(&lower(&before).unwrap()), "{file}");
    }
}

#[test]
fn the_l3vpn_is_the_same_plan_in_both_languages() {
    assert_eq!(printed(&plan("labs/l3vpn.dot")), printed(&plan("labs/l3vpn.yaml")));
}

/// Labs, and where the plan of each stands that was read and found right.
const PLANS: &[(&str, &str)] = &[
    ("labs/l3vpn.dot", "l3vpn"),
    ("labs/vpns.dot", "vpns"),
    ("tests/guest/vpn/dual.dot", "dual"),
    ("tests/guest/vpn/no-php.dot", "no-php"),
    ("tests/guest/vpn/two-edges.dot", "two-edges"),
    ("tests/guest/vpn/hub.dot", "hub"),
    ("tests/guest/vpn/leak.dot", "leak"),
    ("tests/guest/vpn/pipe.dot", "pipe"),
];

#[test]
fn a_plan_is_the_one_that_was_read_and_found_right() {
    for (file, name) in PLANS {
        let commands: String =
            plan(file).steps().map(|step| format!("{}\n", step.action)).collect();
        let expected = format!("{}/tests/compile/{name}.plan", env!("CARGO_MANIFEST_DIR"));
        if std::env::var_os("BLESS").is_some() {
            fs::write(&expected, &commands).unwrap();
        }
        assert_eq!(commands, fs::read_to_string(&expected).unwrap_or_default(), "{file}");
    }
}

#[test]
fn every_lab_of_the_project_is_read_without_a_word() {
    for folder in ["labs", "labs/zoo"] {
        for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if Format::of_name(&name).is_some() {
                plan(&format!("{folder}/{name}"));
            }
        }
    }
}

#[test]
fn what_a_core_link_says_of_labels_wins_over_its_nodes_roles() {
    let text = "routing: none\nnodes: {a: {role: pe}, b: {role: p}}\nlinks: [{ends: [a, b], tailmpls: false}]\n";
    let source = Source { name: "core.yaml".to_owned(), text: text.to_owned() };
    let name = LabName::new("core").unwrap();
    let (lab, said) = compile_source(&source, Format::Yaml, &name, &Options::default());
    assert!(said.is_empty(), "{said:?}");
    let inputs: Vec<String> = lower(&lab.unwrap())
        .unwrap()
        .steps()
        .map(|step| step.action.to_string())
        .filter(|command| command.contains("input"))
        .collect();
    assert_eq!(inputs, ["ip netns exec core-b sysctl -qw net.mpls.conf.eth0.input=1"]);
}

#[test]
fn nodes_of_a_lab_that_is_longer_than_the_kernels_ttl_reaches_send_with_the_largest() {
    let of_ring = |length: usize| -> Vec<String> {
        let nodes: Vec<String> = (0..length).map(|node| format!("r{node}")).collect();
        let text = format!(
            "graph {{ x -- y; {} -- r0; r0 [sysctls=\"net.ipv4.ip_default_ttl 100\"] }}",
            nodes.join(" -- ")
        );
        let source = Source { name: "ring.dot".to_owned(), text };
        let name = LabName::new("ring").unwrap();
        let (lab, _) = compile_source(&source, Format::Dot, &name, &Options::default());
        let steps = lower(&lab.unwrap()).unwrap();
        let said = steps.steps().map(|step| step.action.to_string());
        said.filter(|said| said.contains("default_ttl") || said.contains("hop_limit")).collect()
    };
    // Over 64 links a packet goes on with TTL 1.
    assert_eq!(of_ring(128).len(), 1);
    let settings = of_ring(130);
    assert_eq!(settings.len(), 2 * 132);
    assert_eq!(settings.iter().filter(|said| said.ends_with("=100")).count(), 1);
}

#[test]
fn an_unreachable_default_that_a_file_says_itself_is_made_once() {
    let text = "routing: none\nnodes:\n  r:\n    vrfs: {blue: 10}\n    routes: [table 10 unreachable \
                default metric 4278198272]\n    interfaces: {d0: {kind: dummy}}\n";
    let source = Source { name: "lab.yaml".to_owned(), text: text.to_owned() };
    let name = LabName::new("lab").unwrap();
    let (lab, said) = compile_source(&source, Format::Yaml, &name, &Options::default());
    let plan = lower(&lab.unwrap_or_else(|| panic!("{said:?}"))).unwrap();
    let commands: Vec<String> = plan.steps().map(|step| step.action.to_string()).collect();
    let made: Vec<&String> = commands.iter().filter(|it| it.contains("unreachable")).collect();
    assert_eq!(
        made,
        [
            "ip -n lab-r -6 route add unreachable default table 10 metric 4278198272",
            "ip -n lab-r route add unreachable default table 10 metric 4278198272",
        ]
    );
}

#[test]
fn the_only_nexthop_whose_interface_is_up_has_no_weight() {
    let text = "routing: none\nnodes:\n  r:\n    interfaces: {a: {kind: dummy, addresses: [10.0.1.1/24, fd01::1/64]}, b: \
                {kind: dummy, up: false, addresses: [10.0.2.1/24, fd02::1/64]}}\n    routes: [10.0.9.0/24 nexthop via \
                10.0.1.2 weight 2 nexthop via 10.0.2.2, fd09::/64 nexthop via fd01::2 weight 2 nexthop via fd02::2]\n";
    let source = Source { name: "lab.yaml".to_owned(), text: text.to_owned() };
    let name = LabName::new("lab").unwrap();
    let (lab, said) = compile_source(&source, Format::Yaml, &name, &Options::default());
    let plan = lower(&lab.unwrap_or_else(|| panic!("{said:?}"))).unwrap();
    let mut made: Vec<(String, u16)> = Vec::new();
    for resource in plan.resources() {
        let Resource::Route { route, .. } = resource else { continue };
        made.extend(route.nexthops.iter().map(|it| (it.dev.to_string(), it.weight)));
    }
    let only = ("a".to_owned(), 1);
    assert_eq!(made, [only.clone(), only]);
}
