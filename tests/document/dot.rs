//! DOT as Graphviz reads it.

use crate::good::{meaning, parsed};
use vrflab::diagnostic::{Code, Source};
use vrflab::document::{self, Document, Format};

fn source(name: &str, text: impl Into<String>) -> Source {
    Source { name: name.to_owned(), text: text.into() }
}

fn dot(text: impl Into<String>) -> Document {
    parsed(source("test.dot", text))
}

fn names(document: &Document) -> Vec<&str> {
    document.nodes.iter().map(|node| node.name.as_str()).collect()
}

/// The links as `a:x--b`, one after the other.
fn links(document: &Document) -> String {
    let end = |end: &document::End| match &end.interface {
        Some(interface) => format!("{}:{interface}", end.node),
        None => end.node.to_string(),
    };
    let links =
        document.links.iter().map(|link| format!("{}--{}", end(&link.ends[0]), end(&link.ends[1])));
    links.collect::<Vec<_>>().join(" ")
}

#[test]
fn the_smallest_graphs_are_labs() {
    assert!(names(&dot("graph{}")).is_empty());
    assert_eq!(names(&dot("STRICT DiGraph{a;}")), ["a"]);
    assert_eq!(dot("graph \"My Lab_2\" { a }").name.expect("a name").as_str(), "my-lab-2");
    assert!(dot("graph \"é\" { a }").name.is_none());
}

#[test]
fn names_are_one_whether_quoted_or_not() {
    let document =
        dot("graph { a; \"a\"; \"a\" -- b; \"node\"; \"x\" + \"y\"; \"l\\\nong\"; _1; 7 }");
    assert_eq!(names(&document), ["a", "b", "node", "xy", "long", "_1", "7"]);
}

#[test]
fn ports_are_interfaces_and_bare_compass_points_are_not() {
    let text = "graph { \"spine1\":\"swp1\" -- a:eth0:n -- b:n -- c:\"n\":s; d:se -- e:swp2 }";
    let (document, said) = document::parse(&source("test.dot", text), None);
    assert_eq!(links(&document.unwrap()), "spine1:swp1--a:eth0 a:eth0--b b--c:n d--e:swp2");
    assert!(said.iter().all(|it| it.code == Code::CompassPoint) && said.len() == 2, "{said:?}");
    let text =
        "graph { a -- b [tailport=eth3, headport=\"eth4:w\"]; a:x -- b [tailport=y, headport=n] }";
    assert_eq!(links(&dot(text)), "a:eth3--b:eth4 a:x--b");
}

#[test]
fn chains_and_groups_make_every_link_that_graphviz_draws() {
    assert_eq!(links(&dot("graph { a -- b -- c }")), "a--b b--c");
    assert_eq!(links(&dot("graph { a -- {c b} -- d }")), "a--c a--b c--d b--d");
    assert_eq!(links(&dot("graph { a, b -- c, d }")), "a--c a--d b--c b--d");
    assert_eq!(links(&dot("graph { b; a -- {c b} }")), "a--b a--c");
    assert_eq!(links(&dot("graph { a -- subgraph s { b -- c } }")), "b--c a--b a--c");
    assert_eq!(links(&dot("graph { subgraph s {a} subgraph s {b} -- c }")), "a--c b--c");
    assert_eq!(links(&dot("digraph { a -> b; b -> a; a -> b }")), "a--b b--a a--b");
}

#[test]
fn strict_and_key_merge_edges_as_in_graphviz() {
    assert_eq!(links(&dot("strict graph { a -- b; b -- a [cost=3]; a -- b }")), "a--b");
    assert_eq!(links(&dot("strict digraph { a -> b; b -> a; a -> b }")), "a--b b--a");
    assert_eq!(
        links(&dot("graph { a -- b [key=x]; b -- a [key=x]; a -- b [key=y] }")),
        "a--b a--b"
    );
    let document = dot("strict graph { a -- b [cost=2]; b -- a [cost=3] }");
    assert_eq!(document.links[0].cost.expect("a cost").value, 3);
}

#[test]
fn merged_edges_with_other_ports_are_warned_about_and_the_last_ports_hold() {
    let text = source("test.dot", "strict graph { a:p1 -- b:p2; b:p3 -- a:p4 }");
    let (document, said) = document::parse(&text, None);
    assert_eq!(links(&document.expect("a document")), "a:p4--b:p3");
    assert_eq!(said.iter().map(|it| it.code).collect::<Vec<_>>(), [Code::StrictMerge]);
}

#[test]
fn defaults_hold_for_what_comes_after_them_in_their_subgraph() {
    let document = dot("graph {
           a; node [role=router]; b
           subgraph s { node [role=pe]; c; a; { d } }
           e
           subgraph s { f }
           subgraph t { g; node [role=\"\"]; h }
           node [local_rule=5]
           subgraph s { i }
           a [role=p]
         }");
    let roles: Vec<_> = document
        .nodes
        .iter()
        .map(|node| {
            let role = node.role.map_or("-".to_owned(), |role| format!("{role:?}"));
            format!("{} {role}{}", node.name, if node.local_rule.is_some() { "+" } else { "" })
        })
        .collect();
    let expected =
        ["a P", "b Router", "c Pe", "d Pe", "e Router", "f Pe", "g Router", "h -", "i Pe+"];
    assert_eq!(roles, expected);
}

#[test]
fn an_empty_value_takes_a_default_back() {
    let document =
        dot("graph { edge [vrf=blue, mtu=9000]; a -- b; edge [vrf=\"\"]; a -- b [mtu=\"\"]; }");
    assert!(document.links[0].ends[0].vrf.is_some() && document.links[0].ends[0].mtu.is_some());
    assert!(document.links[1].ends[0].vrf.is_none() && document.links[1].ends[0].mtu.is_none());
}

#[test]
fn comments_preprocessor_lines_and_foreign_attributes_mean_nothing() {
    let document = dot(r##"# 1 "x.dot"
        // one
        /* two
        # three */ graph { # four }
            # five
            rankdir=LR; label=<<b>x</b> <!-- > --> >; a [shape=box; pos="1,2!" weight=3]
            subgraph cluster_0 { style=filled; a } [x=y] node []; edge [][color=red]
            a -- b [label="10.1.1.1/24", taillabel=<10.0.0.1/24>, headlabel="eth0"]# six
        }"##);
    assert_eq!(links(&document), "a--b");
    assert!(document.links[0].ends.iter().all(|end| end.addresses.is_none()));
}

#[test]
fn places_are_those_of_the_values_inside_their_quotes() {
    let text = r#"graph { r1 [routes="default via 10.0.0.1;  10.0.0.0/8 dev eth0"]; r1 -- "r2" }"#;
    let document = dot(text);
    for route in &document.nodes[0].routes {
        assert_eq!(&text[route.span.start..route.span.end], route.as_str());
    }
    let part = document.nodes[0].routes[1].part(15, 19);
    assert_eq!(&text[part.start..part.end], "eth0");
    let link = document.links[0].span;
    assert_eq!(&text[link.start..link.end], "r1 -- \"r2\"");
}

#[test]
fn standard_input_is_dot_if_it_begins_like_it() {
    for text in
        ["graph { a }", "// x\nSTRICT digraph x { a }", "# x\n/**/Graph\"x\"{}", "\u{feff}graph{}"]
    {
        assert_eq!(Format::of_text(&source("<stdin>", text)), Format::Dot, "{text}");
    }
    for text in
        ["nodes: {a: }", "{\"nodes\": {}}", "graph: x", "strict: graph", "# graph {\nname: x", ""]
    {
        assert_eq!(Format::of_text(&source("<stdin>", text)), Format::Yaml, "{text}");
    }
}

#[test]
fn long_lists_and_chains_need_no_stack() {
    let many = 50_000;
    let chain: Vec<_> = (0..many).map(|at| format!("n{at}")).collect();
    let document = dot(format!("graph {{ {} }}", chain.join(" -- ")));
    assert_eq!(document.links.len(), many - 1);
    let attributes: Vec<_> = (0..many).map(|at| format!("zzzzzzzz{at}=1")).collect();
    assert_eq!(names(&dot(format!("graph {{ a [{}] }}", attributes.join(" ")))), ["a"]);
    let joined = vec!["\"\""; many].join("+");
    assert_eq!(names(&dot(format!("graph {{ \"a\"+{joined} }}"))), ["a"]);
}

#[test]
fn a_node_named_only_in_a_link_has_the_defaults_in_both_formats() {
    let yaml = "defaults: {node: {role: host}, link: {mtu: 1500}}\nlinks: [a -- b]";
    let yaml = parsed(source("test.yaml", yaml));
    let dot = dot("graph { node [role=host]; edge [mtu=1500]; a -- b }");
    assert_eq!(meaning(yaml), meaning(dot));
}
