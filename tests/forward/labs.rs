//! Every check of the project's labs holds in the kernel, by another test; so it has to in the model.
//!
//! `labs.txt` says of each lab how many checks the model proves, and of how many it says why it cannot.

use crate::lab;
use std::fs;
use std::path::Path;
use vrflab::document::Format;
use vrflab::forward::Network;
use vrflab::plan::lower;
use vrflab::verify::{Judge, Verdict};

#[test]
fn what_the_labs_promise_is_what_the_model_says() {
    let mut wrong = String::new();
    let mut table = String::new();
    for folder in ["labs", "labs/zoo"] {
        let entries = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut files: Vec<String> = names.filter(|name| Format::of_name(name).is_some()).collect();
        files.sort();
        for file in files {
            let lab = lab(&format!("{folder}/{file}"));
            let plan = lower(&lab).unwrap();
            let network = Network::of_plan(&plan);
            let (mut holds, mut unknown) = (0, std::collections::BTreeMap::new());
            let judge = Judge::new(&lab, &network);
            for check in &lab.checks {
                match judge.judge(check).verdict() {
                    Verdict::Proved => holds += 1,
                    Verdict::Refuted(why) => wrong += &format!("{file}: {check}\n    {why:?}\n"),
                    Verdict::NoOutcome => wrong += &format!("{file}: {check}: no outcome\n"),
                    Verdict::Unknown { at: _, why } => *unknown.entry(*why).or_insert(0) += 1,
                }
            }
            table += &format!("{file} {holds}");
            for (why, count) in unknown {
                table += &format!(" {why:?} {count}");
            }
            table += "\n";
        }
    }
    assert!(wrong.is_empty(), "{table}\n{wrong}");
    let expected = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/forward/labs.txt");
    assert_eq!(table, fs::read_to_string(expected).unwrap());
}
