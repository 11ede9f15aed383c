//! `ipip`: IPv4 in IPv4 (RFC 2003).

use super::Keys;
use super::kind::{Carries, Description, LinkKind, LowerDevice, Medium, Mtu, OfKind};
use super::tunnel::{self, Outer, OuterAddress};
use crate::diagnostic::Diagnostic;
use crate::vocabulary::Value;
use rtnetlink::packet_route::IpProtocol;
use rtnetlink::packet_route::link::{InfoData, InfoIpTunnel, InfoKind};
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;

/// A tunnel that carries IPv4 in IPv4.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ipip {
    /// The outer header.
    pub outer: Outer<Ipv4Addr>,
}

impl LinkKind for Ipip {
    const DESCRIPTION: Description = Description {
        word: "ipip",
        is_named_in_files: true,
        keys: tunnel::PLAIN,
        example: &[("kind", "ipip"), ("local", "192.0.2.1"), ("remote", "192.0.2.2")],
        lower: LowerDevice::Underlay,
        carries: Carries::Ipv4,
        reserved: &["tunl0"],
        title: "ipip tunnels",
        config: "CONFIG_NET_IPIP",
        module: "ipip",
        info: InfoKind::IpIp,
    };

    fn parse(keys: &Keys<'_>) -> Result<Self, Diagnostic> {
        Ok(Self { outer: Outer::parse(keys)? })
    }

    fn read(data: Option<&InfoData>) -> Option<(Self, Option<u32>)> {
        let Some(InfoData::IpTunnel(data)) = data else { return None };
        read(data).map(|(outer, dev)| (Self { outer }, dev))
    }

    fn sample() -> Self {
        Self { outer: Outer::sample(Ipv4Addr::new(192, 0, 2, 1)) }
    }
}

impl OfKind for Ipip {
    fn keys(&self) -> Vec<(&'static str, Value)> {
        self.outer.keys()
    }

    fn words(&self, dev: Option<&str>) -> String {
        self.outer.words(dev)
    }

    fn data(&self, dev: Option<u32>) -> Option<InfoData> {
        Some(InfoData::IpTunnel(attributes(&self.outer, dev, IpProtocol::Ipip)))
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

/// What the kernel is told of a tunnel, with the index of the device that packets leave through.
pub(super) fn attributes(
    outer: &Outer<Ipv4Addr>,
    dev: Option<u32>,
    protocol: IpProtocol,
) -> Vec<InfoIpTunnel> {
    let mut data = vec![
        InfoIpTunnel::Remote(outer.remote.into()),
        InfoIpTunnel::Ttl(outer.ttl),
        InfoIpTunnel::Protocol(protocol),
        InfoIpTunnel::PMtuDisc(true),
    ];
    data.extend(outer.local.map(|local| InfoIpTunnel::Local(local.into())));
    data.extend(dev.map(InfoIpTunnel::Link));
    data
}

/// What the kernel shows of a tunnel.
pub(super) fn read(data: &[InfoIpTunnel]) -> Option<(Outer<Ipv4Addr>, Option<u32>)> {
    ends(data)
        .and_then(|(local, remote, ttl, dev)| Some((Outer::read(local, remote, ttl, None)?, dev)))
}

/// The ends of a tunnel, its TTL and the index of the device that its packets leave through.
#[expect(clippy::wildcard_enum_match_arm, reason = "the kernel shows more than is asked")]
pub(super) fn ends<A: OuterAddress>(data: &[InfoIpTunnel]) -> Option<(A, A, u8, Option<u32>)> {
    let (mut local, mut remote, mut ttl, mut dev) = (A::UNSAID, A::UNSAID, 0, None);
    for item in data {
        match item {
            InfoIpTunnel::Local(it) => local = A::of(*it)?,
            InfoIpTunnel::Remote(it) => remote = A::of(*it)?,
            InfoIpTunnel::Ttl(it) => ttl = *it,
            InfoIpTunnel::Link(it) => dev = Some(*it).filter(|it| *it != 0),
            _ => {}
        }
    }
    Some((local, remote, ttl, dev))
}
