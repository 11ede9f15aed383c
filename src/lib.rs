//! `vrflab` turns a network drawn in a `.dot` or YAML file into a running one on a Linux machine.
//!
//! ```text
//!  FILE.dot ─┐
//!            ├─► document ─► topology ─► compile ─► Lab ─► plan ─► executor ─► state ─► down, reset
//!  FILE.yaml ┘   what was    what was    what was    │     what     makes it,   what is
//!                written     meant       left out    │     will be  journals,   there
//!                (spans)     (graph)     filled in   │     done     rolls back
//!                                                    └─► check: does it work?
//!
//!  lifecycle: the life of one lab, from its file to its end ─► cli, vm, other programs
//! ```
//!
//! One value per stage, one function that makes it, and nothing flows back. The `mod` lines below
//! stand in the order of the flow, and a module uses only those above it; a test holds that.
//!
//! What is particular to a kind of interface, from its keys to its netlink attributes, is in its file in
//! [`link`], and nowhere else.
//!
//! Rooms left of `kernel` do no input or output but reading the file they are given and those that
//! it names: they need no root and no Linux feature. `kernel` is the only room with netlink and with entering
//! namespaces, `sys` the only one with unsafe code. `lifecycle` is what verbs are made of, `cli` the only room
//! that prints.
//!
//! Other programs use [`lifecycle`], and the data of the rooms that its documentation leads to. The other rooms
//! can be reached because the tests of this crate and its program do so; they are no part of the crate's
//! interface, and change with any version.
//!
//! Programs are started for a lab only where its file asks for them: `run` by a supervisor in each
//! node (`kernel/supervisor.rs`), which ends with the last of its commands, and `nft`. What changes
//! while a lab stands, a link that fails or a line that is impaired, is a second lab: `plan/between.rs`
//! finds the actions that lead from what the kernel holds to it, the same ones that build a lab.

pub mod diagnostic;
pub mod iproute;
#[doc(hidden)]
pub mod vocabulary;
pub mod link;
pub mod document;
#[doc(hidden)]
pub mod topology;
pub mod compile;
pub mod plan;
#[doc(hidden)]
pub mod sys;
#[doc(hidden)]
pub mod kernel;
#[doc(hidden)]
pub mod state;
#[doc(hidden)]
pub mod executor;
pub mod check;
#[doc(hidden)]
pub mod picture;
pub mod lifecycle;
#[doc(hidden)]
pub mod vm;
#[doc(hidden)]
pub mod cli;

use compile::Lab;
use diagnostic::{Diagnostic, Diagnostics, Notation, Source};
use document::{DeviceName, Files, Format, LabName, Limits, NodeName};

/// The lab that a file says, where nothing is wrong with it, and all there is to say of the file, in
/// the order of its places.
///
/// `name` is the lab's whatever the file says, and `fallback` where the file says nothing.
#[doc(hidden)]
pub fn understand(
    source: &Source,
    format: Format,
    name: Option<&LabName>,
    fallback: &LabName,
) -> (Option<Lab>, Vec<Diagnostic>) {
    understand_with(source, format, name, fallback, &Files::beside(&source.name, &[]))
}

/// [`understand`], with the files that the lab's file names taken from `files`.
#[doc(hidden)]
pub fn understand_with(
    source: &Source,
    format: Format,
    name: Option<&LabName>,
    fallback: &LabName,
    files: &Files,
) -> (Option<Lab>, Vec<Diagnostic>) {
    understand_under(source, format, name, fallback, files, &Options::default())
}

/// What holds of a lab beside what its file says.
#[doc(hidden)]
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Interfaces that are down whatever the file says: routes that the compiler fills in go round
    /// their links.
    pub down: Vec<(NodeName, DeviceName)>,
    /// How much the file may make.
    pub limits: Limits,
}

/// [`understand_with`], under these options.
#[doc(hidden)]
pub fn understand_under(
    source: &Source,
    format: Format,
    name: Option<&LabName>,
    fallback: &LabName,
    files: &Files,
    options: &Options,
) -> (Option<Lab>, Vec<Diagnostic>) {
    let (document, said) = document::parse_with(source, Some(format), files, &options.limits);
    let mut diagnostics = Diagnostics::from(said);
    let lab = document.and_then(|document| {
        let mut topology = topology::resolve(document, name.cloned(), fallback, &mut diagnostics);
        topology.down = options.down.clone();
        topology.limits = options.limits.clone();
        compile::compile(topology, &mut diagnostics)
    });
    let lab = lab.filter(|_| !diagnostics.has_errors());
    let notation = match format {
        Format::Dot => Notation::Dot,
        Format::Yaml => Notation::Yaml,
    };
    let diagnostics = diagnostics.into_sorted().into_iter();
    (lab, diagnostics.map(|diagnostic| diagnostic.in_notation(notation)).collect())
}
