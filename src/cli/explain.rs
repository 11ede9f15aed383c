//! `vrflab explain`: why one node reaches another, or does not.

use super::check::failed;
use super::exit::{Exit, cannot, unopened, wrong};
use super::input::{self, FileOptions, LabFile};
use super::interrupt;
use super::labs;
use super::output::{self, out};
use super::place::{Kernel, Place};
use super::progress::Watch;
use super::report::Amount;
use super::request::Request;
use crate::compile::is_check_option;
use crate::diagnostic::render;
use crate::document::LabName;
use crate::lifecycle::{Explained, Promises, RunningLab};
use clap::Args;
use std::net::IpAddr;
use std::path::Path;

const EXAMPLES: &str = "\
Examples:
  vrflab explain c1h1 c1h3
  vrflab explain l3vpn c1h1 88.2.1.3 tcp 80
  vrflab explain lab.dot h1 h2 size 1600 df
  vrflab explain 'h1 !> h2'";

/// The arguments of `vrflab explain`.
#[derive(Args)]
#[command(
    after_help = EXAMPLES,
    override_usage = "vrflab explain [OPTIONS] [LAB|FILE] FROM TO [tcp PORT] [size N] [df] ..."
)]
pub(super) struct Arguments {
    /// Who sends to whom, and what, as checks write it, or a whole check in quotes; in front of it a lab that is
    /// up, needed only if there are several [env: VRFLAB_LAB], or the .dot or .yaml file to ask about instead
    #[arg(value_name = "[LAB|FILE] FROM TO", required = true, num_args = 1..)]
    words: Vec<String>,
    #[command(flatten)]
    with: FileOptions,
    /// Print JSON: each way hop by hop with what decides there, by the file, by the state of the kernels and by
    /// their own lookups, and what was seen and counted
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    amount: Amount,
}

pub(super) fn run(arguments: &Arguments, kernel: Kernel) -> Exit {
    explain(arguments, kernel).unwrap_or_else(|exit| exit)
}

fn explain(arguments: &Arguments, kernel: Kernel) -> Result<Exit, Exit> {
    let Arguments { words, with, json, amount } = arguments;
    let (first, rest) = words.split_first().expect("a word is required");
    if is_file(first) {
        let question = question(&split(rest))?;
        let file = LabFile { path: first.into(), with: with.clone() };
        let lab = input::load(&file, Promises::Left, *amount)?;
        return Ok(match lab.explain(&question) {
            Ok(explained) => print(&explained, *json),
            Err(error) => failed(error),
        });
    }
    let (words, rest) = (split(words), split(rest));
    input::refuse_for_lab(with.given().or(amount.given()))?;
    // A node that is called like a lab is meant where no two ends would follow.
    let is_lab = matches!(&rest[..], [_, second, ..] if !is_check_option(second));
    let named = if is_lab { labs::named(first, kernel)? } else { None };
    if is_lab && named.is_none() {
        is_node(sender(&words), first, kernel)?;
    }
    let words = if named.is_some() { rest } else { words };
    let question = question(&words)?;
    let (lab, place) = match named {
        Some(named) => named,
        None => labs::find_aloud(sender(&words), kernel)?,
    };
    Ok(match place {
        Place::Here => here(&lab, &question, *json),
        Place::Vm => Request::Explain { lab, question, json: *json }.hand_on(),
    })
}

/// Whether a word is a file's name, and no node's and no address.
fn is_file(word: &str) -> bool {
    let can_be = word.contains(['/', '.']) && word.parse::<IpAddr>().is_err();
    word == "-" || Path::new(word).is_file() || can_be && glued(word).is_none()
}

/// A check whose arrow stands between its ends without spaces, as it is to be written.
fn glued(word: &str) -> Option<String> {
    let arrow = ["->", "!>"].into_iter().find(|arrow| word.contains(arrow))?;
    let (from, to) = word.split_once(arrow).filter(|ends| *ends != ("", ""))?;
    Some([from, arrow, to].join(" ").trim().to_owned())
}

/// The words, those in quotes apart as well.
fn split(words: &[String]) -> Vec<&str> {
    words.iter().flat_map(|word| word.split_whitespace()).collect()
}

/// The words as a check.
fn question(words: &[&str]) -> Result<String, Exit> {
    match words {
        // What a shell leaves of an arrow.
        [_, "-" | "!", ..] => {
            Err(wrong("put the check in quotes, as in `vrflab explain 'h1 -> h2'`"))
        }
        [_, "->" | "!>", _, ..] => Ok(words.join(" ")),
        words if let Some(check) = words.iter().find_map(|word| glued(word)) => {
            Err(wrong(format!("put spaces around the arrow, as in `vrflab explain '{check}'`")))
        }
        [from, to, options @ ..] => Ok([&[from, "->", to], options].concat().join(" ")),
        _ => Err(wrong("say who sends to whom, as in `vrflab explain h1 h2`")),
    }
}

/// Sees to it that the first of three words is the node of a lab that is up, if it is not a lab.
fn is_node(name: Option<&str>, word: &str, kernel: Kernel) -> Result<(), Exit> {
    let Some(name) = name else { return Ok(()) };
    let labs = labs::all(kernel)?;
    let has = |found: &labs::Found| found.lab.nodes.iter().any(|node| node == name);
    match labs.iter().any(has) || labs.is_empty() {
        true => Ok(()),
        false => Err(wrong(labs::unknown(&labs, word, ""))),
    }
}

/// The name of the node that sends, which stands before its VRF or, in error, its interface; none where an
/// address stands in its place.
fn sender<'w>(words: &[&'w str]) -> Option<&'w str> {
    let first = words.first()?;
    first.parse::<IpAddr>().is_err().then(|| first.split(['%', ':']).next()).flatten()
}

pub(super) fn here(lab: &LabName, question: &str, json: bool) -> Exit {
    interrupt::listening(|interrupt| {
        let mut watch = Watch::of_checks(interrupt, !json);
        let running = match RunningLab::open(lab, &mut watch) {
            Ok(running) => running,
            Err(error) => return unopened(error),
        };
        match running.explain(question, &mut watch) {
            Ok(explained) => print(&explained, json),
            Err(error) => failed(error),
        }
    })
    .unwrap_or_else(cannot)
}

fn print(explained: &Explained, json: bool) -> Exit {
    let Explained { file, explanation } = explained;
    if json {
        output::json(&explanation.json(file));
    } else {
        let excerpt = explanation.decided_by.as_ref().map(|label| render::excerpt(label, file));
        for line in explanation.lines(excerpt.as_deref()) {
            out!("{line}");
        }
    }
    if explanation.ok == Some(false) { Exit::CheckFailed } else { Exit::Done }
}
