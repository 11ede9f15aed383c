//! What `vrflab explain` says of files: the exact text stands beside. `BLESS=1` writes the texts anew.

use crate::program::{Ended, ended, vrflab};
use std::fs;
use std::path::Path;

/// What it says in the folder of this test's files.
fn explained(arguments: &[&str]) -> Ended {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/explain");
    ended(vrflab(&[&["explain"], arguments].concat()).current_dir(folder))
}

/// Compares it with what stands in a file.
fn compare(name: &str, arguments: &[&str]) {
    let ended = explained(arguments);
    let said = format!("{}status {}\n", ended.out, ended.status);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/explain").join(name);
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &said).unwrap();
    }
    assert_eq!(said, fs::read_to_string(&path).unwrap(), "{name}: BLESS=1 writes it");
}

#[test]
fn a_pair_that_reaches_is_told_hop_by_hop_with_the_line_that_sends_it_on() {
    compare("reaches.txt", &["l3vpn.dot", "h1", "h2"]);
}

#[test]
fn a_pair_that_does_not_reach_is_told_with_the_place_where_it_ends() {
    compare("lost.txt", &["l3vpn.dot", "h1", "10.0.3.9", "tcp", "80"]);
}

#[test]
fn a_packet_that_does_not_fit_is_told_with_the_mtu() {
    compare("large.txt", &["l3vpn.dot", "h1", "h2", "size", "1472", "df"]);
}

#[test]
fn a_whole_check_can_be_asked_about_and_a_program_gets_the_same_as_json() {
    compare("misses.json.txt", &["--json", "l3vpn.dot", "h1 !> h2"]);
}

#[test]
fn a_round_of_a_loop_and_what_the_kernel_says_of_it_are_told_once() {
    compare("loop.txt", &["../verify/pairs.yaml", "a1", "d"]);
}

#[test]
fn what_only_a_running_lab_shows_is_said_to_be_left_open() {
    compare("served.txt", &["l3vpn.dot", "h1", "h2", "tcp", "80", "served"]);
}

#[test]
fn what_is_no_question_is_said_so() {
    let said = |arguments: &[&str]| {
        let ended = explained(arguments);
        assert_eq!(ended.status, 2, "{arguments:?}: {}", ended.err);
        ended.err
    };
    let usage = "vrflab: say who sends to whom, as in `vrflab explain h1 h2`\n";
    assert_eq!(said(&["l3vpn.dot", "h1"]), usage);
    assert_eq!(said(&["l3vpn.dot"]), usage);
    let quotes = "vrflab: put the check in quotes, as in `vrflab explain 'h1 -> h2'`\n";
    assert_eq!(said(&["l3vpn.dot", "h1", "-"]), quotes);
    assert!(said(&["l3vpn.dot", "h1", "h9"]).contains("--> question:1:7\n"));
    assert!(said(&["l3vpn.dot", "h1", "h2", "tcq", "80"]).contains("did you mean `tcp`?"));
    assert!(said(&["./absent.dot", "h1", "h2"]).contains("absent.dot"));
}
