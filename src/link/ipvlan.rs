//! `ipvlan`: another interface with the MAC address of the one below (Documentation/networking/ipvlan.rst).

use super::kind::{Carries, Description, LinkKind, LowerDevice, Medium, Mtu, OfKind};
use super::macvlan::MODE;
use super::{Keys, keys};
use crate::diagnostic::{Diagnostic, Text};
use crate::vocabulary::{Choice, Value};
use rtnetlink::packet_route::link::{InfoData, InfoIpVlan, InfoKind, IpVlanMode as KernelMode};
use serde::{Deserialize, Serialize};

/// An ipvlan device.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ipvlan {
    /// In which layer it is joined with the device below.
    pub mode: IpvlanMode,
}

/// How the ipvlans of one interface and the wire are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum IpvlanMode {
    /// As ports of one bridge.
    L2,
    /// By routes: no broadcast and no ARP reaches it.
    L3,
    /// As `l3`, with the filters of the node below.
    L3s,
}

impl IpvlanMode {
    const ALL: [(&'static str, Self, KernelMode); 3] = [
        ("l2", Self::L2, KernelMode::L2),
        ("l3", Self::L3, KernelMode::L3),
        ("l3s", Self::L3s, KernelMode::L3S),
    ];

    fn entry(self) -> (&'static str, Self, KernelMode) {
        *Self::ALL.iter().find(|(_, mode, _)| *mode == self).expect("every mode is in the list")
    }
}

impl Choice for IpvlanMode {
    fn words() -> Vec<(&'static str, Self)> {
        Self::ALL.iter().map(|(word, mode, _)| (*word, *mode)).collect()
    }
}

impl LinkKind for Ipvlan {
    const DESCRIPTION: Description = Description {
        word: "ipvlan",
        is_named_in_files: true,
        keys: &[&keys::PARENT, &MODE],
        example: &[("kind", "ipvlan"), ("parent", "eth0")],
        lower: LowerDevice::Parent,
        carries: Carries::Ethernet,
        reserved: &[],
        title: "ipvlan devices",
        config: "CONFIG_IPVLAN",
        module: "ipvlan",
        info: InfoKind::IpVlan,
    };

    fn parse(keys: &Keys<'_>) -> Result<Self, Diagnostic> {
        Ok(Self { mode: keys.choice("mode")?.unwrap_or(IpvlanMode::L2) })
    }

    fn read(data: Option<&InfoData>) -> Option<(Self, Option<u32>)> {
        let Some(InfoData::IpVlan(data)) = data else { return None };
        let mode = data.iter().find_map(|item| {
            let InfoIpVlan::Mode(mode) = item else { return None };
            IpvlanMode::ALL.iter().find(|(_, _, it)| it == mode)
        })?;
        Some((Self { mode: mode.1 }, None))
    }

    fn sample() -> Self {
        Self { mode: IpvlanMode::L2 }
    }
}

impl OfKind for Ipvlan {
    fn keys(&self) -> Vec<(&'static str, Value)> {
        vec![("mode", Value::Line(Text::filled(self.mode.entry().0)))]
    }

    fn words(&self, _: Option<&str>) -> String {
        format!("mode {}", self.mode.entry().0)
    }

    fn data(&self, _: Option<u32>) -> Option<InfoData> {
        Some(InfoData::IpVlan(vec![InfoIpVlan::Mode(self.mode.entry().2)]))
    }

    fn medium(&self) -> Medium {
        match self.mode {
            IpvlanMode::L2 => Medium::Untagged,
            IpvlanMode::L3 | IpvlanMode::L3s => Medium::Alone,
        }
    }

    fn mtu(&self) -> Mtu {
        Mtu::Lower
    }
}
