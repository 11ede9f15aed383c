//! `dummy`: a device that drops what it is given.

use super::Keys;
use super::kind::{Carries, Description, ETHERNET, LinkKind, LowerDevice, Medium, Mtu, OfKind};
use crate::diagnostic::Diagnostic;
use crate::vocabulary::Value;
use rtnetlink::packet_route::link::{InfoData, InfoKind};
use serde::{Deserialize, Serialize};

/// A device that drops what it is given; its addresses are its node's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Dummy;

impl LinkKind for Dummy {
    const DESCRIPTION: Description = Description {
        word: "dummy",
        is_named_in_files: true,
        keys: &[],
        example: &[("kind", "dummy")],
        lower: LowerDevice::None,
        carries: Carries::Ethernet,
        reserved: &[],
        title: "dummy devices",
        config: "CONFIG_DUMMY",
        module: "dummy",
        info: InfoKind::Dummy,
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

impl OfKind for Dummy {
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
