//! A printed lab is the same lab: in every language the same plan, the same checks, and the same text
//! when it is printed again.

use crate::networks::{plain, vpns};
use proptest::prelude::*;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use vrflab::compile::{self, Check, Lab, Options, compile_source};
use vrflab::diagnostic::{Code, Severity, Source, Span, render};
use vrflab::document::{Format, LabName, Sheet};
use vrflab::plan::lower;

/// A language: its name, how a sheet is written in it, and how it is read.
type Language = (&'static str, fn(&Sheet) -> String, Format);

const LANGUAGES: [Language; 3] = [
    ("yaml", Sheet::yaml, Format::Yaml),
    ("json", Sheet::json, Format::Yaml),
    ("dot", |sheet| sheet.dot().unwrap(), Format::Dot),
];

fn read(source: &Source, format: Format) -> Result<(Lab, Vec<Code>), String> {
    let name = LabName::new("lab").unwrap();
    let (lab, said) = compile_source(source, format, &name, &Options::default());
    let text = render::text(&said, source, render::Style { colour: false });
    let errors = said.iter().any(|it| it.severity == Severity::Error);
    let mut codes: Vec<Code> = said.iter().map(|it| it.code).collect();
    codes.sort();
    lab.filter(|_| !errors).map(|lab| (lab, codes)).ok_or(text)
}

fn plan(lab: &Lab) -> String {
    lower(lab).unwrap().steps().map(|step| format!("{}\n", step.action)).collect()
}

fn checks(lab: &Lab) -> Vec<Check> {
    lab.checks.iter().map(|check| Check { span: Span::NONE, ..check.clone() }).collect()
}

/// Prints a lab in every language and reads it again; `said` is what may be said of it.
fn comes_back(lab: &Lab, said: &[Code]) {
    let sheet = compile::print(lab);
    for (language, write, format) in LANGUAGES {
        let text = write(&sheet);
        let source = Source { name: format!("printed.{language}"), text };
        let (again, codes) =
            read(&source, format).unwrap_or_else(|fault| panic!("{fault}\n{}", source.text));
        let new: Vec<_> = codes.iter().filter(|code| !said.contains(code)).collect();
        assert!(new.is_empty(), "{new:?}\n{}", source.text);
        assert_eq!(plan(&again), plan(lab), "{}", source.text);
        assert_eq!(checks(&again), checks(lab), "{}", source.text);
        assert_eq!(write(&compile::print(&again)), source.text);
        if format == Format::Dot {
            canonical(&source.text);
        }
    }
}

/// Graphviz takes the file.
fn canonical(text: &str) {
    let mut child = Command::new("dot")
        .arg("-Tcanon")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("dot: {error}: install Graphviz (Debian: graphviz)"));
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{text}");
}

/// All files of a folder and of those in it that a lab could be in.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false if Format::of_name(&path.to_string_lossy()).is_some() => found.push(path),
            false => {}
        }
    }
    found.sort();
    found
}

#[test]
fn every_lab_comes_back_from_its_print() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut whole = 0;
    for path in files(&root.join("labs")).into_iter().chain(files(&root.join("tests"))) {
        // Some of the tests' files are wrong, and say nothing to print.
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let name = path.display().to_string();
        let format = Format::of_name(&name).unwrap();
        if let Ok((lab, said)) = read(&Source { name, text }, format) {
            comes_back(&lab, &said);
            whole += 1;
        }
    }
    assert!(whole > 25, "{whole} files are labs");
}

#[test]
fn what_a_lab_is_printed_as() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("tests/compile/print/lab.yaml")).unwrap();
    let source = Source { name: "lab.yaml".to_owned(), text };
    let (lab, _) = read(&source, Format::Yaml).unwrap();
    let sheet = compile::print(&lab);
    comes_back(&lab, &[]);
    for (language, write, _) in LANGUAGES {
        let file = root.join(format!("tests/compile/print/printed.{language}"));
        let printed = write(&sheet);
        if std::env::var_os("BLESS").is_some() {
            fs::write(&file, &printed).unwrap();
        }
        assert_eq!(printed, fs::read_to_string(&file).unwrap_or_default(), "{language}");
    }
}

/// Two tables of a router on one LAN, each a neighbour of the other, where one imports the other; and a
/// second interface on a link without an address of the link's IPv6 subnet.
#[test]
fn what_is_filled_in_could_be_written() {
    let lan = "graph { r [role=router, vrfs=\"red import main\", interfaces=\"m kind macvlan parent lan\"];
        p [role=router]; r -- p; p -- q; q [role=router]; q -- h; lan [role=switch];
        s -- lan; r:lan -- lan [vrf=red] }";
    let links = "graph { family=dual; r [role=router, interfaces=\"m kind macvlan parent eth0 addresses 10.88.0.1/24\"];
        p [role=router]; r:eth0 -- p; p -- h; r -- g }";
    for text in [lan, links] {
        let source = Source { name: "lab.dot".to_owned(), text: text.to_owned() };
        let (lab, said) = read(&source, Format::Dot).unwrap();
        comes_back(&lab, &said);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_network_comes_back_from_its_print(text in prop_oneof![plain(), vpns()]) {
        let source = Source { name: "lab.dot".to_owned(), text };
        let (lab, said) = read(&source, Format::Dot).unwrap();
        comes_back(&lab, &said);
    }
}
