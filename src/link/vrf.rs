//! `vrf`: a device that ties its ports to a table (Documentation/networking/vrf.rst).

use super::Keys;
use super::kind::{Carries, Description, LinkKind, LowerDevice, Medium, Mtu, OfKind};
use crate::diagnostic::Diagnostic;
use crate::vocabulary::Value;
use rtnetlink::packet_route::link::{InfoData, InfoKind, InfoVrf};
use serde::{Deserialize, Serialize};

/// The MTU that the kernel gives a VRF device: 64 KiB and an IPv6 header.
const VRF_MTU: u32 = 65575;

/// A VRF device. A node's `vrfs` make them, and no `kind`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Vrf {
    /// The table that its ports look up.
    pub table: u32,
}

impl LinkKind for Vrf {
    const DESCRIPTION: Description = Description {
        word: "vrf",
        is_named_in_files: false,
        keys: &[],
        example: &[],
        lower: LowerDevice::None,
        carries: Carries::Nothing,
        reserved: &[],
        title: "VRF devices",
        config: "CONFIG_NET_VRF",
        module: "vrf",
        info: InfoKind::Vrf,
    };

    fn parse(keys: &Keys<'_>) -> Result<Self, Diagnostic> {
        Err(keys.missing("table"))
    }

    fn read(data: Option<&InfoData>) -> Option<(Self, Option<u32>)> {
        let Some(InfoData::Vrf(data)) = data else { return None };
        let table = data.iter().find_map(|item| {
            let InfoVrf::TableId(table) = item else { return None };
            Some(*table)
        })?;
        Some((Self { table }, None))
    }

    fn sample() -> Self {
        Self { table: 10 }
    }
}

impl OfKind for Vrf {
    fn keys(&self) -> Vec<(&'static str, Value)> {
        vec![("table", Value::Number(self.table))]
    }

    fn words(&self, _: Option<&str>) -> String {
        format!("table {}", self.table)
    }

    fn data(&self, _: Option<u32>) -> Option<InfoData> {
        Some(InfoData::Vrf(vec![InfoVrf::TableId(self.table)]))
    }

    fn medium(&self) -> Medium {
        Medium::Alone
    }

    fn mtu(&self) -> Mtu {
        Mtu::Own(VRF_MTU)
    }
}
