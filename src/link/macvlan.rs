//! `macvlan`: another MAC address on the wire of another interface.

use super::kind::{Carries, Description, LinkKind, LowerDevice, Medium, Mtu, OfKind};
use super::{Keys, keys};
use crate::diagnostic::{Diagnostic, Text};
use crate::vocabulary::{Choice, Key, Shape, Value, key};
use rtnetlink::packet_route::link::{InfoData, InfoKind, InfoMacVlan, MacVlanMode};
use serde::{Deserialize, Serialize};

pub(super) static MODE: Key = key(
    "mode",
    Shape::Line,
    "What a macvlan or ipvlan has to do with others; how a bond shares packets out.",
);

/// A macvlan device.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Macvlan {
    /// What it has to do with others of the device below.
    pub mode: MacvlanMode,
}

/// What the macvlans of one interface have to do with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum MacvlanMode {
    /// They reach each other.
    Bridge,
    /// They do not.
    Private,
    /// They do if the far end of the wire sends packets back.
    Vepa,
    /// There is only one.
    Passthru,
}

impl MacvlanMode {
    const ALL: [(&'static str, Self, MacVlanMode); 4] = [
        ("bridge", Self::Bridge, MacVlanMode::Bridge),
        ("private", Self::Private, MacVlanMode::Private),
        ("vepa", Self::Vepa, MacVlanMode::Vepa),
        ("passthru", Self::Passthru, MacVlanMode::Passthrough),
    ];

    fn entry(self) -> (&'static str, Self, MacVlanMode) {
        *Self::ALL.iter().find(|(_, mode, _)| *mode == self).expect("every mode is in the list")
    }
}

impl Choice for MacvlanMode {
    fn words() -> Vec<(&'static str, Self)> {
        Self::ALL.iter().map(|(word, mode, _)| (*word, *mode)).collect()
    }
}

impl LinkKind for Macvlan {
    const DESCRIPTION: Description = Description {
        word: "macvlan",
        is_named_in_files: true,
        keys: &[&keys::PARENT, &MODE],
        example: &[("kind", "macvlan"), ("parent", "eth0")],
        lower: LowerDevice::Parent,
        carries: Carries::Ethernet,
        reserved: &[],
        title: "macvlan devices",
        config: "CONFIG_MACVLAN",
        module: "macvlan",
        info: InfoKind::MacVlan,
    };

    fn parse(keys: &Keys<'_>) -> Result<Self, Diagnostic> {
        Ok(Self { mode: keys.choice("mode")?.unwrap_or(MacvlanMode::Bridge) })
    }

    fn read(data: Option<&InfoData>) -> Option<(Self, Option<u32>)> {
        let Some(InfoData::MacVlan(data)) = data else { return None };
        let mode = data.iter().find_map(|item| {
            let InfoMacVlan::Mode(mode) = item else { return None };
            MacvlanMode::ALL.iter().find(|(_, _, it)| it == mode)
        })?;
        Some((Self { mode: mode.1 }, None))
    }

    fn sample() -> Self {
        Self { mode: MacvlanMode::Bridge }
    }
}

impl OfKind for Macvlan {
    fn keys(&self) -> Vec<(&'static str, Value)> {
        vec![("mode", Value::Line(Text::filled(self.mode.entry().0)))]
    }

    fn words(&self, _: Option<&str>) -> String {
        format!("mode {}", self.mode.entry().0)
    }

    fn data(&self, _: Option<u32>) -> Option<InfoData> {
        Some(InfoData::MacVlan(vec![InfoMacVlan::Mode(self.mode.entry().2)]))
    }

    fn medium(&self) -> Medium {
        match self.mode {
            MacvlanMode::Bridge | MacvlanMode::Vepa | MacvlanMode::Private => Medium::Untagged,
            MacvlanMode::Passthru => Medium::Whole,
        }
    }

    fn mtu(&self) -> Mtu {
        Mtu::Lower
    }
}
