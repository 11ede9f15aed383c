//! A lab's file may come from anybody: what it may read, and what of it reaches a terminal.

use crate::program::{directory, ended, vrflab};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Characters that a terminal would obey: carriage return, escape, C1's escape, and one that turns
/// the direction of writing round.
const OBEYED: [char; 4] = ['\r', '\u{1b}', '\u{9b}', '\u{202e}'];

const HIDDEN: &str = r#"nodes:
  h1:
    run: ["touch x #\r\e[2K", "echo '\u009b2J' \u202e"]
    etc: {motd: "a\u009bb"}
    sysctls: {net.ipv4.ip_forward: "1\e2"}
links: [h1 -- h2]
"#;

fn verb(directory: &Path, arguments: &[&str]) -> crate::program::Ended {
    ended(vrflab(arguments).current_dir(directory))
}

#[test]
fn what_a_terminal_would_obey_is_not_sent_to_it() {
    let directory = directory("what_a_terminal_would_obey_is_not_sent_to_it");
    fs::write(directory.join("x.yaml"), HIDDEN).unwrap();
    let plan = verb(&directory, &["plan", "x.yaml"]).out;
    assert!(!plan.contains(OBEYED), "{plan:?}");
    assert!(plan.contains("sysctl -qw $'net.ipv4.ip_forward=1\\e2'\n"), "{plan}");
    assert!(plan.contains("ip netns exec x-h1 sh -c $'touch x #\\r\\e[2K' &\n"), "{plan}");
    let word = r"$'echo \'\302\2332J\' \342\200\256'";
    assert!(plan.contains(&format!("sh -c {word} &\n")), "{plan}");
    // A shell reads the word as it was written.
    let echoed = Command::new("bash").args(["-c", &format!("printf %s {word}")]).output().unwrap();
    assert_eq!(String::from_utf8(echoed.stdout).unwrap(), "echo '\u{9b}2J' \u{202e}");

    let json = verb(&directory, &["plan", "--json", "x.yaml"]).out;
    assert!(!json.contains(OBEYED) && serde_json::from_str::<serde_json::Value>(&json).is_ok());
    for language in ["yaml", "json"] {
        let compiled = verb(&directory, &["compile", "--to", language, "x.yaml"]).out;
        fs::write(directory.join("x2.yaml"), compiled).unwrap();
        assert_eq!(verb(&directory, &["plan", "x2.yaml"]).out, plan, "{language}");
    }

    let wrong =
        "nodes: {h1: {role: \"ho\u{9b}st\", \"x\\e\": 1, run: \"a\u{202e}\", rotes: [\u{9b}]}}";
    fs::write(directory.join("wrong\u{1b}.yaml"), wrong).unwrap();
    let said = verb(&directory, &["validate", "wrong\u{1b}.yaml"]).err;
    assert!(said.contains("--> wrong\\u{1b}.yaml:1:") && !said.contains(OBEYED), "{said:?}");
    let said = verb(&directory, &["validate", "--format", "json", "wrong\u{1b}.yaml"]).out;
    assert!(!said.contains(OBEYED), "{said:?}");
}

#[test]
fn files_elsewhere_are_read_where_the_user_allows_it() {
    let directory = directory("files_elsewhere_are_read_where_the_user_allows_it");
    fs::create_dir_all(directory.join("labs")).unwrap();
    fs::create_dir_all(directory.join("shared")).unwrap();
    fs::write(directory.join("shared/motd"), "hello").unwrap();
    let lab = "nodes: {h1: {etc: {motd: {file: ../shared/motd}}}}\nlinks: [h1 -- h2]\n";
    fs::write(directory.join("labs/x.yaml"), lab).unwrap();
    for verb in ["validate", "verify", "plan", "compile", "up"] {
        let refused = ended(vrflab(&[verb, "labs/x.yaml"]).current_dir(&directory));
        assert_eq!(refused.status, 2, "{verb}");
        let title = "error[outside-file]: `labs/../shared/motd` is outside the lab file's \
                     directory\n";
        assert!(refused.err.starts_with(title), "{}", refused.err);
        let way_out = format!("--allow-files {}", directory.join("shared").display());
        assert!(refused.err.contains(&way_out), "{}", refused.err);
        if verb != "up" {
            let options = ["--allow-files", ".", "--allow-files", "shared"];
            let allowed = [&[verb][..], &options, &["labs/x.yaml"]].concat();
            let allowed = ended(vrflab(&allowed).current_dir(&directory));
            assert_eq!(allowed.status, 0, "{}", allowed.err);
        }
    }
    let piped = |directory: &Path| {
        let mut command = vrflab(&["validate", "-"]);
        command.stdin(fs::File::open(directory.join("x.yaml")).unwrap());
        ended(command.current_dir(directory)).status
    };
    assert_eq!(piped(&directory.join("labs")), 2, "it is outside of the working directory");
    let beside = lab.replace("../", "");
    fs::write(directory.join("x.yaml"), beside).unwrap();
    assert_eq!(piped(&directory), 0);
    let nowhere = ended(&mut vrflab(&["validate", "--allow-files", "/nowhere", "x.yaml"]));
    assert!(nowhere.status == 2 && nowhere.err.contains("No such file"), "{}", nowhere.err);
}
