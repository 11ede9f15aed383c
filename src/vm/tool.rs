//! The programs of the host that this room starts.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::error::Error;

/// A program, and what to say where it is missing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tool {
    pub name: &'static str,
    pub purpose: &'static str,
    pub help: &'static str,
}

impl Tool {
    /// Finds the program: `PATH` of ordinary users often lacks the directories for administrators.
    pub fn find(&self) -> Result<PathBuf, Error> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let usual = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"];
        let directories = std::env::split_paths(&path).chain(usual.map(PathBuf::from));
        let mut files = directories.map(|directory| directory.join(self.name));
        let Self { name: tool, purpose, help } = *self;
        files.find(|file| file.is_file()).ok_or(Error::MissingTool { tool, purpose, help })
    }

    /// A command that runs it, in the language that its output is read in.
    pub fn command(&self, arguments: &[impl AsRef<OsStr>]) -> Result<Command, Error> {
        let mut command = Command::new(self.find()?);
        command.args(arguments).env("LC_ALL", "C").stdin(Stdio::null());
        Ok(command)
    }
}

/// Runs the command and returns what it said.
pub(super) fn said(mut command: Command) -> Result<String, Error> {
    let output = command.output().map_err(Error::system("start a program"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(OsStr::to_string_lossy).collect();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).trim_end().to_owned();
    Err(Error::Failed { command: words.join(" "), status: output.status, output: said })
}
