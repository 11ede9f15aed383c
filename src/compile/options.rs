//! What a lab is compiled under, beside its file.

use super::allocations::Allocations;
use crate::document::{DeviceName, Files, LabName, Limits, NodeName};

/// What holds of a lab beside what its file says.
#[doc(hidden)]
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The lab's name, instead of the file's own.
    pub name: Option<LabName>,
    /// Where the files come from that the lab's file names; from its own directory where nothing is said.
    pub files: Option<Files>,
    /// Interfaces that are down whatever the file says: routes that are filled in go round their links.
    pub failed_links: Vec<(NodeName, DeviceName)>,
    /// What was chosen for the lab when it was compiled before; nodes and links that are still there keep it.
    pub kept_allocations: Allocations,
    /// How much the file may make.
    pub limits: Limits,
}
