//! The fuzzer's seeds and what it found, through the same entries: every file of the labs and of the
//! tests, whichever of the languages it is in, and lines of each grammar.
#![allow(clippy::unwrap_used)]

#[path = "../../fuzz/entry.rs"]
mod entry;

use std::fs;
use std::path::{Path, PathBuf};

fn files(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "nothing in {folder}");
    found
}

#[test]
fn files_of_either_language_are_read_as_both() {
    for path in files("labs").into_iter().chain(files("tests")).chain(files("fuzz/seeds/files")) {
        let is = |name: &&str| path.extension().is_some_and(|it| it == *name);
        if ["dot", "yaml", "json"].iter().any(is) {
            let data = fs::read(&path).unwrap();
            entry::dot(&data);
            entry::yaml(&data);
        }
    }
}

#[test]
fn lines_are_read_in_every_grammar() {
    for path in files("fuzz/seeds/lines") {
        let data = fs::read(&path).unwrap();
        entry::lines(&data);
        entry::checks(&data);
    }
}
