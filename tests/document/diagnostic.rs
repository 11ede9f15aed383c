//! Diagnostics as data for programs, and the names they propose.

use serde_json::json;
use vrflab::diagnostic::{Code, Diagnostic, Source, Span, bound, json, nearest, render};

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

/// A text of so many lines, and where each begins and ends.
fn lines(count: usize) -> (Source, Vec<Span>) {
    let text: String = (1..=count).map(|line| format!("line {line:02}\n")).collect();
    (source(&text), (0..count).map(|line| Span::new(line * 8, line * 8 + 7)).collect())
}

#[test]
fn of_many_places_the_first_ones_and_the_last_are_shown() {
    let (source, places) = lines(20);
    let loops =
        places.iter().fold(Diagnostic::warning(Code::RouteCircle, "a loop"), |it, place| {
            it.at(*place, "then here")
        });
    let eight = Diagnostic { labels: loops.labels[..8].to_vec(), ..loops.clone() };
    let shown = bound::grouped(vec![loops, eight.clone()]);
    assert_eq!(shown[1], eight);
    let starts: Vec<usize> = shown[0].labels.iter().map(|label| label.span.start / 8 + 1).collect();
    assert_eq!(starts, [1, 2, 3, 4, 5, 6, 7, 20]);
    let text = render::text(&shown[..1], &source, render::Style { colour: false });
    assert!(text.ends_with("  = note: 12 more places are not shown\n"), "{text}");
}

#[test]
fn from_the_sixth_on_diagnostics_of_one_code_are_counted() {
    let (source, places) = lines(40);
    let mut said: Vec<Diagnostic> = (0..30)
        .map(|at| {
            Diagnostic::error(Code::UnknownNode, format!("no {at}")).at(places[at], "").help("it")
        })
        .collect();
    said.insert(6, Diagnostic::warning(Code::UnknownNode, "of another weight").at(places[6], ""));
    said.push(Diagnostic::error(Code::BadName, "another kind").at(places[39], ""));
    let titles = |said: Vec<Diagnostic>| -> Vec<String> {
        said.into_iter().map(|diagnostic| diagnostic.title).collect()
    };
    let shown = bound::grouped(said.clone());
    let text = render::text(&shown[5..6], &source, render::Style { colour: false });
    let expected = "\
error[unknown-node]: 25 more errors of this kind
  --> lab.dot:6:1
   |
 6 | line 06
   | ^^^^^^^ no 5
 7 | line 07
   | ^^^^^^^ no 6
 8 | line 08
   | ^^^^^^^ no 7
 9 | line 09
   | ^^^^^^^ no 8
10 | line 10
   | ^^^^^^^ no 9
11 | line 11
   | ^^^^^^^ no 10
12 | line 12
   | ^^^^^^^ no 11
13 | line 13
   | ^^^^^^^ no 12
   |
   = note: 17 of these errors are not shown
";
    assert_eq!(text, expected);
    let five = ["no 0", "no 1", "no 2", "no 3", "no 4"];
    assert_eq!(
        titles(shown),
        [&five[..], &["25 more errors of this kind", "of another weight", "another kind"]].concat()
    );
    // One alone is not counted but shown.
    assert_eq!(titles(bound::grouped(said[..6].to_vec()))[5], "no 5");
    assert_eq!(
        titles(bound::first_errors(said, 2)),
        [&five[..2], &["of another weight"]].concat(),
        "warnings are no errors"
    );
}
