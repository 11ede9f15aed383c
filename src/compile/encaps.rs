//! What the file's routes put packets into and take them out of, with its names resolved.

use super::lab::{Encap, Node};
use super::routes::{device, table_number};
use crate::diagnostic::{Code, Diagnostic, Text};
use crate::document::DeviceName;
use crate::{iproute, topology};

/// The setting without which the kernel takes no segments that lead into a VRF.
const STRICT_MODE: &str = "net/vrf/strict_mode";

/// The encapsulation of a way on through a device.
pub(super) fn resolve(
    node: &Node,
    written: &topology::Node,
    (dev, said): (&DeviceName, Option<&Text>),
    encap: &iproute::Encap<Text, iproute::Table>,
) -> Result<Encap, Diagnostic> {
    if let Some(local) = encap.local() {
        if let Some(said) = said.filter(|_| dev.as_str() == "lo") {
            return Err(behind_lo(said));
        }
        if let Some(table) = local.vrf_table() {
            in_vrf(node, written, table)?;
        }
    }
    encap.resolve(|name| device(node, name), |table| table_number(node, &written.tables, table))
}

fn behind_lo(said: &Text) -> Diagnostic {
    Diagnostic::error(Code::BadValue, "a segment behind `lo` is never reached")
        .at(said.span, "the kernel takes the route, and drops what it is for")
        .help("name an interface or a VRF: the action, and not the device, says what is done")
}

/// Refuses a segment that leads into a VRF which is not there, or where two VRFs may have one table.
fn in_vrf(node: &Node, written: &topology::Node, table: &iproute::Table) -> Result<(), Diagnostic> {
    let number = table_number(node, &written.tables, table)?;
    if !node.vrfs.iter().any(|vrf| vrf.table == number) {
        let known: Vec<String> =
            node.vrfs.iter().map(|vrf| format!("{} ({})", vrf.name, vrf.table)).collect();
        let title = format!("no VRF of `{}` has the table {table}", node.name);
        let error = Diagnostic::error(Code::UnknownVrf, title)
            .at(table.span(), "the table of no VRF")
            .note("the kernel answers ENODEV: \"Table has no associated VRF device\"");
        return Err(match known.is_empty() {
            true => error,
            false => error.help(format!("its VRFs and their tables are {}", known.join(", "))),
        });
    }
    let setting = written.sysctls.iter().find(|(key, _)| key.value == STRICT_MODE);
    match setting.filter(|(_, value)| value.as_str().trim() == "0") {
        None => Ok(()),
        Some((key, _)) => Err(Diagnostic::error(
            Code::BadValue,
            format!("`{}` lets two VRFs have one table, and a segment leads into a VRF", node.name),
        )
        .at(key.span, "turned off here")
        .beside(table.span(), "this table's")
        .note("the kernel answers EPERM: \"Strict mode for VRF is disabled\"")
        .help("leave the setting out")),
    }
}
