//! nft, the one program that a lab itself can ask for: it reads a language that only it knows.

use super::Worker;
use super::refused::{Reason, Refused};
use std::io::{self, Write};
use std::process::{Command, Stdio};

/// Loads a ruleset in the namespace that the worker is in.
pub(super) fn load_ruleset(_in_namespace: &Worker, ruleset: &str) -> Result<(), Refused> {
    nft(&["-f", "-"], ruleset)
}

/// Loads a ruleset in the place of all that is loaded, in one go.
pub(super) fn replace_ruleset(in_namespace: &Worker, ruleset: &str) -> Result<(), Refused> {
    load_ruleset(in_namespace, &format!("flush ruleset\n{ruleset}"))
}

/// Reads a ruleset as [`load_ruleset`] would, and changes nothing.
pub(super) fn check_ruleset(_in_namespace: &Worker, ruleset: &str) -> Result<(), Refused> {
    nft(&["-c", "-f", "-"], ruleset)
}

/// Tries whether there is nft, and whether the kernel answers it.
pub(super) fn try_nft(_in_namespace: &Worker) -> Result<(), Refused> {
    nft(&["-f", "-"], "table inet try {}")
}

/// A program started on a thread is in the thread's namespace.
fn nft(arguments: &[&str], input: &str) -> Result<(), Refused> {
    let mut command = Command::new("nft");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut nft = match command.spawn() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(refused("there is no program `nft` here; it is in the package nftables"));
        }
        spawned => spawned?,
    };
    let written = nft.stdin.take().map(|mut stdin| stdin.write_all(input.as_bytes()));
    let output = nft.wait_with_output()?;
    if output.status.success() {
        return Ok(written.transpose().map(drop)?);
    }
    Err(refused(String::from_utf8_lossy(&output.stderr).trim_end()))
}

fn refused(sentence: &str) -> Refused {
    Refused { index: 0, refusal: Reason::Program(sentence.to_owned()) }
}
