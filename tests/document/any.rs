//! No text whatever stops the program: it is read, or something is said of it that can be shown.

use proptest::prelude::*;
use vrflab::diagnostic::{Code, Severity, Source, json, render};
use vrflab::document::{self, Format};

/// Reads the text, shows what is said of it in every way, and returns how many errors it has.
fn survives(text: &str, format: Option<Format>) -> usize {
    let source = Source { name: "any".to_owned(), text: text.to_owned() };
    let (document, said) = document::parse(&source, format);
    let errors = said.iter().filter(|it| it.severity == Severity::Error).count();
    assert!(document.is_some() || errors > 0, "refused without a word: {text:?}");
    for colour in [false, true] {
        let shown = render::text(&said, &source, render::Style { colour });
        assert_eq!(shown.is_empty(), said.is_empty());
    }
    let objects = json::array(&said, &source);
    assert_eq!(objects.as_array().map(Vec::len), Some(said.len()));
    errors
}

/// The words of the language in any order.
fn soup() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "graph ",
        "strict ",
        "DIGRAPH ",
        "subgraph ",
        "node ",
        "edge ",
        "{",
        "}",
        "[",
        "]",
        "=",
        ";",
        ",",
        ":",
        "--",
        "->",
        "+",
        "-",
        ".",
        "a",
        "b1",
        "\"",
        "\\",
        "<",
        ">",
        "<!--",
        "-->",
        "//",
        "/*",
        "*/",
        "#",
        "\n",
        "\r\n",
        "\t",
        " ",
        "é",
        "名",
        "\u{feff}",
        "role=pe ",
        "vrfs=\"blue 10\" ",
        "'",
        "1.5",
        "taillabel=\"10.0.0.1/24\\n",
        "interfaces=\"e 'x",
        "~",
        "*",
        "&",
        "!",
        "|",
        "- ",
        "nodes: ",
        "links: ",
    ]);
    prop::collection::vec(words, 0..60).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        survives(&text, None);
        survives(&text, Some(Format::Dot));
        survives(&text, Some(Format::Yaml));
    }

    #[test]
    fn any_words_of_the_language_are_read_or_refused(text in soup()) {
        survives(&text, Some(Format::Dot));
        survives(&format!("graph {{ a -- b [ {text}"), Some(Format::Dot));
        survives(&text, Some(Format::Yaml));
    }

    #[test]
    fn any_value_of_any_attribute_is_read_or_refused(
        key in prop::sample::select(vec![
            "role", "vrfs", "interfaces", "loopback", "tables", "routes", "sysctls", "addresses", "mtu",
            "taillabel", "headmac", "checks", "addressing", "name", "netns", "tailport",
        ]),
        value in "[ -~é名\n]{0,40}",
    ) {
        let quoted = value.replace('\\', "").replace('"', "\\\"");
        let text = format!("graph {{ {key}=\"{quoted}\"; a [{key}=\"{quoted}\"]; a -- b [{key}=\"{quoted}\"] }}");
        survives(&text, Some(Format::Dot));
        let json = serde_json::to_string(&value).expect("a string is JSON");
        survives(&format!("{{{key}: {json}, nodes: {{a: {{{key}: {json}}}}}}}"), Some(Format::Yaml));
    }

    /// A backslash is the one character that quotes do not keep as it is.
    #[test]
    fn a_name_in_quotes_is_read_as_it_was(name in "[^\\\\\0]{1,20}") {
        let text = format!("graph {{ \"{}\" }}", name.replace('"', "\\\""));
        let source = Source { name: "any".to_owned(), text };
        let (document, _) = document::parse(&source, Some(Format::Dot));
        let document = document.expect("a document");
        prop_assert_eq!(document.nodes[0].name.as_str(), name);
    }

    #[test]
    fn a_label_anywhere_in_any_text_can_be_shown(
        text in "[a\té名\r\n\u{1b}\u{202e}]{0,40}", start in 0..50_usize, length in 0..50_usize,
    ) {
        use vrflab::diagnostic::{Code, Diagnostic, Span};
        let source = Source { name: "any".to_owned(), text };
        let fault = Diagnostic::error(Code::Syntax, "x").at(Span::new(start, start + length), "here");
        let shown = render::text(std::slice::from_ref(&fault), &source, render::Style { colour: false });
        let obeyed = shown.contains(['\u{1b}', '\u{202e}']);
        prop_assert!(!obeyed);
        json::array(&[fault], &source);
    }
}

/// What is said of a text that says much in few bytes: one error, and soon.
fn is_too_large(text: String, format: Format) {
    let source = Source { name: "any".to_owned(), text };
    let (_, said) = document::parse(&source, Some(format));
    let codes: Vec<_> = said.iter().map(|it| it.code).collect();
    assert_eq!(codes, [Code::TooLarge]);
}

#[test]
fn an_edge_from_each_to_each_is_drawn_up_to_a_bound() {
    let side = |letter: char| (0..3000).map(|it| format!("{letter}{it} ")).collect::<String>();
    is_too_large(format!("graph {{ {{{}}} -- {{{}}} }}", side('a'), side('b')), Format::Dot);
    let pairs = "{a b c d e f g h} -- {i j k l m n o p};".repeat(20_000);
    is_too_large(format!("strict graph {{ {pairs} }}"), Format::Dot);
}

#[test]
fn a_long_default_is_given_to_many_up_to_a_bound() {
    let long = "x".repeat(100_000);
    let nodes = (0..3000).map(|it| format!("n{it}; ")).collect::<String>();
    is_too_large(format!("graph {{ node [comment={long}] {nodes} }}"), Format::Dot);
    let nodes = (0..3000).map(|it| format!("n{it}: , ")).collect::<String>();
    is_too_large(format!("defaults: {{node: {{run: {long}}}}}\nnodes: {{{nodes}}}"), Format::Yaml);
}
