//! `ip6tnl`: IPv4 and IPv6 in IPv6 (RFC 2473).

use super::kind::{Carries, Description, LinkKind, LowerDevice, Medium, Mtu, OfKind};
use super::tunnel::{self, Outer};
use super::{Keys, ipip};
use crate::diagnostic::Diagnostic;
use crate::vocabulary::Value;
use rtnetlink::packet_route::IpProtocol;
use rtnetlink::packet_route::link::{InfoData, InfoIpTunnel, InfoKind};
use serde::{Deserialize, Serialize};
use std::net::Ipv6Addr;

/// A tunnel that carries IP in IPv6.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ip6tnl {
    /// The outer header.
    pub outer: Outer<Ipv6Addr>,
}

impl LinkKind for Ip6tnl {
    const DESCRIPTION: Description = Description {
        word: "ip6tnl",
        is_named_in_files: true,
        keys: tunnel::PLAIN,
        example: &[("kind", "ip6tnl"), ("local", "2001:db8::1"), ("remote", "2001:db8::2")],
        lower: LowerDevice::Underlay,
        carries: Carries::Ip,
        reserved: &["ip6tnl0"],
        title: "ip6tnl tunnels",
        config: "CONFIG_IPV6_TUNNEL",
        module: "ip6_tunnel",
        info: InfoKind::Ip6Tnl,
    };

    fn parse(keys: &Keys<'_>) -> Result<Self, Diagnostic> {
        Ok(Self { outer: Outer::parse(keys)? })
    }

    fn read(data: Option<&InfoData>) -> Option<(Self, Option<u32>)> {
        let Some(InfoData::IpTunnel(data)) = data else { return None };
        read(data).map(|(outer, dev)| (Self { outer }, dev))
    }

    fn sample() -> Self {
        Self { outer: Outer::sample(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)) }
    }
}

impl OfKind for Ip6tnl {
    fn keys(&self) -> Vec<(&'static str, Value)> {
        self.outer.keys()
    }

    fn words(&self, dev: Option<&str>) -> String {
        self.outer.words(dev)
    }

    fn data(&self, dev: Option<u32>) -> Option<InfoData> {
        Some(InfoData::IpTunnel(attributes(&self.outer, dev)))
    }

    fn identity(&self, dev: Option<&str>) -> Option<String> {
        self.outer.identity(dev)
    }

    fn medium(&self) -> Medium {
        Medium::Tunnel { id: 0, remote: Some(self.outer.remote.into()) }
    }

    fn mtu(&self) -> Mtu {
        Mtu::Less(tunnel::IPV6_HEADERS)
    }
}

/// Whatever IP is inside; the crate has no name for the number.
const ANY: IpProtocol = IpProtocol::Other(0);

/// What the kernel is told of a tunnel, with the index of the device that packets leave through.
fn attributes(outer: &Outer<Ipv6Addr>, dev: Option<u32>) -> Vec<InfoIpTunnel> {
    let mut data = vec![
        InfoIpTunnel::Remote(outer.remote.into()),
        InfoIpTunnel::Ttl(outer.ttl),
        InfoIpTunnel::EncapLimit(tunnel::ENCAP_LIMIT),
        InfoIpTunnel::Protocol(ANY),
    ];
    data.extend(outer.local.map(|local| InfoIpTunnel::Local(local.into())));
    data.extend(dev.map(InfoIpTunnel::Link));
    data
}

/// What the kernel shows of a tunnel.
fn read(data: &[InfoIpTunnel]) -> Option<(Outer<Ipv6Addr>, Option<u32>)> {
    let (local, remote, ttl, dev) = ipip::ends(data)?;
    Some((Outer::read(local, remote, ttl, None)?, dev))
}
