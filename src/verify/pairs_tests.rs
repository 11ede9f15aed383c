use super::*;
use crate::compile::{Options, compile_source};
use crate::diagnostic::Source;
use crate::document::{Format, LabName};
use crate::plan::{State, lower};
use std::path::{Path, PathBuf};

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        files.filter(|it| it.extension().is_some_and(|it| it == "dot" || it == "yaml")).collect();
    files.sort();
    files
}

/// What there is to say but for the words, which name one pair or another.
fn counted(pairs: &Pairs) -> (usize, usize, usize, usize, BTreeMap<PairTrouble, usize>) {
    let mut kinds = BTreeMap::new();
    for finding in &pairs.findings {
        *kinds.entry(finding.kind).or_default() += finding.pairs;
    }
    (pairs.pairs, pairs.reached, pairs.unnamed, pairs.asymmetric, kinds)
}

#[test]
fn what_is_said_of_one_pair_of_two_classes_holds_for_all_pairs_of_the_two() {
    let folders = ["labs", "labs/zoo", "tests/cli/verify"];
    for file in folders.into_iter().flat_map(files) {
        let is_dot = file.extension().is_some_and(|it| it == "dot");
        let format = if is_dot { Format::Dot } else { Format::Yaml };
        let Some(lab) = read(&std::fs::read_to_string(&file).unwrap(), format) else {
            continue;
        };
        if ends(&lab).len() <= 40 {
            let plan = lower(&lab).unwrap();
            agree(&lab, &Network::of_plan(&plan), &file.display().to_string());
        }
    }
}

#[test]
fn whatever_is_missing_what_is_said_of_classes_holds_for_all_their_pairs() {
    let mut text = String::from("graph { checks=\"\"; node [role=router]; r0--r1--r2--r0; ");
    text += "node [role=switch]; s0 -- r0; s1 -- r1; node [role=host]; ";
    for host in 0..9 {
        text += &format!("p{host} -- r{}; l{host} -- s{}; ", host % 3, host % 2);
    }
    let lab = read(&(text + "}"), Format::Dot).unwrap();
    let plan = lower(&lab).unwrap();
    let mut merged = agree(&lab, &Network::of_plan(&plan), "whole");
    let whole = State::of(&plan);
    // A step that has no divisor in common with the number of resources comes to all kinds of them.
    for missing in (0..whole.resources.len()).step_by(41) {
        let mut state = whole.clone();
        let gone = state.resources.iter().nth(missing).unwrap().clone();
        state.resources.remove(&gone);
        merged += agree(&lab, &Network::of_state(&state), &format!("without {gone:?}"));
    }
    assert!(merged > 100, "some ends are alike: {merged}");
}

/// The lab of a text, where it is one.
fn read(text: &str, format: Format) -> Option<Lab> {
    let source = Source { name: "x".to_owned(), text: text.to_owned() };
    let name = LabName::new("x").unwrap();
    compile_source(&source, format, &name, &Options::default()).0
}

/// Compares what is said of classes, whose ways are merged, with what is said of each pair by each way, and counts the ends that are like others.
fn agree(lab: &Lab, network: &Network<'_>, which: &str) -> usize {
    let ends = ends(lab);
    let alone: Vec<Vec<usize>> = (0..ends.len()).map(|end| vec![end]).collect();
    let each = Pairs::of_classes(lab, network, Ways::Each, (&ends, &alone));
    let by_class = Pairs::of(lab, network);
    assert_eq!(counted(&by_class), counted(&each), "{which}");
    by_class.ends - by_class.classes
}

#[test]
fn two_hundred_hosts_behind_a_ring_of_routers_are_a_few_classes() {
    let mut text = String::from("graph { node [role=router]; ");
    for router in 0..8 {
        text += &format!("r{router} -- r{}; ", (router + 1) % 8);
    }
    text += "node [role=host]; ";
    for host in 0..200 {
        text += &format!("h{host} -- r{}; ", host % 8);
    }
    let lab = read(&(text + "}"), Format::Dot).unwrap();
    let plan = lower(&lab).unwrap();
    let pairs = Pairs::of(&lab, &Network::of_plan(&plan));
    assert_eq!((pairs.ends, pairs.classes), (200, 8));
    assert_eq!((pairs.pairs, pairs.reached), (39_800, 39_800));
}
