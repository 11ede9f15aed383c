//! The program may be given to others under `MIT OR Apache-2.0`.

use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;

/// Licences that ask for no more than their notices to be kept.
const FREE: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

fn metadata() -> Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version=1", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo's answer is JSON")
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// The ids of the packages that are linked into the program: what it depends on otherwise than for
/// tests and build scripts, and what those depend on.
fn linked(metadata: &Value) -> BTreeSet<&str> {
    let nodes = list(&metadata["resolve"], "nodes");
    let mut found = BTreeSet::new();
    let mut ahead = vec![text(&metadata["resolve"], "root")];
    while let Some(id) = ahead.pop() {
        if !found.insert(id) {
            continue;
        }
        let node = nodes.iter().find(|node| text(node, "id") == id).expect("cargo lists all");
        let normal = |dependency: &&Value| {
            list(dependency, "dep_kinds").iter().any(|kind| kind["kind"].is_null())
        };
        ahead.extend(list(node, "deps").iter().filter(normal).map(|it| text(it, "pkg")));
    }
    found
}

/// Whether a licence expression lets one choose free licences alone.
fn is_free(expression: &str) -> bool {
    let expression = spdx::Expression::parse_mode(expression, spdx::ParseMode::LAX);
    expression.is_ok_and(|expression| {
        expression.evaluate(|requirement| {
            requirement.license.id().is_some_and(|licence| FREE.contains(&licence.name))
        })
    })
}

#[test]
fn everything_that_is_linked_may_be_given_away_with_the_program() {
    let metadata = metadata();
    let linked = linked(&metadata);
    assert!(linked.len() > 20, "the dependencies are found: {linked:?}");
    let wrong: Vec<String> = list(&metadata, "packages")
        .iter()
        .filter(|package| linked.contains(text(package, "id")))
        .filter(|package| !is_free(text(package, "license")))
        .map(|package| {
            let licence = package["license"].as_str().unwrap_or("no licence field");
            format!("{}: {licence}", text(package, "name"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_licence_that_binds_the_program_is_told_from_one_that_does_not() {
    for free in ["MIT OR Apache-2.0", "MIT/Apache-2.0", "(MIT OR Apache-2.0) AND Unicode-3.0"] {
        assert!(is_free(free), "{free}");
    }
    assert!(is_free("MIT OR GPL-3.0-only") && is_free("Apache-2.0 WITH LLVM-exception OR MIT"));
    for binding in ["GPL-2.0-or-later", "MIT AND LGPL-3.0-only", "AGPL-3.0", "", "Strange"] {
        assert!(!is_free(binding), "{binding}");
    }
}
