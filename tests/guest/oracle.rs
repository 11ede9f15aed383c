//! What `ip` and `tc` themselves say to a sentence, and what the program says to the same.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use vrflab::compile::{Options, compile_source};
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
        let (done, last) = batch(command, verb, ahead);
        answers.extend(done);
        if answers.len() < sentences.len() {
            answers.push(Some(last));
        }
    }
    answers
}

/// Behind each sentence stands a word that no program knows, and that it says is behind it. Given are
/// the answers to the sentences that it came to so, and what it said last.
fn batch(command: &[&str], verb: &str, sentences: &[String]) -> (Vec<Option<String>>, String) {
    let lines: String = sentences.iter().map(|it| format!("{verb} {it}\nnonsense\n")).collect();
    let file = std::env::temp_dir().join(format!("sentences-{}", std::process::id()));
    std::fs::write(&file, lines).unwrap();
    let mut program = Command::new(command[0]);
    program.args(&command[1..]).args(["-force", "-batch"]).arg(&file).stdin(Stdio::null());
    let said = String::from_utf8(program.output().unwrap().stderr).unwrap();
    let mut answers = Vec::new();
    let (mut words, mut refused) = (Vec::new(), None);
    for line in said.lines() {
        let number = line.strip_prefix("Command failed ").and_then(|rest| rest.rsplit(':').next());
        match number.map(|number| number.parse::<usize>().unwrap() % 2) {
            None => words.push(line),
            Some(1) => refused = Some(std::mem::take(&mut words).join(" ")),
            Some(_) => {
                answers.push(refused.take());
                words.clear();
            }
        }
    }
    (answers, refused.unwrap_or_else(|| words.join(" ")))
}

/// The errors of a file by the lines that they are about.
pub fn errors(text: &str) -> BTreeMap<usize, String> {
    let source = Source { name: "sentences.yaml".to_owned(), text: text.to_owned() };
    let name = LabName::new("lab").unwrap();
    let (_, said) = compile_source(&source, Format::Yaml, &name, &Options::default());
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
