//! `sit`: IPv6 in IPv4 (RFC 4213).

use super::kind::{Carries, Description, LinkKind, LowerDevice, Medium, Mtu, OfKind};
use super::tunnel::{self, Outer};
use super::{Keys, ipip};
use crate::diagnostic::Diagnostic;
use crate::vocabulary::Value;
use rtnetlink::packet_route::IpProtocol;
use rtnetlink::packet_route::link::{InfoData, InfoKind};
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;

/// A tunnel that carries IPv6 in IPv4.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Sit {
    /// The outer header.
    pub outer: Outer<Ipv4Addr>,
}

impl LinkKind for Sit {
    const DESCRIPTION: Description = Description {
        word: "sit",
        is_named_in_files: true,
        keys: tunnel::PLAIN,
        example: &[("kind", "sit"), ("local", "192.0.2.1"), ("remote", "192.0.2.2")],
        lower: LowerDevice::Underlay,
        carries: Carries::Ipv6,
        reserved: &["sit0"],
        title: "sit tunnels",
        config: "CONFIG_IPV6_SIT",
        module: "sit",
        info: InfoKind::SitTun,
    };

    fn parse(keys: &Keys<'_>) -> Result<Self, Diagnostic> {
        Ok(Self { outer: Outer::parse(keys)? })
    }

    fn read(data: Option<&InfoData>) -> Option<(Self, Option<u32>)> {
        let Some(InfoData::IpTunnel(data)) = data else { return None };
        ipip::read(data).map(|(outer, dev)| (Self { outer }, dev))
    }

    fn sample() -> Self {
        Self { outer: Outer::sample(Ipv4Addr::new(192, 0, 2, 1)) }
    }
}

impl OfKind for Sit {
    fn keys(&self) -> Vec<(&'static str, Value)> {
        self.outer.keys()
    }

    fn words(&self, dev: Option<&str>) -> String {
        self.outer.words(dev)
    }

    fn data(&self, dev: Option<u32>) -> Option<InfoData> {
        Some(InfoData::IpTunnel(ipip::attributes(&self.outer, dev, IpProtocol::Ipv6)))
    }

    fn identity(&self, dev: Option<&str>) -> Option<String> {
        self.outer.identity(dev)
    }

    fn medium(&self) -> Medium {
        Medium::Tunnel { id: 0, remote: Some(self.outer.remote.into()) }
    }

    fn mtu(&self) -> Mtu {
        Mtu::Less(20)
    }
}
