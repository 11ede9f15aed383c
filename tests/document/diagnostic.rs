//! Diagnostics as data for programs, and the names they propose.

use serde_json::json;
use vrflab::diagnostic::{Code, Diagnostic, Source, Span, json, nearest, render};

fn source(text: &str) -> Source {
    Source { name: "lab.dot".to_owned(), text: text.to_owned() }
}

#[test]
fn a_diagnostic_is_an_object_with_its_places() {
    let source = source("graph {\n\té [rol=x]\n}\n");
    let fault = Diagnostic::warning(Code::MisspelledKey, "no effect")
        .at(Span::new(13, 16), "here")
        .beside(Span::new(0, 5), "")
        .note("why")
        .help("what to do");
    let expected = json!([{
        "severity": "warning",
        "code": "misspelled-key",
        "title": "no effect",
        "file": "lab.dot",
        "labels": [
            {"primary": true, "text": "here",
             "start": {"byte": 13, "line": 2, "column": 5}, "end": {"byte": 16, "line": 2, "column": 8}},
            {"primary": false, "text": "",
             "start": {"byte": 0, "line": 1, "column": 1}, "end": {"byte": 5, "line": 1, "column": 6}},
        ],
        "notes": ["why"],
        "help": ["what to do"],
    }]);
    assert_eq!(json::array(&[fault], &source), expected);
}

#[test]
fn a_diagnostic_without_a_place_names_its_file() {
    let source = source("");
    let fault = Diagnostic::error(Code::Empty, "nothing").help("write something");
    let shown =
        render::text(std::slice::from_ref(&fault), &source, render::Style { colour: false });
    assert!(
        shown.starts_with("error[empty]: nothing\n") && shown.contains("--> lab.dot"),
        "{shown}"
    );
    assert_eq!(json::array(&[fault], &source)[0]["file"], "lab.dot");
}

#[test]
fn colours_are_only_there_when_they_are_wanted() {
    let source = source("graph {}");
    let fault = [Diagnostic::error(Code::Syntax, "x").at(Span::new(0, 5), "")];
    assert!(render::text(&fault, &source, render::Style { colour: true }).contains('\u{1b}'));
    assert!(!render::text(&fault, &source, render::Style { colour: false }).contains('\u{1b}'));
}

#[test]
fn places_far_apart_in_a_large_file_are_shown_without_what_lies_between() {
    let text = format!("first\n{}last\n", "between\n".repeat(100_000));
    let end = text.len() - 5;
    let source = source(&text);
    let fault = Diagnostic::error(Code::DuplicateAddress, "twice")
        .at(Span::new(end, end + 4), "the second one")
        .beside(Span::new(0, 5), "the first one");
    let shown = render::text(&[fault], &source, render::Style { colour: false });
    assert!(shown.contains("lab.dot:100002:1") && shown.contains("the first one"), "{shown}");
    assert!(!shown.contains("between"), "{shown}");
}

#[test]
fn the_nearest_name_is_a_slip_away() {
    let known = ["role", "routes", "rules", "mtu", "up", "addresses"];
    for (name, near) in [
        ("rule", Some("rules")),
        ("Role", Some("role")),
        ("adresses", Some("addresses")),
        ("mut", Some("mtu")),
        ("ip", None),
        ("color", None),
        ("", None),
    ] {
        assert_eq!(nearest(name, known), near, "{name}");
    }
}

#[test]
fn ten_thousand_faults_are_all_shown_at_their_places() {
    let text = "graph {\n".to_owned() + &"  a [rolle=1]\n".repeat(10_000) + "}\n";
    let source = source(&text);
    let (_, said) = vrflab::document::parse(&source, None);
    assert_eq!(said.len(), 10_000);
    let shown = render::text(&said, &source, render::Style { colour: false });
    let objects = json::array(&said, &source);
    assert!(shown.contains("lab.dot:10001:6"), "{}", &shown[shown.len() - 200..]);
    assert_eq!(objects[9_999]["labels"][0]["start"]["line"], 10_001);
}
