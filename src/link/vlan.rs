//! `vlan`: the frames of another interface that have a tag (IEEE 802.1Q).

use super::kind::{Carries, Description, LinkKind, LowerDevice, Medium, Mtu, OfKind};
use super::{Keys, keys};
use crate::diagnostic::Diagnostic;
use crate::vocabulary::Value;
use rtnetlink::packet_route::link::{InfoData, InfoKind, InfoVlan};
use serde::{Deserialize, Serialize};

/// A VLAN device.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Vlan {
    /// The tag, 1 to 4094.
    pub id: u16,
}

impl LinkKind for Vlan {
    const DESCRIPTION: Description = Description {
        word: "vlan",
        is_named_in_files: true,
        keys: &[&keys::ID, &keys::PARENT],
        example: &[("kind", "vlan"), ("id", "100"), ("parent", "eth0")],
        lower: LowerDevice::Parent,
        carries: Carries::Ethernet,
        reserved: &[],
        title: "VLAN devices",
        config: "CONFIG_VLAN_8021Q",
        module: "8021q",
        info: InfoKind::Vlan,
    };

    fn parse(keys: &Keys<'_>) -> Result<Self, Diagnostic> {
        let id = keys.id("id", 1, 4094)?;
        Ok(Self { id: u16::try_from(id).expect("it is below 4095") })
    }

    fn read(data: Option<&InfoData>) -> Option<(Self, Option<u32>)> {
        let Some(InfoData::Vlan(data)) = data else { return None };
        let id = data.iter().find_map(|item| {
            let InfoVlan::Id(id) = item else { return None };
            Some(*id)
        })?;
        Some((Self { id }, None))
    }

    fn sample() -> Self {
        Self { id: 2 }
    }
}

impl OfKind for Vlan {
    fn keys(&self) -> Vec<(&'static str, Value)> {
        vec![("id", Value::Number(self.id.into()))]
    }

    fn words(&self, _: Option<&str>) -> String {
        format!("id {}", self.id)
    }

    fn data(&self, _: Option<u32>) -> Option<InfoData> {
        Some(InfoData::Vlan(vec![InfoVlan::Id(self.id)]))
    }

    fn identity(&self, parent: Option<&str>) -> Option<String> {
        parent.map(|parent| format!("{} {parent}", self.id))
    }

    fn medium(&self) -> Medium {
        Medium::Tagged(self.id)
    }

    fn mtu(&self) -> Mtu {
        Mtu::Lower
    }
}
