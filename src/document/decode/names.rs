//! The names that nodes, interfaces, VRFs and labs can have.

use crate::diagnostic::{Code, Diagnostic, Text};

/// The longest name that the kernel gives an interface, and with it a VRF.
const DEVICE: usize = 15;
const NODE: usize = 63;
const LAB: usize = 32;

/// A node's name.
pub(in super::super) fn node(name: &Text) -> Result<(), Diagnostic> {
    let ok = |at: usize, it: char| {
        it.is_ascii_alphanumeric() || it == '_' || at > 0 && matches!(it, '.' | '-')
    };
    let text = name.as_str();
    if !text.is_empty() && text.len() <= NODE && text.chars().enumerate().all(|(at, it)| ok(at, it))
    {
        return Ok(());
    }
    let folded = replaced(text, |it| ok(1, it)).trim_start_matches(['.', '-']).to_owned();
    Err(bad("a node", name, &folded[..folded.len().min(NODE)]).note(format!(
        "letters, digits, `_`, `.` and `-`, not beginning with `.` or `-`, at most {NODE}"
    )))
}

/// An interface's name.
pub(in super::super) fn interface(name: &Text) -> Result<(), Diagnostic> {
    device("an interface", name)
}

/// A VRF's name: the VRF is a device too.
pub(in super::super) fn vrf(name: &Text) -> Result<(), Diagnostic> {
    device("a VRF", name)
}

fn device(what: &str, name: &Text) -> Result<(), Diagnostic> {
    let text = name.as_str();
    let ok = |it: char| !matches!(it, '/' | ':') && !it.is_whitespace() && !it.is_control();
    if matches!(text, "." | "..") {
        return Err(bad(what, name, "")
            .note("the kernel's settings of an interface are a directory of its name"));
    }
    if matches!(text, "all" | "default") {
        return Err(bad(what, name, &format!("{text}0"))
            .note(format!("the kernel keeps `{text}` for settings of its own, in net.ipv4.conf")));
    }
    if text == "lo" {
        return Err(
            bad(what, name, "lo0").note("every node has its `lo`; addresses on it are `loopback`")
        );
    }
    if !text.is_empty() && text.len() <= DEVICE && text.chars().all(ok) {
        return Ok(());
    }
    let folded = replaced(text, ok);
    let folded = &folded[..folded.floor_char_boundary(DEVICE)];
    Err(bad(what, name, folded)
        .note(format!("the kernel takes names of 1 to {DEVICE} bytes without `/`, `:` and spaces")))
}

/// A lab's name.
pub(in super::super) fn lab(name: &Text) -> Result<(), Diagnostic> {
    match fold(name.as_str()) {
        Some(folded) if folded == name.value => Ok(()),
        folded => Err(bad("a lab", name, &folded.unwrap_or_default())
            .note(format!("small letters, digits and `-`, not beginning with `-`, at most {LAB}"))),
    }
}

/// The nearest name that a lab can have: small letters, digits and `-`, at most 32 of them. `None`
/// where the text has nothing of that.
pub(in super::super) fn fold(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let name = replaced(&lower, |it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-');
    let name = name.trim_start_matches('-');
    (!name.is_empty()).then(|| name[..name.len().min(LAB)].to_owned())
}

/// The text with `-` for each run of characters that cannot stand in it.
fn replaced(text: &str, ok: impl Fn(char) -> bool) -> String {
    let mut name = String::with_capacity(text.len());
    for it in text.chars() {
        if ok(it) {
            name.push(it);
        } else if !name.ends_with('-') {
            name.push('-');
        }
    }
    name
}

fn bad(what: &str, name: &Text, proposed: &str) -> Diagnostic {
    let fault = Diagnostic::error(Code::BadName, format!("`{name}` cannot be the name of {what}"))
        .at(name.span, "");
    if proposed.is_empty() { fault } else { fault.help(format!("for example `{proposed}`")) }
}
