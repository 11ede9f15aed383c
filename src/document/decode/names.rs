//! What is said of names that nodes, interfaces, VRFs and labs cannot have.

use super::super::{DeviceName, LabName, NodeName};
use crate::diagnostic::{Code, Diagnostic, Text};

/// A node's name.
pub(super) fn node(name: &Text) -> Result<(), Diagnostic> {
    check("a node", name, NodeName::RULE, NodeName::new(name.as_str()).is_some(), |text| {
        NodeName::fold(text).map(|name| name.as_str().to_owned())
    })
}

/// An interface's name. `lo` is there already, and what it can be told has a key of its own.
pub(super) fn interface(name: &Text) -> Result<(), Diagnostic> {
    if name.as_str() == "lo" {
        return Err(bad("an interface", name)
            .note("every node has its `lo`")
            .help("the addresses on it are the node's key `loopback`"));
    }
    device("an interface", name)
}

/// A VRF's name: the VRF is a device too.
pub(super) fn vrf(name: &Text) -> Result<(), Diagnostic> {
    if name.as_str() == "lo" {
        return Err(bad("a VRF", name).note("every node has its `lo`, and a VRF is a device too"));
    }
    device("a VRF", name)
}

fn device(what: &str, name: &Text) -> Result<(), Diagnostic> {
    check(what, name, DeviceName::RULE, DeviceName::new(name.as_str()).is_some(), |text| {
        DeviceName::fold(text).map(|name| name.as_str().to_owned())
    })
}

/// A lab's name.
pub(super) fn lab(name: &Text) -> Result<(), Diagnostic> {
    check("a lab", name, LabName::RULE, LabName::new(name.as_str()).is_some(), |text| {
        LabName::fold(text).map(|name| name.as_str().to_owned())
    })
}

fn check(
    what: &str,
    name: &Text,
    rule: &str,
    right: bool,
    propose: impl Fn(&str) -> Option<String>,
) -> Result<(), Diagnostic> {
    if right {
        return Ok(());
    }
    let fault = bad(what, name).note(format!("allowed: {rule}"));
    Err(match propose(name.as_str()) {
        Some(proposed) => fault.help(format!("for example `{proposed}`")),
        None => fault,
    })
}

fn bad(what: &str, name: &Text) -> Diagnostic {
    Diagnostic::error(Code::BadName, format!("`{name}` cannot be the name of {what}"))
        .at(name.span, "")
}
