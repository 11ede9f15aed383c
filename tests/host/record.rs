//! Records of labs that another version wrote, or that are damaged.

use crate::host::{Host, Said, edit_record, lab, names};
use std::fs;
use vrflab::document::LabName;
use vrflab::lifecycle::{ResetOptions, RunningLab};

const RECORD: &str = "/run/vrflab/two-hosts/lab.json";
const BUILT: &str = "/run/vrflab/two-hosts/built-0";

/// Verbs that are about what a lab was built from.
const INTO_THE_LAB: [&[&str]; 6] = [
    &["check"],
    &["verify"],
    &["link", "h1:eth0", "down"],
    &["impair", "h1:eth0", "delay", "1ms"],
    &["reset"],
    &["up", "labs/two-hosts.yaml"],
];

fn up(host: &Host) {
    host.done(&["up", "--no-check", &lab("two-hosts.yaml")]);
}

fn run(host: &Host, verb: &[&str]) -> Said {
    let mut command = host.vrflab(verb);
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    crate::host::said(&command.output().unwrap())
}

#[test]
fn a_record_of_another_version_lets_its_lab_be_taken_down_and_no_more() {
    let host = Host::new();
    let ours = format!("\"schema\":\"{}\"", vrflab::state::SCHEMA);
    // Records of the first versions name no schema.
    for (theirs, schema) in [("\"schema\":\"2+7.0.0\",\"more\":[1]", "2+7.0.0"), ("\"a\":1", "0")] {
        up(&host);
        edit_record(RECORD, |text| text.replace(&ours, theirs));
        let expected = format!(
            "vrflab: two-hosts: its record {RECORD} is that of another version of vrflab ({schema}, not \
             {}), which can still work on the lab; this one can only remove it: `vrflab down two-hosts`\n",
            vrflab::state::SCHEMA
        );
        let others: [&[&str]; 2] = [&["exec", "two-hosts", "h1", "--", "true"], &["ls"]];
        for verb in INTO_THE_LAB.into_iter().chain(others) {
            let said = run(&host, verb);
            assert!(said.err.starts_with(&expected), "{verb:?}: {said:?}");
            assert_eq!(said.status == 0, *verb == ["ls"], "{verb:?}: {said:?}");
        }
        assert_eq!(names("/run/netns"), ["two-hosts-h1", "two-hosts-h2"]);
        assert_eq!(host.done(&["down"]), "two-hosts is down\n");
    }
    host.assert_nothing_is_left();
}

#[test]
fn a_lab_whose_compiled_form_is_lost_can_be_entered_listed_and_taken_down() {
    let host = Host::new();
    let cut = |bytes: &[u8]| bytes[..bytes.len() / 2].to_vec();
    let flipped = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        bytes
    };
    type Damage<'a> = &'a dyn Fn(&[u8]) -> Vec<u8>;
    let damages: [(Damage<'_>, &str); 3] =
        [(&cut, "is damaged: "), (&flipped, "is damaged: "), (&|_| Vec::new(), "is damaged: ")];
    let lost = |what: &str| {
        for verb in INTO_THE_LAB {
            let said = run(&host, verb);
            let expected = format!("vrflab: two-hosts: what it was built from {what}");
            assert!(said.err.starts_with(&expected), "{verb:?}: {said:?}");
            assert_eq!((said.status, said.out.as_str()), (3, ""), "{verb:?}");
        }
        assert_eq!(host.done(&["exec", "h1", "--", "echo", "there"]), "there\n");
        assert_eq!(host.done(&["ls"]), format!("{:32} host\n", "two-hosts"));
        assert_eq!(host.done(&["down"]), "two-hosts is down\n");
    };
    for (damage, what) in damages {
        up(&host);
        fs::write(BUILT, damage(&fs::read(BUILT).unwrap())).unwrap();
        lost(what);
    }
    up(&host);
    fs::remove_file(BUILT).unwrap();
    lost("cannot be read: ");
    host.assert_nothing_is_left();
}

#[test]
fn a_record_that_is_cut_short_empty_or_anothers_loses_no_lab() {
    let host = Host::new();
    host.done(&["up", "--no-check", "--name", "other", &lab("two-hosts.yaml")]);
    let others = fs::read_to_string("/run/vrflab/other/lab.json").unwrap();
    let record = |of: fn(&str) -> String| {
        up(&host);
        of(&fs::read_to_string(RECORD).unwrap())
    };
    let half = record(|text| text[..text.len() / 2].to_owned());
    for text in [half, String::new(), others] {
        up(&host);
        fs::write(RECORD, text).unwrap();
        for verb in INTO_THE_LAB.into_iter().chain([["down"].as_slice()]) {
            let (first, rest) = verb.split_first().unwrap();
            let name: &[&str] = if *first == "up" { &[] } else { &["two-hosts"] };
            let verb = [&[*first], name, rest].concat();
            let said = run(&host, &verb);
            let expected = format!("two-hosts: its record {RECORD} cannot be read: ");
            assert!(said.err.contains(&expected), "{verb:?}: {said:?}");
            assert_ne!(said.status, 0, "{verb:?}");
        }
        let there = ["other-h1", "other-h2", "two-hosts-h1", "two-hosts-h2"];
        assert_eq!(names("/run/netns"), there);
        assert_eq!(host.done(&["down", "--force", "two-hosts"]), "two-hosts is down\n");
        assert_eq!(names("/run/netns"), ["other-h1", "other-h2"]);
    }
    host.done(&["check", "other"]);
    host.done(&["down", "other"]);
    host.assert_nothing_is_left();
}

#[test]
fn a_lab_of_which_the_record_says_too_little_is_taken_down_whole() {
    let host = Host::new();
    let directory = "/run/vrflab/two-hosts";
    type Damage<'a> = &'a dyn Fn();
    let of_record: [Damage<'_>; 4] = [
        &|| fs::remove_file(RECORD).unwrap(),
        &|| edit_record(RECORD, |text| text.replace(r#"["two-hosts-h1","two-hosts-h2"]"#, "[]")),
        &|| edit_record(RECORD, |text| text.replacen("\"two-hosts-h2\"]", "\"two-hosts-h3\"]", 1)),
        &|| {},
    ];
    let notes = format!("{directory}/namespaces");
    let of_notes: [Damage<'_>; 3] = [
        &|| fs::remove_file(&notes).unwrap(),
        &|| {
            let mut bytes = fs::read(&notes).unwrap();
            // The name in the first line, and the number in the second.
            bytes[10] ^= 1;
            let length = bytes.len();
            bytes[length - 12] ^= 1;
            fs::write(&notes, bytes).unwrap();
        },
        &|| {},
    ];
    for (record, notes) in
        of_record.iter().flat_map(|it| of_notes.iter().map(move |other| (it, other)))
    {
        up(&host);
        record();
        notes();
        assert_eq!(host.done(&["down", "two-hosts"]), "two-hosts is down\n");
        host.assert_nothing_is_left();
    }
}

#[test]
fn no_verb_forgets_a_lab_whose_record_is_gone() {
    let host = Host::new();
    up(&host);
    fs::remove_file(RECORD).unwrap();
    let name = LabName::new("two-hosts").unwrap();
    let opened = RunningLab::open(&name, &mut ()).unwrap_err();
    let reset = RunningLab::reset_by_name(&name, &ResetOptions::default(), &mut ()).unwrap_err();
    let gone = "the record of two-hosts is gone; `vrflab down two-hosts` takes away what there is";
    assert_eq!((opened.to_string(), reset.to_string()), (gone.to_owned(), gone.to_owned()));
    let ls = host.run(&["ls"]);
    assert_eq!((ls.status, ls.out), (0, format!("{:32} host\n", "two-hosts")));
    assert_eq!(ls.err, format!("vrflab: {gone}\n"));
    let ls: serde_json::Value = serde_json::from_str(&host.run(&["ls", "--json"]).out).unwrap();
    assert_eq!((&ls[0]["lab"], ls.as_array().unwrap().len()), (&"two-hosts".into(), 1));
    let check = host.run(&["check"]);
    assert_eq!((check.status, check.err), (2, format!("vrflab: {gone}\n")));
    let up = run(&host, &["up", "labs/two-hosts.yaml"]);
    assert_eq!(up.err, "two-hosts: was left half-built, taking it away first\n");
    host.done(&["check"]);
    host.done(&["down"]);
    host.assert_nothing_is_left();
}

#[test]
fn a_record_with_a_flipped_bit_takes_no_lab_for_another() {
    let host = Host::new();
    up(&host);
    let whole = fs::read(RECORD).unwrap();
    for bit in (0..whole.len() * 8).step_by(397) {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        fs::write(RECORD, flipped).unwrap();
        let down = host.run(&["down", "two-hosts"]);
        assert_eq!((down.status, down.out.as_str()), (3, ""), "bit {bit}: {down:?}");
        assert!(down.err.contains("lab.json cannot be read: "), "bit {bit}: {}", down.err);
    }
    assert_eq!(names("/run/netns"), ["two-hosts-h1", "two-hosts-h2"]);
    host.done(&["down", "--force", "two-hosts"]);
    host.assert_nothing_is_left();
}

#[test]
fn what_stands_is_known_without_its_file_through_every_change() {
    let host = Host::new();
    let file = "/run/lab.dot";
    let text = "graph lab { node [role=router]; a:ab -- b:ab; b:bc -- c:bc; a:ac -- c:ac }";
    fs::write(file, text).unwrap();
    host.done(&["up", file]);
    fs::remove_file(file).unwrap();
    for change in [
        ["link", "a:ab", "down", "--reroute"].as_slice(),
        &["link", "b:bc", "down", "--reroute"],
        &["link", "b:bc", "up"],
        &["link", "a:ab", "up"],
        &["link", "a:ab", "down", "--reroute"],
    ] {
        host.done(change);
        host.done(&["check"]);
    }
    let built = names("/run/vrflab/lab").into_iter().filter(|name| name.starts_with("built-"));
    assert!(built.count() <= 2, "{:?}", names("/run/vrflab/lab"));
    host.done(&["reset"]);
    assert!(!host.done(&["check"]).contains("since it came up"));
    host.done(&["down"]);
    host.assert_nothing_is_left();
}
