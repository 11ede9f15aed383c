//! The same files, read by Graphviz and by another DOT parser.

use dot_parser::{ast, canonical};
use proptest::prelude::*;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};
use vrflab::diagnostic::{Code, Source};
use vrflab::document::{self, Document, Format};

/// Prints a line for each node and edge, with the attributes that the drawings below use.
const PROGRAM: &str = r#"
N { printf("node %s %s\n", $.name, hasAttr($, "local_rule") ? $.local_rule : ""); }
E { printf("edge %s %s %s %s %s\n", $.tail.name, $.head.name,
      hasAttr($, "tailport") ? $.tailport : "", hasAttr($, "headport") ? $.headport : "",
      hasAttr($, "cost") ? $.cost : ""); }
"#;

/// What Graphviz's `gvpr` says of a graph, sorted.
fn graphviz(text: &str) -> Vec<String> {
    let mut child = Command::new("gvpr")
        .arg(PROGRAM)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("gvpr: {error}: install Graphviz (Debian: graphviz)"));
    child.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("written");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "gvpr refuses\n{text}");
    let lines = String::from_utf8(output.stdout).expect("text");
    sorted(lines.lines().map(str::to_owned).collect())
}

/// Whether Graphviz takes the file.
fn nop(text: &str) -> bool {
    let mut child = Command::new("nop")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("nop: {error}: install Graphviz (Debian: graphviz)"));
    child.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("written");
    child.wait().expect("it ends").success()
}

/// The same of what we read.
fn ours(document: &Document) -> Vec<String> {
    let mut lines = Vec::new();
    for node in &document.nodes {
        let rule = node.local_rule.map_or(String::new(), |rule| rule.to_string());
        lines.push(format!("node {} {rule}", node.name));
    }
    for link in &document.links {
        let [tail, head] = &link.ends;
        let port = |end: &document::End| end.interface.clone().map_or(String::new(), |it| it.value);
        let cost = link.cost.map_or(String::new(), |cost| cost.to_string());
        let (one, other) = (port(tail), port(head));
        lines.push(format!("edge {} {} {one} {other} {cost}", tail.node, head.node));
    }
    sorted(lines)
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines
}

fn document(text: &str) -> Document {
    let source = Source { name: "test.dot".to_owned(), text: text.to_owned() };
    document::parse(&source, Some(Format::Dot)).0.unwrap_or_else(|| panic!("refused\n{text}"))
}

/// Statements of a body, every one ending in a newline; `%` stands for the edge operator.
fn body() -> impl Strategy<Value = String> {
    let name = || prop::sample::select(vec!["a", "b", "\"c\"", "d", "\"a\"", "b1"]);
    let port = prop::sample::select(vec!["", "", ":p1", ":\"p2\"", ":p3"]);
    let number = || prop::sample::select(vec!["1", "2", "\"3\"", "\"\""]);
    let end = (name(), port).prop_map(|(name, port)| format!("{name}{port}"));
    let attributes = |key: &'static str| {
        prop_oneof![Just(String::new()), number().prop_map(move |it| format!(" [{key}={it}]"))]
    };
    let group = prop_oneof![
        4 => end.clone(),
        1 => prop::collection::vec(name(), 1..3).prop_map(|names| format!("{{{}}}", names.join(" "))),
        1 => prop::collection::vec(end, 2..3).prop_map(|ends| ends.join(", ")),
    ];
    let leaf = prop_oneof![
        (name(), attributes("local_rule")).prop_map(|(name, it)| format!("{name}{it}\n")),
        number().prop_map(|it| format!("node [local_rule={it}]\n")),
        number().prop_map(|it| format!("EDGE [cost={it},]; // {{\n")),
        (prop::collection::vec(group, 2..4), attributes("cost"))
            .prop_map(|(groups, it)| format!("{}{it};\n", groups.join(" % "))),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        let head = prop::sample::select(vec!["", "subgraph ", "subgraph s ", "subgraph \"t\""]);
        (head, prop::collection::vec(inner, 1..5))
            .prop_map(|(head, inner)| format!("{head}{{\n{}}}\n", inner.concat()))
    })
}

fn graph() -> impl Strategy<Value = String> {
    let head = prop::sample::select(vec!["graph", "digraph x", "strict graph", "STRICT DiGraph"]);
    (head, prop::collection::vec(body(), 1..8)).prop_map(|(head, body)| {
        let operator = if head.to_lowercase().contains("digraph") { "->" } else { "--" };
        format!("{head} {{\n{}}}\n", body.concat().replace('%', operator))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn graphviz_reads_the_same_nodes_edges_ports_and_attributes(text in graph()) {
        prop_assert_eq!(ours(&document(&text)), graphviz(&text), "{}", text);
    }

    /// One word is removed, doubled or moved behind its neighbour.
    #[test]
    fn graphviz_refuses_the_same_files(text in graph(), at in any::<prop::sample::Index>(), how in 0..3) {
        let spaced = ["{", "}", "[", "]", "=", ";", ",", ":", "--", "->"]
            .iter()
            .fold(text.replace(", // {", ""), |text, mark| text.replace(mark, &format!(" {mark} ")));
        let mut words: Vec<_> = spaced.split_whitespace().collect();
        let at = at.index(words.len() - 1);
        match how {
            0 => drop(words.remove(at)),
            1 => words.insert(at, words[at]),
            _ => words.swap(at, at + 1),
        }
        let text = words.join(" ");
        let source = Source { name: "test.dot".to_owned(), text: text.clone() };
        let (_, said) = document::parse(&source, Some(Format::Dot));
        let refused = said.iter().any(|it| matches!(it.code, Code::Syntax | Code::Empty));
        prop_assert_eq!(refused, !nop(&text), "{}", text);
    }

    /// dot-parser reads bare names without ports, subgraphs and defaults as Graphviz does.
    #[test]
    fn dot_parser_reads_the_same_nodes_and_edges(
        chains in prop::collection::vec(prop::collection::vec("[a-z]{1,3}[0-9]?", 1..5), 0..12),
    ) {
        let keyword = |name: &String| ["graph", "node", "edge", "strict"].contains(&name.as_str());
        prop_assume!(!chains.iter().flatten().any(keyword));
        let mut text = String::from("graph {\n");
        for chain in &chains {
            writeln!(text, "  {} [cost=1];", chain.join(" -- ")).expect("a string takes it");
        }
        text.push_str("}\n");
        let theirs = ast::Graph::try_from(text.as_str()).expect("dot-parser takes it");
        let theirs = canonical::Graph::from(theirs);
        let mut expected: Vec<_> = theirs.nodes.set.into_keys().collect();
        let edges = theirs.edges.set.into_iter();
        expected.extend(edges.map(|edge| format!("{} -- {}", edge.from, edge.to)));
        let document = document(&text);
        let mut found: Vec<_> = document.nodes.iter().map(|node| node.name.value.clone()).collect();
        let links = document.links.iter().map(|link| &link.ends);
        found.extend(links.map(|ends| format!("{} -- {}", ends[0].node, ends[1].node)));
        prop_assert_eq!(sorted(found), sorted(expected), "{}", text);
    }
}

#[test]
fn every_lab_is_drawn_without_a_warning() {
    let labs = concat!(env!("CARGO_MANIFEST_DIR"), "/labs");
    let entries = std::fs::read_dir(labs).expect("the labs are there");
    let mut labs: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    labs.retain(|path| path.extension().is_some_and(|extension| extension == "dot"));
    assert!(labs.len() > 10, "{labs:?}");
    for lab in labs {
        let drawn = Command::new("dot").args(["-q", "-Tsvg"]).arg(&lab).output().expect("dot runs");
        let said = String::from_utf8_lossy(&drawn.stderr);
        assert!(drawn.status.success() && said.is_empty(), "{}: {said}", lab.display());
    }
}
