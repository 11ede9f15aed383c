//! What is wrong with a file, as it is printed.

use crate::program::{directory, ended, vrflab};
use std::fs;
use std::path::PathBuf;

/// A file with 12 errors of one kind, one of another, and a warning.
fn wrong(test: &str) -> PathBuf {
    let directory = directory(test);
    let links: String = (1..=12).map(|node| format!("  h{node} -- r [mtu=x{node}]\n")).collect();
    let text = format!("graph {{\n{links}  h1 [role=hots, rotes=\"\"]\n}}\n");
    fs::write(directory.join("wrong.dot"), text).unwrap();
    directory
}

#[test]
fn what_is_wrong_is_bounded_and_counted() {
    let directory = wrong("what_is_wrong_is_bounded_and_counted");
    let said = |arguments: &[&str]| {
        ended(vrflab(&[arguments, &["wrong.dot"]].concat()).current_dir(&directory))
    };
    let heads = |arguments: &[&str]| {
        let said = said(arguments);
        let count = |head: &str| said.err.lines().filter(|it| it.starts_with(head)).count();
        let last = said.err.lines().last().unwrap().to_owned();
        (said.status, count("error["), count("warning["), last)
    };
    let total = "13 errors, 1 warning";
    let more = "; `--max-errors 0` prints all in full";
    assert_eq!(heads(&["validate"]), (2, 7, 1, format!("{total}{more}")));
    assert_eq!(heads(&["plan"]), (2, 7, 1, format!("{total}{more}")));
    assert_eq!(heads(&["up"]), (2, 7, 1, format!("{total}; nothing was made{more}")));
    assert_eq!(heads(&["validate", "--max-errors", "2"]), (2, 2, 1, format!("{total}{more}")));
    assert_eq!(heads(&["up", "--max-errors=0"]), (2, 13, 1, format!("{total}; nothing was made")));
    assert!(said(&["validate"]).err.contains("error[wrong-type]: 7 more errors of this kind\n"));
    let json = said(&["validate", "--format", "json", "--max-errors", "2"]);
    let objects: Vec<serde_json::Value> = serde_json::from_str(&json.out).unwrap();
    assert_eq!((objects.len(), json.err.as_str()), (3, ""));
}

#[test]
fn colours_are_as_the_environment_says() {
    let directory = wrong("colours_are_as_the_environment_says");
    let is_coloured = |environment: &[(&str, &str)]| {
        let mut command = vrflab(&["validate", "wrong.dot"]);
        let command = command.current_dir(&directory).envs(environment.iter().copied());
        ended(command).err.contains('\u{1b}')
    };
    assert!(!is_coloured(&[("TERM", "xterm")]), "a pipe is no terminal");
    assert!(is_coloured(&[("TERM", "xterm"), ("CLICOLOR_FORCE", "1")]));
    assert!(!is_coloured(&[("TERM", "xterm"), ("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
}
