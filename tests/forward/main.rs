//! The forwarding model: what it says of labs whose checks hold in the kernel, and of small ones that show
//! one behaviour each.
#![allow(clippy::unwrap_used)]

mod causes;
mod elsewhere;
mod errors;
mod families;
mod labs;
mod lengths;
mod neighbours;
mod traps;
mod vrfs;

use std::fs;
use std::path::Path;
use vrflab::compile::{Lab, Options, compile_source};
use vrflab::diagnostic::Source;
use vrflab::document::{Format, LabName};

/// The lab of a file of the project.
fn lab(file: &str) -> Lab {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    compiled(file, fs::read_to_string(path).unwrap())
}

/// The lab of a text.
fn compiled(name: &str, text: String) -> Lab {
    let source = Source { name: name.to_owned(), text };
    let format = Format::of_name(name).unwrap();
    let fallback = LabName::new("lab").unwrap();
    let (lab, diagnostics) = compile_source(&source, format, &fallback, &Options::default());
    lab.unwrap_or_else(|| panic!("{name}: {diagnostics:?}"))
}
