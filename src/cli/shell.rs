//! A shell for somebody who names no command.

use std::ffi::OsString;
use std::path::Path;

/// The user's shell with its prompt ours and without the user's start-up files: these are written for
/// the machine and not for a node, and where files are slow, as in the micro-VM, they take many seconds.
/// Of a shell that is not known the files are read and the prompt is its own.
pub(super) fn words(place: &str) -> Vec<OsString> {
    let shell = std::env::var_os("SHELL").filter(|shell| !shell.is_empty());
    let shell = shell.unwrap_or_else(|| "/bin/sh".into());
    let name = Path::new(&shell).file_name().unwrap_or_default().to_owned();
    let (prompt, options): (String, &[&str]) = match name.to_str() {
        Some("bash") => (format!("{place}:\\w\\$ "), &["--noprofile", "--norc"]),
        Some("sh" | "dash" | "ash" | "ksh" | "mksh") => (format!("{place}# "), &[]),
        Some(_) | None => return vec![shell],
    };
    // `ENV` is the start-up file of the plainer ones.
    let with = ["env".into(), "ENV=".into(), format!("PS1={prompt}").into(), shell];
    with.into_iter().chain(options.iter().map(OsString::from)).collect()
}
