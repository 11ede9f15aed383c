//! `gretap`: Ethernet in GRE over IPv4.

use super::kind::{Carries, Description, LinkKind, LowerDevice, Medium, Mtu, OfKind};
use super::tunnel::{self, Outer};
use super::{Keys, gre};
use crate::diagnostic::Diagnostic;
use crate::vocabulary::Value;
use rtnetlink::packet_route::link::{InfoData, InfoKind};
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;

/// A GRE tunnel that carries Ethernet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Gretap {
    /// The outer header.
    pub outer: Outer<Ipv4Addr>,
}

impl LinkKind for Gretap {
    const DESCRIPTION: Description = Description {
        word: "gretap",
        is_named_in_files: true,
        keys: tunnel::NUMBERED,
        example: &[("kind", "gretap"), ("local", "192.0.2.1"), ("remote", "192.0.2.2")],
        lower: LowerDevice::Underlay,
        carries: Carries::Ethernet,
        reserved: &["gretap0"],
        title: "gretap tunnels",
        config: "CONFIG_NET_IPGRE",
        module: "ip_gre",
        info: InfoKind::GreTap,
    };

    fn parse(keys: &Keys<'_>) -> Result<Self, Diagnostic> {
        Ok(Self { outer: Outer::parse(keys)? })
    }

    fn read(data: Option<&InfoData>) -> Option<(Self, Option<u32>)> {
        let Some(InfoData::GreTap(data)) = data else { return None };
        gre::read(data).map(|(outer, dev)| (Self { outer }, dev))
    }

    fn sample() -> Self {
        Self { outer: Outer::sample(Ipv4Addr::new(192, 0, 2, 1)) }
    }
}

impl OfKind for Gretap {
    fn keys(&self) -> Vec<(&'static str, Value)> {
        self.outer.keys()
    }

    fn words(&self, dev: Option<&str>) -> String {
        self.outer.words(dev)
    }

    fn data(&self, dev: Option<u32>) -> Option<InfoData> {
        Some(InfoData::GreTap(gre::attributes(&self.outer, dev)))
    }

    fn identity(&self, dev: Option<&str>) -> Option<String> {
        self.outer.identity(dev)
    }

    fn medium(&self) -> Medium {
        Medium::Tunnel { id: self.outer.key.unwrap_or(0), remote: Some(self.outer.remote.into()) }
    }

    fn mtu(&self) -> Mtu {
        Mtu::Less(20 + 4 + 14 + self.outer.key_length())
    }
}
