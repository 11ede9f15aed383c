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
    assert!(
        said(&["l3vpn.dot", "h1", "h2", "port", "80"]).contains("help: `tcp 80` or `udp 80`\n")
    );
    assert!(said(&["./absent.dot", "h1", "h2"]).contains("absent.dot"));
}

#[test]
fn what_is_written_in_the_place_of_an_end_and_is_none_is_said_with_what_is_meant() {
    let helps = |arguments: &[&str]| {
        let Ended { status, err, .. } = explained(arguments);
        assert_eq!(status, 2, "{arguments:?}: {err}");
        err.trim_end().lines().last().unwrap().trim_start().to_owned()
    };
    let interface = |written: &str, meant: &str| {
        format!("= help: `{written}` is written as an interface: write `{meant}`")
    };
    assert_eq!(helps(&["l3vpn.dot", "pe1:eth0", "h2"]), interface("pe1:eth0", "pe1%c1"));
    assert_eq!(helps(&["l3vpn.dot", "h1", "pe2:c1"]), interface("pe2:c1", "pe2%c1"));
    assert_eq!(helps(&["l3vpn.dot", "h1", "pe2:eth1"]), interface("pe2:eth1", "pe2"));
    let sender = "= help: `h1` has it: `h1 -> … from 10.0.1.1`";
    assert_eq!(helps(&["l3vpn.dot", "10.0.1.1", "h2"]), sender);
    assert_eq!(helps(&["l3vpn.dot", "10.9.9.9", "h2"]), "= note: no node of this file has it");
    let glued = "vrflab: put spaces around the arrow, as in `vrflab explain 'h1 -> h2'`";
    assert_eq!(helps(&["l3vpn.dot", "h1->h2"]), glued);
    assert_eq!(helps(&["h1->h2"]), glued);
}

#[test]
fn a_check_in_the_place_of_a_lab_is_said_to_be_one() {
    let ended = ended(&mut vrflab(&["check", "h1 -> h2"]));
    let said = "vrflab: `h1 -> h2` is no lab: `vrflab check --only 'h1 -> h2'` runs that check, and `vrflab \
                explain 'h1 -> h2'` says why it fails\n";
    assert_eq!((ended.status, ended.err.as_str()), (2, said));
}

#[test]
fn what_counts_for_a_file_is_refused_where_a_lab_is_meant() {
    for (option, value) in [("--limit", "nodes=9"), ("--allow-files", "/"), ("--max-errors", "1")] {
        for words in [&["explain", "l3vpn", "h1", "h2"][..], &["verify", "l3vpn"]] {
            let ended = ended(&mut vrflab(&[words, &[option, value]].concat()));
            let said = format!(
                "vrflab: `{option}` counts for a FILE: name the one that the lab was built from\n"
            );
            assert_eq!((ended.status, ended.err), (2, said), "{words:?}");
        }
    }
}

#[test]
fn what_was_left_out_of_the_file_is_told_from_what_stands_in_it() {
    compare("filled-in.txt", &["office.dot", "alice", "bob"]);
}
