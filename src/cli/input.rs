//! A file made into a lab and a plan, with what is wrong about it said.

use super::exit::{Exit, cannot};
use super::report::{Amount, print, report};
use crate::Options;
use crate::compile::{Check, Lab};
use crate::diagnostic::{Diagnostic, Source};
use crate::document::{self, DeviceName, Files, Format, LabName, Limit, Limits, NodeName};
use crate::plan::{self, Plan};
use crate::state::{Built, Change, Commands, LinkChange};
use clap::Args;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// A file that is a lab.
#[derive(Debug)]
pub(super) struct Input {
    /// The file as it was read.
    pub source: Source,
    /// Its language.
    pub format: Format,
    /// Its absolute path; nothing for standard input.
    pub path: Option<PathBuf>,
    /// The lab.
    pub lab: Lab,
    /// The steps that build it.
    pub plan: Plan,
    /// The commands that it starts; they are in the lab and the plan unless they are left out.
    pub commands: Commands,
}

impl Input {
    /// The same without its commands.
    pub fn without_commands(mut self) -> Result<Self, Exit> {
        leave_out_commands(&mut self.lab);
        let commands = Commands { left_out: true, ..self.commands };
        let plan = plan::lower(&self.lab).map_err(cannot)?;
        Ok(Self { plan, commands, ..self })
    }
}

/// The commands that a lab starts in its nodes.
pub(super) fn commands(lab: &Lab) -> Commands {
    Commands { number: lab.nodes.iter().map(|node| node.run.len()).sum(), left_out: false }
}

fn leave_out_commands(lab: &mut Lab) {
    lab.nodes.iter_mut().for_each(|node| node.run.clear());
}

/// What was found in a file: a lab where nothing is wrong with it, and what there is to say.
#[derive(Debug)]
pub(super) struct Reading {
    /// The file as it was read.
    pub source: Source,
    /// Its language.
    pub format: Format,
    /// The lab, where there is no error.
    pub lab: Option<Lab>,
    /// Errors and warnings, in the order of their places.
    pub diagnostics: Vec<Diagnostic>,
}

/// A lab's file on the command line, and what it may name.
#[derive(Debug, Args)]
pub(super) struct LabFile {
    /// The lab's .dot or .yaml file, `-` for standard input
    #[arg(id = "file", value_name = "FILE")]
    pub path: PathBuf,
    /// Let FILE name files below DIR, where otherwise they must be below its own directory, or below
    /// the working directory for standard input; may be given several times
    #[arg(long, value_name = "DIR", value_parser = directory)]
    allow_files: Vec<PathBuf>,
    /// Refuse FILE if it makes more than NUMBER of WHAT: nodes, links, interfaces, neighbours, paths,
    /// routes, checks or bytes; `lookups` ends the search for forwarding loops. May be given several
    /// times
    #[arg(long = "limit", value_name = "WHAT=NUMBER")]
    limits: Vec<Limit>,
}

impl LabFile {
    fn limits(&self) -> Limits {
        Limits::default().with(&self.limits)
    }

    /// The arguments that say the same limits.
    pub fn limit_arguments(&self) -> impl Iterator<Item = OsString> {
        self.limits.iter().flat_map(|limit| ["--limit".into(), limit.to_string().into()])
    }
}

/// A directory on the command line.
fn directory(path: &str) -> Result<PathBuf, String> {
    match Path::new(path).canonicalize() {
        Ok(path) if path.is_dir() => Ok(path),
        Ok(_) => Err("it is not a directory".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Reads a file given on the command line; `-` is the standard input.
pub(super) fn read(file: &LabFile, name: Option<&LabName>) -> Reading {
    let LabFile { path, allow_files, limits: _ } = file;
    let files = Files::beside(&path.display().to_string(), allow_files);
    understand(document::read(path), file, name, &files)
}

fn understand(
    source: Result<Source, Diagnostic>,
    file: &LabFile,
    name: Option<&LabName>,
    files: &Files,
) -> Reading {
    match source {
        Ok(source) => {
            let format = Format::of_name(&source.name).unwrap_or_else(|| Format::of_text(&source));
            let options = Options { limits: file.limits(), ..Options::default() };
            let fallback = fallback(&file.path);
            let (lab, diagnostics) =
                crate::understand_under(&source, format, name, &fallback, files, &options);
            Reading { source, format, lab, diagnostics }
        }
        Err(fault) => Reading {
            source: Source { name: shown(&file.path), text: String::new() },
            format: Format::Yaml,
            lab: None,
            diagnostics: vec![fault],
        },
    }
}

/// What a file is called in what is said of it.
fn shown(file: &Path) -> String {
    if file.as_os_str() == "-" {
        return document::STANDARD_INPUT.to_owned();
    }
    file.display().to_string()
}

/// Reads a file and says what is wrong with it, and what follows from errors.
pub(super) fn load(
    file: &LabFile,
    name: Option<&LabName>,
    amount: Amount,
    consequence: &str,
) -> Result<Input, Exit> {
    let reading = read(file, name);
    report(&reading.diagnostics, &reading.source, amount, consequence);
    let path = &file.path;
    let path =
        (path.as_os_str() != "-").then(|| path.canonicalize().unwrap_or_else(|_| path.to_owned()));
    reading.into_input(path)
}

/// What a `vrflab` outside the micro-VM sends to the one in it.
#[derive(Serialize, Deserialize)]
pub(super) struct Sent {
    text: String,
    files: BTreeMap<String, String>,
}

impl Sent {
    /// A lab's file, and those that it names.
    pub(super) fn of(input: &Input) -> Self {
        Self { text: input.source.text.clone(), files: input.lab.files() }
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        serde_json::to_vec(&self).expect("strings can be written as JSON")
    }
}

/// Reads a file that another `vrflab` read, told the user all there is to say of, and sends on the
/// standard input; `path` is the file's absolute path there.
pub(super) fn receive(
    file: &LabFile,
    path: Option<PathBuf>,
    name: Option<&LabName>,
) -> Result<Input, Exit> {
    let sent: Sent = serde_json::from_reader(std::io::stdin().lock()).map_err(cannot)?;
    let source = document::read_from(sent.text.as_bytes(), &shown(&file.path));
    let reading = understand(source, file, name, &Files::Kept(sent.files));
    if reading.lab.is_none() {
        print(&reading.diagnostics, &reading.source);
    }
    reading.into_input(path)
}

impl Reading {
    fn into_input(self, path: Option<PathBuf>) -> Result<Input, Exit> {
        let Some(lab) = self.lab else { return Err(Exit::Wrong) };
        let plan = plan::lower(&lab).map_err(cannot)?;
        let commands = commands(&lab);
        Ok(Input { source: self.source, format: self.format, path, lab, plan, commands })
    }
}

/// The lab of a file whose routes lead round the links that were brought down so; nothing where no such
/// link is.
pub(super) fn rerouted(built: &Built, changes: &[Change]) -> Result<Option<Lab>, Exit> {
    let down = failed_links(changes);
    if down.is_empty() {
        return Ok(None);
    }
    let (source, whole) = (&built.source, &built.lab);
    let (name, files) = (&whole.name, Files::Kept(whole.files()));
    // It was made already, under whatever limits.
    let options = Options { down: down.clone(), limits: Limits::none() };
    let (lab, diagnostics) =
        crate::understand_under(source, built.format, Some(name), name, &files, &options);
    let Some(mut lab) = lab else {
        print(&diagnostics, source);
        return Err(Exit::Wrong);
    };
    if whole.nodes.iter().all(|node| node.run.is_empty()) {
        leave_out_commands(&mut lab);
    }
    // What must hold is what had to when every link was up; synthetic checks do not ask for the
    // addresses that went down with a link.
    let gone = addresses_of(whole, &down);
    let asked = |check: &&Check| {
        // A synthetic check has the place of its sender; one of the file stays as it is.
        check.span != whole[check.from.node].span
            || check.to.addresses().iter().all(|address| !gone.contains(address))
    };
    lab.checks = whole.checks.iter().filter(asked).cloned().collect();
    lab.sample.clone_from(&whole.sample);
    Ok(Some(lab))
}

/// The interfaces round whose links routes are led.
pub(super) fn failed_links(changes: &[Change]) -> Vec<(NodeName, DeviceName)> {
    let down = changes.iter().filter(|change| change.link == Some(LinkChange::DownAndRerouted));
    down.filter_map(|change| {
        Some((NodeName::new(&change.node)?, DeviceName::new(&change.interface)?))
    })
    .collect()
}

/// The addresses at both ends of the links of interfaces.
fn addresses_of(lab: &Lab, interfaces: &[(NodeName, DeviceName)]) -> BTreeSet<IpAddr> {
    let near = interfaces.iter().filter_map(|(node, interface)| {
        let node = lab.node(node.as_str())?;
        Some((node, lab[node].interface(interface.as_str())?))
    });
    near.flat_map(|(node, interface)| [Some((node, interface)), lab.peer(node, interface)])
        .flatten()
        .flat_map(|(node, interface)| &lab[node].interfaces[interface.0].addresses)
        .map(|address| address.value.addr())
        .collect()
}

/// The lab's name where neither the user nor the file gives one: the file's stem, folded.
fn fallback(file: &Path) -> LabName {
    let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    LabName::fold(stem).unwrap_or_else(|| LabName::new("lab").expect("`lab` is a lab's name"))
}
