//! `ip6gretap`: Ethernet in GRE over IPv6.

use super::kind::{Carries, Description, LinkKind, LowerDevice, Medium, Mtu, OfKind};
use super::tunnel::{self, Outer};
use super::{Keys, ip6gre};
use crate::diagnostic::Diagnostic;
use crate::vocabulary::Value;
use rtnetlink::packet_route::link::{InfoData, InfoKind};
use serde::{Deserialize, Serialize};
use std::net::Ipv6Addr;

/// A GRE tunnel over IPv6 that carries Ethernet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ip6gretap {
    /// The outer header.
    pub outer: Outer<Ipv6Addr>,
}

impl LinkKind for Ip6gretap {
    const DESCRIPTION: Description = Description {
        word: "ip6gretap",
        is_named_in_files: true,
        keys: tunnel::NUMBERED,
        example: &[("kind", "ip6gretap"), ("local", "2001:db8::1"), ("remote", "2001:db8::2")],
        lower: LowerDevice::Underlay,
        carries: Carries::Ethernet,
        reserved: &[],
        title: "ip6gretap tunnels",
        config: "CONFIG_IPV6_GRE",
        module: "ip6_gre",
        info: InfoKind::GreTap6,
    };

    fn parse(keys: &Keys<'_>) -> Result<Self, Diagnostic> {
        Ok(Self { outer: Outer::parse(keys)? })
    }

    fn read(data: Option<&InfoData>) -> Option<(Self, Option<u32>)> {
        let Some(InfoData::GreTap6(data)) = data else { return None };
        ip6gre::read(data).map(|(outer, dev)| (Self { outer }, dev))
    }

    fn sample() -> Self {
        Self { outer: Outer::sample(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)) }
    }
}

impl OfKind for Ip6gretap {
    fn keys(&self) -> Vec<(&'static str, Value)> {
        self.outer.keys()
    }

    fn words(&self, dev: Option<&str>) -> String {
        self.outer.words(dev)
    }

    fn data(&self, dev: Option<u32>) -> Option<InfoData> {
        Some(InfoData::GreTap6(ip6gre::attributes(&self.outer, dev)))
    }

    fn identity(&self, dev: Option<&str>) -> Option<String> {
        // No key is key 0 to the kernel.
        let key = self.outer.key.or(Some(0));
        Outer { key, ..self.outer.clone() }.identity(dev)
    }

    fn medium(&self) -> Medium {
        Medium::Tunnel { id: self.outer.key.unwrap_or(0), remote: Some(self.outer.remote.into()) }
    }

    fn mtu(&self) -> Mtu {
        Mtu::Less(tunnel::IPV6_HEADERS + 4 + 14 + self.outer.key_length())
    }
}
