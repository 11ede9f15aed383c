//! A lab's file, and the lab that is made of it.

use super::lacks::Lacks;
use crate::compile::{self, Lab, compile_source};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Source, bound, render};
use crate::document::{self, Files, Format, LabName, Limits};
use crate::lint::{Promises, lint};
use crate::plan::{self, Plan};
use crate::state::{Built, Commands};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// A lab's file as it was read.
#[derive(Debug, Clone)]
pub struct Definition {
    source: Source,
    format: Format,
    /// Its absolute path; nothing for what is in no file.
    path: Option<PathBuf>,
    files: Files,
    /// The lab's name where neither the file nor the caller gives one.
    fallback: LabName,
}

/// How a file is compiled.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The lab's name, instead of the file's own.
    pub name: Option<LabName>,
    /// How much the file may make.
    pub limits: Limits,
    /// Whether the commands of the file are left out.
    pub without_commands: bool,
    /// Whether a check by which something must not arrive, and which the file's own routes break, is an error
    /// of the file.
    pub promises: Promises,
}

/// What is wrong with a file.
#[derive(Debug, Clone)]
pub struct CompileError {
    /// The file.
    pub file: Source,
    /// Errors, and warnings among them, in the order of their places.
    pub diagnostics: Vec<Diagnostic>,
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = bound::grouped(self.diagnostics.clone());
        f.write_str(&render::text(&shown, &self.file, render::Style { colour: false }))
    }
}

impl std::error::Error for CompileError {}

impl Definition {
    /// Reads a .dot or .yaml file; `-` is the standard input. The files that it names must be below its
    /// own directory.
    ///
    /// # Errors
    /// It is no text, or cannot be read.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, CompileError> {
        Self::read_beside(path, &[])
    }

    /// [`Definition::read`] of a file that may name files below these directories too.
    ///
    /// # Errors
    /// As [`Definition::read`].
    pub fn read_beside(path: impl AsRef<Path>, allowed: &[PathBuf]) -> Result<Self, CompileError> {
        let path = path.as_ref();
        let is_file = path.as_os_str() != "-";
        let source = document::read(path).map_err(|fault| {
            let name = path.display().to_string();
            let name = if is_file { name } else { document::STANDARD_INPUT.to_owned() };
            let file = Source { name, text: String::new() };
            CompileError { file, diagnostics: vec![fault] }
        })?;
        let format = Format::of_name(&source.name).unwrap_or_else(|| Format::of_text(&source));
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        Ok(Self {
            format,
            path: is_file.then(|| path.canonicalize().unwrap_or_else(|_| path.to_owned())),
            files: Files::beside(&path.display().to_string(), allowed),
            fallback: LabName::fold(stem).unwrap_or_else(unnamed),
            source,
        })
    }

    /// A lab's text, under the name that diagnostics call it by. The files that it names must be below
    /// the working directory.
    pub fn of_text(name: &str, text: &str) -> Self {
        let source = Source { name: name.to_owned(), text: text.to_owned() };
        let format = Format::of_name(name).unwrap_or_else(|| Format::of_text(&source));
        let files = Files::beside("-", &[]);
        Self { source, format, path: None, files, fallback: unnamed() }
    }

    /// Makes the lab.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn compile(self, options: Options) -> Result<CompiledLab, CompileError> {
        let Self { source, format, path, files, fallback } = self;
        let Options { name, limits, without_commands, promises } = options;
        let options = compile::Options {
            name,
            files: Some(files),
            limits: limits.clone(),
            ..compile::Options::default()
        };
        let (lab, diagnostics) = compile_source(&source, format, &fallback, &options);
        let Some(mut lab) = lab else { return Err(CompileError { file: source, diagnostics }) };
        let number = lab.nodes.iter().map(|node| node.run.len()).sum();
        if without_commands {
            leave_out_commands(&mut lab);
        }
        let plan = match plan::lower(&lab) {
            Ok(plan) => plan,
            Err(error) => {
                let fault = Diagnostic::error(Code::Refused, error.to_string());
                return Err(CompileError { file: source, diagnostics: vec![fault] });
            }
        };
        let mut said = Diagnostics::from(diagnostics);
        lint(&lab, &plan, &limits, promises, &mut said);
        if said.has_errors() {
            return Err(CompileError { file: source, diagnostics: said.into_sorted() });
        }
        Ok(CompiledLab {
            built: Built { source, format, lab, rerouted: None },
            path,
            plan,
            commands: Commands { number, left_out: without_commands },
            warnings: said.into_sorted(),
            lacks: OnceLock::new(),
        })
    }
}

fn unnamed() -> LabName {
    LabName::new("lab").expect("`lab` is a lab's name")
}

pub(super) fn leave_out_commands(lab: &mut Lab) {
    lab.nodes.iter_mut().for_each(|node| node.run.clear());
}

/// A lab that can be built.
#[derive(Debug, Clone)]
pub struct CompiledLab {
    pub(super) built: Built,
    pub(super) path: Option<PathBuf>,
    pub(super) plan: Plan,
    pub(super) commands: Commands,
    warnings: Vec<Diagnostic>,
    lacks: OnceLock<Option<Lacks>>,
}

impl CompiledLab {
    /// The lab, with nothing left out.
    pub fn lab(&self) -> &Lab {
        &self.built.lab
    }

    /// Its name.
    pub fn name(&self) -> &LabName {
        &self.built.lab.name
    }

    /// The steps that build it.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The file that it was made from.
    pub fn file(&self) -> &Source {
        &self.built.source
    }

    /// What is legal in the file and surely a mistake.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// The commands that the file starts.
    pub fn commands(&self) -> Commands {
        self.commands
    }

    /// What this kernel, or this user, lacks for it. It is tried once.
    pub fn lacks(&self) -> Option<&Lacks> {
        self.lacks.get_or_init(|| Lacks::of(&self.plan)).as_ref()
    }

    /// The lab in a form in which a process of this very program reads it back.
    pub fn to_bytes(&self) -> Vec<u8> {
        let Self { built, path, plan: _, commands, warnings: _, lacks: _ } = self;
        postcard::to_allocvec(&(built, path, commands))
            .expect("a lab has no form that has no bytes")
    }

    /// Reads what [`CompiledLab::to_bytes`] wrote.
    ///
    /// # Errors
    /// It was another version of the program, or something else.
    pub fn from_bytes(bytes: &[u8]) -> io::Result<Self> {
        let (built, path, commands): (Built, _, _) =
            postcard::from_bytes(bytes).map_err(io::Error::other)?;
        let plan = plan::lower(&built.lab).map_err(io::Error::other)?;
        let (warnings, lacks) = (Vec::new(), OnceLock::new());
        Ok(Self { built, path, plan, commands, warnings, lacks })
    }
}
