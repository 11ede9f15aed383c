//! Where text from outside comes in: for the fuzzer, and for a test that runs its seeds.
//!
//! No text stops the program, and what is taken keeps its laws: a lab that is printed is the same lab,
//! and a line that is printed is the same line.

use std::collections::BTreeMap;
use std::fmt::Display;
use vrflab::compile::{self, Lab, Line};
use vrflab::diagnostic::{Severity, Source, Text, json, render};
use vrflab::document::{Files, Format, LabName, Sheet};
use vrflab::iproute::{
    LabelRoute, Netem, NexthopObject, Route, Rule, Tbf, parse_labels, print_labels,
};
use vrflab::plan::lower;

/// A DOT file.
pub fn dot(data: &[u8]) {
    file(data, Format::Dot);
}

/// A YAML file.
pub fn yaml(data: &[u8]) {
    file(data, Format::Yaml);
}

fn file(data: &[u8], format: Format) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some(lab) = compiled(text, format) else { return };
    let sheet = compile::print(&lab);
    comes_back(&lab, &sheet.yaml(), Format::Yaml);
    // DOT has no spelling for a few strings.
    if let Ok(text) = sheet.dot() {
        comes_back(&lab, &text, Format::Dot);
    }
}

/// The lab of a text; all that is said of it can be shown.
fn compiled(text: &str, format: Format) -> Option<Lab> {
    let source = Source { name: "lab".to_owned(), text: text.to_owned() };
    let name = LabName::new("lab").expect("a lab's name");
    // Texts of a fuzzer name no files.
    let files = Some(Files::Kept(BTreeMap::new()));
    let options = compile::Options { files, ..compile::Options::default() };
    let (lab, said) = compile::compile_source(&source, format, &name, &options);
    let shown = render::text(&said, &source, render::Style { colour: true });
    assert_eq!(shown.is_empty(), said.is_empty());
    assert_eq!(json::array(&said, &source).as_array().map(Vec::len), Some(said.len()));
    let refused = said.iter().any(|it| it.severity == Severity::Error);
    assert_eq!(lab.is_none(), refused, "refused without a word, or taken in spite of one");
    lab
}

fn comes_back(lab: &Lab, printed: &str, format: Format) {
    let again =
        compiled(printed, format).unwrap_or_else(|| panic!("a printed lab is refused:\n{printed}"));
    assert_eq!(plan(&again), plan(lab), "another plan from\n{printed}");
}

fn plan(lab: &Lab) -> Vec<String> {
    lower(lab).unwrap().steps().map(|step| step.action.to_string()).collect()
}

/// Routes, rules, label routes and checks, a line each.
pub fn lines(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for line in text.lines() {
        stays(line, Route::parse);
        stays(line, Rule::parse);
        stays(line, LabelRoute::parse);
        stays(line, NexthopObject::parse);
        stays(line, Netem::parse);
        stays(line, Tbf::parse);
        stays(line, Line::parse);
        stays(line, |text| parse_labels(text).map(Labels));
    }
}

struct Labels(Vec<vrflab::iproute::Label>);

impl Display for Labels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&print_labels(&self.0))
    }
}

/// What is read of a line and printed is read again as what is printed the same.
fn stays<T: Display, E>(line: &str, parse: impl Fn(&Text) -> Result<T, E>) {
    let Ok(once) = parse(&Text::filled(line)) else { return };
    let printed = once.to_string();
    match parse(&Text::filled(printed.as_str())) {
        Ok(twice) => assert_eq!(twice.to_string(), printed, "of `{line}`"),
        Err(_) => panic!("`{printed}`, printed of `{line}`, is refused"),
    }
}

/// Checks, a line each, of a lab that has a bit of everything.
pub fn checks(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let lab = "graph {
      node [role=pe]; pe1 [vrfs=blue]; pe2; node [role=p]; p; node [role=host]; h1; h3
      h1 -- pe1 [vrf=blue]; pe1 -- p -- pe2; h3 -- pe2 [vrf=blue]
    }";
    let lab = compiled(lab, Format::Dot).expect("a lab");
    // One that is refused would keep the others from coming back, so each is alone.
    for line in text.lines().take(8) {
        let checks = vec![line.to_owned()];
        file(Sheet { checks, ..compile::print(&lab) }.yaml().as_bytes(), Format::Yaml);
    }
}
