//! Every wrong file in `bad/` gets exactly the text that stands beside it.

use std::fs;
use std::path::{Path, PathBuf};
use vrflab::diagnostic::{Source, render};
use vrflab::document::{self, Format};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/document/bad")
}

fn said_of(file: &Path) -> String {
    let name = file.file_name().expect("a file").to_string_lossy().into_owned();
    let format = Format::of_name(&name);
    let source = Source { name, text: fs::read_to_string(file).expect("readable") };
    let (_, diagnostics) = document::parse(&source, format);
    render::text(&diagnostics, &source, render::Style { colour: false })
}

#[test]
fn a_wrong_file_is_told_what_is_wrong_where_and_why() {
    let mut files: Vec<_> = fs::read_dir(folder())
        .expect("the folder")
        .map(|entry| entry.expect("entry").path())
        .collect();
    files.retain(|file| file.extension().is_none_or(|extension| extension != "txt"));
    files.sort();
    assert!(!files.is_empty(), "no wrong file in {}", folder().display());
    let mut different = Vec::new();
    for file in files {
        let said = said_of(&file);
        let beside = file.with_added_extension("txt");
        if std::env::var_os("BLESS").is_some() {
            fs::write(&beside, &said).expect("written");
        }
        let expected = fs::read_to_string(&beside).unwrap_or_else(|error| {
            panic!("{}: {error}; BLESS=1 writes it", beside.display());
        });
        if said != expected {
            different
                .push(format!("{}\n--- expected\n{expected}\n--- said\n{said}", file.display()));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}
