//! What is said of wrong files and of doubtful ones: the exact text stands beside each. `BLESS=1`
//! writes the texts anew.
//!
//! A file here is about one code, which its name begins with; those in `together/` have several
//! faults, all of which are said at once. What a first line says behind `--limit` is its limit.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use vrflab::compile::{Options, compile_source};
use vrflab::diagnostic::{Code, Diagnostic, Diagnostics, Source, render};
use vrflab::document::{self, Format, LabName, Limits};
use vrflab::executor;
use vrflab::kernel::{Reason, Refusal};
use vrflab::lint::{Promises, lint};
use vrflab::plan::{Resource, lower};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnostics")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let no_text = |path: &PathBuf| path.extension().is_none_or(|it| it != "txt" && it != "rs");
    let mut files: Vec<PathBuf> = paths.filter(no_text).collect();
    files.retain(|path| path.file_name().is_some_and(|name| name != "together"));
    files.sort();
    files
}

fn name(file: &Path) -> &str {
    file.file_name().unwrap().to_str().unwrap()
}

/// All that is said of a file, under its bare name.
fn said_of(file: &Path) -> (Source, Vec<Diagnostic>) {
    let bare = name(file).to_owned();
    let source = match document::read(file) {
        Ok(source) => Source { name: bare, ..source },
        Err(mut fault) => {
            fault.title = fault.title.replace(file.to_str().unwrap(), &bare);
            return (Source { name: bare, text: String::new() }, vec![fault]);
        }
    };
    let format = Format::of_name(&source.name).unwrap_or_else(|| Format::of_text(&source));
    let lab = LabName::new("lab").unwrap();
    let limit = source.text.lines().next().and_then(|line| line.split_once("--limit "));
    let limit = limit.map(|(_, limit)| limit.parse().unwrap());
    let limits = Limits::default().with(limit.as_slice());
    let options = Options { limits, ..Options::default() };
    let (lab, said) = compile_source(&source, format, &lab, &options);
    let mut said = Diagnostics::from(said);
    if let Some(lab) = &lab {
        lint(lab, &lower(lab).unwrap(), &options.limits, Promises::Held, &mut said);
    }
    let mut said = said.into_sorted();
    if source.name.starts_with(Code::Refused.as_str()) {
        said.push(refused(&lower(&lab.unwrap()).unwrap()));
    }
    (source, said)
}

/// What is said when a kernel refuses the first route of a plan.
fn refused(plan: &vrflab::plan::Plan) -> Diagnostic {
    let step =
        plan.steps().find(|step| matches!(step.action.resource(), Resource::Route { .. })).unwrap();
    let sentence = Some("Nexthop has invalid gateway".to_owned());
    let refusal = Reason::Kernel(Refusal { errno: nix::Error::ENETUNREACH, sentence });
    executor::refused(step, &refusal)
}

/// The text beside a file, and whether it is what is said now.
fn compared(file: &Path, source: &Source, said: &[Diagnostic]) -> Result<(), String> {
    let said = render::text(said, source, render::Style { colour: false });
    let beside = file.with_added_extension("txt");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&beside, &said).unwrap();
    }
    match fs::read_to_string(&beside) {
        Ok(expected) if expected == said => Ok(()),
        Ok(expected) => {
            Err(format!("{}\n--- expected\n{expected}\n--- said\n{said}", file.display()))
        }
        Err(error) => Err(format!("{}: {error}; BLESS=1 writes it", beside.display())),
    }
}

#[test]
fn a_file_is_told_what_is_wrong_where_and_why() {
    let folder = folder();
    let mut different = Vec::new();
    for file in files(&folder) {
        let (source, said) = said_of(&file);
        different.extend(compared(&file, &source, &said).err());
        let bare = source.name.split('.').next().unwrap();
        let about = Code::ALL.iter().filter(|code| {
            let rest = bare.strip_prefix(code.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        });
        let about = about.max_by_key(|code| code.as_str().len());
        let about = about.unwrap_or_else(|| panic!("{bare} is no code"));
        let codes: BTreeSet<Code> = said.iter().map(|it| it.code).collect();
        if codes != BTreeSet::from([*about]) {
            different.push(format!("{} is told of {codes:?}", source.name));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn all_faults_of_a_file_are_said_at_once() {
    let folder = folder().join("together");
    let mut different = Vec::new();
    for file in files(&folder) {
        let (source, said) = said_of(&file);
        different.extend(compared(&file, &source, &said).err());
        let codes: BTreeSet<Code> = said.iter().map(|it| it.code).collect();
        assert!(codes.len() > 1, "{} has one kind of fault: {codes:?}", source.name);
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn every_code_has_a_file() {
    let files = files(&folder());
    let without: Vec<&str> = Code::ALL
        .iter()
        .map(|code| code.as_str())
        .filter(|code| {
            let is = |file: &PathBuf| {
                let bare = name(file).split('.').next().unwrap();
                bare == *code || bare.starts_with(&format!("{code}-"))
            };
            !files.iter().any(is)
        })
        .collect();
    assert!(without.is_empty(), "without a file: {without:?}");
}

#[test]
fn no_text_stands_beside_no_file() {
    for folder in [folder(), folder().join("together")] {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|it| it == "txt") {
                assert!(path.with_extension("").exists(), "{}", path.display());
            }
        }
    }
}
