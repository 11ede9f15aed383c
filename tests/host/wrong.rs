//! Wrong input is told what is wrong with it, and nothing is made.

use crate::host::{Host, file, lab, names, said};
use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::process::Stdio;

/// The files in `wrong/`, and one that is not there.
fn wrong() -> Vec<String> {
    let mut files = names(file("tests/host/wrong"));
    files.retain(|name| !name.ends_with(".txt"));
    files.push("missing.dot".to_owned());
    files
}

#[test]
fn a_wrong_file_gets_its_text_and_nothing_is_made() {
    let host = Host::new();
    let mut different = Vec::new();
    for name in wrong() {
        for verb in ["up", "validate", "verify", "plan"] {
            let mut command = host.vrflab(&[verb, &name]);
            let said = said(&command.current_dir(file("tests/host/wrong")).output().unwrap());
            assert_eq!((said.status, said.out.as_str()), (2, ""), "{verb} {name}: {}", said.err);
            assert_eq!(names("/run"), Vec::<String>::new(), "{verb} {name} made something");
            let beside = file("tests/host/wrong").join(format!("{name}.txt"));
            if verb == "up" && std::env::var_os("BLESS").is_some() {
                fs::write(&beside, &said.err).unwrap();
            }
            let mut expected = fs::read_to_string(&beside)
                .unwrap_or_else(|error| panic!("{}: {error}; BLESS=1 writes it", beside.display()));
            if verb != "up" {
                expected = expected.replace("; nothing was made\n", "\n");
            }
            if said.err != expected {
                different.push(format!("{verb} {name}\n{}\nand not\n{expected}", said.err));
            }
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
    host.assert_nothing_is_left();
}

#[test]
fn the_standard_input_is_read_and_told_what_is_wrong_as_well() {
    let host = Host::new();
    let give = |text: &[u8]| {
        let mut command = host.vrflab(&["validate", "-"]);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(text).unwrap();
        said(&child.wait_with_output().unwrap())
    };
    assert_eq!(give(b"graph { h1 -- h2 }").status, 0);
    assert_eq!(give(b"links: [h1 -- h2]").status, 0);
    for (text, word) in [
        (b"".as_slice(), "empty"),
        (b"graph { h1 -- ", "syntax"),
        (b"\0\0", "not-text"),
        (b"links: 3", "wrong-type"),
    ] {
        let said = give(text);
        assert_eq!(said.status, 2, "{said:?}");
        assert!(said.err.starts_with(&format!("error[{word}]: ")), "{}", said.err);
    }
    host.assert_nothing_is_left();
}

#[test]
fn wrong_usage_is_told_from_a_failure() {
    let host = Host::new();
    for arguments in [
        ["up"].as_slice(),
        &["up", "--name", "a/b", "x.dot"],
        &["--kernel", "other", "ls"],
        &["down", "--all", "x"],
        &["exec"],
        &["check", "nothing"],
        &["reset", "nothing"],
        &["check"],
        &["nothing"],
    ] {
        let said = host.run(arguments);
        assert_eq!((said.status, said.out.as_str()), (2, ""), "{arguments:?}: {said:?}");
        assert!(!said.err.is_empty());
        assert_eq!(names("/run"), Vec::<String>::new(), "{arguments:?} made something");
    }
    host.assert_nothing_is_left();
}

#[test]
fn editors_are_told_in_json() {
    let host = Host::new();
    let mut command = host.vrflab(&["validate", "--format", "json", "wrong-value.yaml"]);
    let said = said(&command.current_dir(file("tests/host/wrong")).output().unwrap());
    assert_eq!((said.status, said.err.as_str()), (2, ""), "{said:?}");
    let objects: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(objects[0]["code"], "bad-value");
    assert_eq!(objects[0]["file"], "wrong-value.yaml");
    assert!(objects[0]["labels"][0]["start"]["line"].is_u64(), "{objects}");
    host.assert_nothing_is_left();
}

#[test]
fn what_is_in_the_way_of_a_labs_directory_is_named() {
    let host = Host::new();
    let two = &lab("two-hosts.yaml");
    let up = |way: &str| {
        let said = host.run(&["up", "--no-check", two]);
        let expected = format!("vrflab: {way}\n");
        assert_eq!((said.status, said.err), (3, expected), "{way}");
    };
    let all = "/run/vrflab is in the way, and is no directory";
    symlink("/nowhere", "/run/vrflab").unwrap();
    up(all);
    fs::remove_file("/run/vrflab").unwrap();
    fs::write("/run/vrflab", "").unwrap();
    up("/run/vrflab: Not a directory (os error 20)");
    fs::remove_file("/run/vrflab").unwrap();
    fs::create_dir("/run/vrflab").unwrap();
    let one = "/run/vrflab/two-hosts is in the way, and is no directory";
    symlink("/nowhere", "/run/vrflab/two-hosts").unwrap();
    up(one);
    let down = host.run(&["down", "--all"]);
    assert_eq!((down.status, down.err), (3, format!("vrflab: {one}\n")));
    fs::remove_file("/run/vrflab/two-hosts").unwrap();
    fs::write("/run/vrflab/two-hosts", "").unwrap();
    up(one);
    fs::remove_file("/run/vrflab/two-hosts").unwrap();
    fs::write("/run/netns", "").unwrap();
    up(
        "/run/netns cannot be a directory of names: failed to create directory `/run/netns`: File exists (os error 17)",
    );
    fs::remove_file("/run/netns").unwrap();
    host.assert_nothing_is_left();
}
