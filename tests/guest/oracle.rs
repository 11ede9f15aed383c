//! What `ip` and `tc` themselves say to a sentence, and what the program says to the same.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};
use vrflab::diagnostic::{Severity, Source};
use vrflab::document::{Format, LabName};

/// Has a program carry out sentences in their order: for each what it says against it, if it does.
///
/// `command` is the program with its options, `verb` what stands before each sentence.
pub fn refusals(command: &[&str], verb: &str, sentences: &[String]) -> Vec<Option<String>> {
    let mut answers: Vec<Option<String>> = Vec::new();
    // What is against the grammar ends the whole batch.
    while answers.len() < sentences.len() {
        let ahead = &sentences[answers.len()..];
        let (counted, said) = batch(command, verb, ahead);
        let refused = refused_lines(&said);
        let done = (0..counted).map(|place| refused.get(&(2 * place + 1)).cloned());
        answers.extend(done);
        if counted < ahead.len() {
            answers.push(Some(said));
        }
    }
    answers
}

/// Behind each sentence stands another one that writes a line, and so counts those that were
/// reached.
fn batch(command: &[&str], verb: &str, sentences: &[String]) -> (usize, String) {
    let counter = if command[0] == "tc" { "qdisc show dev lo" } else { "link show dev lo" };
    let lines: String = sentences.iter().map(|it| format!("{verb} {it}\n{counter}\n")).collect();
    let file = std::env::temp_dir().join(format!("sentences-{}", std::process::id()));
    std::fs::File::create(&file).unwrap().write_all(lines.as_bytes()).unwrap();
    let mut program = Command::new(command[0]);
    program.args(&command[1..]).args(["-force", "-batch"]).arg(&file).stdin(Stdio::null());
    let output = program.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let counted = String::from_utf8(output.stdout).unwrap();
    let counts = |line: &&str| line.contains("LOOPBACK") || line.contains("dev lo ");
    (counted.lines().filter(counts).count(), said)
}

/// What was said of each line of a batch that was refused.
fn refused_lines(said: &str) -> BTreeMap<usize, String> {
    let mut refused = BTreeMap::new();
    let mut words = Vec::new();
    for line in said.lines() {
        match line.strip_prefix("Command failed ").and_then(|rest| rest.rsplit(':').next()) {
            Some(number) => {
                refused.insert(number.parse().unwrap(), std::mem::take(&mut words).join(" "));
            }
            None => words.push(line),
        }
    }
    refused
}

/// The errors of a file by the lines that they are about.
pub fn errors(text: &str) -> BTreeMap<usize, String> {
    let source = Source { name: "sentences.yaml".to_owned(), text: text.to_owned() };
    let name = LabName::new("lab").unwrap();
    let (_, said) = vrflab::understand(&source, Format::Yaml, None, &name);
    let errors = said.into_iter().filter(|it| it.severity == Severity::Error);
    errors
        .map(|error| {
            let place = error.labels.first().unwrap_or_else(|| panic!("{error:?}")).span;
            (source.position(place.start).0, format!("{}: {}", error.code, error.title))
        })
        .collect()
}

/// A part of all sentences that takes a second or two, or with `VRFLAB_ALL_SENTENCES` all of them.
pub fn sample(sentences: Vec<String>, every: usize) -> Vec<String> {
    let every = if std::env::var_os("VRFLAB_ALL_SENTENCES").is_some() { 1 } else { every };
    sentences.into_iter().step_by(every).collect()
}
