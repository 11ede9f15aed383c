//! What a check says of labs that somebody broke by hand, on kernels of every kind: the exact text stands behind
//! the commands that break each. `BLESS=1` writes the texts anew.

use crate::host::Host;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

/// Breaks a lab in each of the ways that a file has, checks it, and compares what is said with what stands
/// there. A line that begins with `> ` is what `vrflab` is told.
fn holds(name: &str) {
    let host = Host::new();
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/host/diagnosis");
    let path = directory.join(format!("{name}.txt"));
    let text = fs::read_to_string(&path).unwrap();
    // What is said of its lines names it.
    let file = format!("/run/{name}.yaml");
    fs::copy(directory.join(format!("{name}.yaml")), &file).unwrap();
    host.done(&["up", &file]);
    let mut found = String::new();
    let cases = text.split("\n\n");
    for case in cases {
        let commands: Vec<&str> = case.lines().filter_map(|it| it.strip_prefix("> ")).collect();
        for command in &commands {
            let words: Vec<&str> = command.split(' ').collect();
            let said = match words.iter().position(|word| *word == "--") {
                Some(at) => {
                    let line = words[at + 1..].join(" ");
                    host.run(&[&words[..=at], &["sh", "-c", &line]].concat())
                }
                None => host.run(&words),
            };
            assert_eq!(said.status, 0, "{command}: {said:?}");
            writeln!(found, "> {command}").unwrap();
        }
        let said = host.run(&["check"]);
        assert_eq!(said.err, "", "{commands:?}");
        assert_eq!(said.status, i32::from(said.out.contains("FAILED")), "{commands:?}");
        // How many errors come back, and how far a loop was followed, is a matter of time.
        let is_steady = |line: &&str| !line.contains(" reported: ") && !line.contains(" …, ");
        said.out.lines().filter(is_steady).for_each(|line| writeln!(found, "{line}").unwrap());
        found.push('\n');
        host.done(&["reset", "--in-place"]);
    }
    let found = format!("{}\n", found.trim_end());
    assert_eq!(host.run(&["check"]).out.lines().count(), 1, "it is healed");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &found).unwrap();
    }
    assert!(found == text, "{name}: BLESS=1 writes it\n{found}");
    host.done(&["down"]);
    host.assert_nothing_is_left();
}

#[test]
fn a_network_that_is_broken_by_hand_says_where_and_what_mends_it() {
    holds("plain");
}
