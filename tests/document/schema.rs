//! The JSON Schema takes what the reader takes.

use boon::{Compiler, Schemas};
use serde_json::{Value, json};
use std::path::Path;

#[allow(clippy::unwrap_used)]
fn takes(lab: &Value) -> Result<(), String> {
    let mut schemas = Schemas::new();
    let mut compiler = Compiler::new();
    compiler.add_resource("vrflab.json", vrflab::document::schema()).unwrap();
    let index = compiler.compile("vrflab.json", &mut schemas).unwrap();
    schemas.validate(lab, index).map_err(|error| error.to_string())
}

#[test]
fn every_yaml_file_that_is_right_fits_the_schema() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = 0;
    for folder in ["labs", "tests/document/good"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "yaml") {
                let text = std::fs::read_to_string(&path).unwrap();
                let lab: Value = serde_yaml::from_str(&text).unwrap();
                takes(&lab).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                files += 1;
            }
        }
    }
    assert!(files >= 3, "there are YAML files");
}

#[test]
fn what_the_reader_refuses_does_not_fit_the_schema() {
    for wrong in [
        json!({ "nodse": {} }),
        json!({ "family": "ipv5" }),
        json!({ "nodes": { "a": { "role": "firewall" } } }),
        json!({ "nodes": { "a": { "vrfs": { "blue": { "tabel": 10 } } } } }),
        json!({ "links": [{ "ends": ["a", "b"], "mtu": 10 }] }),
        json!({ "nodes": { "a": { "nft": { "fiel": "x" } } } }),
        json!({ "nodes": { "a": { "run": { "vrf": ["x"] } } } }),
    ] {
        assert!(takes(&wrong).is_err(), "{wrong}");
    }
}
