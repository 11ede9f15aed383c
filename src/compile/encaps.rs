//! What the file's routes put packets into and take them out of, with its names resolved.

use super::lab::{Encap, Node};
use super::lookup::{device, table_number};
use crate::diagnostic::{Code, Diagnostic, Span, Text, few};
use crate::document::DeviceName;
use crate::iproute;
use crate::topology::{self, TableNames};
use std::cell::OnceCell;
use std::collections::HashSet;

/// The setting without which the kernel takes no segments that lead into a VRF.
const STRICT_MODE: &str = "net/vrf/strict_mode";

/// What the encapsulations of a node's routes are looked up in.
pub(super) struct Encaps<'a> {
    node: &'a Node,
    tables: &'a TableNames,
    /// The tables of the node's VRFs.
    vrfs: HashSet<u32>,
    /// The VRFs and their tables in words.
    known: OnceCell<String>,
    /// The setting that lets two VRFs have one table.
    shared: Option<Span>,
}

impl<'a> Encaps<'a> {
    pub fn of(node: &'a Node, written: &'a topology::Node) -> Self {
        let strict = written.sysctls.iter().find(|(key, _)| key.value == STRICT_MODE);
        let shared = strict.filter(|(_, value)| value.as_str().trim() == "0");
        Self {
            node,
            tables: &written.tables,
            vrfs: node.vrfs.iter().map(|vrf| vrf.table).collect(),
            known: OnceCell::new(),
            shared: shared.map(|(key, _)| key.span),
        }
    }

    /// The encapsulation of a way on through a device.
    pub fn resolve(
        &self,
        (dev, said): (&DeviceName, Option<&Text>),
        encap: &iproute::Encap<Text, iproute::Table>,
    ) -> Result<Encap, Diagnostic> {
        let number = |table: &iproute::Table| table_number(self.node, self.tables, table);
        if let Some(local) = encap.local() {
            if let Some(said) = said.filter(|_| dev.as_str() == "lo") {
                return Err(behind_lo(said));
            }
            if let Some(table) = local.vrf_table() {
                self.in_vrf(table, number(table)?)?;
            }
        }
        encap.resolve(|name| device(self.node, name), number)
    }

    /// Refuses a segment that leads into a VRF which is not there, or where two VRFs may have one table.
    fn in_vrf(&self, table: &iproute::Table, number: u32) -> Result<(), Diagnostic> {
        let node = self.node;
        if !self.vrfs.contains(&number) {
            let title = format!("no VRF of `{}` has the table {table}", node.name);
            let error = Diagnostic::error(Code::UnknownVrf, title)
                .at(table.span(), "the table of no VRF")
                .note("the kernel answers ENODEV: \"Table has no associated VRF device\"");
            return Err(match self.vrfs.is_empty() {
                true => error,
                false => error.help(format!("its VRFs and their tables are {}", self.known())),
            });
        }
        match self.shared {
            None => Ok(()),
            Some(setting) => Err(Diagnostic::error(
                Code::BadValue,
                format!(
                    "`{}` lets two VRFs have one table, and a segment leads into a VRF",
                    node.name
                ),
            )
            .at(setting, "turned off here")
            .beside(table.span(), "this table's")
            .note("the kernel answers EPERM: \"Strict mode for VRF is disabled\"")
            .help("leave the setting out")),
        }
    }

    fn known(&self) -> &str {
        self.known.get_or_init(|| {
            let vrfs = self.node.vrfs.iter();
            let words: Vec<String> =
                vrfs.map(|vrf| format!("{} ({})", vrf.name, vrf.table)).collect();
            few(words.iter().map(String::as_str))
        })
    }
}

fn behind_lo(said: &Text) -> Diagnostic {
    Diagnostic::error(Code::BadValue, "a segment behind `lo` is never reached")
        .at(said.span, "the kernel takes the route, and drops what it is for")
        .help("name an interface or a VRF: the action, and not the device, says what is done")
}
