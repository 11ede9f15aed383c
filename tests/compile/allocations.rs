//! What a lab that was compiled before gives to the lab of its edited file.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use vrflab::compile::{Allocations, Lab, Options, compile, compile_source};
use vrflab::diagnostic::{Diagnostics, Severity, Source, Spanned};
use vrflab::document::{self, Document, Files, Format, LabName, Limits, Role};
use vrflab::topology;

fn file(name: &str) -> Source {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    Source { text: fs::read_to_string(&path).unwrap(), name: path.to_str().unwrap().to_owned() }
}

fn name() -> LabName {
    LabName::new("lab").unwrap()
}

fn options(kept_allocations: Allocations) -> Options {
    Options { kept_allocations, ..Options::default() }
}

fn compiled(source: &Source, kept: Allocations) -> Lab {
    let format = Format::of_name(&source.name).unwrap();
    let (lab, said) = compile_source(source, format, &name(), &options(kept));
    assert!(said.iter().all(|it| it.severity != Severity::Error), "{}: {said:?}", source.name);
    lab.unwrap()
}

/// The lab of a file of `tests/compile/allocations`, compiled beside what was chosen for another one.
fn edited(before: &str, after: &str) -> Lab {
    let read = |name: &str| file(&format!("tests/compile/allocations/{name}"));
    let before = compiled(&read(before), Allocations::default());
    compiled(&read(after), before.allocations)
}

/// What a node has of what can be chosen, a line each.
fn node(lab: &Lab, name: &str) -> String {
    let node = &lab[lab.node(name).unwrap()];
    let mut lines = Vec::new();
    for address in &node.loopback {
        lines.push(format!("lo {}", address.value.net));
    }
    for vrf in &node.vrfs {
        lines.push(format!("vrf {} table {}", vrf.name, vrf.table));
    }
    let id = lab.node(name).unwrap();
    for (place, interface) in node.interfaces.iter().enumerate() {
        let far = lab.peer(id, vrflab::compile::InterfaceId(place));
        let far = far.map_or(String::new(), |(far, _)| format!(" to {}", lab[far].name));
        let addresses: Vec<String> =
            interface.addresses.iter().map(|it| it.value.net.to_string()).collect();
        lines.push(format!("{}{far} {}", interface.name, addresses.join(" ")));
    }
    for route in node.label_routes.iter().filter(|route| route.value.nexthops[0].via.is_none()) {
        lines.push(format!("label {} to {}", route.value.label, route.value.nexthops[0].dev));
    }
    lines.join("\n")
}

#[test]
fn a_node_in_the_middle_of_a_file_renumbers_none_of_the_others() {
    let lab = edited("line.dot", "line-longer.dot");
    assert_eq!(node(&lab, "r1"), "lo 192.168.0.1/32\neth0 to r2 172.16.0.0/31");
    assert_eq!(
        node(&lab, "r3"),
        "lo 192.168.0.3/32\neth1 to new 172.16.0.5/31\neth0 to r2 172.16.0.3/31"
    );
    assert_eq!(node(&lab, "new"), "lo 192.168.0.4/32\neth0 to r3 172.16.0.4/31");
}

#[test]
fn what_the_file_says_wins_over_what_was_chosen_before() {
    let lab = edited("line.dot", "line-written.dot");
    // The file has the subnet of r1 and r2, the loopback of r2 and an interface of r3 for something new.
    assert_eq!(node(&lab, "r1"), "lo 192.168.0.1/32\neth0 to r2 172.16.0.4/31");
    assert_eq!(
        node(&lab, "r2"),
        "lo 192.168.0.4/32\neth0 to r1 172.16.0.5/31\neth1 to r3 172.16.0.2/31"
    );
    assert_eq!(
        node(&lab, "r3"),
        "lo 192.168.0.3/32\neth0 to new 172.16.0.0/31\neth1 to r2 172.16.0.3/31"
    );
}

#[test]
fn a_vpn_in_front_of_others_leaves_them_their_tables_and_labels() {
    let lab = edited("vpns.dot", "vpns-more.dot");
    let before = edited("vpns.dot", "vpns.dot");
    let lines = |lab: &Lab, name: &str| -> BTreeSet<String> {
        node(lab, name).lines().map(str::to_owned).collect()
    };
    for name in ["pe1", "pe2"] {
        let (before, after) = (lines(&before, name), lines(&lab, name));
        assert!(before.is_subset(&after), "{before:#?}\n{after:#?}");
    }
    let new = lines(&lab, "pe1");
    assert!(new.contains("vrf aaa table 12"), "{new:#?}");
    assert!(new.contains("label 1004 to aaa"), "{new:#?}");
}

#[test]
fn a_lan_that_outgrows_its_subnet_gets_another_one_and_leaves_the_rest() {
    let hosts = |count: usize| {
        let hosts = (0..count).map(|it| format!("h{it} -- s\n")).collect::<String>();
        let text = format!(
            "graph {{ node [role=host]; s [role=switch]; t [role=switch]; r [role=router];
             {hosts} r -- s; r -- t; t -- q; r -- p }}"
        );
        Source { name: "lan.dot".to_owned(), text }
    };
    let before = compiled(&hosts(200), Allocations::default());
    let after = compiled(&hosts(300), before.allocations);
    assert_eq!(node(&after, "h7"), "eth0 to s 10.0.2.8/23");
    assert_eq!(node(&after, "q"), "eth0 to t 10.0.1.2/24");
    assert_eq!(node(&after, "p"), "eth0 to r 172.16.0.1/31");
}

/// The labs of the project and of the guest's tests.
static LABS: LazyLock<Vec<PathBuf>> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["labs", "labs/zoo", "tests/guest", "tests/guest/vpn"];
    let files = folders.into_iter().flat_map(|it| fs::read_dir(root.join(it)).unwrap());
    let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    files.retain(|path| Format::of_name(path.to_str().unwrap()).is_some());
    files.sort();
    files
});

#[test]
fn the_same_file_with_its_own_choices_is_the_same_lab() {
    for path in &*LABS {
        let source = file(path.to_str().unwrap());
        let lab = compiled(&source, Allocations::default());
        let again = compiled(&source, lab.allocations.clone());
        let bytes = |lab: &Lab| postcard::to_allocvec(lab).unwrap();
        assert!(bytes(&lab) == bytes(&again), "{}", path.display());
    }
}

/// A change of a file.
#[derive(Debug, Clone)]
enum Edit {
    RemoveLink(Index),
    RemoveNode(Index),
    /// A host, at a node, at some place among the nodes and among the links.
    Add {
        at: Index,
        node: Index,
        link: Index,
    },
    ReverseNodes,
    ReverseLinks,
}

fn edit() -> impl Strategy<Value = Edit> {
    let any = any::<Index>;
    prop_oneof![
        3 => any().prop_map(Edit::RemoveLink),
        3 => any().prop_map(Edit::RemoveNode),
        4 => (any(), any(), any()).prop_map(|(at, node, link)| Edit::Add { at, node, link }),
        1 => Just(Edit::ReverseNodes),
        1 => Just(Edit::ReverseLinks),
    ]
}

/// What a file says, but for its checks; each node with the role that it has anyway.
fn parsed(source: &Source) -> Document {
    let format = Format::of_name(&source.name).unwrap();
    let files = Files::beside(&source.name, &[]);
    let (document, said) = document::parse_with(source, Some(format), &files, &Limits::none());
    let mut document = document.unwrap_or_else(|| panic!("{said:?}"));
    document.checks = None;
    document
}

/// The lab of a document; nothing where it is none, such as where a route has lost its gateway.
fn lab_of(document: Document, kept: Allocations) -> Option<Lab> {
    let mut diagnostics = Diagnostics::default();
    let topology = topology::resolve(document, None, &name(), &mut diagnostics);
    let lab = compile(topology, &options(kept), &mut diagnostics);
    lab.filter(|_| !diagnostics.has_errors())
}

impl Edit {
    /// Edits a file; whether there was something to edit. The address spaces of its VPNs stay apart, or
    /// together, as they were: where there are some only hosts and their links go.
    fn apply(&self, number: usize, document: &mut Document) -> bool {
        let Document { nodes, links, .. } = document;
        let has_vpns = |node: &document::Node| {
            !node.vrfs.is_empty() || node.role.is_some_and(|it| it.value == Role::Pe)
        };
        let has_vpns = nodes.iter().any(has_vpns);
        let is_free = |node: &document::Node| {
            !has_vpns
                || (node.vrfs.is_empty() && node.role.is_some_and(|it| it.value == Role::Host))
        };
        let free: BTreeSet<String> =
            nodes.iter().filter(|it| is_free(it)).map(|it| it.name.to_string()).collect();
        match self {
            Self::RemoveLink(at) => {
                let is_free = |link: &document::Link| {
                    link.ends.iter().any(|it| free.contains(it.node.as_str()))
                };
                let free: Vec<usize> = (0..links.len()).filter(|at| is_free(&links[*at])).collect();
                if !free.is_empty() {
                    links.remove(*at.get(&free));
                }
                !free.is_empty()
            }
            Self::RemoveNode(at) => {
                let free: Vec<usize> = (0..nodes.len()).filter(|at| is_free(&nodes[*at])).collect();
                if !free.is_empty() {
                    let node = nodes.remove(*at.get(&free)).name.value;
                    links.retain(|link| link.ends.iter().all(|end| end.node.value != node));
                }
                !free.is_empty()
            }
            Self::Add { .. } if nodes.is_empty() => false,
            Self::Add { at, node, link } => {
                let at = &nodes[at.index(nodes.len())].name;
                let text = format!("graph {{ new{number} [role=host]; new{number} -- \"{at}\" }}");
                let new = parsed(&Source { name: "new.dot".to_owned(), text });
                let (node, link) = (node.index(nodes.len() + 1), link.index(links.len() + 1));
                nodes.insert(node, new.nodes.into_iter().next().unwrap());
                links.insert(link, new.links.into_iter().next().unwrap());
                true
            }
            Self::ReverseNodes => {
                nodes.reverse();
                true
            }
            Self::ReverseLinks => {
                links.reverse();
                true
            }
        }
    }
}

/// What was chosen for nodes and links, each by the names that it belongs to.
fn choices(lab: &Lab) -> BTreeMap<String, String> {
    let mut choices = BTreeMap::new();
    let chosen = serde_json::to_value(&lab.allocations).unwrap();
    for (node, chosen) in chosen["nodes"].as_object().unwrap() {
        for (what, chosen) in chosen.as_object().unwrap() {
            let key = format!("{node} {what}");
            match chosen {
                Value::Object(chosen) => choices
                    .extend(chosen.iter().map(|(of, it)| (format!("{key} {of}"), it.to_string()))),
                Value::Null => {}
                Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                    choices.insert(key, chosen.to_string());
                }
            }
        }
    }
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for link in chosen["links"].as_array().unwrap() {
        for (near, far) in [(&link[0], &link[1]), (&link[1], &link[0])] {
            let name = |end: &Value| match end["is_named"] == true {
                true => format!("{}:{}", end["node"], end["interface"]),
                false => end["node"].to_string(),
            };
            let ends = format!("{} {}", name(near), name(far));
            let number = count.entry(ends.clone()).or_default();
            *number += 1;
            let is = format!("{} {} {}", near["interface"], far["interface"], near["addresses"]);
            choices.insert(format!("{ends} {number}"), is);
        }
    }
    choices
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn an_edit_renumbers_nothing_that_it_leaves(
        path in select(&LABS[..]),
        edits in proptest::collection::vec(edit(), 1..4),
    ) {
        let source = file(path.to_str().unwrap());
        let roles = compiled(&source, Allocations::default());
        let roles: BTreeMap<String, Role> =
            roles.nodes.iter().map(|node| (node.name.to_string(), node.role)).collect();
        let with_roles = || {
            let mut document = parsed(&source);
            for node in &mut document.nodes {
                node.role = Some(Spanned::filled(roles[node.name.as_str()]));
            }
            document
        };
        let before = lab_of(with_roles(), Allocations::default());
        let mut document = with_roles();
        prop_assume!(edits.iter().enumerate().all(|(number, edit)| edit.apply(number, &mut document)));
        let before = before.unwrap();
        let after = lab_of(document, before.allocations.clone());
        prop_assume!(after.is_some());
        let (one, other) = (choices(&before), choices(&after.unwrap()));
        for (key, was) in &one {
            if let Some(is) = other.get(key) {
                prop_assert_eq!(was, is, "{}: {}", path.display(), key);
            }
        }
    }
}
