//! A lab's file on the command line, made into a lab, with what is wrong about it said.

use super::exit::{Exit, wrong};
use super::report::{Amount, report};
use crate::document::{Limit, Limits};
use crate::lifecycle::{CompileError, CompiledLab, Definition, Options, Promises};
use clap::Args;
use std::path::{Path, PathBuf};

/// A lab's file on the command line.
#[derive(Debug, Args)]
pub(super) struct LabFile {
    /// The lab's .dot or .yaml file, `-` for standard input
    #[arg(id = "file", value_name = "FILE")]
    pub path: PathBuf,
    #[command(flatten)]
    pub with: FileOptions,
}

/// What a lab's file on the command line may name, and how much it may make.
#[derive(Debug, Clone, Args)]
pub(super) struct FileOptions {
    /// Also let FILE name files below DIR, beside those below its own directory or, for standard
    /// input, the working directory. Can be repeated
    #[arg(long, value_name = "DIR", value_parser = directory)]
    allow_files: Vec<PathBuf>,
    /// Refuse FILE if it makes more than NUMBER of WHAT: nodes, links, interfaces, neighbours, paths,
    /// routes, nexthops, checks, probes or bytes; `lookups` caps the search for forwarding loops.
    /// Can be repeated
    #[arg(long = "limit", value_name = "WHAT=NUMBER")]
    limits: Vec<Limit>,
}

/// Refuses an option that counts for a file alone, where a lab that stands is meant.
pub(super) fn refuse_for_lab(given: Option<&str>) -> Result<(), Exit> {
    match given {
        None => Ok(()),
        Some(option) => Err(wrong(format!(
            "`{option}` counts for a FILE: name the one that the lab was built from"
        ))),
    }
}

impl FileOptions {
    /// The first of these options that was given.
    pub fn given(&self) -> Option<&'static str> {
        let Self { allow_files, limits } = self;
        let given = [("--allow-files", !allow_files.is_empty()), ("--limit", !limits.is_empty())];
        given.into_iter().find_map(|(option, is_given)| is_given.then_some(option))
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

/// Reads and compiles a file.
pub(super) fn compile(file: &LabFile, options: Options) -> Result<CompiledLab, CompileError> {
    let options = Options { limits: Limits::default().with(&file.with.limits), ..options };
    Definition::read_beside(&file.path, &file.with.allow_files)?.compile(options)
}

/// Says what is wrong with a file, and what follows from errors.
pub(super) fn said(
    compiled: Result<CompiledLab, CompileError>,
    amount: Amount,
    consequence: &str,
) -> Result<CompiledLab, Exit> {
    match compiled {
        Ok(lab) => {
            report(lab.warnings(), lab.file(), amount, consequence);
            Ok(lab)
        }
        Err(CompileError { file, diagnostics }) => {
            report(&diagnostics, &file, amount, consequence);
            Err(Exit::Wrong)
        }
    }
}

/// A file that is only looked at.
pub(super) fn load(
    file: &LabFile,
    promises: Promises,
    amount: Amount,
) -> Result<CompiledLab, Exit> {
    said(compile(file, Options { promises, ..Options::default() }), amount, "")
}
