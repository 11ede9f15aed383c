//! `ifb`: a device that takes other devices' incoming packets for their queues.

use super::Keys;
use super::kind::{Carries, Description, ETHERNET, LinkKind, LowerDevice, Medium, Mtu, OfKind};
use crate::diagnostic::Diagnostic;
use crate::vocabulary::Value;
use rtnetlink::packet_route::link::{InfoData, InfoKind};
use serde::{Deserialize, Serialize};

/// A device that takes other devices' incoming packets for their queues; it has no addresses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ifb;

impl LinkKind for Ifb {
    const DESCRIPTION: Description = Description {
        word: "ifb",
        is_named_in_files: true,
        keys: &[],
        example: &[("kind", "ifb")],
        lower: LowerDevice::None,
        carries: Carries::Nothing,
        reserved: &[],
        title: "ifb devices",
        config: "CONFIG_IFB",
        module: "ifb",
        info: InfoKind::Ifb,
    };

    fn parse(_: &Keys<'_>) -> Result<Self, Diagnostic> {
        Ok(Self)
    }

    fn read(_: Option<&InfoData>) -> Option<(Self, Option<u32>)> {
        Some((Self, None))
    }

    fn sample() -> Self {
        Self
    }
}

impl OfKind for Ifb {
    fn keys(&self) -> Vec<(&'static str, Value)> {
        Vec::new()
    }

    fn words(&self, _: Option<&str>) -> String {
        String::new()
    }

    fn data(&self, _: Option<u32>) -> Option<InfoData> {
        None
    }

    fn medium(&self) -> Medium {
        Medium::Alone
    }

    fn mtu(&self) -> Mtu {
        ETHERNET
    }
}
