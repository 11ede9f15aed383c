//! What the compiler says of files that can be read and make no sense, or make a doubtful one: the
//! exact text stands beside each file. `BLESS=1` writes the texts anew.
#![allow(clippy::unwrap_used)]

mod networks;
mod plans;
mod print;
mod walk;

use std::fs;
use std::path::Path;
use vrflab::diagnostic::{Source, render};
use vrflab::document::{Format, LabName};

#[test]
fn every_fault_is_said_at_its_place() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compile/bad");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    assert!(files.len() >= 8, "the files are there");
    for path in files {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let source = Source { name, text: fs::read_to_string(&path).unwrap() };
        let lab = LabName::new("lab").unwrap();
        let (_, said) = vrflab::understand(&source, Format::Yaml, None, &lab);
        let said = render::text(&said, &source, render::Style { colour: false });
        assert!(!said.is_empty(), "{}", path.display());
        let expected = path.with_extension("yaml.txt");
        if std::env::var_os("BLESS").is_some() {
            fs::write(&expected, &said).unwrap();
        }
        let expected = fs::read_to_string(&expected).unwrap_or_default();
        assert_eq!(said, expected, "{}", path.display());
    }
}
