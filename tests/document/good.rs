//! Both spellings of a lab mean the same.

use std::fs;
use std::path::Path;
use vrflab::diagnostic::{Source, Span, render};
use vrflab::document::{self, Document, Format};

/// The document of a file in `good/`, after it was seen that nothing is said against it.
pub fn document(name: &str) -> Document {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/document/good").join(name);
    let text = fs::read_to_string(file).expect("readable");
    parsed(Source { name: name.to_owned(), text })
}

/// The document of a text, after it was seen that nothing is said against it.
pub fn parsed(source: Source) -> Document {
    let (document, said) = document::parse(&source, Format::of_name(&source.name));
    let said = render::text(&said, &source, render::Style { colour: false });
    assert_eq!(said, "", "{}", source.name);
    document.expect("a document")
}

/// What the document says, without its places.
pub fn meaning(mut document: Document) -> String {
    document.links.iter_mut().for_each(|link| link.span = Span::NONE);
    format!("{document:#?}")
}

fn both_mean_the_same(name: &str) {
    let dot = meaning(document(&format!("{name}.dot")));
    let yaml = meaning(document(&format!("{name}.yaml")));
    let difference = dot.lines().zip(yaml.lines()).enumerate().find(|(_, (dot, yaml))| dot != yaml);
    assert!(dot == yaml, "{name}: first difference {difference:?}\n{dot}\n{yaml}");
}

#[test]
fn the_vpn_of_the_reference_means_the_same_in_both_formats() {
    both_mean_the_same("vpn");
}

#[test]
fn every_key_means_the_same_in_both_formats() {
    both_mean_the_same("everything");
}
