//! What `vrflab verify` says of labs: the exact text stands beside each. `BLESS=1` writes the texts anew.

use crate::program::{ended, vrflab};
use std::fs;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/verify")
}

/// What is printed of a file, and the status.
fn said(arguments: &[&str]) -> String {
    let ended = ended(vrflab(&[&["verify"], arguments].concat()).current_dir(folder()));
    format!("{}status {}\n", ended.out, ended.status)
}

fn compared(name: &str, said: &str) -> Result<(), String> {
    let beside = folder().join(name);
    if std::env::var_os("BLESS").is_some() {
        fs::write(&beside, said).unwrap();
    }
    match fs::read_to_string(&beside) {
        Ok(expected) if expected == said => Ok(()),
        Ok(expected) => Err(format!("{name}\n--- expected\n{expected}\n--- said\n{said}")),
        Err(error) => Err(format!("{name}: {error}; BLESS=1 writes it")),
    }
}

#[test]
fn each_check_of_a_file_is_proved_or_refuted_with_the_walk_and_the_line_that_decides() {
    let files = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = files
        .filter(|file| file.extension().is_some_and(|it| it == "yaml" || it == "dot"))
        .collect();
    files.sort();
    assert!(files.len() > 3);
    let compare = |file: &PathBuf| {
        let name = file.file_name().unwrap().to_str().unwrap();
        compared(&format!("{name}.txt"), &said(&[name])).err()
    };
    let different: Vec<String> = files.iter().filter_map(compare).collect();
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn a_lab_whose_checks_all_hold_takes_one_line() {
    assert_eq!(said(&["../../../labs/l3vpn.dot"]), "l3vpn: 64 checks proved\nstatus 0\n");
}

#[test]
fn rules_by_mark_type_of_service_and_source_port_choose_what_checks_send_so() {
    assert_eq!(said(&["../../../labs/policy.yaml"]), "policy: 9 checks proved\nstatus 0\n");
}

#[test]
fn a_program_gets_the_same_as_json() {
    let said = said(&["--json", "missing-route.yaml"]);
    assert_eq!(compared("missing-route.json.txt", &said), Ok(()));
}

#[test]
fn of_two_links_the_loss_of_one_is_survived_where_carrier_counts() {
    let said = said(&["--if-down", "any", "two-uplinks.yaml"]);
    assert_eq!(compared("two-uplinks.if-down.txt", &said), Ok(()));
}

#[test]
fn an_interface_that_is_not_there_is_wrong_usage() {
    let said = |port: &str| {
        let said =
            ended(vrflab(&["verify", "--if-down", port, "two-uplinks.yaml"]).current_dir(folder()));
        assert_eq!((said.status, said.out.as_str()), (2, ""));
        said.err.lines().last().unwrap().to_owned()
    };
    assert_eq!(said("r1:eth9"), "vrflab: `r1` has no interface `eth9`");
    assert_eq!(said("r9:a"), "vrflab: two-uplinks has no node `r9`");
    let usage = "vrflab: `r1` is no interface; name one, as in `r1:eth0`, or say `any`";
    assert_eq!(said("r1"), usage);
}

#[test]
fn of_all_pairs_those_that_fare_alike_are_told_together_with_what_is_the_matter() {
    let said = said(&["--all-pairs", "pairs.yaml"]);
    assert_eq!(compared("pairs.all.txt", &said), Ok(()));
}
