//! `vrflab verify`: proves or refutes the checks of a file, or of a lab that stands, by the forwarding model.

use super::exit::{Exit, cannot, unopened, wrong};
use super::failures::{self, Finding};
use super::input::{self, FileOptions, LabFile};
use super::labs;
use super::output::{self, out};
use super::place::{Kernel, Place};
use super::progress::Waiting;
use super::report::Amount;
use super::request::Request;
use super::{count, sample};
use crate::compile::Lab;
use crate::diagnostic::{Source, nearest, render};
use crate::document::LabName;
use crate::forward::Network;
use crate::lifecycle::{ObserveError, Observed, Promises, RunningLab};
use crate::verify::{
    CheckResult, FailingPort, Failure, PairFinding, Pairs, Report, Survival, Word,
};
use clap::Args;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  vrflab verify lab.dot
  vrflab verify --if-down any lab.dot
  vrflab verify --all-pairs lab.dot
  vrflab verify l3vpn
  vrflab verify --json lab.yaml";

/// How many failures are shown.
const MAX_SHOWN: usize = 20;
/// How many of the checks that a failure breaks are shown.
const MAX_NAMED: usize = 3;

/// The arguments of `vrflab verify`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The lab's .dot or .yaml file, `-` for standard input; or a lab that is up, needed only if there are
    /// several [env: VRFLAB_LAB]
    #[arg(value_name = "FILE|LAB")]
    what: Option<PathBuf>,
    #[command(flatten)]
    with: FileOptions,
    /// Print JSON: each check with its verdict, and the hops of all that can become of its packets
    #[arg(long)]
    json: bool,
    /// Also prove what survives if this interface goes down, or the end of any link, each alone; routes are
    /// not moved to other paths. Can be repeated
    #[arg(long, value_name = "NODE:IF|any")]
    if_down: Vec<String>,
    /// Also say of all pairs of hosts who reaches whom, and what is the matter with those that do not: loops,
    /// black holes, answers that get lost, flows that fare otherwise, large packets that vanish
    #[arg(long)]
    all_pairs: bool,
    #[command(flatten)]
    amount: Amount,
}

/// What is verified.
enum Subject<'a> {
    File(&'a Path),
    /// A lab, named or not.
    Lab(Option<&'a str>),
}

impl<'a> Subject<'a> {
    /// A word that can be the name of a lab, and of no file here, is one.
    fn of(what: Option<&'a Path>) -> Self {
        let Some(path) = what else { return Self::Lab(None) };
        let name = path.to_str().filter(|name| *name != "-" && LabName::new(*name).is_some());
        match name.filter(|_| !path.is_file()) {
            Some(name) => Self::Lab(Some(name)),
            None => Self::File(path),
        }
    }
}

pub(super) fn run(arguments: &Arguments, kernel: Kernel) -> Exit {
    match Subject::of(arguments.what.as_deref()) {
        Subject::File(path) => of_file(path, arguments),
        Subject::Lab(name) => {
            let found = input::refuse_for_lab(arguments.of_files())
                .and_then(|()| labs::find(name, None, kernel));
            match found {
                Ok((lab, Place::Here)) => here(&lab, arguments.json),
                Ok((lab, Place::Vm)) => Request::Verify { lab, json: arguments.json }.hand_on(),
                Err(exit) => exit,
            }
        }
    }
}

impl Arguments {
    /// The first option that was given and counts for a file alone.
    fn of_files(&self) -> Option<&'static str> {
        let all_pairs = self.all_pairs.then_some("--all-pairs");
        let if_down = (!self.if_down.is_empty()).then_some("--if-down");
        all_pairs.or(if_down).or(self.with.given()).or(self.amount.given())
    }
}

/// Verifies a lab that stands.
pub(super) fn here(lab: &LabName, json: bool) -> Exit {
    let observed = match RunningLab::open(lab, &mut Waiting) {
        Ok(running) => running.observe(&mut Waiting),
        Err(error) => Err(error.into()),
    };
    let Observed { lab, file, standing } = match observed {
        Ok(observed) => observed,
        Err(ObserveError::Open(error)) => return unopened(error),
        Err(error @ ObserveError::Read(_)) => return cannot(error),
    };
    let report = Report::of_standing(&lab, &standing);
    match json {
        true => output::json(&report.json(&file)),
        false => {
            print(&report, &file);
            sample::print(&lab);
        }
    }
    if report.ok() { Exit::Done } else { Exit::CheckFailed }
}

fn of_file(path: &Path, arguments: &Arguments) -> Exit {
    let file = LabFile { path: path.to_owned(), with: arguments.with.clone() };
    let input = match input::load(&file, Promises::Left, arguments.amount) {
        Ok(input) => input,
        Err(exit) => return exit,
    };
    let (lab, file) = (input.lab(), input.file());
    let network = Network::of_plan(input.plan());
    let ports = match ports(lab, &arguments.if_down) {
        Ok(ports) => ports,
        Err(error) => return wrong(error),
    };
    let report = Report::of(lab, &network);
    let survival = match &ports[..] {
        [] => None,
        ports => match Survival::of(lab, &network, ports) {
            Ok(survival) => Some(survival),
            Err(error) => return wrong(error),
        },
    };
    let pairs = arguments.all_pairs.then(|| Pairs::of(lab, &network));
    match arguments.json {
        true => {
            let mut value = report.json(file);
            if let Some(pairs) = &pairs {
                value["all_pairs"] = serde_json::json!(pairs);
            }
            if let Some(survival) = &survival {
                value["if_down"] = serde_json::json!(survival);
            }
            output::json(&value);
        }
        false => {
            print(&report, file);
            sample::print(lab);
            if let Some(pairs) = &pairs {
                print_pairs(&lab.name, pairs);
            }
            if let Some(survival) = &survival {
                print_survival(&lab.name, survival);
            }
        }
    }
    let survives = survival.is_none_or(|survival| survival.broken.is_empty());
    if report.ok() && survives { Exit::Done } else { Exit::CheckFailed }
}

/// The devices that go down, of the words on the command line.
fn ports(lab: &Lab, words: &[String]) -> Result<Vec<FailingPort>, String> {
    let mut ports = Vec::new();
    for word in words {
        if word == "any" {
            ports.extend(FailingPort::all(lab));
            continue;
        }
        let Some((name, device)) = word.split_once(':') else {
            return Err(format!(
                "`{word}` is no interface; name one, as in `r1:eth0`, or say `any`"
            ));
        };
        let Some(node) = lab.node(name) else {
            let near = nearest(name, lab.nodes.iter().map(|node| node.name.as_str()));
            return Err(format!("{} has no node `{name}`{}", lab.name, did_you_mean(near)));
        };
        let here = &lab[node];
        if here.interface(device).is_none() && here.vrf(device).is_none() {
            let vrfs = here.vrfs.iter().map(|vrf| vrf.name.as_str());
            let near =
                nearest(device, here.interfaces.iter().map(|it| it.name.as_str()).chain(vrfs));
            return Err(format!("`{name}` has no interface `{device}`{}", did_you_mean(near)));
        }
        ports.push(FailingPort { node, device: device.to_owned() });
    }
    ports.sort();
    ports.dedup();
    Ok(ports)
}

fn did_you_mean(near: Option<&str>) -> String {
    near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}

fn print_survival(lab: &LabName, survival: &Survival) {
    let Survival { failures, survived, broken } = survival;
    for Failure { node, interface, checks } in broken.iter().take(MAX_SHOWN) {
        let word = if checks.len() == 1 { "check breaks" } else { "checks break" };
        out!("{node}:{interface} down: {} {word}", checks.len());
        for broken in checks.iter().take(MAX_NAMED) {
            out!("        {}: {}", broken.check, broken.reason);
        }
        if let Some(more @ 1..) = checks.len().checked_sub(MAX_NAMED) {
            out!("        and {more} more");
        }
    }
    if let Some(more @ 1..) = broken.len().checked_sub(MAX_SHOWN) {
        out!("and {more} more failures that break checks; `--json` has them all");
    }
    out!("{lab}: survives {survived} of {}", count(*failures, "single failure"));
}

fn print_pairs(lab: &LabName, all: &Pairs) {
    let Pairs { ends, classes, pairs, reached, unnamed, unknown, asymmetric, findings } = all;
    let unknown = if *unknown > 0 { format!(", {unknown} unknown") } else { String::new() };
    let (pairs, ends, classes) =
        (count(*pairs, "pair"), count(*ends, "end"), count(*classes, "kind"));
    out!("{lab}: {reached} of {pairs} reach{unknown}, between {ends} of {classes}");
    if *unnamed > 0 {
        out!("        {unnamed} of these are in no check");
    }
    if *asymmetric > 0 {
        out!("        {asymmetric} of these go by other nodes than their answers");
    }
    for PairFinding { kind, reason, example, pairs } in findings.iter().take(MAX_SHOWN) {
        out!("{:<7} {example}: {reason}", kind.head());
        if *pairs > 1 {
            out!("        {} in all", count(*pairs, "pair"));
        }
    }
    if let Some(more @ 1..) = findings.len().checked_sub(MAX_SHOWN) {
        out!("and {more} more findings; `--json` has them all");
    }
}

fn print(report: &Report, file: &Source) {
    let Report { lab: name, results, proved, refuted, unknown, left_out, deviations } = report;
    let of = |word| results.iter().filter(move |result| result.verdict == word);
    for group in failures::grouped(of(Word::Refuted), |it| {
        failures::cause(&it.cause, it.decided_by.as_ref())
    }) {
        let excerpt = group[0].decided_by.as_ref().map(|label| render::excerpt(label, file));
        said(Finding::Refuted, &group, excerpt.as_deref());
    }
    for group in failures::grouped(of(Word::Unknown), |result| result.reason.as_ref()) {
        said(Finding::Unknown, &group, None);
    }
    let others = [(refuted, "refuted"), (unknown, "unknown")].into_iter().filter(|it| *it.0 > 0);
    let others: String = others.map(|(number, word)| format!(", {number} {word}")).collect();
    match results.len() {
        0 => out!("{name}: no checks"),
        _ => out!("{name}: {} proved{others}", count(*proved, "check")),
    }
    if let Some(left_out) = left_out {
        out!("{name}: {left_out}");
    }
    failures::print_deviations(name, deviations.as_deref().unwrap_or_default());
}

/// Prints checks of one cause.
fn said(finding: Finding, group: &[&CheckResult], excerpt: Option<&str>) {
    let checks: Vec<&str> = group.iter().map(|result| result.check.as_str()).collect();
    let first = group[0];
    let mut causes = failures::listed("differs from what was built: ", &first.cause.deviations);
    let changes = first.cause.changes.iter();
    causes.extend(changes.map(|it| format!("changed: {}", it.text)));
    causes.extend(first.cause.mending());
    let lines = first.reason.iter().chain(&first.walks).chain(&causes);
    let advice = group[0].advice.as_deref();
    let lines = lines.map(String::as_str).chain(excerpt.into_iter().flat_map(str::lines));
    out!("{}", failures::text(finding, &checks, lines.chain(advice)).trim_end());
}
