//! What a node has by the names that the file's lines call it: tables, interfaces, VRFs.

use super::lab::{MAIN, Node};
use crate::diagnostic::{Code, Diagnostic, Text, few, nearest};
use crate::document::DeviceName;
use crate::iproute;
use crate::topology::TableNames;

/// The number of a table that is looked up: said, or found by a name, which may be that of the VRF
/// that owns it.
pub(super) fn table_number(
    node: &Node,
    tables: &TableNames,
    table: &iproute::Table,
) -> Result<u32, Diagnostic> {
    match table {
        iproute::Table::Number(number) => Ok(number.value),
        iproute::Table::Name(name) | iproute::Table::Vrf(name) => match node.vrf(name.as_str()) {
            Some(vrf) => Ok(vrf.table),
            None => named_table(node, tables, name),
        },
    }
}

/// The number of a table by its name, which is no VRF's.
pub(super) fn named_table(
    node: &Node,
    tables: &TableNames,
    name: &Text,
) -> Result<u32, Diagnostic> {
    match name.as_str() {
        "main" => return Ok(MAIN),
        "default" => return Ok(253),
        "local" => return Ok(255),
        _ => {}
    }
    tables.number(name.as_str()).ok_or_else(|| {
        let title = format!("`{}` has no table `{name}`", node.name);
        let error = Diagnostic::error(Code::UnknownTable, title);
        known(error, "table", name, tables.near(name.as_str()), tables.names())
    })
}

/// A device of the node, by name: an interface, a VRF or `lo`.
pub(super) fn device(node: &Node, name: &Text) -> Result<DeviceName, Diagnostic> {
    let known = node.interface(name.as_str()).is_some() || node.vrf(name.as_str()).is_some();
    if name.as_str() != "lo" && !known {
        return Err(no_interface(node, name));
    }
    DeviceName::new(name.as_str())
        .ok_or_else(|| Diagnostic::error(Code::BadName, format!("`{name}` is no device's name")))
}

/// An interface that a node has not.
pub(super) fn no_interface(node: &Node, name: &Text) -> Diagnostic {
    let error = Diagnostic::error(
        Code::UnknownInterface,
        format!("`{}` has no interface `{name}`", node.name),
    );
    let interfaces = &node.interfaces;
    known(error, "interface", name, interfaces.near(name.as_str()), interfaces.names())
}

/// A VRF that a node has not.
pub(super) fn no_vrf(node: &Node, name: &Text) -> Diagnostic {
    let error = Diagnostic::error(Code::UnknownVrf, format!("`{}` has no VRF `{name}`", node.name));
    known(error, "VRF", name, node.vrfs.near(name.as_str()), node.vrfs.names())
}

/// Says which name may be meant, or which ones there are.
fn known<'a>(
    error: Diagnostic,
    what: &str,
    name: &Text,
    near: impl Iterator<Item = &'a str>,
    known: impl ExactSizeIterator<Item = &'a str>,
) -> Diagnostic {
    let error = error.at(name.span, "not known here");
    match (nearest(name.as_str(), near), known.len()) {
        (Some(near), _) => error.help(format!("did you mean `{near}`?")),
        (None, 0) => error,
        (None, _) => error.help(format!("its {what}s are {}", few(known))),
    }
}
