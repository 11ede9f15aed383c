//! The labs that come with the program.

use crate::host::{Host, file, lab, names};
use vrflab::document::Format;

#[test]
fn every_lab_is_valid_and_warns_of_nothing() {
    let host = Host::new();
    let mut labs = names(file("labs"));
    labs.retain(|name| Format::of_name(name).is_some());
    labs.extend(names(file("labs/zoo")).into_iter().map(|name| format!("zoo/{name}")));
    assert!(labs.len() >= 13, "{labs:?}");
    for name in labs {
        let said = host.run(&["validate", &lab(&name)]);
        assert_eq!((said.status, said.err.as_str()), (0, ""), "{name}");
        assert!(said.out.contains(" nodes, "), "{name}: {}", said.out);
    }
    host.assert_nothing_is_left();
}

#[test]
fn the_same_lab_in_dot_and_in_yaml_is_the_same_plan_byte_for_byte() {
    let host = Host::new();
    for form in [["plan"].as_slice(), &["plan", "--json"]] {
        let plan = |name: &str| host.done(&[form, &[&lab(name)]].concat());
        let (dot, yaml) = (plan("l3vpn.dot"), plan("l3vpn.yaml"));
        assert!(dot.contains("l3vpn-pe1"), "{dot}");
        assert_eq!(dot, yaml);
        assert_eq!(dot, plan("l3vpn.dot"), "the same file twice");
    }
    host.assert_nothing_is_left();
}

#[test]
fn a_plan_needs_neither_root_nor_a_feature_of_the_kernel() {
    let host = Host::new();
    let as_nobody = |arguments: &[&str]| {
        let program = "/run/vrflab-of-everybody";
        std::fs::copy(env!("CARGO_BIN_EXE_vrflab"), program).unwrap();
        let text = std::fs::read_to_string(lab("l3vpn.dot")).unwrap();
        std::fs::write("/run/l3vpn.dot", text).unwrap();
        let mut command = std::process::Command::new(program);
        std::os::unix::process::CommandExt::uid(&mut command, 65534);
        // The directory of the one who runs the tests is nobody's.
        command.env("HOME", "/nonexistent").env_remove("VRFLAB_RUNTIME_DIR");
        let output = command.args(arguments).output().unwrap();
        crate::host::said(&output)
    };
    let plan = as_nobody(&["plan", "/run/l3vpn.dot"]);
    assert_eq!((plan.status, plan.err.as_str()), (0, ""));
    assert_eq!(plan.out, host.done(&["plan", &lab("l3vpn.dot")]));
    assert_eq!(as_nobody(&["validate", "/run/l3vpn.dot"]).status, 0);
    let up = as_nobody(&["--kernel", "host", "up", "/run/l3vpn.dot"]);
    assert_eq!(up.status, 3, "{up:?}");
    assert!(up.err.contains("root") && up.err.contains("sudo"), "{}", up.err);
    host.assert_nothing_is_left();
}

#[test]
fn the_example_in_the_readme_comes_up_as_it_stands() {
    let host = Host::new();
    let readme = std::fs::read_to_string(file("README.md")).unwrap();
    let example = readme.split_once("```dot\n").unwrap().1.split_once("```").unwrap().0;
    std::fs::write("/run/office.dot", example).unwrap();
    let up = host.run(&["up", "/run/office.dot"]);
    assert_eq!((up.status, up.err.as_str()), (0, ""));
    assert!(up.out.ends_with("office: 3 checks passed\n"), "{}", up.out);
    host.done(&["down"]);
    host.assert_nothing_is_left();
}

#[test]
fn checks_of_a_large_lan_need_no_more_neighbours_than_a_kernel_keeps() {
    let host = Host::new();
    let hosts: String = (0..200).map(|number| format!("h{number} -- s\n")).collect();
    let text = format!("graph wide {{ s [role=switch]; node [role=host]\n{hosts}}}");
    std::fs::write("/run/wide.dot", text).unwrap();
    let up = host.run(&["up", "/run/wide.dot"]);
    let end = "wide: 356 checks passed\nwide: a sample of 356 pairs out of 39800\n";
    assert!(up.status == 0 && up.out.ends_with(end), "{up:?}");
    host.done(&["down"]);
    host.assert_nothing_is_left();
}

#[test]
fn a_host_that_nothing_reaches_is_named() {
    let host = Host::new();
    let text = "graph cut { r [role=router]; node [role=host]; a -- r; b -- r; c -- r [up=false] }";
    std::fs::write("/run/cut.dot", text).unwrap();
    assert_eq!(
        host.done(&["validate", "/run/cut.dot"]),
        "cut: 4 nodes, 3 links, 2 checks\ncut: not checked, as no route that was filled in leads there: c\n"
    );
    // As is one that keeps others apart.
    std::fs::write("/run/row.dot", "graph row { node [role=host]; a -- h -- b }").unwrap();
    assert_eq!(
        host.done(&["validate", "/run/row.dot"]),
        "row: 3 nodes, 2 links, 4 checks\nrow: no check leads through a host, so the networks on \
         either side of it are not checked against each other: h; a node that forwards has the role \
         `router`\n"
    );
    host.assert_nothing_is_left();
}
