//! The devices that steps make.

use crate::link::{Kind, LowerDevice};

/// One end of a veth pair.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct VethEnd {
    /// Where.
    pub namespace: String,
    /// The interface's name.
    pub name: String,
    /// Its MTU in bytes, where it is not the kernel's default.
    pub mtu: Option<u32>,
    /// Its MAC address, where it is not the kernel's choice.
    pub mac: Option<[u8; 6]>,
}

/// A device that is no end of a pair.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Device {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// The device that it rests on.
    pub lower: Option<String>,
    /// Its MTU in bytes, where it is not the kernel's default.
    pub mtu: Option<u32>,
    /// Its MAC address, where it is not the kernel's choice.
    pub mac: Option<[u8; 6]>,
}

impl Device {
    /// What stands behind the name and the hardware's words in `ip link add`.
    pub(super) fn words(&self) -> String {
        let description = self.kind.description();
        let lower = self.lower.as_deref();
        let parent = match (description.lower, lower) {
            (LowerDevice::Parent, Some(parent)) => format!(" link {parent}"),
            (
                LowerDevice::Parent
                | LowerDevice::None
                | LowerDevice::Underlay
                | LowerDevice::Socket,
                _,
            ) => String::new(),
        };
        let words = self.kind.words(lower);
        let space = if words.is_empty() { "" } else { " " };
        format!("{parent} type {}{space}{words}", description.word)
    }

    /// The device whose frames it takes, without which it is not up.
    pub(super) fn parent(&self) -> Option<&str> {
        match self.kind.description().lower {
            LowerDevice::Parent => self.lower.as_deref(),
            LowerDevice::None | LowerDevice::Underlay | LowerDevice::Socket => None,
        }
    }

    /// Whether it is made from inside its namespace.
    pub(super) fn is_made_inside(&self) -> bool {
        self.kind.description().lower.is_in_namespace_of_request()
    }
}
