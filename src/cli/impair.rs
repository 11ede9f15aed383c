//! `vrflab impair`: makes an interface of a lab that stands slow or lossy.

use super::change::{Words, change};
use super::exit::{Exit, wrong};
use super::output::out;
use super::place::{Kernel, Place};
use super::request::Request;
use crate::diagnostic::{Diagnostic, Text};
use crate::document::LabName;
use crate::iproute::{Netem, Tbf};
use crate::lifecycle::Impairment;
use clap::Args;

const EXAMPLES: &str = "\
Examples:
  vrflab impair r1:eth0 delay 10ms loss 1%
  vrflab impair l3vpn p:pe1 tbf rate 1mbit burst 4kb latency 50ms
  vrflab impair r1:eth0 --clear";

/// The arguments of `vrflab impair`.
#[derive(Args)]
#[command(
    after_help = EXAMPLES,
    override_usage = "vrflab impair [OPTIONS] [LAB] NODE:IF [WORDS]..."
)]
pub(super) struct Arguments {
    /// The interface, with its lab in front where several are up, and what follows `tc qdisc add …
    /// netem`; after the word `tbf`, what follows `… tbf`: `r1:eth0 delay 10ms loss 1% tbf rate …`
    #[arg(
        value_name = "[LAB] NODE:IF WORDS",
        required = true,
        num_args = 1..,
        allow_negative_numbers = true
    )]
    words: Vec<String>,
    /// Restore the settings in the lab's file
    #[arg(long)]
    clear: bool,
}

pub(super) fn run(arguments: &Arguments, kernel: Kernel) -> Exit {
    impair(arguments, kernel).unwrap_or_else(|exit| exit)
}

fn impair(arguments: &Arguments, kernel: Kernel) -> Result<Exit, Exit> {
    let words = Words::of(&arguments.words)?;
    let (netem, tbf) = match words.rest.iter().position(|word| word == "tbf") {
        Some(at) => (&words.rest[..at], Some(&words.rest[at + 1..])),
        None => (words.rest, None),
    };
    let netem = (!netem.is_empty()).then(|| parsed(netem, Netem::parse)).transpose()?;
    let tbf = tbf.map(|words| parsed(words, Tbf::parse)).transpose()?;
    if arguments.clear == (netem.is_some() || tbf.is_some()) {
        return Err(wrong("say what happens, as in `delay 10ms loss 1%`, or `--clear`"));
    }
    let (lab, place) = words.find(kernel)?;
    let impairment = (!arguments.clear).then_some(Impairment { netem, tbf });
    let (node, interface) = (words.node.to_owned(), words.interface.to_owned());
    Ok(match place {
        Place::Here => here(&lab, &node, &interface, impairment.as_ref()),
        Place::Vm => Request::Impair { lab, node, interface, impairment }.hand_on(),
    })
}

pub(super) fn here(
    lab: &LabName,
    node: &str,
    interface: &str,
    impairment: Option<&Impairment>,
) -> Exit {
    let changed = change(lab, |running, watch| running.impair(node, interface, impairment, watch));
    if let Err(exit) = changed {
        return exit;
    }
    let what = match impairment {
        Some(_) => "is impaired",
        None => "has the file's settings again",
    };
    out!("{lab}: outgoing traffic of {node}:{interface} {what}");
    Exit::Done
}

fn parsed<T>(words: &[String], parse: impl Fn(&Text) -> Result<T, Diagnostic>) -> Result<T, Exit> {
    let line = words.join(" ");
    parse(&Text::filled(line.as_str())).map_err(|diagnostic| {
        let help = diagnostic.help.first().map_or(String::new(), |help| format!("; {help}"));
        wrong(format!("`{line}`: {}{help}", diagnostic.title))
    })
}
