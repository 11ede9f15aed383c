//! Verbs that are not there, and help for those that are.

use crate::program::{ended, vrflab};

/// The verbs that the program lists.
fn verbs() -> Vec<String> {
    let help = ended(&mut vrflab(&["--help"])).out;
    let listed = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let verbs = listed.lines().filter_map(|line| line.split_whitespace().next());
    verbs.filter(|verb| *verb != "help").map(str::to_owned).collect()
}

#[test]
fn verbs_of_other_programs_get_a_hint_and_are_wrong() {
    for (verb, ours) in [
        ("deploy", "vrflab up FILE"),
        ("start", "vrflab up FILE"),
        ("destroy", "vrflab down LAB"),
        ("stop", "vrflab down LAB"),
        ("inspect", "vrflab ls"),
        ("status", "vrflab ls"),
        ("list", "vrflab ls"),
        ("ps", "vrflab ls"),
        ("graph", "vrflab compile --to dot FILE | dot -q -Tsvg"),
    ] {
        let said = ended(&mut vrflab(&[verb, "-t", "lab.yaml"]));
        assert_eq!((said.status, said.out.as_str()), (2, ""), "{said:?}");
        let hint = format!("unrecognized subcommand '{verb}'\n\n  tip: here that is `{ours}`\n");
        assert!(said.err.contains(&hint), "{}", said.err);
    }
    let slip = ended(&mut vrflab(&["validat"]));
    assert_eq!(slip.status, 2);
    assert!(slip.err.contains("tip: a similar subcommand exists: 'validate'"), "{}", slip.err);
}

#[test]
fn every_verb_has_an_example_and_no_words_about_kernels() {
    let verbs = verbs();
    assert!(verbs.len() > 12, "{verbs:?}");
    for verb in verbs {
        let help = ended(&mut vrflab(&[&verb, "--help"])).out;
        let examples = help.split("Examples:\n").nth(1).unwrap_or_default();
        let of_verb = format!("  vrflab {verb}");
        assert!(examples.lines().count() > 0, "{verb} has no example");
        assert!(examples.lines().all(|line| line.starts_with(&of_verb)), "{verb}: {examples}");
        // What each kernel means is said by `vrflab --help`.
        assert!(!help.contains("The host's"), "{help}");
    }
}
